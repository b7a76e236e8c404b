"""The order flow dies at every step it takes, and at every pair of steps, and always ends the same."""

import asyncio

import pytest

from fakes.crash import Crash, CrashTap
from fakes.house import House

LEASE_S = 31
SHARES = 4  # the pairs are shared out, so that the test can run on several cores

pytestmark = pytest.mark.quick_commits


class Scene:
    """One house, many orders: each order is one experiment."""

    def __init__(self, database):
        self.house = House(database)
        self.tap = None

    def restart(self, die_at=None):
        """A fresh process after the old one died; its leases run out."""
        if self.tap is not None:
            self.tap.armed = False
        self.tap = CrashTap(die_at)
        self.house.extra_taps = [self.tap]
        self.house.hub = self.house.build()
        self.house.world.clock.advance(LEASE_S)

    async def live(self):
        """Works until nothing is due soon; True if the process died on the way."""
        hub, clock = self.house.hub, self.house.world.clock
        try:
            for _ in range(60):
                await hub.poller.poll_all()
                while await hub.worker.run_due():
                    pass
                due = await hub.ledger.next_due()
                if due is None:
                    return False
                clock.advance(max((due - clock.now()).total_seconds(), 1))
        except Crash:
            await asyncio.sleep(0)  # what ran beside it dies too
            return True
        raise AssertionError("never settles down")

    async def place(self):
        self.house.world.clock.advance(6)  # the next poll is due
        placed = await self.house.place(("VALVE-050", 2), ("PUMP-CFG", 1))
        key = f"shop-1-{placed['increment_id']}"
        return placed, key

    async def check(self, placed, key):
        """Exactly one ERP order, one confirmation, one purchase, a complete history."""
        house = self.house
        assert house.erp.creations.count(key) == 1
        assert house.erp.orders[key]["steps"] == ["quoted", "confirmed", "reserved"]
        seen = await house.sim("shop", "GET", f"orders/{placed['entity_id']}")
        confirmations = [c for c in seen["comments"] if "confirmed" in (c["comment"] or "")]
        assert len(confirmations) == 1
        assert seen["order"]["ext_order_id"] == house.erp.orders[key]["number"]
        records = await house.sim("localhost", "GET", "records", object="Order", field="Hub_Order_Id__c", value=key)
        assert len(records["Order"]) == 1
        events = await house.sim("localhost", "GET", "events", containing=key)
        assert {event["Hub_Event_Id__c"] for event in events} == {f"order/{key}/purchased"}
        rows = await house.rows(
            "select e.type, d.subscriber, d.state, d.tries, "
            "(select count(*) from attempt a where a.delivery_id = d.id and a.outcome = 'done') as done "
            "from event e join delivery d on d.event_id = e.id where e.subject = $1",
            key,
        )
        assert sorted((row["type"], row["subscriber"], row["state"], row["done"]) for row in rows) == [
            ("order.confirmed", "crm", "done", 1),
            ("order.confirmed", "store", "done", 1),
            ("order.placed", "erp", "done", 1),
        ]
        assert await house.value("select count(*) from sales_order where order_key = $1", key) == 1
        assert await house.value("select count(*) from promise where order_key = $1", key) == 3

    async def count_steps(self):
        """How many steps one undisturbed order takes (after a first one that opened sessions and caches)."""
        for _ in range(2):
            placed, key = await self.place()
            self.restart()
            assert await self.live() is False
            await self.check(placed, key)
        return len(self.tap.steps), list(self.tap.steps)


@pytest.fixture
async def scene(database):
    return Scene(database)


async def test_the_steps_cover_every_stage_of_the_flow(scene):
    _, steps = await scene.count_steps()
    for stage in (
        "poll.written",
        "poll.committed",
        "delivery.claimed",
        "call.started erp:create",
        "call.ended erp:reserved",
        "settle.written",
        "settle.committed",
    ):
        assert stage in steps
    assert sum(1 for step in steps if step.startswith("call.started shop")) >= 3
    assert sum(1 for step in steps if step.startswith("call.started crm")) >= 2


async def test_dying_at_every_single_step_ends_with_one_of_each(scene):
    steps, _ = await scene.count_steps()
    deaths = 0
    for n in range(1, steps + 1):
        placed, key = await scene.place()
        scene.restart(die_at=n)
        deaths += await scene.live()
        scene.restart()
        assert await scene.live() is False
        await scene.check(placed, key)
    assert deaths == steps
    assert await scene.house.hub.ledger.wake_sleeping_lanes() == 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", range(SHARES))
async def test_dying_at_every_pair_of_steps_ends_with_one_of_each(scene, share):
    steps, _ = await scene.count_steps()
    firsts = range(1 + share, steps + 1, SHARES)
    second_deaths = 0
    for first in firsts:
        # The second process takes at most as many steps as one undisturbed run; dying at each of them in turn
        # ends when it lives to the end.
        second = 1
        died_again = True
        while died_again:
            placed, key = await scene.place()
            scene.restart(die_at=first)
            assert await scene.live() is True
            scene.restart(die_at=second)
            died_again = await scene.live()
            second_deaths += died_again
            scene.restart()
            assert await scene.live() is False
            await scene.check(placed, key)
            second += 1
    assert second_deaths >= len(firsts) * steps // 4
    assert await scene.house.hub.audit.seal() > 0
    assert (await scene.house.hub.audit.verify()).broken_seal is None
