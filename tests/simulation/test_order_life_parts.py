"""An order that leaves in parts is shipped with the last one, and delivered when the last parcel arrived."""

from datetime import date

import pytest

from fakes.edge import Edge, delivered, encoded
from fakes.house import House

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def house(database):
    house = House(database)
    house.placed = await house.place(("VALVE-050", 3), ("SKID-01", 1))
    await house.settle_down()
    (house.key,) = house.erp.orders
    return house


async def send(house, tracking, quantities=None, **how):
    house.erp.ship(house.key, tracking, quantities, **how)
    await house.settle_down()


async def report(house, tracking=None, **more):
    """A carrier's word, by the signed door."""
    edge = Edge(inbox=house.hub.ledger, clock=house.world.clock)
    at = f"{house.world.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    event = delivered(id=f"evt-{tracking}-{at}", delivered_at=at, tracking_number=tracking, **more)
    answer = await edge.carrier(encoded(event))
    assert answer.status_code == 202, answer.text
    await house.settle_down()


async def comments(house, words):
    shown = await house.sim("shop", "GET", f"orders/{house.placed['entity_id']}")
    return [c["comment"] for c in shown["comments"] if words in (c["comment"] or "")]


async def in_crm(house):
    (purchase,) = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    return purchase["Hub_Status__c"], bool(purchase["Shipped_At__c"]), bool(purchase["Delivered_At__c"])


async def steps(house):
    """Which steps the books have, and whether the promise was kept."""
    (row,) = await house.rows("select shipped_at, delivered_at from sales_order")
    kept = await house.value("select kept from promise where line_id is null order by id desc limit 1")
    return row["shipped_at"] is not None, row["delivered_at"] is not None, kept


async def test_the_first_part_is_not_taken_for_the_whole(house):
    await send(house, "T1", {"VALVE-050": 2})
    assert await steps(house) == (False, False, None)
    assert await in_crm(house) == ("partly shipped", False, False)
    assert len(await comments(house, "A part of your order is packed")) == 1
    await report(house, "T1")
    assert await steps(house) == (False, False, None)
    assert await in_crm(house) == ("partly shipped", False, False)
    assert len(await comments(house, "A part of your order was delivered")) == 1


async def test_the_last_part_ships_the_order_and_its_last_parcel_delivers_it(house):
    await send(house, "T1", {"VALVE-050": 3})
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 15))
    assert await steps(house) == (True, False, True)
    assert await in_crm(house) == ("shipped", True, False)
    await report(house, "T2")
    assert await steps(house) == (True, False, True)
    assert await in_crm(house) == ("shipped", True, False), "the first parcel is still on the road"
    await report(house, "T1")
    assert await steps(house) == (True, True, True)
    assert await in_crm(house) == ("delivered", True, True)
    first, last = await comments(house, "was delivered")
    assert first.startswith("A part of your order was delivered.")
    assert last.startswith("Your order was delivered.")


async def test_a_promise_is_judged_by_the_part_that_left_last(house):
    await send(house, "T1", {"VALVE-050": 3})
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 16))
    assert await steps(house) == (True, False, False)


async def test_the_date_of_what_is_still_to_leave_is_followed_and_told(house):
    await send(house, "T1", {"VALVE-050": 3})
    house.erp.reschedule(house.key, days=7)
    await house.settle_down()
    (told,) = await comments(house, "now expected")
    said = "The rest of your order is now expected to ship on 22 December 2026 (before: 15 December 2026)."
    assert told.startswith(said)
    assert str(await house.value("select ship_date from sales_order")) == "2026-12-22"
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 22))
    assert await steps(house) == (True, False, True)


async def test_a_parcel_reported_before_its_shipment_is_booked_counts_when_that_is(house):
    await send(house, "T1", {"VALVE-050": 3})
    house.erp.ship(house.key, "T2", {"SKID-01": 1})
    await report(house, "T1")
    await report(house, "T2")
    assert await steps(house) == (True, True, True)
    assert await in_crm(house) == ("delivered", True, True)


async def test_a_report_by_the_orders_number_means_what_is_on_the_road_then(house):
    await send(house, "T1", {"VALVE-050": 3})
    await report(house, order_number=house.placed["increment_id"])
    await send(house, "T2", {"SKID-01": 1})
    assert await steps(house) == (True, False, True)
    await report(house, order_number=house.placed["increment_id"])
    assert await steps(house) == (True, True, True)
    assert await in_crm(house) == ("delivered", True, True)
