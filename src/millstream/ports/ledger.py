"""The delivery ledger: what must happen, what is happening, what happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from millstream.domain.delivery import Delivery, Outcome
from millstream.domain.events import NewEvent
from millstream.ports.inbox import Inbox
from millstream.ports.tap import Call


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at one delivery, with every outward call it made, and the overlays by which it made them."""

    delivery: Delivery
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    calls: tuple[Call, ...] = ()
    overlays: tuple[str, ...] = ()


class Ledger(Inbox, Protocol):
    """The queue of what happens next. Every method is one transaction."""

    async def claim(self, *, limit: int, subscribers: Sequence[str]) -> Sequence[Delivery]:
        """Leases up to `limit` due lane heads to this worker, most urgent first. Expired leases are taken over."""
        ...

    async def settle(self, attempt: Attempt) -> bool:
        """Writes the outcome; many settlements share one commit.

        False: the lease had been taken over meanwhile and nothing was written. Raises Conflict if a link it brings
        contradicts one on record; then nothing was written either.
        """
        ...

    async def extend_leases(self, deliveries: Sequence[Delivery]) -> None:
        """A heartbeat: the worker is alive and still on these tries."""
        ...

    def holds(self, delivery: Delivery) -> bool:
        """Whether this worker's lease on this try of the delivery still runs, by its own clock. Asks nobody.

        A later try, be it this worker's own, ends it.
        """
        ...

    async def next_due(self) -> datetime | None:
        """When the next delivery becomes claimable, None if nothing is open for workers."""
        ...

    async def wake_sleeping_lanes(self) -> int:
        """Gives every lane with open deliveries but no head its head back; returns how many had none (should be 0)."""
        ...


class Taker(Protocol):
    """Who runs deliveries from the moment they are written, so that nobody need claim them: the process's worker."""

    def room(self, *, leaving: int) -> int:
        """How many more it would start once `leaving` of its own have ended; 0 while it takes nothing."""
        ...

    def wants(self, subscriber: str, priority: int) -> bool:
        """Whether such a delivery is at least as urgent as what waits, as far as it knows."""
        ...

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """They are written and leased to it: it starts them."""
        ...


class Schedule(Protocol):
    """Recurring work with a cursor, claimed like deliveries: one worker at a time per task."""

    async def claim_task(self, name: str, *, every_s: float) -> tuple[bool, dict[str, Any] | None]:
        """(True, cursor) if the task is due and now ours until its lease ends; (False, None) otherwise."""
        ...

    async def finish_task(
        self, name: str, *, events: Sequence[NewEvent], cursor: dict[str, Any] | None, due_in_s: float
    ) -> Sequence[UUID | None]:
        """Accepts the events, moves the cursor and sets the next due time, all in one transaction.

        Of a task that is not ours any more (its lease ran out, or its position was moved) the events alone are kept.
        """
        ...
