"""Custom fields on the platform event: its flow reads what only this merchant's orders have."""

import pytest

from fakes.overlays import in_force, overlays, rule
from fakes.salesforce import SandboxOrg, line, purchase
from millstream.connectors.salesforce import SalesforceSettings
from millstream.connectors.salesforce.mapping import EVENT_FIELDS
from millstream.connectors.salesforce.overlay import outbound
from millstream.domain.errors import Reject

PLACE = ("salesforce", "outbound")
FAILING = rule("event.Sales_Region__c", "$number(order_number & 'x')")


@pytest.fixture
async def org():
    live = overlays()
    org = SandboxOrg(overlays=live)
    org.live = live
    await org.adopted()
    await org.sim("POST", "schema", {"add": ["Customer_Purchased__e.Sales_Region__c"]})
    yield org
    live.close()


async def test_an_event_carries_custom_fields_beside_the_hubs_own(org):
    in_force(org.live, PLACE, rule("event.Sales_Region__c", "mapped.Currency__c & '-' & erp_number"))

    assert await org.crm.record_purchase(purchase(), key="k")
    await org.crm.announce_purchase(purchase(), event_id="evt-1", key="k")

    (event,) = await org.sim("GET", "events")
    assert (event["Sales_Region__c"], event["Hub_Event_Id__c"]) == ("EUR-SO-7", "evt-1")


async def test_a_rule_of_the_event_that_fails_holds_the_purchase_before_anything_is_written(org):
    in_force(org.live, PLACE, FAILING)

    with pytest.raises(Reject, match="Sales_Region__c") as refusal:
        await org.crm.record_purchase(purchase(), key="k")

    assert refusal.value.code == "mapping.overlay_failed"
    assert await org.records("Order") == []


async def test_a_purchase_that_was_announced_is_completed_whatever_the_events_rules_say_now(org):
    odd = purchase(line(1), line(2, "LATE-1"))
    assert not await org.crm.record_purchase(odd, key="k")
    await org.sim("POST", "seed", {"products": [{"code": "LATE-1"}]})
    in_force(org.live, PLACE, FAILING)

    await org.crm.complete_purchase(odd, key="c")

    assert [row["Status"] for row in await org.records("Order")] == ["Activated"]


def test_an_event_takes_custom_fields_but_none_of_the_hubs_and_there_is_none_without_an_event():
    settings = SalesforceSettings(login_url="https://x.test", client_id="id", client_secret="s")
    event = outbound("crm", settings).target("event")

    assert event.takes(event.example)
    assert [name for name in (*EVENT_FIELDS, "ReplayId") if event.takes(name)] == []
    assert outbound("crm", settings.model_copy(update={"event": ""})).target("event") is None
