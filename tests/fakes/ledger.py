"""A ledger in memory: what is put in is due, what is settled is remembered, claims fail on request."""

import asyncio

from fakes.world import START, ManualWorld
from millstream.domain.delivery import Delivery
from millstream.domain.errors import Failure
from millstream.domain.events import Event
from millstream.ports.ledger import Attempt


class MemoryLedger:
    def __init__(self) -> None:
        self.due: list[Delivery] = []
        self.attempts: list[Attempt] = []
        self.claims: list[int] = []  # the limit of each claim, failed ones included
        self.extended: list[list[int]] = []
        self.failures: list[Exception] = []  # raised by claims, first in, first out
        self.settle_failures: list[Failure] = []
        self.extend_failures: list[Exception] = []
        self.writable = asyncio.Event()  # settlements wait for it
        self.writable.set()
        self.changed = asyncio.Condition()
        self._ids = ManualWorld().ids

    def put(self, count: int = 1, *, subscriber: str = "erp", kind: str = "thing.happened", attempts: int = 1) -> None:
        for _ in range(count):
            number = len(self.due) + len(self.attempts) + 1
            event = Event(
                id=self._ids.new(),
                source="test",
                source_id=str(number),
                type=kind,
                subject=f"S-{number}",
                occurred_at=START,
                received_at=START,
                correlation_id=self._ids.new(),
                causation_id=None,
                data={"n": number},
            )
            lane = f"{subscriber}/{event.subject}"
            self.due.append(
                Delivery(id=number, subscriber=subscriber, lane=lane, event=event, tries=attempts, attempts=attempts)
            )

    async def claim(self, *, limit, subscribers):
        self.claims.append(limit)
        await self._tell()
        if self.failures:
            raise self.failures.pop(0)
        claimed = [delivery for delivery in self.due if delivery.subscriber in subscribers][:limit]
        self.due = [delivery for delivery in self.due if delivery not in claimed]
        return claimed

    async def settle(self, attempt):
        if self.settle_failures:
            raise self.settle_failures.pop(0)
        await self.writable.wait()
        self.attempts.append(attempt)
        await self._tell()
        return True

    def holds(self, delivery):
        return True

    async def extend_leases(self, deliveries):
        self.extended.append([delivery.id for delivery in deliveries])
        await self._tell()
        if self.extend_failures:
            raise self.extend_failures.pop(0)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, holds) -> None:
        """Returns once `holds()` is true after something happened here."""
        async with self.changed, asyncio.timeout(10):
            await self.changed.wait_for(holds)
