"""Rate and concurrency per connection, and a circuit breaker in front of it."""

import asyncio
from datetime import datetime, timedelta

import msgspec

from millstream.domain.errors import Retry
from millstream.ports.connections import BreakerState, Seen
from millstream.ports.tap import Tap
from millstream.ports.world import Clock


class GovernorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one connection. `rate_per_s` 0 = unlimited."""

    concurrency: int = 8
    rate_per_s: float = 0.0
    breaker_threshold: int = 5  # consecutive failures that open the breaker
    breaker_cooldown_s: float = 1.0  # the first one; each failed probe doubles it
    breaker_cooldown_max_s: float = 30.0


class Governor:
    """Lets as many calls through as the other side can take; none while its breaker is open.

    The breaker opens after `breaker_threshold` failures in a row, stays open for the cool-down (or as long as the
    other side's Retry-After says), then lets one probe through: success closes it, failure opens it again for twice
    as long, so that a short outage costs a short wait and a long one few calls.
    """

    def __init__(self, system: str, settings: GovernorSettings, *, clock: Clock, tap: Tap) -> None:
        self.system = system
        self._settings = settings
        self._clock = clock
        self._tap = tap
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._failures = 0
        self._open_until: datetime | None = None
        self._asked_until: datetime | None = None  # the end of a pause the other side asked for
        self._cooldown_s = settings.breaker_cooldown_s
        self._probing = False
        self._tokens = max(settings.rate_per_s, 1.0)
        self._refilled_at = clock.now()
        self._answered_at: datetime | None = None
        self.paused = False

    def seen(self) -> Seen:
        """How it stands now."""
        rate = self._settings.rate_per_s
        if self.is_open:
            breaker: BreakerState = "open"
        else:
            breaker = "closed" if self._open_until is None else "probing"
        return Seen(
            breaker=breaker,
            open_until=self._open_until,
            failures=self._failures,
            concurrency=self._settings.concurrency,
            in_use=self._settings.concurrency - self._slots._value,  # noqa: SLF001 - a semaphore does not tell otherwise
            rate_per_s=rate,
            tokens=self._tokens if rate > 0 else None,
            answered_at=self._answered_at,
        )

    @property
    def is_open(self) -> bool:
        """Whether the breaker refuses calls now."""
        return self._open_until is not None and self._clock.now() < self._open_until

    def slot(self) -> "Slot":
        """One place for one call, by `async with`. Raises Retry(counts=False) while paused or the breaker is open."""
        return Slot(self)

    async def enter(self) -> bool:
        """Waits for a place; True if this call is the probe of an open breaker. Every one is left by `leave`."""
        self.refuse_if_closed()
        await self._slots.acquire()
        try:
            probing = self.refuse_if_closed()
            self._probing = self._probing or probing
        except Retry:
            self._slots.release()
            raise
        try:
            if self._settings.rate_per_s > 0:
                await self._take_token()
        except BaseException:
            self.leave(probing=probing)
            raise
        return probing

    def leave(self, *, probing: bool) -> None:
        """Gives the place back."""
        if probing:
            self._probing = False
        self._slots.release()

    def refuse_if_closed(self) -> bool:
        """Whether a call now would be the probe. Raises Retry if there may be none."""
        if self.paused:
            raise Retry("connection.paused", f"{self.system} is paused by an operator", after_s=15.0, counts=False)
        if self._open_until is None:
            return False
        wait = (self._open_until - self._clock.now()).total_seconds()
        if wait > 0 or self._probing:
            raise Retry(
                "breaker.open",
                f"{self.system} failed {self._failures} times in a row; next try in {max(wait, 1.0):.0f} s",
                after_s=max(wait, 1.0),
                counts=False,
            )
        return True

    async def _take_token(self) -> None:
        rate = self._settings.rate_per_s
        while True:
            now = self._clock.now()
            passed = (now - self._refilled_at).total_seconds()
            self._tokens = min(max(rate, 1.0), self._tokens + passed * rate)
            self._refilled_at = now
            if self._tokens >= 1.0:
                self._tokens -= 1.0
                return
            await self._clock.sleep((1.0 - self._tokens) / rate)

    def succeeded(self) -> None:
        """The other side works. A pause it asked for lasts nonetheless: this call may have left before it asked."""
        self._answered_at = self._clock.now()
        if self._asked_until is not None and self._clock.now() < self._asked_until:
            return
        if self._open_until is not None:
            self._tap.note("breaker.closed", system=self.system)
        self._failures = 0
        self._open_until = self._asked_until = None
        self._cooldown_s = self._settings.breaker_cooldown_s

    def failed(self, *, after_s: float | None = None) -> None:
        """The other side does not. `after_s` is the delay it asked for: then the whole connection waits."""
        self._failures += 1
        if after_s is not None:
            self._open(after_s)
            self._asked_until = self._open_until
        elif self._open_until is not None:
            if not self.is_open:  # a probe; calls that left before the breaker opened are no news
                self._cooldown_s = min(self._cooldown_s * 2, self._settings.breaker_cooldown_max_s)
                self._open(self._cooldown_s)
        elif self._failures >= self._settings.breaker_threshold:
            self._open(self._cooldown_s)

    def _open(self, cooldown_s: float) -> None:
        until = self._clock.now() + timedelta(seconds=cooldown_s)
        self._open_until = until if self._open_until is None else max(until, self._open_until)
        self._tap.note("breaker.opened", system=self.system, failures=self._failures, cooldown_s=cooldown_s)


class Slot:
    """See `Governor.slot`."""

    __slots__ = ("_governor", "_probing")

    def __init__(self, governor: Governor) -> None:
        self._governor = governor
        self._probing = False

    async def __aenter__(self) -> None:
        self._probing = await self._governor.enter()

    async def __aexit__(self, *_: object) -> None:
        self._governor.leave(probing=self._probing)
