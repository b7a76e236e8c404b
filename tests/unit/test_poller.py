"""Asking what changed: nothing is skipped, nothing stops the next question."""

import asyncio
import json
from collections import Counter

import pytest

from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.delivery import NOTHING
from millstream.domain.errors import Retry
from millstream.domain.events import NewEvent
from millstream.engine.poller import Polled, Poller, PollTask
from millstream.engine.routes import Route, Routes
from millstream.ports.positions import Rewound
from millstream.store.ledger import PostgresLedger
from millstream.store.positions import PostgresPositions

EVERY_S = 5.0


async def nothing(delivery, hub):
    return NOTHING


class Mill:
    """A system with numbered changes, polled through the real schedule."""

    def __init__(self, database, *, worker="w1", world=None, page_size=10) -> None:
        self.database = database
        self.world = world or ManualWorld()
        self.tap = RecordingTap()
        self.changes = 0
        self.page_size = page_size
        self.asked: list[object] = []
        self.failures: list[Exception] = []
        self.woken = 0
        self.ledger = PostgresLedger(
            database,
            routes=Routes({"thing.happened": (Route(subscriber="a", flow=nothing),)}),
            world=self.world,
            tap=self.tap,
            worker=worker,
            lease_s=30,
        )
        self.task = PollTask(name="mill.changes", every_s=EVERY_S, ask=self.ask)
        self.poller = Poller(
            schedule=self.ledger, tasks=[self.task], clock=self.world.clock, tap=self.tap, woken=self.wake
        )

    def wake(self) -> None:
        self.woken += 1

    async def ask(self, cursor):
        self.asked.append(cursor)
        if self.failures:
            raise self.failures.pop(0)
        seen = (cursor or {"at": 0})["at"]
        upto = min(seen + self.page_size, self.changes)
        events = tuple(
            NewEvent(
                source="mill",
                source_id=str(n),
                type="thing.happened",
                subject=f"S-{n}",
                occurred_at=self.world.clock.now(),
                data={},
            )
            for n in range(seen + 1, upto + 1)
        )
        return Polled(events=events, cursor={"at": upto}, more=upto < self.changes)

    async def poll(self) -> int:
        return await self.poller.poll_all()

    async def stored(self) -> int:
        async with self.database.connection() as connection:
            return await connection.fetchval("select count(*) from event")


@pytest.fixture
def mill(database):
    return Mill(database)


async def test_what_changed_is_stored_and_the_cursor_moves(mill):
    mill.changes = 3
    assert await mill.poll() == 3
    mill.changes = 5
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 2
    assert mill.asked == [None, {"at": 3}]
    assert await mill.stored() == 5


async def test_the_worker_is_woken_when_something_is_new_and_only_then(mill):
    mill.changes = 1
    await mill.poll()
    assert mill.woken == 1
    mill.world.clock.advance(EVERY_S)
    await mill.poll()
    assert mill.woken == 1


async def test_all_pages_are_fetched_at_once(mill):
    mill.changes = 35
    assert await mill.poll() == 35
    assert mill.asked == [None, {"at": 10}, {"at": 20}, {"at": 30}]


async def test_nothing_is_asked_before_it_is_due_again(mill):
    await mill.poll()
    mill.world.clock.advance(EVERY_S - 0.1)
    await mill.poll()
    assert len(mill.asked) == 1
    mill.world.clock.advance(0.1)
    await mill.poll()
    assert len(mill.asked) == 2


async def test_a_failure_is_told_leaves_the_cursor_and_is_tried_again_at_the_next_turn(mill):
    mill.changes = 2
    await mill.poll()
    mill.changes = 4
    mill.world.clock.advance(EVERY_S)
    mill.failures = [Retry("down", "the mill answered 503")]
    assert await mill.poll() == 0
    assert mill.tap.named("poll.failed") == [
        {"task": "mill.changes", "code": "down", "message": "the mill answered 503"}
    ]
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 2
    assert mill.asked == [None, {"at": 2}, {"at": 2}]


async def test_a_mistake_of_ours_is_told_and_polling_goes_on(mill):
    mill.changes = 1
    mill.failures = [ZeroDivisionError("a row nobody foresaw")]
    assert await mill.poll() == 0
    (told,) = mill.tap.named("poll.crashed")
    assert (told["task"], told["error"]) == ("mill.changes", "ZeroDivisionError: a row nobody foresaw")
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 1


async def test_a_failure_between_two_pages_keeps_the_first_and_asks_for_the_second_again(mill):
    mill.changes = 15
    ask = mill.ask

    async def fails_at_the_second(cursor):
        if cursor == {"at": 10} and len(mill.asked) == 1:
            mill.failures = [Retry("down", "x")]
        return await ask(cursor)

    mill.poller._tasks = [PollTask(name="mill.changes", every_s=EVERY_S, ask=fails_at_the_second)]
    assert await mill.poll() == 10
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 5
    assert mill.asked == [None, {"at": 10}, {"at": 10}]


async def test_events_and_cursor_are_stored_together_or_not_at_all(mill):
    mill.changes = 3
    note = mill.tap.note

    def dies_before_the_commit(name, /, **facts):
        if name == "poll.written" and not mill.tap.named("poll.written"):
            note(name, **facts)
            raise Retry("store.unavailable", "PostgreSQL went away")
        note(name, **facts)

    mill.tap.note = dies_before_the_commit
    assert await mill.poll() == 0
    assert await mill.stored() == 0
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 3
    assert mill.asked == [None, None]


async def test_a_database_that_does_not_answer_is_told_and_asked_again(mill):
    mill.changes = 1
    transaction = mill.database.transaction

    def away():
        raise Retry("store.unavailable", "PostgreSQL does not answer")

    mill.database.transaction = away
    assert await mill.poll() == 0
    assert mill.tap.named("poll.failed")[0]["code"] == "store.unavailable"
    mill.database.transaction = transaction
    assert await mill.poll() == 1


async def test_of_two_processes_one_asks_and_the_other_takes_over_when_it_dies(mill, database):
    other = Mill(database, worker="w2", world=mill.world)
    mill.changes = other.changes = 1
    mill.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await mill.poll()
    mill.world.clock.advance(EVERY_S)
    assert await other.poll() == 0
    assert other.asked == []
    mill.world.clock.advance(30)
    assert await other.poll() == 1


async def test_two_copies_of_one_change_are_stored_once(mill):
    mill.changes = 2
    await mill.poll()
    async with mill.database.connection() as connection:
        await connection.execute("update schedule set cursor = null")
    mill.world.clock.advance(EVERY_S)
    assert await mill.poll() == 0
    assert await mill.stored() == 2


async def back_to(mill, at):
    """Somebody moves the position, whoever reads just now."""

    def judge(cursor):
        return Rewound(was=None, cursor={"at": at}, moved=True)

    positions = PostgresPositions(mill.database, clock=mill.world.clock)
    now = mill.world.clock.now()
    await positions.move("mill.changes", "mill", judge, to=now, actor="mia", reason="restored")


async def position(mill):
    async with mill.database.connection() as connection:
        return json.loads(await connection.fetchval("select cursor from schedule"))


async def test_whoever_reads_while_the_position_is_moved_back_does_not_move_it_forward_again(mill, database):
    mill.changes = 5
    await mill.poll()
    mill.changes = 7
    mill.world.clock.advance(EVERY_S)
    ask = mill.ask

    async def meanwhile(cursor):
        polled = await ask(cursor)
        await back_to(mill, 2)
        return polled

    mill.poller._tasks = [PollTask(name="mill.changes", every_s=EVERY_S, ask=meanwhile)]
    assert await mill.poll() == 2, "what it brought is kept"
    assert await position(mill) == {"at": 2}
    other = Mill(database, worker="w2", world=mill.world)
    other.changes = 7
    assert await other.poll() == 0, "all of it is known"
    assert (other.asked, await position(mill), await mill.stored()) == ([{"at": 2}], {"at": 7}, 7)


async def test_the_pages_that_follow_are_asked_from_where_the_position_was_moved_to(mill):
    mill.changes = 35
    ask = mill.ask

    async def meanwhile(cursor):
        polled = await ask(cursor)
        if len(mill.asked) == 2:
            await back_to(mill, 5)
        return polled

    mill.poller._tasks = [PollTask(name="mill.changes", every_s=EVERY_S, ask=meanwhile)]
    assert await mill.poll() == 35
    assert mill.asked == [None, {"at": 10}, {"at": 5}, {"at": 15}, {"at": 25}]
    assert (await position(mill), await mill.stored()) == ({"at": 35}, 35)


async def test_each_task_keeps_its_own_rhythm_until_cancelled(mill):
    enough = asyncio.Event()
    asked = Counter()

    def task(name, every_s):
        async def ask(cursor):
            asked[name] += 1
            if min(asked["often"], asked["seldom"]) >= 3:
                enough.set()
            return Polled(events=(), cursor=None, more=False)

        return PollTask(name=name, every_s=every_s, ask=ask)

    mill.poller._tasks = [task("often", 1.0), task("seldom", 1.0)]
    polling = asyncio.create_task(mill.poller.run())
    async with asyncio.timeout(10):  # one that waited for the other would never be asked three times
        await enough.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    assert polling.cancelled()
