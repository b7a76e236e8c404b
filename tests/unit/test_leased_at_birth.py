"""New deliveries go to the worker that wrote them, as far as it wants them: no claim, the same lease."""

import asyncio

import pytest

from fakes.ledger import MemoryLedger
from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.delivery import NOTHING, Outcome, Settlement
from millstream.domain.events import NewEvent
from millstream.domain.states import DeliveryState
from millstream.engine.delivery import Execution
from millstream.engine.retry import RetryPolicy
from millstream.engine.routes import Route, Routes
from millstream.engine.worker import Worker, WorkerSettings
from millstream.ports.ledger import Attempt
from millstream.store.ledger import PostgresLedger


async def nothing(delivery, hub):
    return NOTHING


ROUTES = Routes(
    {
        "order.came": (Route(subscriber="erp", flow=nothing, priority=10),),
        "order.made": (
            Route(subscriber="store", flow=nothing, priority=10),
            Route(subscriber="crm", flow=nothing, priority=50),
        ),
    }
)


def event(kind, subject="S-1", data=None):
    return NewEvent(
        source="test",
        source_id=f"{kind}/{subject}",
        type=kind,
        subject=subject,
        occurred_at=ManualWorld().clock.now(),
        data=data or {"plain": True},
    )


class Nest:
    """Takes what it is told to want."""

    def __init__(self, room=10, wanted=("store", "crm")):
        self.free = room
        self.wanted = wanted
        self.taken = []
        self.leaving = []

    def room(self, *, leaving):
        self.leaving.append(leaving)
        return self.free

    def wants(self, subscriber, priority):
        return subscriber in self.wanted

    def take(self, deliveries):
        self.taken += deliveries


class Mill:
    def __init__(self, database, worker="w1", nest=None, world=None):
        self.database = database
        self.world = world or ManualWorld()
        self.tap = RecordingTap()
        self.wakes = 0
        self.ledger = PostgresLedger(
            database, routes=ROUTES, world=self.world, tap=self.tap, worker=worker, lease_s=30, woken=self.wake
        )
        self.ledger.taker = nest

    def wake(self):
        self.wakes += 1

    async def place(self, *subjects):
        await self.ledger.accept([event("order.came", subject) for subject in subjects])
        return await self.claim("erp")

    async def claim(self, *subscribers):
        return await self.ledger.claim(limit=100, subscribers=subscribers or ("erp", "store", "crm"))

    async def settle(self, *deliveries, data=None):
        now = self.world.clock.now()
        return await asyncio.gather(
            *(
                self.ledger.settle(
                    Attempt(
                        delivery=delivery,
                        started_at=now,
                        ended_at=now,
                        outcome=Outcome(
                            state=DeliveryState.DONE,
                            settlement=Settlement(events=(event("order.made", delivery.event.subject, data),)),
                        ),
                    )
                )
                for delivery in deliveries
            )
        )

    async def rows(self, query):
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query)]


async def test_what_a_settlement_brings_is_running_with_a_lease_of_the_writer_and_nobody_claims_it(database):
    nest = Nest()
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    mill.wakes = 0
    assert await mill.settle(came) == [True]
    assert [(one.subscriber, one.lane, one.tries, one.attempts, one.again) for one in nest.taken] == [
        ("store", "store/S-1", 1, 1, False),
        ("crm", "crm/S-1", 1, 1, False),
    ]
    assert nest.leaving == [1]
    stored = await mill.rows("select id, state, worker, tries from delivery where subscriber <> 'erp' order by id")
    assert stored == [(one.id, "running", "w1", 1) for one in nest.taken]
    assert all(mill.ledger.holds(one) for one in nest.taken)
    assert await mill.claim() == []
    assert mill.wakes == 0  # there is nothing to look for


async def test_a_delivery_taken_at_birth_carries_its_event_as_it_is_stored(database):
    nest = Nest()
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    await mill.settle(came, data={"n": [1, 2]})
    for one in nest.taken:
        assert (one.event.type, one.event.subject, one.event.data) == ("order.made", "S-1", {"n": [1, 2]})
        assert one.event.correlation_id == came.event.correlation_id
        assert one.event.causation_id == came.event.id
        assert await mill.rows(f"select type from event where id = '{one.event.id}'") == [("order.made",)]


async def test_what_the_database_keeps_differently_is_read_back_by_a_claim(database):
    nest = Nest()
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    await mill.settle(came, data={"name": "a\x00b"})
    assert nest.taken == []
    assert [one.event.data for one in await mill.claim()] == [{"name": "a\ufffdb"}] * 2


async def test_what_is_not_wanted_waits_and_wakes(database):
    nest = Nest(wanted=("store",))
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    mill.wakes = 0
    await mill.settle(came)
    assert [one.subscriber for one in nest.taken] == ["store"]
    assert mill.wakes == 1
    assert [one.subscriber for one in await mill.claim()] == ["crm"]


async def test_no_more_are_taken_than_there_is_room_for(database):
    nest = Nest(room=1)
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    await mill.settle(came)
    assert len(nest.taken) == 1
    assert len(await mill.claim()) == 1


async def test_only_the_head_of_a_lane_is_taken(database):
    nest = Nest()
    mill = Mill(database, nest=nest)
    other = Mill(database, worker="w2", world=mill.world)
    await other.ledger.accept([event("order.made", "S-1", {"older": True})])
    await mill.ledger.accept([event("order.came", "S-1")])
    (came,) = await mill.claim("erp")
    now = mill.world.clock.now()
    newer = NewEvent(
        source="test", source_id="newer", type="order.made", subject="S-1", occurred_at=now, data={"newer": True}
    )
    outcome = Outcome(state=DeliveryState.DONE, settlement=Settlement(events=(newer,)))
    await mill.ledger.settle(Attempt(delivery=came, started_at=now, ended_at=now, outcome=outcome))
    assert nest.taken == []
    assert [one.event.data for one in await other.claim("store")] == [{"older": True}]


async def test_what_a_dead_worker_took_is_taken_over_after_its_lease_and_knows_that_it_is_not_the_first_try(database):
    nest = Nest()
    mill = Mill(database, nest=nest)
    (came,) = await mill.place("S-1")
    await mill.settle(came)
    other = Mill(database, worker="w2", world=mill.world)
    assert await other.claim() == []
    mill.world.clock.advance(31)
    assert [(one.subscriber, one.tries, one.again) for one in await other.claim()] == [
        ("store", 2, True),
        ("crm", 2, True),
    ]
    assert await mill.settle(nest.taken[0]) == [False]
    lost = await mill.rows("select outcome, worker from attempt where outcome = 'lost'")
    assert lost == [("lost", "w1")] * 2


async def test_a_worker_runs_what_was_put_into_its_hands_beside_what_it_claims(database):
    world, done = ManualWorld(), []

    async def makes(delivery, _hub):
        return Settlement(events=(event("order.made", delivery.event.subject),))

    async def notes(delivery, _hub):
        done.append((delivery.subscriber, delivery.event.subject))
        return NOTHING

    routes = Routes(
        {
            "order.came": (Route(subscriber="erp", flow=makes, priority=10),),
            "order.made": (Route(subscriber="store", flow=notes, priority=10),),
        }
    )
    tap = RecordingTap()
    ledger = PostgresLedger(database, routes=routes, world=world, tap=tap, worker="w1", lease_s=30)
    worker = Worker(
        ledger=ledger,
        execution=Execution(ledger=ledger, routes=routes, ports=None, policy=RetryPolicy(), world=world, tap=tap),
        settings=WorkerSettings(concurrency=8),
        clock=world.clock,
        tap=tap,
        subscribers=lambda: routes.subscribers,
    )
    ledger.taker = worker
    await ledger.accept([event("order.came", f"S-{n}") for n in range(5)])
    assert await worker.run_due() == 10
    assert sorted(done) == [("store", f"S-{n}") for n in range(5)]
    assert await worker.run_due() == 0
    assert tap.named("delivery.taken")


# --- what a worker wants


def idle_worker(ledger, **settings):
    world, tap = ManualWorld(), RecordingTap()
    execution = Execution(ledger=ledger, routes=ROUTES, ports=None, policy=RetryPolicy(), world=world, tap=tap)
    return Worker(
        ledger=ledger,
        execution=execution,
        settings=WorkerSettings(**{"concurrency": 4, "poll_s": 0.01, **settings}),
        clock=world.clock,
        tap=tap,
        subscribers=lambda: ["store", "crm"],
    )


async def test_a_worker_that_does_not_run_has_no_room():
    assert idle_worker(MemoryLedger()).room(leaving=3) == 0


async def test_a_running_worker_has_room_for_what_leaves_and_what_is_free_and_none_once_it_stops():
    ledger = MemoryLedger()
    worker = idle_worker(ledger)
    running = asyncio.create_task(worker.run())
    await ledger.until(lambda: len(ledger.claims) >= 1)
    await asyncio.sleep(0)
    assert worker.room(leaving=2) == 6
    worker.stop()
    assert worker.room(leaving=2) == 0
    await running


@pytest.mark.parametrize(("waiting", "wants_usual"), [(4, False), (3, True)])
async def test_the_less_urgent_does_not_overtake_a_backlog(waiting, wants_usual):
    ledger = MemoryLedger()
    ledger.put(waiting, subscriber="store")
    worker = idle_worker(ledger)
    assert await worker.run_due() == waiting
    assert worker.wants("store", 50)  # as urgent as what was claimed last
    assert worker.wants("crm", 51) is wants_usual
    assert not worker.wants("erp", 1)  # not among what it may serve
