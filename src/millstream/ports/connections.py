"""How connections stand over all processes, and the brake an operator pulls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

BreakerState = Literal["closed", "open", "probing"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one process knows of one connection now.

    `concurrency` and `rate_per_s` are its budget in this process (0 = no limit to the rate), `in_use` and `tokens` what
    is taken of the one and left of the other. `answered_at`: when the system last answered, a refusal included.
    """

    breaker: BreakerState
    open_until: datetime | None
    failures: int
    concurrency: int
    in_use: int
    rate_per_s: float
    tokens: float | None
    answered_at: datetime | None


class Governed(Protocol):
    """A connection within this process, see `wire.governor.Governor`."""

    paused: bool

    def seen(self) -> Seen:
        """How it stands."""
        ...


class SeenBy(Seen, frozen=True, kw_only=True):
    """The same, and which process saw it when."""

    worker: str
    seen_at: datetime


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Who paused it, when and why."""

    actor: str
    reason: str
    since: datetime


class ConnectionStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One connection. Calls are those that deliveries made within the window.

    `failed` counts calls without an answer, or with one that says "not now" (429, 5xx); `refused` those the system said
    no to. `error_share` is failed over calls, null if there were none. `last_good_at` is the last call that succeeded
    within the window, else the last answer any process heard; null: none is known of.
    """

    name: str
    kind: str
    pause: Pause | None
    breaker: BreakerState | None
    last_good_at: datetime | None
    calls: int
    failed: int
    refused: int
    error_share: float | None
    processes: tuple[SeenBy, ...]


class ConnectionBoard(Protocol):
    """What processes tell each other of connections."""

    async def exchange(self, worker: str, seen: Mapping[str, Seen]) -> frozenset[str]:
        """Writes what this process sees; returns the names of the connections that are paused."""
        ...

    async def standings(self, kinds: Mapping[str, str], *, window_s: int) -> Sequence[ConnectionStanding]:
        """The connections of these names (name -> kind)."""
        ...

    async def pause(self, name: str, *, paused: bool, actor: str, reason: str) -> None:
        """Pauses or resumes it for all processes, restarts included; with its row in the audit trail."""
        ...
