"""The ledger against a real PostgreSQL: one copy, one lane, one head, no lost lease."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.crosswalk import Link
from millstream.domain.delivery import NOTHING, Outcome, Settlement
from millstream.domain.errors import Conflict
from millstream.domain.events import NewEvent
from millstream.domain.states import LEGAL_MOVES, DeliveryState
from millstream.engine.routes import Route, Routes
from millstream.ports.ledger import Attempt
from millstream.ports.tap import Call
from millstream.store.ledger import PostgresLedger


async def nothing(delivery, hub):
    return NOTHING


ROUTES = Routes(
    {
        "thing.happened": (Route(subscriber="a", flow=nothing), Route(subscriber="b", flow=nothing)),
        "thing.urgent": (Route(subscriber="a", flow=nothing, priority=1),),
    }
)


def event(n, subject="S-1", kind="thing.happened", world=None):
    return NewEvent(
        source="test",
        source_id=str(n),
        type=kind,
        subject=subject,
        occurred_at=(world or ManualWorld()).clock.now(),
        data={"n": n},
    )


class Bench:
    def __init__(self, database, worker="w1", world=None):
        self.world = world or ManualWorld()
        self.tap = RecordingTap()
        self.database = database
        self.ledger = PostgresLedger(database, routes=ROUTES, world=self.world, tap=self.tap, worker=worker, lease_s=30)

    async def claim(self, limit=100, subscribers=("a", "b")):
        return await self.ledger.claim(limit=limit, subscribers=subscribers)

    async def settle(self, delivery, state=DeliveryState.DONE, settlement=NOTHING, calls=(), due_at=None, counts=True):
        now = self.world.clock.now()
        outcome = Outcome(state=state, settlement=settlement, due_at=due_at, counts=counts)
        return await self.ledger.settle(
            Attempt(delivery=delivery, started_at=now, ended_at=now, outcome=outcome, calls=calls)
        )

    async def value(self, query, *args):
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)


@pytest.fixture
def bench(database):
    return Bench(database)


async def test_second_copy_of_one_event_starts_no_second_delivery(bench):
    first, second = await bench.ledger.accept([event(1)]), await bench.ledger.accept([event(1)])
    assert first[0] is not None
    assert second == [None]
    assert await bench.value("select count(*) from delivery") == 2


async def test_ten_copies_arriving_together_are_stored_once(bench):
    accepted = await asyncio.gather(*(bench.ledger.accept([event(1)]) for _ in range(10)))
    assert sum(1 for (event_id,) in accepted if event_id is not None) == 1
    assert await bench.value("select count(*) from event") == 1


async def test_accepts_that_arrive_together_share_commits(bench):
    await asyncio.gather(*(bench.ledger.accept([event(n, f"S-{n}")]) for n in range(100)))
    assert len(bench.tap.named("accept.committed")) <= 5
    assert await bench.value("select count(*) from event") == 100


async def test_only_the_head_of_a_lane_is_claimable(bench):
    await bench.ledger.accept([event(1), event(2), event(3)])
    claimed = await bench.claim()
    assert [(d.subscriber, d.event.data["n"]) for d in sorted(claimed, key=lambda d: d.id)] == [("a", 1), ("b", 1)]
    assert await bench.claim() == []


async def test_settling_the_head_hands_the_lane_to_the_next_in_order(bench):
    await bench.ledger.accept([event(n) for n in range(1, 6)])
    seen = []
    while claimed := await bench.claim(subscribers=("a",)):
        (delivery,) = claimed
        seen.append(delivery.event.data["n"])
        await bench.settle(delivery)
    assert seen == [1, 2, 3, 4, 5]


async def test_a_failing_head_blocks_only_its_own_lane(bench):
    await bench.ledger.accept([event(1, "S-1"), event(2, "S-1"), event(3, "S-2")])
    claimed = {d.lane: d for d in await bench.claim(subscribers=("a",))}
    await bench.settle(claimed["a/S-1"], DeliveryState.HELD)
    await bench.settle(claimed["a/S-2"])
    assert await bench.claim(subscribers=("a",)) == []
    assert await bench.value("select count(*) from delivery where lane = 'a/S-1' and state = 'waiting'") == 1


async def test_a_retrying_head_comes_back_when_due_and_not_before(bench):
    await bench.ledger.accept([event(1)])
    (delivery,) = await bench.claim(subscribers=("a",))
    due = bench.world.clock.now() + timedelta(seconds=60)
    await bench.settle(delivery, DeliveryState.RETRYING, due_at=due)
    bench.world.clock.advance(59)
    assert await bench.claim(subscribers=("a",)) == []
    bench.world.clock.advance(1)
    (again,) = await bench.claim(subscribers=("a",))
    assert (again.tries, again.attempts, again.again) == (2, 2, True)


async def test_an_attempt_that_does_not_count_is_taken_back(bench):
    await bench.ledger.accept([event(1)])
    (delivery,) = await bench.claim(subscribers=("a",))
    await bench.settle(delivery, DeliveryState.RETRYING, due_at=bench.world.clock.now(), counts=False)
    (again,) = await bench.claim(subscribers=("a",))
    assert (again.tries, again.attempts) == (2, 1)


async def test_an_expired_lease_is_taken_over_and_the_late_settlement_is_refused(bench, database):
    other = Bench(database, worker="w2", world=bench.world)
    await bench.ledger.accept([event(1)])
    (mine,) = await bench.claim(subscribers=("a",))
    assert await other.claim(subscribers=("a",)) == []
    bench.world.clock.advance(31)
    (taken,) = await other.claim(subscribers=("a",))
    late = Settlement(events=(event(99, "S-9"),))
    assert await bench.settle(mine, settlement=late) is False
    assert await bench.value("select count(*) from event where source_id = '99'") == 0
    assert await other.settle(taken) is True


async def test_a_heartbeat_keeps_the_lease(bench, database):
    other = Bench(database, worker="w2", world=bench.world)
    await bench.ledger.accept([event(1)])
    (mine,) = await bench.claim(subscribers=("a",))
    bench.world.clock.advance(20)
    await bench.ledger.extend_leases([mine])
    bench.world.clock.advance(20)
    assert await other.claim(subscribers=("a",)) == []


async def test_urgent_deliveries_are_claimed_before_bulk(bench):
    await bench.ledger.accept([event(n, f"S-{n}") for n in range(20)])
    bench.world.clock.advance(5)
    await bench.ledger.accept([event(100, "U", "thing.urgent")])
    (first,) = await bench.claim(limit=1, subscribers=("a",))
    assert first.event.type == "thing.urgent"


async def test_settling_writes_state_attempt_calls_and_new_deliveries_together(bench):
    await bench.ledger.accept([event(1)])
    (delivery,) = await bench.claim(subscribers=("a",))
    call = Call(system="erp", operation="place", key="k", status=200, outcome="ok", ms=1.5)
    caused = event(2, "S-2")
    await bench.settle(delivery, settlement=Settlement(events=(caused,)), calls=(call,))
    assert await bench.value("select count(*) from attempt") == 1
    assert await bench.value("select operation from call") == "place"
    row_cause = await bench.value("select causation_id from event where source_id = '2'")
    assert row_cause == delivery.event.id
    chain = await bench.value("select count(distinct correlation_id) from event")
    assert chain == 1
    assert await bench.value("select count(*) from audit where action = 'delivery.done'") == 1


async def test_a_contradicting_link_fails_alone_and_writes_nothing(bench):
    await bench.ledger.accept([event(1, "S-1"), event(2, "S-2")])
    one, two = sorted(await bench.claim(subscribers=("a",)), key=lambda d: d.id)
    link = Link(kind="customer", system="crm", external_id="X", hub_id="C-1")
    other = Link(kind="customer", system="crm", external_id="X", hub_id="C-2")
    results = await asyncio.gather(
        bench.settle(one, settlement=Settlement(links=(link,))),
        bench.settle(two, settlement=Settlement(links=(other,))),
        return_exceptions=True,
    )
    assert results[0] is True
    assert isinstance(results[1], Conflict)
    assert await bench.value("select state from delivery where id = $1", two.id) == "running"


async def test_one_external_id_per_system_and_hub_id_but_many_logins(bench):
    await bench.ledger.accept([event(n, f"S-{n}") for n in range(2)])
    one, two = sorted(await bench.claim(subscribers=("a",)), key=lambda d: d.id)
    logins = tuple(Link(kind="login", system="shop", external_id=x, hub_id="C-1") for x in ("7", "guest:a@b.example"))
    assert await bench.settle(one, settlement=Settlement(links=logins))
    twice = tuple(Link(kind="customer", system="crm", external_id=x, hub_id="C-1") for x in ("A", "B"))
    with pytest.raises(Conflict):
        await bench.settle(two, settlement=Settlement(links=twice))


async def test_the_sql_table_of_moves_equals_the_domains(bench):
    async with bench.database.connection() as connection:
        rows = await connection.fetch("select source, target from delivery_move")
    in_sql = {(row["source"], row["target"]) for row in rows}
    assert in_sql == {(source.value, target.value) for source, targets in LEGAL_MOVES.items() for target in targets}


async def test_postgresql_refuses_an_illegal_move(bench):
    await bench.ledger.accept([event(1)])
    async with bench.database.connection() as connection:
        with pytest.raises(asyncpg.PostgresError, match="may not move from waiting to done"):
            await connection.execute("update delivery set state = 'done', head = false")


async def test_postgresql_refuses_to_alter_a_fact(bench):
    await bench.ledger.accept([event(1)])
    async with bench.database.connection() as connection:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute("update event set subject = 'other'")


async def test_the_sweep_finds_no_sleeping_lane_in_ordinary_work_and_mends_one_made_by_hand(bench):
    await bench.ledger.accept([event(n) for n in range(3)])
    assert await bench.ledger.wake_sleeping_lanes() == 0
    async with bench.database.connection() as connection:
        await connection.execute("update delivery set head = false where lane = 'a/S-1'")
    assert await bench.ledger.wake_sleeping_lanes() == 1
    assert len(await bench.claim(subscribers=("a",))) == 1


async def test_accepting_and_settling_at_once_never_puts_a_lane_to_sleep(database):
    benches = [Bench(database, worker=f"w{n}") for n in range(3)]
    done = []

    async def work(bench):
        idle = 0
        while idle < 20:
            claimed = await bench.claim(limit=5, subscribers=("a",))
            idle = 0 if claimed else idle + 1
            for delivery in claimed:
                done.append((delivery.lane, delivery.event.data["n"]))
                await bench.settle(delivery)
            await asyncio.sleep(0)

    async def feed():
        for n in range(120):
            await benches[0].ledger.accept([event(n, f"S-{n % 4}")])

    await asyncio.gather(feed(), *(work(bench) for bench in benches))
    assert await benches[0].ledger.wake_sleeping_lanes() == 0
    await work(benches[0])
    assert len(done) == 120
    for lane in {lane for lane, _ in done}:
        numbers = [n for its_lane, n in done if its_lane == lane]
        assert numbers == sorted(numbers)


async def test_a_task_runs_in_one_worker_at_a_time_and_its_cursor_moves_with_its_events(bench, database):
    other = Bench(database, worker="w2", world=bench.world)
    assert await bench.ledger.claim_task("poll", every_s=10) == (True, None)
    assert await other.ledger.claim_task("poll", every_s=10) == (False, None)
    await bench.ledger.finish_task("poll", events=[event(1)], cursor={"at": 5}, due_in_s=10)
    assert await other.ledger.claim_task("poll", every_s=10) == (False, None)
    bench.world.clock.advance(10)
    assert await other.ledger.claim_task("poll", every_s=10) == (True, {"at": 5})


async def test_a_try_whose_worker_fell_silent_is_filed_as_lost(bench, database):
    other = Bench(database, worker="w2", world=bench.world)
    await bench.ledger.accept([event(1)])
    await bench.claim(subscribers=("a",))
    bench.world.clock.advance(31)
    (taken,) = await other.claim(subscribers=("a",))
    await other.settle(taken)
    async with database.connection() as connection:
        rows = await connection.fetch("select n, worker, outcome, code from attempt order by n")
    assert [tuple(row) for row in rows] == [(1, "w1", "lost", "lease.expired"), (2, "w2", "done", None)]


async def test_a_worker_knows_by_its_own_clock_when_its_lease_is_over(bench):
    await bench.ledger.accept([event(1)])
    (mine,) = await bench.claim(subscribers=("a",))
    assert bench.ledger.holds(mine)
    bench.world.clock.advance(20)
    await bench.ledger.extend_leases([mine])
    bench.world.clock.advance(20)
    assert bench.ledger.holds(mine)
    bench.world.clock.advance(11)
    assert not bench.ledger.holds(mine)
    await bench.settle(mine)
    assert not bench.ledger.holds(mine)


async def test_a_lease_is_of_one_try_though_the_same_worker_has_the_next(bench):
    await bench.ledger.accept([event(1)])
    (old,) = await bench.claim(subscribers=("a",))
    bench.world.clock.advance(31)
    (new,) = await bench.claim(subscribers=("a",))
    assert (new.id, new.tries) == (old.id, 2)
    assert (bench.ledger.holds(old), bench.ledger.holds(new)) == (False, True)
    bench.world.clock.advance(20)
    due = await bench.value("select due_at from delivery where id = $1", new.id)
    await bench.ledger.extend_leases([old])
    assert await bench.value("select due_at from delivery where id = $1", new.id) == due, (
        "a heartbeat is of one try, too"
    )
    bench.world.clock.advance(11)
    assert not bench.ledger.holds(new)
    await bench.ledger.extend_leases([old, new])
    assert (bench.ledger.holds(old), bench.ledger.holds(new)) == (False, True)
    assert await bench.settle(old) is False
    assert bench.ledger.holds(new), "it is not for the old try to give the lease back"
    assert await bench.settle(new) is True
    assert not bench.ledger.holds(new)


async def test_of_two_tries_settled_in_one_commit_only_the_one_that_has_the_lease_is_written(bench):
    await bench.ledger.accept([event(1), event(2, "S-2")])
    old, other = await bench.claim(subscribers=("a",))
    bench.world.clock.advance(31)
    await bench.ledger.extend_leases([other])
    (new,) = await bench.claim(subscribers=("a",))
    brings = [Settlement(events=(event(n, "S-3", "thing.urgent"),)) for n in (3, 4)]
    settling = (bench.settle(other), bench.settle(old, settlement=brings[0]), bench.settle(new, settlement=brings[1]))
    assert await asyncio.gather(*settling) == [True, False, True]
    assert await bench.value("select array_agg(source_id) from event where subject = 'S-3'") == ["4"]
    assert await bench.value("select array_agg(n order by n) from attempt where delivery_id = $1", new.id) == [1, 2]


async def test_a_heartbeat_after_the_lease_was_taken_over_gives_nothing_back(bench, database):
    other = Bench(database, worker="w2", world=bench.world)
    await bench.ledger.accept([event(1)])
    (mine,) = await bench.claim(subscribers=("a",))
    bench.world.clock.advance(31)
    await other.claim(subscribers=("a",))
    await bench.ledger.extend_leases([mine])
    assert not bench.ledger.holds(mine)
