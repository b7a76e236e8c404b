import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fakes.salesforce import SandboxOrg, customer, line, purchase
from millstream.domain.errors import Reject, Retry
from millstream.domain.values import Money


@pytest.fixture
async def org():
    org = SandboxOrg()
    await org.adopted()
    org.transport.requests.clear()
    return org


async def test_a_purchase_is_one_call_that_leaves_an_activated_order_with_exact_amounts(org):
    await org.crm.record_purchase(purchase(), key="k")

    assert len(org.calls("/composite")) == 1
    [order] = await org.records("Order")
    assert order["Status"] == "Activated"
    assert order["Hub_Order_Id__c"] == "main-1-000000042"
    assert order["ERP_Order_Number__c"] == "SO-7"
    assert order["EffectiveDate"] == "2026-11-23"
    assert order["Expected_Ship_Date__c"] == "2026-12-01"
    assert order["Order_Total__c"] == Decimal("3185.51")
    items = await org.records("OrderItem")
    assert [(row["Quantity"], row["UnitPrice"], row["Net_Amount__c"]) for row in items] == [
        (Decimal(2), Decimal(1250), Decimal(2500)),
        (Decimal(3), Decimal("58.97"), Decimal("176.90")),
    ]
    [account] = [row for row in await org.records("Account") if row["Id"] == order["AccountId"]]
    assert account["Lifetime_Value__c"] == Decimal("10185.51")
    assert account["Last_Purchase_At__c"] == "2026-11-23T09:30:00.000+0000"


async def test_same_key_twice_leaves_one_order_and_one_set_of_lines(org):
    await org.crm.record_purchase(purchase(), key="k")
    await org.crm.record_purchase(purchase(), key="k")

    assert len(await org.records("Order")) == 1
    assert len(await org.records("OrderItem")) == 2


async def test_recording_again_never_takes_an_activated_order_back_to_draft(org):
    await org.crm.record_purchase(purchase(), key="k")
    [before] = await org.records("Order")
    org.world.clock.advance(60)

    await org.crm.record_purchase(purchase(lifetime_value=Money(Decimal("20000.00"), "EUR")), key="k")

    [after] = await org.records("Order")
    assert after == before
    assert Decimal(20000) in [row["Lifetime_Value__c"] for row in await org.records("Account")]


async def test_two_workers_recording_one_purchase_at_once_leave_one_order(org):
    other = org.connect()
    await other.find_customer(customer())  # both are signed in, so that their calls interleave

    await asyncio.gather(org.crm.record_purchase(purchase(), key="k"), other.record_purchase(purchase(), key="k"))

    assert [row["Status"] for row in await org.records("Order")] == ["Activated"]
    assert len(await org.records("OrderItem")) == 2


async def test_a_lost_answer_after_the_commit_leaves_one_order_and_one_set_of_lines(org):
    await org.sim("POST", "faults", {"script": [{"kind": "timeout_after", "match": "POST */composite"}]})

    with pytest.raises(Retry) as lost:
        await org.crm.record_purchase(purchase(), key="k")
    await org.crm.record_purchase(purchase(), key="k")

    assert lost.value.code == "connection.lost"
    assert len(await org.records("Order")) == 1
    assert len(await org.records("OrderItem")) == 2


async def test_a_part_of_the_call_that_fails_leaves_nothing_and_the_next_try_everything(org):
    for seed in range(6):  # each part of the call meets the lock in its turn, as the dice fall
        await org.sim("POST", "faults", {"seed": seed, "script": [{"kind": "partial_batch"}]})
        with pytest.raises(Retry):
            await org.crm.record_purchase(purchase(), key="k")
        assert await org.records("Order") == []
        assert await org.records("OrderItem") == []

    await org.crm.record_purchase(purchase(), key="k")

    assert len(await org.records("OrderItem")) == 2


async def test_forty_lines_still_go_in_one_call(org):
    await org.crm.record_purchase(purchase(*(line(n) for n in range(40))), key="k")

    assert len(org.calls("/composite")) == 1
    assert len(await org.records("OrderItem")) == 40


async def test_more_lines_than_one_call_carries_are_written_in_several_and_activated_last(org):
    many = purchase(*(line(n) for n in range(1203)))

    await org.crm.record_purchase(many, key="k")
    await org.crm.record_purchase(many, key="k")

    assert len(await org.records("OrderItem")) == 1203
    assert [row["Status"] for row in await org.records("Order")] == ["Activated"]


async def test_a_large_order_cut_off_half_way_is_completed_not_doubled(org):
    many = purchase(*(line(n) for n in range(1203)))
    script = [{"kind": "timeout_after", "match": "POST */composite"}]
    await org.sim("POST", "faults", {"script": script})

    with pytest.raises(Retry):
        await org.crm.record_purchase(many, key="k")
    half_way = len(await org.records("OrderItem"))
    await org.crm.record_purchase(many, key="k")

    assert half_way == 1000
    assert len(await org.records("OrderItem")) == 1203


async def test_an_unknown_product_is_told_in_the_description_and_the_order_stays_a_draft(org):
    await org.crm.record_purchase(purchase(line(1), line(2, "NO-SUCH", quantity="1", unit_price="7.50")), key="k")

    [order] = await org.records("Order")
    assert order["Status"] == "Draft"
    assert "1 x NO-SUCH Item NO-SUCH = 7.50 EUR" in order["Description"]
    assert len(await org.records("OrderItem")) == 1
    assert org.tap.named("crm.products_unknown") == [
        {"system": "salesforce", "order_key": "main-1-000000042", "skus": ["NO-SUCH"]}
    ]


async def draft(org, *lines):
    """A purchase that waits for the product LATE-1."""
    odd = purchase(*lines, line(9, "LATE-1", quantity="1", unit_price="7.50"))
    assert await org.crm.record_purchase(odd, key="k") is False
    return odd


async def late_product(org):
    await org.sim("POST", "seed", {"products": [{"code": "LATE-1", "price": "7.50"}]})


async def test_a_draft_is_completed_and_activated_as_soon_as_the_product_exists(org):
    odd = await draft(org, line(1))
    with pytest.raises(Reject, match="LATE-1") as refusal:
        await org.crm.complete_purchase(odd, key="c")
    await late_product(org)

    await org.crm.complete_purchase(odd, key="c")  # at once: that it was unknown is not remembered against it
    await org.crm.complete_purchase(odd, key="c")

    assert refusal.value.code == "purchase.incomplete"
    [order] = await org.records("Order")
    assert (order["Status"], order["Description"]) == ("Activated", None)
    assert [row["Quantity"] for row in await org.records("OrderItem")] == [Decimal(2), Decimal(1)]


async def test_while_a_product_is_missing_completing_writes_nothing(org):
    odd = await draft(org, line(1))
    before = await org.records("Order")
    org.transport.requests.clear()

    with pytest.raises(Reject):
        await org.crm.complete_purchase(odd, key="c")

    assert await org.records("Order") == before
    assert [request.method for request in org.transport.requests] == ["GET"]


async def test_a_draft_without_any_product_gets_its_price_book_when_it_is_completed(org):
    odd = await draft(org)
    await late_product(org)

    await org.crm.complete_purchase(odd, key="c")

    assert [row["Status"] for row in await org.records("Order")] == ["Activated"]


async def test_completing_leaves_the_account_and_what_people_wrote_on_the_order_alone(org):
    odd = await draft(org, line(1))
    await late_product(org)
    [order] = await org.records("Order")
    crm_id = order["AccountId"]
    await org.write("Order", order["Id"], {"Description": f"{order['Description']}\nCall before delivery"})
    await org.write("Account", crm_id, {"Lifetime_Value__c": "99999.00"})  # a later purchase

    await org.crm.complete_purchase(odd, key="c")

    assert [row["Description"] for row in await org.records("Order")] == ["Call before delivery"]
    [account] = [row for row in await org.records("Account") if row["Id"] == crm_id]
    assert account["Lifetime_Value__c"] == Decimal("99999.00")


async def test_a_draft_that_a_person_activated_incomplete_stays_in_review_until_it_is_one_again(org):
    odd = await draft(org, line(1))
    await late_product(org)
    [order] = await org.records("Order")
    await org.write("Order", order["Id"], {"Status": "Activated"})

    with pytest.raises(Reject, match="back to draft") as refusal:
        await org.crm.complete_purchase(odd, key="c")
    await org.write("Order", order["Id"], {"Status": "Draft"})
    await org.crm.complete_purchase(odd, key="c")

    assert refusal.value.code == "purchase.incomplete"
    assert len(await org.records("OrderItem")) == 2


async def test_a_draft_that_was_deleted_is_not_made_anew(org):
    odd = await draft(org, line(1))
    await late_product(org)
    [order] = await org.records("Order")
    await org.write("Order", order["Id"], None, method="DELETE")

    with pytest.raises(Reject, match="recycle bin") as refusal:
        await org.crm.complete_purchase(odd, key="c")

    assert refusal.value.code == "crm.deleted"
    assert await org.records("Order") == []


async def test_unknown_products_hold_the_purchase_where_the_settings_say_so(org):
    crm = org.connect(unknown_products="reject")

    with pytest.raises(Reject, match="NO-SUCH") as refusal:
        await crm.record_purchase(purchase(line(1, "NO-SUCH")), key="k")

    assert refusal.value.code == "purchase.product_unknown"
    assert await org.records("Order") == []
    await org.sim("POST", "seed", {"products": [{"code": "NO-SUCH", "price": "1.00"}]})
    assert await crm.record_purchase(purchase(line(1, "NO-SUCH")), key="k")  # a retry at once finds what was added


async def test_without_a_price_book_the_order_is_kept_with_all_lines_described(org):
    crm = org.connect(pricebook="none")

    assert await crm.record_purchase(purchase(), key="k")  # nothing is missing: so it was decided

    [order] = await org.records("Order")
    assert order["Status"] == "Draft"
    assert "2 x PUMP-100" in order["Description"]
    assert org.tap.named("crm.products_unknown") == []


async def test_an_item_sku_with_option_suffixes_finds_its_product_by_the_catalogue_sku(org):
    await org.crm.record_purchase(purchase(line(1, "PUMP-CFG-red-50", base_sku="pump-cfg")), key="k")

    assert len(await org.records("OrderItem")) == 1


async def test_of_two_products_with_one_code_the_older_entry_is_taken_every_time(org):
    await org.sim("POST", "seed", {"products": [{"code": "PUMP-100", "price": "1.00"}]})

    await org.crm.record_purchase(purchase(line(1)), key="k")

    [item] = await org.records("OrderItem")
    assert item["ListPrice"] == Decimal("1250.00")


async def test_products_are_asked_for_once_while_they_are_remembered(org):
    await org.crm.record_purchase(purchase(), key="k")
    await org.crm.record_purchase(purchase(order_key="main-1-43"), key="k2")
    asked = len(org.calls("PricebookEntry"))
    org.world.clock.advance(901)
    await org.crm.record_purchase(purchase(order_key="main-1-44"), key="k3")

    assert asked == 1
    assert len(org.calls("PricebookEntry")) == 2


async def test_a_locked_account_is_tried_again_and_does_not_close_the_connection(org):
    await org.sim("POST", "locks", {"object": "Order", "times": 8})

    for _ in range(8):
        with pytest.raises(Retry) as locked:
            await org.crm.record_purchase(purchase(), key="k")
        assert locked.value.code == "crm.locked"
    await org.crm.record_purchase(purchase(), key="k")

    assert len(await org.records("Order")) == 1


async def test_a_refusal_inside_the_composite_names_the_culprit_and_leaves_nothing(org):
    await org.sim("POST", "schema", {"drop": ["OrderItem.Net_Amount__c"]})

    with pytest.raises(Reject, match="Net_Amount__c") as refusal:
        await org.crm.record_purchase(purchase(), key="k")

    assert refusal.value.code == "crm.field_missing"
    assert refusal.value.field == "OrderItem.Net_Amount__c"
    assert await org.records("Order") == []


async def test_a_purchase_of_a_customer_the_crm_does_not_know_says_so(org):
    with pytest.raises(Reject) as refusal:
        await org.crm.record_purchase(purchase(customer_id="nobody"), key="k")

    assert refusal.value.code == "customer.not_in_crm"


async def test_another_currency_is_never_written_as_if_it_were_the_orgs(org):
    with pytest.raises(Reject, match="multi_currency") as refusal:
        await org.crm.record_purchase(purchase(order_total=Money(Decimal(1), "USD")), key="k")

    assert refusal.value.code == "purchase.currency"
    assert org.transport.requests == []


async def test_an_announcement_published_twice_carries_the_same_event_id(org):
    await org.crm.announce_purchase(purchase(), event_id="evt-1", key="k")
    await org.crm.announce_purchase(purchase(), event_id="evt-1", key="k")

    events = await org.sim("GET", "events")
    assert [event["Hub_Event_Id__c"] for event in events] == ["evt-1", "evt-1"]
    assert events[0]["Order_Total__c"] == Decimal("3185.51")
    assert events[0]["Currency__c"] == "EUR"


async def test_the_hourly_limit_of_events_waits_without_pausing_the_other_calls(org):
    await org.sim("POST", "limits", {"event_times": 1})

    with pytest.raises(Retry) as limit:
        await org.crm.announce_purchase(purchase(), event_id="evt-1", key="k")

    assert (limit.value.code, limit.value.after_s, limit.value.counts) == ("crm.event_limit", 300.0, False)
    assert (await org.crm.find_customer(customer())).name == "Acme Water GmbH"


async def test_no_event_is_published_where_the_settings_name_none(org):
    await org.connect(event="").announce_purchase(purchase(), event_id="evt-1", key="k")

    assert await org.sim("GET", "events") == []


async def test_progress_before_the_purchase_is_recorded_comes_again_later(org):
    with pytest.raises(Retry) as early:
        await org.crm.record_progress("main-1-000000042", key="k", status="shipped")

    assert early.value.code == "purchase.not_recorded"
    assert await org.records("Order") == []


async def test_progress_sets_what_is_given_and_leaves_the_rest_alone(org):
    await org.crm.record_purchase(purchase(), key="k")
    delivered = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)

    await org.crm.record_progress("main-1-000000042", key="s", status="shipped", tracking_numbers=["T1", "T2", "T1"])
    await org.crm.record_progress("main-1-000000042", key="d", delivered_at=delivered)

    [order] = await org.records("Order")
    assert order["Hub_Status__c"] == "shipped"
    assert order["Tracking_Numbers__c"] == "T1, T2"
    assert order["Delivered_At__c"] == "2026-11-25T10:00:00.000+0000"
    assert order["Expected_Ship_Date__c"] == "2026-12-01"
    assert order["Status"] == "Activated"


async def test_progress_twice_is_progress_once(org):
    await org.crm.record_purchase(purchase(), key="k")
    for _ in range(2):
        await org.crm.record_progress("main-1-000000042", key="p", expected_ship_date=date(2026, 12, 9))

    assert [row["Expected_Ship_Date__c"] for row in await org.records("Order")] == ["2026-12-09"]


async def test_progress_with_nothing_to_say_asks_nobody(org):
    await org.crm.record_progress("main-1-000000042", key="p")

    assert org.transport.requests == []
