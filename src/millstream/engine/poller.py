"""Recurring work: asks a system what changed and accepts the answer as events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from millstream.domain.errors import Failure
from millstream.domain.events import NewEvent
from millstream.ports.ledger import Schedule
from millstream.ports.tap import Tap
from millstream.ports.world import Clock


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """One page turned into events."""

    events: tuple[NewEvent, ...]
    cursor: dict[str, Any] | None
    more: bool


class PollTask(msgspec.Struct, frozen=True, kw_only=True):
    """A name, a rhythm and the question. The cursor moves in the transaction that stores the events."""

    name: str
    every_s: float
    ask: Callable[[dict[str, Any] | None], Awaitable[Polled]]


class Poller:
    """Runs the poll tasks of one process; the schedule makes sure that only one process runs each."""

    def __init__(
        self, *, schedule: Schedule, tasks: Sequence[PollTask], clock: Clock, tap: Tap, woken: Callable[[], None]
    ) -> None:
        self._schedule = schedule
        self._tasks = tasks
        self._clock = clock
        self._tap = tap
        self._woken = woken

    async def run(self) -> None:
        """Polls until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in self._tasks:
                group.create_task(self._repeat(task))

    async def _repeat(self, task: PollTask) -> None:
        while True:
            await self.poll_once(task)
            await self._clock.sleep(task.every_s)

    async def poll_all(self) -> int:
        """Every due task once; how many new events were stored. For tests and simulations."""
        return sum([await self.poll_once(task) for task in self._tasks])

    async def poll_once(self, task: PollTask) -> int:
        """Asks until the system has no more; failures are told and tried again at the next turn."""
        stored = 0
        try:
            ours, cursor = await self._schedule.claim_task(task.name, every_s=task.every_s)
            while ours:
                polled = await task.ask(cursor)
                accepted = await self._schedule.finish_task(
                    task.name,
                    events=polled.events,
                    cursor=polled.cursor,
                    due_in_s=0.0 if polled.more else task.every_s,
                )
                stored += sum(1 for event_id in accepted if event_id is not None)
                if not polled.more:
                    break
                # Somebody may have moved the position meanwhile: the next page is asked from where it stands now.
                ours, cursor = await self._schedule.claim_task(task.name, every_s=task.every_s)
        except Failure as failure:
            self._tap.note("poll.failed", task=task.name, code=failure.code, message=failure.message)
        except Exception as bug:  # noqa: BLE001 - a row nobody foresaw must not end polling for ever
            self._tap.note("poll.crashed", task=task.name, error=f"{type(bug).__name__}: {bug}", bug=bug)
        if stored:
            self._woken()
        return stored
