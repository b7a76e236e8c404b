"""How connections stand over all processes, and the brake an operator pulls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from millstream.ports.finding import Finding

BreakerState = Literal["closed", "open", "probing"]
Brake = Literal["off", "drain", "pause"]
"""What an operator wants of a connection: calls as usual; no new work, but what runs may finish; no call at all."""
ConnectionState = Literal["on", "draining", "paused"]


class TokenLife(msgspec.Struct, frozen=True, kw_only=True):
    """When an access token was fetched and when it ends; `ends_at` null: the system did not say."""

    fetched_at: datetime
    ends_at: datetime | None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a system itself says of its limit: so many calls used of so many, by whoever uses it."""

    used: int
    limit: int
    told_at: datetime


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one process knows of one connection now.

    `concurrency` and `rate_per_s` are its budget in this process (0 = no limit to the rate), `in_use` and `tokens` what
    is taken of the one and left of the other. `under_way` counts the deliveries that have called it and are not at
    their end; `calls` every call since the process began, `calls_per_min` those of the last whole minute (null: there
    was none yet). `answered_at`: when the system last answered, a refusal included. `down_since`: since when its
    breaker is not closed, null also if nobody has tried for so long that it is not known any more. `token` and `usage`
    are null where there is no token, or the system does not tell.
    """

    breaker: BreakerState
    open_until: datetime | None
    failures: int
    concurrency: int
    in_use: int
    rate_per_s: float
    tokens: float | None
    answered_at: datetime | None
    brake: Brake = "off"
    under_way: int = 0
    calls: int = 0
    calls_per_min: int | None = None
    down_since: datetime | None = None
    token: TokenLife | None = None
    usage: Usage | None = None


class Governed(Protocol):
    """A connection within this process, see `wire.connection.Connection`."""

    brake: Brake

    def seen(self) -> Seen:
        """How it stands."""
        ...


class SeenBy(Seen, frozen=True, kw_only=True):
    """The same, and which process saw it when."""

    worker: str
    seen_at: datetime


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Who pulled the brake, when and why. `drain`: what ran at that time may finish."""

    actor: str
    reason: str
    since: datetime
    drain: bool = False


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of the limits. Null is not known; `rate_per_s` 0 is no limit to the rate.

    The first five add up the processes that told something of late. `calls_today` counts every call since midnight UTC.
    `system` is what the system itself says. `used_now` is the greater share of places and of rate, `used_today` the
    share of the system's own limit or else of what the rate allows in a day; both between 0 and 1, mostly.
    """

    concurrency: int | None
    in_use: int | None
    under_way: int | None
    rate_per_s: float | None
    calls_per_min: int | None
    calls_today: int | None
    system: Usage | None
    used_now: float | None
    used_today: float | None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """The last test of a connection: what was found, and what scopes, permissions or fields are missing."""

    at: datetime
    actor: str
    ok: bool
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


class ConnectionStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One connection. Calls are those that deliveries made within the window.

    `state` is draining as long as a process that told something of late has work under way or has not heard of it yet;
    `still_running` counts that work, null if no process tells. `down_since`: since when a process finds its breaker not
    closed, null: none does. `failed` counts calls without an answer, or with one that says "not now" (429, 5xx);
    `refused` those the system said no to. `error_share` is failed over calls, null if there were none. `last_good_at`
    is the last answer any process heard, polls and tests included, a refusal too; null: none is known of.
    `token` is the one that ends first. `last_test` null: it was never tested. `shared_by` names the processes that use
    its limit now.
    """

    name: str
    kind: str
    state: ConnectionState
    still_running: int | None
    pause: Pause | None
    breaker: BreakerState | None
    down_since: datetime | None
    last_good_at: datetime | None
    calls: int
    failed: int
    refused: int
    error_share: float | None
    budget: Budget
    token: TokenLife | None
    last_test: Examined | None
    shared_by: tuple[str, ...]
    processes: tuple[SeenBy, ...]


class ConnectionBoard(Protocol):
    """What processes tell each other of connections."""

    async def exchange(self, worker: str, seen: Mapping[str, Seen]) -> Mapping[str, Brake]:
        """Writes what this process sees; returns the brake of every connection that shall not be called as usual."""
        ...

    async def standings(self, kinds: Mapping[str, str], *, window_s: int) -> Sequence[ConnectionStanding]:
        """The connections of these names (name -> kind)."""
        ...

    async def pull(self, name: str, brake: Brake, *, actor: str, reason: str) -> None:
        """Pauses, drains or resumes it for all processes, restarts included; with its row in the audit trail."""
        ...

    async def examined(self, name: str, findings: Sequence[Finding], *, actor: str) -> None:
        """Remembers what a test found, in place of the one before; with its row in the audit trail."""
        ...
