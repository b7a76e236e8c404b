"""What the CRM does not take as it is: a product it lacks, a customer it takes for another, an event too many."""

from decimal import Decimal

import pytest

from fakes.house import House
from millstream.flows.reviews import create_account
from millstream.ports.desk import Filter
from millstream.ports.mending import Decision

HELD = """
select d.id, e.subject, e.type, d.fault_code, d.fault_message from delivery d join event e on e.id = d.event_id
where d.state <> 'done' order by d.id
"""


@pytest.fixture
def house(database):
    return House(database)


async def records(house, kind):
    return (await house.sim("localhost", "GET", "records", object=kind))[kind]


async def offer(house, sku, *, active):
    await house.sim("localhost", "POST", "seed", {"products": [{"code": sku, "active": active}]})


async def lifetime_value(house):
    (account,) = [row for row in await records(house, "Account") if row["Hub_Customer_Id__c"]]
    return Decimal(str(account["Lifetime_Value__c"]))


async def test_an_order_with_a_product_the_crm_lacks_is_held_by_itself_and_completed_once_it_is_there(house):
    await offer(house, "VALVE-080", active=False)
    odd = await house.place(("VALVE-050", 2), ("VALVE-080", 1))
    await house.settle_down()
    (key,) = house.erp.orders
    (held,) = await house.rows(HELD)
    assert (held["subject"], held["type"], held["fault_code"]) == (
        key,
        "order.incomplete_in_crm",
        "purchase.incomplete",
    )
    assert "VALVE-080" in held["fault_message"]
    assert await lifetime_value(house) == Decimal(str(odd["grand_total"]))

    other = await house.place(("VALVE-050", 1))  # the same customer's next order, and what follows for this one
    house.erp.ship(key, tracking="1Z4711")
    await house.settle_down()
    both = Decimal(str(odd["grand_total"])) + Decimal(str(other["grand_total"]))
    assert [row["id"] for row in await house.rows(HELD)] == [held["id"]]
    drafts = {
        row["Hub_Order_Id__c"]: (row["Status"], row["Tracking_Numbers__c"]) for row in await records(house, "Order")
    }
    assert drafts.pop(key) == ("Draft", "1Z4711")
    assert list(drafts.values()) == [("Activated", None)]
    assert await lifetime_value(house) == both

    await house.hub.desk.retry(Filter(code="purchase.incomplete"), actor="test")
    await house.settle_down()
    assert [row["fault_code"] for row in await house.rows(HELD)] == ["purchase.incomplete"]

    await offer(house, "VALVE-080", active=True)
    await house.hub.desk.retry(Filter(code="purchase.incomplete"), actor="test")
    await house.settle_down()
    assert await house.rows(HELD) == []
    (order,) = [row for row in await records(house, "Order") if row["Hub_Order_Id__c"] == key]
    assert (order["Status"], order["Description"], order["Tracking_Numbers__c"]) == ("Activated", None, "1Z4711")
    lines = [row for row in await records(house, "OrderItem") if row["OrderId"] == order["Id"]]
    assert sorted(row["Quantity"] for row in lines) == [1, 2]
    assert await lifetime_value(house) == both
    announced = [event["Hub_Order_Id__c"] for event in await house.sim("localhost", "GET", "events")]
    assert announced.count(key) == 1


async def test_an_order_that_was_cancelled_while_it_waited_for_a_product_stays_a_draft(house):
    await offer(house, "VALVE-080", active=False)
    placed = await house.place(("VALVE-050", 2), ("VALVE-080", 1))
    await house.settle_down()
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/cancel", {})
    house.world.clock.advance(15)
    await house.settle_down()
    await offer(house, "VALVE-080", active=True)
    await house.hub.desk.retry(Filter(code="purchase.incomplete"), actor="test")
    await house.settle_down()
    assert await house.rows(HELD) == []
    (order,) = await records(house, "Order")
    assert (order["Status"], order["Hub_Status__c"]) == ("Draft", "cancelled")
    assert len(await records(house, "OrderItem")) == 1


async def test_a_customer_a_duplicate_rule_takes_for_another_is_reviewed_and_made_if_a_person_says_so(database):
    house = House(database, unknown_customer="create")
    rule = {"sobject": "Account", "fields": ["Name"], "action": "alert"}
    await house.sim("localhost", "POST", "duplicate_rules", {"rules": [rule]})
    guest = {"email": "tom@tiny.example", "firstname": "Tiny", "lastname": "Plumbing"}
    await house.place(guest=guest)
    await house.settle_down()
    (held,) = await house.rows(HELD)
    assert (held["type"], held["fault_code"]) == ("order.placed", "customer.similar")
    assert "Account Tiny Plumbing (001" in held["fault_message"]
    assert house.erp.orders == {}

    (waiting,) = await house.hub.operating.reviews.held(limit=5)
    decision = Decision(delivery_id=waiting.row.id, actor="test", reason="another Tom")
    await create_account(decision, book=house.hub.operating.reviews, hub=house.hub.hub)
    await house.settle_down()
    assert await house.rows(HELD) == []
    assert [row["Name"] for row in await records(house, "Account")].count("Tiny Plumbing") == 2
    assert [row["Status"] for row in await records(house, "Order")] == ["Activated"]


async def test_an_event_too_many_for_the_hour_waits_as_long_as_it_must_and_is_never_given_up(house):
    tries = 20  # more than the attempts after which a failure is given up
    await house.sim("localhost", "POST", "limits", {"event_times": tries})
    await house.place()
    await house.settle_down()
    assert await house.rows(HELD) == []
    assert len(await house.sim("localhost", "GET", "events")) == 1
    (told,) = await house.rows("select tries, attempts from delivery where subscriber = 'crm'")
    assert (told["tries"], told["attempts"]) == (tries + 1, 1)
    assert [row["Status"] for row in await records(house, "Order")] == ["Activated"]
