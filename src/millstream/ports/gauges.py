"""How the hub stands: what waits, what fails, how long it takes. Read from the ledger, the same for every process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from millstream.ports.drift import Drift


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """The open deliveries of one subscriber in one state. `oldest_at` is when the first of them was stored."""

    subscriber: str
    state: str
    depth: int
    oldest_at: datetime
    changed_at: datetime  # when the one that has rested longest came to rest


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that failed to reach the ERP and are not there now, by code."""

    code: str
    orders: int
    oldest_at: datetime


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that reached the ERP within the window. `p95_s`: placed to confirmed; None if there was none."""

    orders: int
    p95_s: float | None


class FlowShare(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of one flow stored within the window, and how many of them rest failed now."""

    subscriber: str
    type: str
    deliveries: int
    failing: int

    @property
    def name(self) -> str:
        """As in "order.shipped to crm"."""
        return f"{self.type} to {self.subscriber}"


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process, when it was last seen, and which connections it found down since when."""

    worker: str
    started_at: datetime
    seen_at: datetime
    breakers: Mapping[str, datetime] = {}


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """The newest orders of a store, and how many of them a webhook announced too.

    `in_a_row`: so many of the newest were, without a gap.
    """

    orders: int
    announced: int
    in_a_row: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Orders shipped within the window that had been promised a date, and how many left by the first one."""

    shipped: int
    kept: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub stood at `at`."""

    at: datetime
    queues: tuple[Queue, ...] = ()
    faults: tuple[Fault, ...] = ()
    reached: Reached = Reached(orders=0, p95_s=None)
    flows: tuple[FlowShare, ...] = ()
    heartbeats: tuple[Heartbeat, ...] = ()
    announced: Announced | None = None
    kept: Kept | None = None
    drift: Drift | None = None

    def breakers(self, *, silent_s: float) -> dict[str, datetime]:
        """Connections that a living worker finds down, with the earliest moment."""
        found: dict[str, datetime] = {}
        for heartbeat in self.heartbeats:
            if (self.at - heartbeat.seen_at).total_seconds() <= silent_s:
                for system, since in heartbeat.breakers.items():
                    found[system] = min(since, found.get(system, since))
        return found


class Gauges(Protocol):
    """Reads the ledger in sets, never row by row."""

    async def standing(self, *, at: datetime, window_s: float) -> Reading:
        """Queues, faults, what reached the ERP within the window, heartbeats."""
        ...

    async def flows(self, *, at: datetime, window_s: float) -> tuple[FlowShare, ...]:
        """The share of failures per flow among what was stored within the window."""
        ...

    async def announced(self, store: str, *, since: datetime, until: datetime) -> Announced:
        """Of the newest orders stored in between, how many came by webhook too."""
        ...

    async def kept(self, *, since: datetime) -> Kept:
        """What was shipped since, judged by the first date promised."""
        ...

    async def waiting_orders(self, subscribers: Sequence[str], *, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """How many orders were placed that these have not carried out and nobody must decide about; some payloads.

        The payloads are order.placed, oldest first, at most `limit`.
        """
        ...

    async def failing_orders(self, *, at: datetime, window_s: float, limit: int) -> list[dict[str, Any]]:
        """The order.placed payloads of orders that fail to reach the ERP, oldest first."""
        ...


class Pulse(Protocol):
    """Where workers say that they live."""

    async def beat(self, heartbeat: Heartbeat) -> None:
        """Keeps it, in place of the one before; forgets workers not seen for a day."""
        ...
