"""Claims due deliveries, runs them side by side, keeps their leases, stops gracefully."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from millstream.domain.delivery import Delivery
from millstream.domain.errors import Retry
from millstream.engine.delivery import Execution
from millstream.engine.places import Places
from millstream.ports.ledger import Ledger
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

CLAIM_MIN: Final = 8  # fewer free places than this are not worth a query while others still run


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`concurrency` deliveries run side by side; a lease outlives `lease_s` only by heartbeat."""

    concurrency: int = 64
    poll_s: float = 1.0  # how long to wait at most when nobody wakes us
    lease_s: float = 30.0
    drain_s: float = 30.0  # how long a graceful stop waits for what is running


class Worker:
    """One claims loop. Any number of workers, in any number of processes, share one ledger."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        execution: Execution,
        settings: WorkerSettings,
        clock: Clock,
        tap: Tap,
        subscribers: Callable[[], Sequence[str]],
    ) -> None:
        self._ledger = ledger
        self._execution = execution
        self._settings = settings
        self._clock = clock
        self._tap = tap
        self._subscribers = subscribers
        self._running: dict[asyncio.Task[object], Delivery] = {}  # in the order they began
        self._places = Places(settings.concurrency, clock=clock)
        self._wake = asyncio.Event()
        self._backlog = False  # the last claim took all it had room for
        self._held_back = False  # a subscriber that holds its share was left out of it
        self._claimed_to = 0  # the least urgent of what it took
        self._claiming = 0  # places that a claim under way may fill
        self._takes = False  # whether new deliveries may be started without a claim
        self._stopping = False

    def wake(self) -> None:
        """Something may be due: look now."""
        self._wake.set()

    async def run(self) -> None:
        """Works until stopped, then drains: claims nothing more and finishes what runs."""
        heartbeat = asyncio.create_task(self._keep_leases())
        self._takes = not self._stopping
        try:
            while not self._stopping:
                if not await self._fill():
                    await self._rest()
            await self._drain()
        finally:
            heartbeat.cancel()

    def stop(self) -> None:
        """Asks for a graceful stop."""
        self._stopping = True
        self._takes = False
        self._wake.set()

    async def run_due(self) -> int:
        """Claims once, runs that and what it took at birth to the end, returns how many. For tests and simulations."""
        claimed = await self._ledger.claim(limit=self._settings.concurrency, subscribers=self._subscribers())
        self._heard(claimed, room=self._settings.concurrency)
        self._takes, failures, count = True, [], 0
        try:
            self.take(claimed)
            while running := list(self._running):
                count += len(running)
                results = await asyncio.gather(*running, return_exceptions=True)
                failures += [result for result in results if isinstance(result, BaseException) and not _cut_off(result)]
        finally:
            self._takes = False
        if failures:
            raise failures[0]
        return count

    # --- new deliveries, see ports.ledger.Taker

    def room(self, *, leaving: int) -> int:
        """See Taker."""
        return self._places.free() - self._claiming + leaving if self._takes else 0

    def wants(self, subscriber: str, priority: int) -> bool:
        """See Taker. While there is a backlog, nothing less urgent overtakes it."""
        if subscriber not in self._subscribers() or self._places.left_for(subscriber) <= 0:
            return False
        return not self._backlog or priority <= self._claimed_to

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """See Taker."""
        for delivery in deliveries:
            self._start(delivery)

    async def _fill(self) -> bool:
        """Starts as many due deliveries as there is room for; False if there was nothing to start."""
        self._wake.clear()
        subscribers, room = self._open_to()
        if room <= 0:
            self._backlog = True
            return False
        self._claiming = room
        try:
            claimed = await self._ledger.claim(limit=room, subscribers=subscribers)
        except Retry as failure:
            self._tap.note("worker.ledger_unreachable", message=failure.message)
            return False
        finally:
            self._claiming = 0
        self.take(claimed)
        self._heard(claimed, room=room)
        return self._backlog

    def _open_to(self) -> tuple[Sequence[str], int]:
        """Whose deliveries may begin now, and how many of each; none while that is not worth a query."""
        everybody, room = self._subscribers(), self._places.free()
        if len(everybody) <= 1:  # whoever is alone may have every place
            return everybody, room if room >= min(CLAIM_MIN, self._settings.concurrency) else 0
        worth_it = min(CLAIM_MIN, self._places.share)
        left = {name: left for name in everybody if (left := self._places.left_for(name)) >= worth_it}
        self._held_back = len(left) < len(everybody)
        room = min((room, *left.values()))
        return list(left), room if left and room >= worth_it else 0

    def _heard(self, claimed: Sequence[Delivery], *, room: int) -> None:
        """What a claim tells of the rest: if it took all it had room for, more may wait, and nothing more urgent."""
        self._backlog = len(claimed) == room
        self._claimed_to = max((delivery.priority for delivery in claimed), default=0)

    def _start(self, delivery: Delivery) -> None:
        earlier = self._earlier_tries(delivery) if delivery.again else {}
        running = self._run_after(earlier, delivery) if earlier else self._execution.run(delivery)
        task: asyncio.Task[object] = asyncio.create_task(running)
        self._running[task] = delivery
        self._places.take(delivery)
        task.add_done_callback(lambda ended: self._ended(delivery, ended))

    def _earlier_tries(self, delivery: Delivery) -> dict[asyncio.Task[object], Delivery]:
        """Its tries that still run here: this process claimed it again after it let the lease lapse."""
        return {task: other for task, other in self._running.items() if other.id == delivery.id}

    async def _run_after(self, earlier: Mapping[asyncio.Task[object], Delivery], delivery: Delivery) -> object:
        """Cuts them off and begins when they have ended: it finds what they did, and nobody does it beside it."""
        for task, other in earlier.items():
            if not (task.done() or self._execution.settles(other)):  # that is at its end, and fenced
                self._tap.note("worker.lease_lapsed", delivery=other.id, tries=other.tries)
                task.cancel()
        await asyncio.wait(earlier)
        return await self._execution.run(delivery)

    def _ended(self, delivery: Delivery, task: asyncio.Task[object]) -> None:
        self._running.pop(task, None)
        self._places.give_back(delivery)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The ledger could not be written: the lease runs out and somebody does it again.
            self._tap.note("worker.settle_failed", delivery=delivery.id, error=str(error))
        if self._backlog or self._held_back:  # otherwise the ledger wakes us when there is something
            self._wake.set()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            if self._running:
                try:
                    await self._ledger.extend_leases(list(self._running.values()))
                except Retry as failure:
                    self._tap.note("worker.ledger_unreachable", message=failure.message)
                except Exception as bug:  # noqa: BLE001 - without a heartbeat others would do again what runs here
                    self._tap.note("worker.heartbeat_failed", error=f"{type(bug).__name__}: {bug}", bug=bug)

    async def _drain(self) -> None:
        if self._running:
            self._tap.note("worker.draining", running=len(self._running))
            await asyncio.wait(self._running, timeout=self._settings.drain_s)


def _cut_off(result: BaseException) -> bool:
    """By a later try of the same, which does it."""
    return isinstance(result, asyncio.CancelledError)
