"""What the gauges read is what the ledger holds, and what is old costs nothing."""

from datetime import timedelta

import pytest

from fakes.house import House
from millstream.domain.errors import Reject, Retry
from millstream.ports.gauges import Heartbeat
from millstream.store import gauges as module
from millstream.store.gauges import first_id

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def house(database):
    return House(database)


def failing(house, failure):
    async def refuse(order, *, customer_id, key):
        raise failure

    house.erp.place_order = refuse


async def turn(house):
    house.world.clock.advance(10)
    await house.hub.poller.poll_all()
    while await house.hub.worker.run_due():
        pass


async def standing(house, window_s=300):
    return await house.hub.gauges.standing(at=house.world.clock.now(), window_s=window_s)


async def test_orders_that_reached_the_erp_count_for_as_long_as_the_window(house):
    await house.place()
    await house.place()
    house.world.clock.advance(30)  # placed half a minute before anybody asks
    await turn(house)
    seen = await standing(house)
    assert seen.reached.orders == 2
    assert seen.reached.p95_s == pytest.approx(40, abs=1)
    house.world.clock.advance(301)
    seen = await standing(house)
    assert (seen.reached.orders, seen.reached.p95_s) == (0, None)


async def test_a_retrying_order_fails_for_as_long_as_it_does_and_a_held_one_for_the_window(house):
    failing(house, Retry("erp.busy", "busy", after_s=3600, counts=False))
    await house.place()
    await turn(house)
    failing(house, Reject("erp.credit_limit", "no"))
    await house.place()
    await turn(house)
    assert {fault.code: fault.orders for fault in (await standing(house)).faults} == {
        "erp.busy": 1,
        "erp.credit_limit": 1,
    }
    house.world.clock.advance(400)
    assert [fault.code for fault in (await standing(house)).faults] == ["erp.busy"]
    assert {(queue.state, queue.depth) for queue in (await standing(house)).queues} == {("held", 1), ("retrying", 1)}


async def test_an_order_its_store_keeps_on_hold_does_not_fail(house):
    failing(house, Retry("order.not_ready", "on hold in the store", after_s=60, counts=False))
    await house.place()
    await turn(house)
    seen = await standing(house)
    assert seen.faults == ()
    assert seen.queues[0].state == "retrying"


async def test_a_flow_counts_what_was_stored_within_the_window(house):
    failing(house, Retry("erp.busy", "busy", after_s=3600))
    await house.place()
    await turn(house)
    (flow,) = await house.hub.gauges.flows(at=house.world.clock.now(), window_s=900)
    assert (flow.subscriber, flow.type, flow.deliveries, flow.failing) == ("erp", "order.placed", 1, 1)
    house.world.clock.advance(901)
    assert await house.hub.gauges.flows(at=house.world.clock.now(), window_s=900) == ()


async def test_counting_ends_at_a_limit(house, monkeypatch):
    monkeypatch.setattr(module, "OPEN_MAX", 2)
    failing(house, Retry("erp.busy", "busy", after_s=3600))
    for _ in range(3):
        await house.place()
    await turn(house)
    seen = await standing(house)
    assert sum(queue.depth for queue in seen.queues) == 2
    assert seen.faults[0].orders == 2


async def test_workers_that_were_not_seen_for_a_day_are_forgotten(house):
    gauges, now = house.hub.gauges, house.world.clock.now()
    old = Heartbeat(worker="old", started_at=now, seen_at=now - timedelta(days=1, seconds=1))
    await gauges.beat(old)
    await gauges.beat(Heartbeat(worker="new", started_at=now, seen_at=now, breakers={"erp": now}))
    (left,) = (await standing(house)).heartbeats
    assert (left.worker, left.breakers) == ("new", {"erp": now})


async def test_the_window_is_a_range_of_the_primary_key(house):
    async with house.database.connection() as connection:
        plan = await connection.fetch(
            "explain " + module._SQL["reached"].replace("$1", f"'{first_id(house.world.clock.now())}'")
        )
    text = "\n".join(row[0] for row in plan)
    assert "event_pkey" in text
    assert "Seq Scan" not in text


def test_ids_of_a_moment_are_not_before_its_first_id(house):
    for _ in range(100):
        now = house.world.clock.now()
        assert first_id(now) <= house.world.ids.new() < first_id(now + timedelta(milliseconds=1))
        house.world.clock.advance(0.001)
