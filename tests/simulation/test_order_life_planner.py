"""A planner's tool names dates at the signed door, while the ERP plans on: the shopper hears each new date once."""

import pytest

from fakes.edge import Edge, encoded
from fakes.erp import PRICES
from fakes.house import House
from millstream.ports.desk import Filter

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def house(database):
    house = House(database)
    house.placed = await house.place(("SKID-01", 1))
    await house.settle_down()
    (house.key,) = house.erp.orders
    return house


async def planner_says(house, ship_date, *, event_id="plan-1", reason="bearing is late"):
    """By the door, until all of it is settled."""
    await hand_in(house, ship_date, event_id=event_id, reason=reason)
    await house.settle_down()
    assert await house.rows("select id, fault_message from delivery where state <> 'done'") == []


async def hand_in(house, ship_date, *, event_id="plan-1", reason="bearing is late"):
    """Signed, at the door."""
    edge = Edge(inbox=house.hub.ledger, clock=house.world.clock)
    data = {"order_number": house.placed["increment_id"], "ship_date": ship_date, "reason": reason}
    event = {"specversion": "1.0", "id": event_id, "source": "/plan", "type": "order.promise_changed", "data": data}
    answer = await edge.planner(encoded(event))
    assert answer.status_code == 202, answer.text


async def moves(house):
    """What the shopper was told of new dates."""
    shown = await house.sim("shop", "GET", f"orders/{house.placed['entity_id']}")
    return [c["comment"] for c in shown["comments"] if "now expected" in (c["comment"] or "")]


async def promised(house):
    rows = await house.rows("select ship_date, promised_by from promise where line_id is null order by id")
    return [(str(row["ship_date"]), row["promised_by"]) for row in rows]


async def expected_in_crm(house):
    (purchase,) = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    return purchase["Expected_Ship_Date__c"]


async def test_a_planners_date_is_told_to_the_shopper_and_the_crm_with_the_reason(house):
    await planner_says(house, "2026-12-18")
    (told,) = await moves(house)
    assert "18 December 2026 (before: 15 December 2026)" in told
    assert "bearing is late" in told
    assert await expected_in_crm(house) == "2026-12-18"
    assert await promised(house) == [("2026-12-15", "erp"), ("2026-12-18", "door:planner")]
    assert str(await house.value("select ship_date from sales_order")) == "2026-12-18"


async def test_the_same_date_from_the_planner_is_no_news(house):
    await planner_says(house, "2026-12-15")
    assert await moves(house) == []
    assert await promised(house) == [("2026-12-15", "erp")]


async def test_a_planners_date_for_an_order_that_was_shipped_is_told_to_nobody(house):
    house.erp.ship(house.key)
    await house.settle_down()
    await planner_says(house, "2026-12-18")
    assert await moves(house) == []
    assert await expected_in_crm(house) == "2026-12-15"
    assert await promised(house) == [("2026-12-15", "erp")]


async def test_a_planners_date_for_an_order_that_was_cancelled_is_told_to_nobody(house):
    await house.sim("shop", "POST", f"orders/{house.placed['entity_id']}/cancel", {})
    house.world.clock.advance(5)
    await house.settle_down()
    await planner_says(house, "2026-12-18")
    assert await moves(house) == []
    assert await promised(house) == [("2026-12-15", "erp")]


async def test_a_plan_of_the_erp_with_its_old_dates_leaves_the_planners_date_standing(house):
    await planner_says(house, "2026-12-18")
    house.erp.reschedule(house.key, days=0)  # a work order is released: news, but of the same dates
    await house.settle_down()
    assert len(await moves(house)) == 1
    assert await expected_in_crm(house) == "2026-12-18"
    assert await promised(house) == [("2026-12-15", "erp"), ("2026-12-18", "door:planner")]
    assert str(await house.value("select ship_date from sales_order")) == "2026-12-18"


async def test_a_date_of_the_erp_that_really_moves_after_the_planner_spoke_is_told(house):
    await planner_says(house, "2026-12-18")
    house.erp.reschedule(house.key, days=7)
    await house.settle_down()
    assert len(await moves(house)) == 2
    assert "22 December 2026 (before: 18 December 2026)" in max(await moves(house), key=lambda text: "22 Dec" in text)
    assert await expected_in_crm(house) == "2026-12-22"
    assert [day for day, _ in await promised(house)] == ["2026-12-15", "2026-12-18", "2026-12-22"]


async def test_an_erp_that_catches_up_with_the_planner_is_booked_and_not_told_again(house):
    await planner_says(house, "2026-12-22")
    house.erp.reschedule(house.key, days=7)
    await house.settle_down()
    assert len(await moves(house)) == 1
    assert [day for day, _ in await promised(house)] == ["2026-12-15", "2026-12-22", "2026-12-22"]


async def test_a_date_that_waited_until_the_goods_were_gone_is_not_told(house):
    await house.sim("shop", "POST", "faults", {"script": [{"kind": "503", "match": "* /rest/*", "times": 6}]})
    await hand_in(house, "2026-12-18")
    while await house.hub.worker.run_due():
        pass
    waiting = await house.rows("select subscriber, fault_code from delivery where state = 'retrying'")
    assert [row["subscriber"] for row in waiting] == ["store"]
    house.erp.ship(house.key)
    await house.settle_down()
    await house.settle_down()
    assert await house.rows("select id, fault_message from delivery where state <> 'done'") == []
    assert await moves(house) == []


async def test_a_report_about_an_order_in_review_waits_as_long_as_a_person_takes(house):
    house.placed = await house.place(("GHOST-1", 1))
    await house.settle_down()
    await hand_in(house, "2026-12-18")
    looks = 14  # more than the attempts after which a failure is given up
    for _ in range(looks):
        while await house.hub.worker.run_due():
            pass
        house.world.clock.advance(331)
    (waiting,) = await house.rows(
        "select state, fault_code, tries, attempts from delivery where subscriber = 'promise' and state <> 'done'"
    )
    assert (waiting["state"], waiting["fault_code"]) == ("retrying", "order.not_booked")
    assert (waiting["tries"] > 12, waiting["attempts"]) == (True, 0)
    PRICES["GHOST-1"] = "49.00"
    try:
        await house.hub.desk.retry(Filter(code="sku.unknown"), actor="test")
        await house.settle_down()
    finally:
        del PRICES["GHOST-1"]
    assert len(await moves(house)) == 1
