"""Whatever workers, clocks and people do in whatever order: lanes stay in order, and nothing is lost or done twice."""

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fakes.bench import LedgerBench
from fakes.world import ManualWorld
from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.errors import Reject
from millstream.domain.states import OPEN_STATES, DeliveryState, may_move
from millstream.ports.desk import Filter
from millstream.store.database import Database

WAITING, RUNNING, RETRYING = DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.RETRYING
MENDABLE = {DeliveryState.HELD, DeliveryState.DEAD, RETRYING}
LEASE_S = 30
WORKERS = st.sampled_from(["w1", "w2"])
SUBJECTS = st.sampled_from(["S-1", "S-2"])
KINDS = st.sampled_from(["thing.happened", "thing.urgent"])
SUBSCRIBERS = {"thing.happened": ("a", "b"), "thing.urgent": ("a",)}
OUTCOMES = st.sampled_from([DeliveryState.DONE, RETRYING, RETRYING, DeliveryState.HELD, DeliveryState.DEAD])
DELAYS_S = st.integers(0, 60)
TRUNCATE = "truncate event, delivery, attempt, call, audit, link, schedule restart identity cascade"


class Expected(msgspec.Struct, kw_only=True):
    """What the ledger must hold of one delivery."""

    lane: str
    state: DeliveryState = WAITING
    due_at: datetime
    worker: str | None = None
    tries: int = 0
    attempts: int = 0

    def move(self, state: DeliveryState) -> None:
        assert may_move(self.state, state), f"from {self.state} to {state}"
        self.state = state


class Lanes(RuleBasedStateMachine):
    """Two workers, a desk and a clock on one ledger; beside it, what it must look like."""

    database: Database
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.world = ManualWorld()
        self.benches = {name: LedgerBench(self.database, name, self.world, LEASE_S) for name in ("w1", "w2")}
        self.bench = self.benches["w1"]
        self.expected: dict[int, Expected] = {}
        self.events: list = []
        self.claims: list[tuple[str, Delivery]] = []  # every claim ever made, settled or not
        self.settled = 0
        self.run(self._empty())

    def run(self, work):
        return self.runner.run(work)

    async def _empty(self):
        async with self.database.connection() as connection:
            await connection.execute(TRUNCATE)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def open_in(self, lane: str) -> list[int]:
        return sorted(n for n, one in self.expected.items() if one.lane == lane and one.state in OPEN_STATES)

    def is_claimable(self, delivery_id: int) -> bool:
        one = self.expected[delivery_id]
        first = self.open_in(one.lane)[0] == delivery_id if one.state in OPEN_STATES else False
        return first and one.state in {WAITING, RUNNING, RETRYING} and one.due_at <= self.now

    def holds(self, worker: str, delivery: Delivery) -> bool:
        one = self.expected[delivery.id]
        return one.state is RUNNING and (one.worker, one.tries) == (worker, delivery.tries)

    def add(self, events) -> None:
        for event in events:
            for subscriber in SUBSCRIBERS[event.type]:
                number = len(self.expected) + 1
                self.expected[number] = Expected(lane=f"{subscriber}/{event.subject}", due_at=self.now)
        self.events.extend(events)

    def end(self, number: int, state: DeliveryState) -> None:
        """A head that ends hands its lane to the next, which is due from now."""
        one = self.expected[number]
        was_head = self.open_in(one.lane)[0] == number
        one.move(state)
        for following in self.open_in(one.lane)[:1] if was_head else ():
            self.expected[following].due_at = max(self.expected[following].due_at, self.now)

    def new_event(self, subject, kind):
        return self.bench.event(len(self.events) + 1, subject, kind)

    @rule(worker=WORKERS, wishes=st.lists(st.tuples(SUBJECTS, KINDS), min_size=1, max_size=2))
    def accept(self, worker, wishes):
        first = len(self.events) + 1
        events = [self.bench.event(first + n, *wish) for n, wish in enumerate(wishes)]
        ids = self.run(self.benches[worker].accept(*events))
        assert all(ids)
        self.add(events)

    @precondition(lambda self: self.events)
    @rule(worker=WORKERS, data=st.data())
    def accept_a_copy(self, worker, data):
        copy = data.draw(st.sampled_from(self.events))
        assert self.run(self.benches[worker].accept(copy)) == [None]

    def claimable(self):
        return [number for number in self.expected if self.is_claimable(number)]

    @precondition(lambda self: self.claimable())
    @rule(worker=WORKERS, limit=st.integers(1, 4))
    def claim(self, worker, limit):
        claimable = self.claimable()
        claimed = self.run(self.benches[worker].claim(limit=limit))
        assert len(claimed) == min(limit, len(claimable))
        assert len({delivery.lane for delivery in claimed}) == len(claimed)
        for delivery in claimed:
            assert delivery.id in claimable
            one = self.expected[delivery.id]
            one.move(RUNNING)
            one.worker, one.due_at = worker, self.now + timedelta(seconds=LEASE_S)
            one.tries, one.attempts = one.tries + 1, one.attempts + 1
            assert (delivery.tries, delivery.attempts) == (one.tries, one.attempts)
            self.claims.append((worker, delivery))

    @precondition(lambda self: self.held())
    @rule(outcomes=st.lists(st.tuples(OUTCOMES, DELAYS_S, st.booleans(), st.booleans()), min_size=1, max_size=3))
    def settle_one_after_the_other(self, outcomes):
        for (worker, delivery), (state, delay_s, counts, causes) in zip(self.held(), outcomes, strict=False):
            caused = [self.new_event("S-2", "thing.urgent")] if causes else []
            due_at = self.now + timedelta(seconds=delay_s) if state is RETRYING else None
            takes_back = state is RETRYING and not counts
            settlement = Settlement(events=tuple(caused))
            work = self.benches[worker].settle(delivery, state, settlement, due_at=due_at, counts=not takes_back)
            assert self.run(work) is True
            self.book(delivery.id, state, due_at, counts=not takes_back)
            self.add(caused)
        self.press_the_wrong_buttons()

    @precondition(lambda self: self.overtaken())
    @rule(data=st.data())
    def settle_late(self, data):
        """Settled before, or somebody, maybe the same worker again, has it by now: nothing of this is written."""
        worker, delivery = data.draw(st.sampled_from(self.overtaken()))
        late = Settlement(events=(self.new_event("S-2", "thing.urgent"),))
        assert self.run(self.benches[worker].settle(delivery, settlement=late)) is False

    def held(self):
        return [claim for claim in self.claims if self.holds(*claim)]

    def overtaken(self):
        """Those of what runs again first: they are the dangerous ones."""
        late = [claim for claim in self.claims if not self.holds(*claim)]
        return [claim for claim in late if self.expected[claim[1].id].state is RUNNING] or late

    def book(self, number, state, due_at, *, counts):
        one = self.expected[number]
        one.worker = None
        if state is DeliveryState.DONE:
            self.end(number, state)
        else:
            one.move(state)
        one.due_at = due_at or one.due_at
        one.attempts -= not counts
        self.settled += 1

    @precondition(lambda self: len(self.held()) > 2)
    @rule(worker=WORKERS)
    def settle_all_at_once(self, worker):
        mine = [delivery for holder, delivery in self.held() if holder == worker]
        kept = self.run(self._settle_all(worker, mine))
        assert kept == [True] * len(mine)
        for delivery in mine:
            self.book(delivery.id, DeliveryState.DONE, None, counts=True)

    async def _settle_all(self, worker, deliveries):
        return await asyncio.gather(*(self.benches[worker].settle(delivery) for delivery in deliveries))

    @precondition(lambda self: self.held())
    @rule(worker=WORKERS)
    def heartbeat(self, worker):
        ever = [delivery for holder, delivery in self.claims if holder == worker]
        self.run(self.benches[worker].ledger.extend_leases(ever))
        for holder, delivery in self.held():
            if holder == worker:
                self.expected[delivery.id].due_at = self.now + timedelta(seconds=LEASE_S)

    @rule(seconds=st.sampled_from([1, 10, LEASE_S - 1, LEASE_S + 1, LEASE_S + 1]))
    def time_passes(self, seconds):
        self.world.clock.advance(seconds)

    def those_in(self, *states):
        return [number for number, one in self.expected.items() if one.state in states]

    @precondition(lambda self: self.those_in(*MENDABLE))
    @rule(data=st.data())
    def somebody_retries(self, data):
        number = data.draw(st.sampled_from(self.those_in(*MENDABLE)))
        assert self.run(self.bench.desk.retry(Filter(ids=(number,)), actor="mia")) == 1
        one = self.expected[number]
        one.move(RETRYING)
        one.due_at, one.attempts = self.now, 0

    @precondition(lambda self: self.those_in(WAITING, *MENDABLE))
    @rule(data=st.data())
    def somebody_discards(self, data):
        number = data.draw(st.sampled_from(self.those_in(WAITING, *MENDABLE)))
        assert self.run(self.bench.desk.discard(Filter(ids=(number,)), actor="mia", reason="x")) == 1
        self.end(number, DeliveryState.DISCARDED)

    @precondition(lambda self: self.those_in(DeliveryState.DISCARDED))
    @rule(data=st.data())
    def somebody_reopens(self, data):
        number = data.draw(st.sampled_from(self.those_in(DeliveryState.DISCARDED)))
        work = self.bench.desk.reopen(Filter(ids=(number,)), actor="mia", reason="x")
        if self.is_too_late_for(number):
            with pytest.raises(Reject, match=r"delivery\.overtaken"):
                self.run(work)
            return
        assert self.run(work) == 1
        one = self.expected[number]
        one.move(DeliveryState.HELD)
        one.attempts = 0

    def is_too_late_for(self, number):
        """Something of its lane runs, or something later about the same is done."""
        lane = [(n, one.state) for n, one in self.expected.items() if one.lane == self.expected[number].lane]
        return any(state is RUNNING or (n > number and state is DeliveryState.DONE) for n, state in lane)

    def press_the_wrong_buttons(self):
        """What runs or is over cannot be retried or discarded; what is not due is not claimed; no lane sleeps."""
        assert self.run(self.bench.desk.reopen(Filter(states=("done", "held")), actor="mia", reason="x")) == 0
        untouchable = tuple(self.those_in(RUNNING, DeliveryState.DONE, DeliveryState.DISCARDED))
        nothing = Filter(ids=untouchable or (0,))
        assert self.run(self.bench.desk.retry(nothing, actor="mia")) == 0
        assert self.run(self.bench.desk.discard(nothing, actor="mia", reason="x")) == 0
        assert self.run(self.bench.ledger.wake_sleeping_lanes()) == 0
        assert self.claimable() or self.run(self.bench.claim()) == []

    @invariant()
    def the_ledger_is_as_expected(self):
        rows = {row["id"]: row for row in self.run(self.bench.rows("select * from delivery order by id"))}
        assert rows.keys() == self.expected.keys()
        for number, one in self.expected.items():
            row = rows[number]
            found = tuple(row[name] for name in ("lane", "state", "tries", "attempts", "worker"))
            assert found == (one.lane, one.state, one.tries, one.attempts, one.worker), number
            assert row["head"] is (self.open_in(one.lane)[:1] == [number]), number
            assert row["due_at"] == one.due_at or one.state not in {WAITING, RUNNING, RETRYING}, number

    def teardown(self):
        """Everything that is still open can be brought to its end, and has then been done once."""
        self.the_ledger_is_as_expected()
        self.press_the_wrong_buttons()
        self.run(self._bring_to_its_end())

    async def _bring_to_its_end(self):
        self.world.clock.advance(3600)
        await self.bench.desk.retry(Filter(), actor="mia")
        while claimed := await self.bench.claim():
            await self._settle_all("w1", claimed)
            self.settled += len(claimed)
            await self.bench.desk.retry(Filter(), actor="mia")
        assert await self.bench.value("select count(*) from delivery where state not in ('done', 'discarded')") == 0
        assert await self.bench.value("select count(*) from event") == len(self.events)
        assert await self.bench.value("select count(*) from attempt where outcome <> 'lost'") == self.settled
        done_twice = "select delivery_id from attempt where outcome = 'done' group by delivery_id having count(*) > 1"
        assert await self.bench.rows(done_twice) == []
        undone = (
            "select id from delivery where state = 'done' "
            "and not exists (select from attempt where delivery_id = delivery.id and outcome = 'done')"
        )
        assert await self.bench.rows(undone) == []


def test_lanes_stay_in_order_and_nothing_is_lost_or_done_twice(stepped):
    class OnThisLedger(Lanes):
        database, runner = stepped

    run_state_machine_as_test(
        OnThisLedger,
        settings=settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking against a database takes minutes
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
