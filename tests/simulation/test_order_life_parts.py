"""An order that leaves in parts is shipped with the last one, and delivered when the last parcel arrived.

So is one of which the ERP cancels the rest: what left last was the last part.
"""

from datetime import UTC, date, datetime

import msgspec
import pytest

from fakes.edge import Edge, delivered, encoded
from fakes.house import House
from fakes.world import START
from millstream.flows.order_lines import lines_of
from millstream.store.gauges import PostgresGauges
from millstream.store.story import read_order_story

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


async def test_a_promise_is_judged_by_the_day_that_the_erp_says_whatever_day_it_is_in_utc(house):
    await send(house, "T1", {"VALVE-050": 3})
    house.erp.ship(house.key, "T2", {"SKID-01": 1}, on=date(2026, 12, 15))
    evening = datetime(2026, 12, 16, 1, 30, tzinfo=UTC)  # half past eight in New York, on the promised day
    house.erp.log[-1] = msgspec.structs.replace(house.erp.log[-1], occurred_at=evening)
    await house.settle_down()
    assert await steps(house) == (True, False, True)
    kept = await PostgresGauges(house.database).kept(since=START)
    assert (kept.shipped, kept.kept) == (1, 1)


async def test_a_day_too_late_is_too_late_in_whatever_order_it_is_told(house):
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 16))
    await send(house, "T1", {"VALVE-050": 3})
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


NEVER = "We are sorry, we cannot deliver this part of your order: "


async def give_up(house, **quantities):
    house.erp.cancel_rest(house.key, {sku.replace("_", "-"): much for sku, much in quantities.items()})
    await house.settle_down()


async def shares(house):
    """Of each line: cancelled in the books, and cancelled and unaccounted for on the order's page."""
    booked = await house.rows("select line_id, cancelled from order_line where cancelled > 0 order by line_id")
    async with house.database.connection() as connection:
        story = await read_order_story(connection, house.key)
    order = await house.hub.records.booked_order(house.key)
    shown = lines_of(story, order.order, order)
    return {row["line_id"]: row["cancelled"] for row in booked}, [(one.cancelled, one.unaccounted) for one in shown]


async def test_an_order_whose_rest_is_cancelled_is_shipped_as_of_what_left_last(house):
    await send(house, "T1", {"VALVE-050": 3})
    await give_up(house, SKID_01=1)
    assert await steps(house) == (True, False, True)
    assert await house.value("select shipped_at::date::text from sales_order") == "2026-11-24"
    assert await in_crm(house) == ("shipped", True, False)
    (told,) = await comments(house, NEVER)
    assert told.startswith(f"{NEVER}1 × Dosing skid.")
    await report(house, "T1")
    assert await steps(house) == (True, True, True)
    assert await in_crm(house) == ("delivered", True, True)
    assert len(await comments(house, "Your order was delivered")) == 1


async def test_an_order_whose_parcels_have_all_arrived_is_delivered_when_the_rest_is_cancelled(house):
    await send(house, "T1", {"VALVE-050": 2})
    await report(house, "T1")
    await give_up(house, SKID_01=1)
    assert await in_crm(house) == ("partly shipped", False, False), "a valve is still to leave"
    await give_up(house, VALVE_050=1)
    assert await steps(house) == (True, True, True)
    assert await in_crm(house) == ("delivered", True, True)
    assert [words.removeprefix(NEVER)[:3] for words in await comments(house, NEVER)] == ["1 ×", "1 ×"]
    assert not await house.rows("select id from delivery where state <> 'done'")


async def test_what_is_cancelled_of_a_line_stands_on_its_line_and_is_not_worth_less_by_itself(house):
    worth = await house.hub.records.lifetime_value(await house.value("select customer_id from sales_order"))
    await send(house, "T1", {"VALVE-050": 2})
    await give_up(house, VALVE_050=1, SKID_01=1)
    off, shown = await shares(house)
    assert sorted(off.values()) == [1, 1]
    assert shown == [(1, 0), (1, 0)]
    assert await house.hub.records.lifetime_value(await house.value("select customer_id from sales_order")) == worth
    assert await house.value("select cancelled_at from sales_order") is None


async def test_a_line_cancelled_before_anything_left_is_told_and_the_order_ships_without_it(house):
    await give_up(house, SKID_01=1)
    house.erp.reschedule(house.key, days=0)
    await house.settle_down()
    assert await in_crm(house) == (None, False, False)
    assert len(await comments(house, NEVER)) == 1
    (moved,) = await comments(house, "now expected")
    assert "24 November 2026 (before: 15 December 2026)" in moved, "the valves wait for no skid"
    await send(house, "T1", {"VALVE-050": 3})
    assert len(await comments(house, "A part of your order is packed")) == 0
    assert await steps(house) == (True, False, True)
    assert await in_crm(house) == ("shipped", True, False)


async def test_what_comes_all_the_same_is_shipped_all_the_same(house):
    await send(house, "T1", {"VALVE-050": 3})
    await give_up(house, SKID_01=1)
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 15))
    shown = await house.sim("shop", "GET", f"orders/{house.placed['entity_id']}")
    assert len(shown["shipments"]) == 2
    _, shown = await shares(house)
    assert shown == [(0, 0), (0, 0)]


async def test_a_plan_of_before_that_is_told_late_brings_nothing_back(house):
    await send(house, "T1", {"VALVE-050": 3})
    house.erp.reschedule(house.key, days=3)
    late = house.erp.log.pop()
    await give_up(house, SKID_01=1)
    house.erp.log.append(late)
    await house.settle_down()
    assert await steps(house) == (True, False, True)
    assert await comments(house, "now expected") == []


async def tracks(house):
    """In the store, by shipment, and in the CRM."""
    shown = await house.sim("shop", "GET", f"orders/{house.placed['entity_id']}")
    (purchase,) = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    in_store = [[track["track_number"] for track in shipment["tracks"]] for shipment in shown["shipments"]]
    return in_store, (purchase["Tracking_Numbers__c"] or "").split(", ")


async def test_a_number_that_comes_after_the_parcel_left_reaches_everybody_and_finds_the_order(house):
    await send(house, None, {"VALVE-050": 3})
    assert await tracks(house) == ([[]], [""])
    house.erp.track(house.key, "T1")
    await house.settle_down()
    assert await tracks(house) == ([["T1"]], ["T1"])
    await send(house, "T2", {"SKID-01": 1})
    assert await tracks(house) == ([["T1"], ["T2"]], ["T1", "T2"])
    await report(house, "T2")
    assert await in_crm(house) == ("shipped", True, False), "the parcel with the late number is on the road"
    await report(house, "T1")
    assert await in_crm(house) == ("delivered", True, True)
    assert not await house.rows("select id from delivery where state <> 'done'")


async def test_a_corrected_number_takes_the_place_of_the_wrong_one_where_there_is_one_place(house):
    await send(house, "WRONG", {"VALVE-050": 3, "SKID-01": 1})
    for number in ("T1", "T1"):
        house.erp.track(house.key, number)
        await house.settle_down()
    assert await tracks(house) == ([["WRONG", "T1"]], ["T1"])
    await report(house, "T1")
    assert await in_crm(house) == ("delivered", True, True)


async def test_a_shipment_that_is_told_again_with_the_numbers_it_had_changes_nothing(house):
    await send(house, "T1", {"VALVE-050": 3})
    house.erp.track(house.key, "T1")
    await house.settle_down()
    assert await tracks(house) == ([["T1"]], ["T1"])
    assert await house.value("select count(*) from event where type = 'order.tracked'") == 0
    assert await house.value("select count(*) from event where type = 'order.shipped'") == 1


async def shipped_day_in_crm(house):
    (purchase,) = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    return purchase["Shipped_At__c"][:10]


async def test_a_number_that_comes_late_moves_no_day_on_which_the_order_left(house):
    await send(house, None, {"VALVE-050": 3}, on=date(2026, 12, 1))
    await send(house, "T2", {"SKID-01": 1}, on=date(2026, 12, 5))
    assert await shipped_day_in_crm(house) == "2026-12-05"
    first = next(change.shipment for change in house.erp.log if change.kind == "shipped")
    house.erp.track(house.key, "T1", shipment=first.erp_id)
    await house.settle_down()
    assert await house.value("select count(*) from event where type = 'order.tracked'") == 1
    assert await shipped_day_in_crm(house) == "2026-12-05"
