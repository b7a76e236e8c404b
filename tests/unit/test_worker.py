"""The claims loop: how much it takes, what it keeps, how it stops, what it survives."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from fakes.ledger import MemoryLedger
from fakes.patience import until
from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.delivery import NOTHING
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.states import DeliveryState
from millstream.engine.delivery import Execution
from millstream.engine.retry import RetryPolicy
from millstream.engine.routes import Route, Routes
from millstream.engine.worker import Worker, WorkerSettings


class Shop:
    """A worker on a ledger in memory. Deliveries wait at a gate; some crash or are refused on purpose."""

    def __init__(self, **settings) -> None:
        self.ledger = MemoryLedger()
        self.tap = RecordingTap()
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most = 0
        self.crashing: set[int] = set()
        self.subscribers = ["erp"]
        world = ManualWorld()
        execution = Execution(
            ledger=self.ledger,
            routes=Routes({"thing.happened": (Route(subscriber="erp", flow=self.flow),)}),
            ports="the ports",
            policy=RetryPolicy(attempts_max=3),
            world=world,
            tap=self.tap,
        )
        self.worker = Worker(
            ledger=self.ledger,
            execution=execution,
            settings=WorkerSettings(**{"poll_s": 0.01, "lease_s": 30, **settings}),
            clock=world.clock,
            tap=self.tap,
            subscribers=lambda: self.subscribers,
        )

    async def flow(self, delivery, ports):
        assert ports == "the ports"
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            if delivery.id in self.crashing:
                raise ZeroDivisionError("a mistake of ours")
        finally:
            self.running -= 1
        return NOTHING

    @asynccontextmanager
    async def open(self):
        task = asyncio.create_task(self.worker.run())
        try:
            yield task
        finally:
            self.gate.set()
            self.worker.stop()
            async with asyncio.timeout(10):
                await task

    async def settled(self, count):
        await self.ledger.until(lambda: len(self.ledger.attempts) >= count)


async def test_due_deliveries_are_claimed_run_and_settled():
    shop = Shop()
    shop.ledger.put(5)
    async with shop.open():
        await shop.settled(5)
    assert {attempt.outcome.state for attempt in shop.ledger.attempts} == {DeliveryState.DONE}
    assert len(shop.tap.named("delivery.settled")) == 5


async def test_no_more_run_side_by_side_than_the_worker_may():
    shop = Shop(concurrency=4)
    shop.gate.clear()
    shop.ledger.put(20)
    async with shop.open():
        await until(lambda: shop.running == 4)
        shop.gate.set()
        await shop.settled(20)
    assert shop.most == 4
    assert max(shop.ledger.claims) <= 4


async def test_what_is_put_in_later_is_found_when_the_worker_is_woken():
    shop = Shop(poll_s=60)
    async with shop.open():
        await shop.ledger.until(lambda: shop.ledger.claims)
        shop.ledger.put(1)
        shop.worker.wake()
        await shop.settled(1)
    assert len(shop.ledger.attempts) == 1


async def test_what_nobody_announced_is_found_by_looking_now_and_then():
    shop = Shop(poll_s=0.01)
    async with shop.open():
        await shop.ledger.until(lambda: shop.ledger.claims)
        shop.ledger.put(1)
        await shop.settled(1)
    assert len(shop.ledger.attempts) == 1


async def test_a_stop_finishes_what_runs_and_claims_nothing_more():
    shop = Shop(concurrency=2, poll_s=60)
    shop.gate.clear()
    shop.ledger.put(5)
    async with shop.open() as task:
        await until(lambda: shop.running == 2)
        shop.worker.stop()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        shop.gate.set()
        await task
    assert len(shop.ledger.attempts) == 2
    assert len(shop.ledger.due) == 3
    assert shop.tap.named("worker.draining") == [{"running": 2}]


async def test_a_stop_with_nothing_under_way_ends_at_once():
    shop = Shop(poll_s=3600)
    async with shop.open() as task:
        await shop.ledger.until(lambda: shop.ledger.claims)
        shop.worker.stop()
        async with asyncio.timeout(5):
            await task
    assert shop.tap.named("worker.draining") == []


async def test_a_stop_waits_no_longer_than_it_was_told_for_what_hangs():
    shop = Shop(drain_s=0.02)
    shop.gate.clear()
    shop.ledger.put(1)
    async with shop.open() as task:
        await until(lambda: shop.running == 1)
        shop.worker.stop()
        async with asyncio.timeout(5):
            await task
        assert shop.running == 1
        assert shop.ledger.attempts == []
        shop.gate.set()
        await shop.settled(1)


async def test_a_heartbeat_keeps_the_leases_of_what_runs_for_as_long_as_it_runs():
    shop = Shop(lease_s=0.03)
    shop.gate.clear()
    shop.ledger.put(2)
    async with shop.open():
        await shop.ledger.until(lambda: len(shop.ledger.extended) >= 3)
        shop.gate.set()
        await shop.settled(2)
    assert shop.ledger.extended[:3] == [[1, 2]] * 3


async def test_a_heartbeat_goes_on_while_a_stop_drains():
    shop = Shop(lease_s=0.03)
    shop.gate.clear()
    shop.ledger.put(1)
    async with shop.open():
        await until(lambda: shop.running == 1)
        shop.worker.stop()
        before = len(shop.ledger.extended)
        await shop.ledger.until(lambda: len(shop.ledger.extended) >= before + 3)
        assert shop.running == 1


@pytest.mark.parametrize("failure", [Retry("store.unavailable", "gone"), ZeroDivisionError("a mistake of ours")])
async def test_a_heartbeat_that_fails_is_told_and_beats_on(failure):
    shop = Shop(lease_s=0.03)
    shop.gate.clear()
    shop.ledger.put(1)
    shop.ledger.extend_failures = [failure]
    async with shop.open():
        await shop.ledger.until(lambda: len(shop.ledger.extended) >= 3)
    told = shop.tap.named("worker.ledger_unreachable") + shop.tap.named("worker.heartbeat_failed")
    assert len(told) == 1


@pytest.mark.parametrize("lapses", [1, 3])
async def test_a_worker_that_claims_again_what_it_still_runs_cuts_the_old_try_off_first(lapses):
    """Its lease lapsed: PostgreSQL was away, or the machine stood still, and the claim came before the heartbeat."""
    shop = Shop(lease_s=0.03)
    shop.gate.clear()
    shop.ledger.put(1)
    (first,) = shop.ledger.due
    async with shop.open():
        await until(lambda: shop.running == 1)
        for lapse in range(lapses):
            shop.ledger.due.append(replace(first, tries=2 + lapse, attempts=2 + lapse))
            shop.worker.wake()
        await until(lambda: shop.tap.named("delivery.started")[-1]["tries"] == 1 + lapses)
        beats = len(shop.ledger.extended)
        await shop.ledger.until(lambda: len(shop.ledger.extended) >= beats + 2)
        assert shop.ledger.extended[-1] == [1]
        shop.gate.set()
        await shop.settled(1)
    assert shop.most == 1
    assert [attempt.delivery.tries for attempt in shop.ledger.attempts] == [1 + lapses]
    assert shop.worker._places.left_for("erp") == shop.worker._places.share
    assert shop.worker._places.free() == 64
    assert {"delivery": 1, "tries": 1} in shop.tap.named("worker.lease_lapsed")


async def test_an_old_try_that_is_being_settled_is_waited_for_before_the_new_one_begins():
    shop = Shop()
    shop.ledger.put(1)
    (first,) = shop.ledger.due
    shop.ledger.writable.clear()
    async with shop.open():
        await until(lambda: shop.worker._execution.settles(first))
        shop.ledger.due.append(replace(first, tries=2, attempts=2))
        shop.worker.wake()
        await until(lambda: len(shop.worker._running) == 2)
        assert len(shop.tap.named("delivery.started")) == 1
        shop.ledger.writable.set()
        await shop.settled(2)
    assert [told["tries"] for told in shop.tap.named("delivery.started")] == [1, 2]
    assert len(shop.tap.named("delivery.settled")) == 2
    assert shop.tap.named("worker.lease_lapsed") == []


async def test_a_round_of_a_simulation_does_not_fail_because_a_later_one_cut_it_off():
    shop = Shop()
    shop.gate.clear()
    shop.ledger.put(1)
    (first,) = shop.ledger.due
    before = asyncio.create_task(shop.worker.run_due())
    await until(lambda: shop.running == 1)
    shop.ledger.due.append(replace(first, tries=2, attempts=2))
    after = asyncio.create_task(shop.worker.run_due())
    await until(lambda: len(shop.tap.named("delivery.started")) == 2)
    shop.gate.set()
    await asyncio.gather(before, after)
    assert [attempt.delivery.tries for attempt in shop.ledger.attempts] == [2]


async def test_without_anything_under_way_the_heart_rests():
    shop = Shop(lease_s=0.003)
    async with shop.open():
        await shop.ledger.until(lambda: len(shop.ledger.claims) >= 3)
    assert shop.ledger.extended == []


async def test_a_ledger_out_of_reach_is_told_and_asked_again_until_it_answers():
    shop = Shop()
    shop.ledger.put(1)
    shop.ledger.failures = [Retry("store.unavailable", "PostgreSQL does not answer")] * 4
    async with shop.open():
        await shop.settled(1)
    assert shop.tap.named("worker.ledger_unreachable") == [{"message": "PostgreSQL does not answer"}] * 4


async def test_a_settlement_that_cannot_be_written_is_told_and_stops_nobody():
    shop = Shop()
    shop.ledger.put(3)
    shop.ledger.settle_failures = [Retry("store.unavailable", "PostgreSQL does not answer")]
    async with shop.open():
        await shop.settled(2)
    (told,) = shop.tap.named("worker.settle_failed")
    assert told == {"delivery": 1, "error": "store.unavailable: PostgreSQL does not answer"}


async def test_a_mistake_of_ours_in_one_delivery_takes_no_other_down_and_is_tried_again():
    shop = Shop()
    shop.ledger.put(5)
    shop.crashing = {3}
    async with shop.open():
        await shop.settled(5)
    outcomes = {attempt.delivery.id: attempt.outcome for attempt in shop.ledger.attempts}
    assert [outcomes[n].state for n in (1, 2, 4, 5)] == [DeliveryState.DONE] * 4
    assert (outcomes[3].state, outcomes[3].fault_code) == (DeliveryState.RETRYING, "hub.fault")
    assert "ZeroDivisionError" in outcomes[3].fault_message
    (told,) = shop.tap.named("delivery.crashed")
    assert isinstance(told["bug"], ZeroDivisionError)


async def test_a_mistake_of_ours_that_goes_on_ends_as_a_dead_letter():
    shop = Shop()
    shop.ledger.put(1, attempts=3)
    shop.crashing = {1}
    async with shop.open():
        await shop.settled(1)
    assert shop.ledger.attempts[0].outcome.state is DeliveryState.DEAD


async def test_an_event_no_flow_here_knows_waits_for_a_version_that_does_and_no_attempt_is_counted():
    shop = Shop()
    shop.ledger.put(1, kind="thing.of_tomorrow", attempts=3)
    async with shop.open():
        await shop.settled(1)
    outcome = shop.ledger.attempts[0].outcome
    assert (outcome.state, outcome.fault_code, outcome.counts) == (DeliveryState.RETRYING, "route.missing", False)


async def test_books_that_contradict_a_settlement_make_the_delivery_try_again():
    shop = Shop()
    shop.ledger.put(1)
    shop.ledger.settle_failures = [Conflict("books.conflict", "the link names another customer")]
    async with shop.open():
        await shop.settled(1)
    outcome = shop.ledger.attempts[0].outcome
    assert (outcome.state, outcome.fault_code) == (DeliveryState.RETRYING, "books.conflict")


async def test_only_the_subscribers_this_worker_may_serve_are_claimed_and_that_may_change():
    shop = Shop()
    shop.subscribers = []
    shop.ledger.put(1)
    async with shop.open():
        await shop.ledger.until(lambda: len(shop.ledger.claims) >= 3)
        assert shop.ledger.attempts == []
        shop.subscribers = ["erp"]
        await shop.settled(1)
    assert len(shop.ledger.attempts) == 1


async def test_one_round_for_simulations_runs_what_is_due_and_says_how_much():
    shop = Shop(concurrency=3)
    shop.ledger.put(5)
    assert [await shop.worker.run_due() for _ in range(3)] == [3, 2, 0]
    shop.ledger.put(2)
    shop.ledger.settle_failures = [Retry("store.unavailable", "gone")]
    with pytest.raises(Retry):
        await shop.worker.run_due()
    assert len(shop.ledger.attempts) == 6


async def test_a_refusal_is_held_with_its_reason():
    shop = Shop()
    shop.ledger.put(1)

    async def refuse(delivery, ports):
        raise Reject("price.stale", "sold too cheap")

    shop.worker._execution._routes = Routes({"thing.happened": (Route(subscriber="erp", flow=refuse),)})
    async with shop.open():
        await shop.settled(1)
    outcome = shop.ledger.attempts[0].outcome
    assert (outcome.state, outcome.fault_code) == (DeliveryState.HELD, "price.stale")
    (told,) = shop.tap.named("delivery.settled")
    assert (told["state"], told["code"], told["message"]) == ("held", "price.stale", "sold too cheap")
