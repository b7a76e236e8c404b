"""Rate and concurrency per connection, and a circuit breaker in front of it."""

import asyncio
from contextvars import ContextVar, Token
from datetime import datetime, timedelta
from typing import Final

import msgspec

from millstream.domain.errors import Retry
from millstream.ports.connections import Brake, BreakerState, Seen, Usage
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

DOWN_FORGOTTEN_AFTER: Final = timedelta(minutes=20)  # longer than the longest wait between two tries
BRAKE_LOOK_S: Final = 15.0  # when a delivery that met a brake looks again


class GovernorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one connection. `rate_per_s` 0 = unlimited."""

    concurrency: int = 8
    rate_per_s: float = 0.0
    breaker_threshold: int = 5  # consecutive failures that open the breaker
    breaker_cooldown_s: float = 1.0  # the first one; each failed probe doubles it
    breaker_cooldown_max_s: float = 30.0


class Undertaking:
    """One try of a delivery, as connections know it: those it has called are not drained before it ends."""

    def __init__(self) -> None:
        self._begun: set[Governor] = set()
        self._outer: Token[Undertaking | None] | None = None

    def __enter__(self) -> None:
        self._outer = _undertaking.set(self)

    def __exit__(self, *_: object) -> None:
        for governor in self._begun:
            governor.under_way -= 1
        self._begun.clear()
        if self._outer is not None:
            _undertaking.reset(self._outer)

    def has_begun(self, governor: "Governor") -> bool:
        """Whether it has called this connection already."""
        return governor in self._begun

    def begin(self, governor: "Governor") -> None:
        """It calls this connection."""
        if governor not in self._begun:
            self._begun.add(governor)
            governor.under_way += 1


_undertaking: Final[ContextVar[Undertaking | None]] = ContextVar("undertaking", default=None)


class CallCount:
    """Calls since the process began, and in the last whole minute."""

    __slots__ = ("_clock", "_last", "_minute", "_now", "_whole", "total")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.total = 0
        self._minute = self._minute_now()
        self._now = 0
        self._last: int | None = None
        self._whole = False  # the present minute was watched from its beginning

    def _minute_now(self) -> int:
        return int(self._clock.now().timestamp() // 60)

    def add(self) -> None:
        """One more."""
        self._turn()
        self.total += 1
        self._now += 1

    def last_minute(self) -> int | None:
        """None before a whole minute has passed."""
        self._turn()
        return self._last

    def _turn(self) -> None:
        minute = self._minute_now()
        if minute == self._minute:
            return
        if minute > self._minute + 1:
            self._last = 0
        else:
            self._last = self._now if self._whole else None
        self._minute, self._now, self._whole = minute, 0, True


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
        self._opened_at: datetime | None = None  # last
        self._down_since: datetime | None = None
        self._asked_until: datetime | None = None  # the end of a pause the other side asked for
        self._cooldown_s = settings.breaker_cooldown_s
        self._probing = False
        self._tokens = max(settings.rate_per_s, 1.0)
        self._refilled_at = clock.now()
        self._answered_at: datetime | None = None
        self._usage: Usage | None = None
        self._calls = CallCount(clock)
        self.brake: Brake = "off"
        self.under_way = 0  # tries of deliveries that have called it and are not at their end

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
            brake=self.brake,
            under_way=self.under_way,
            calls=self._calls.total,
            calls_per_min=self._calls.last_minute(),
            down_since=self._known_down_since(),
            usage=self._usage,
        )

    def _known_down_since(self) -> datetime | None:
        """What nobody tried for long may be up again."""
        if self._opened_at is None or self._clock.now() - self._opened_at > DOWN_FORGOTTEN_AFTER:
            return None
        return self._down_since

    def called(self) -> None:
        """A request leaves."""
        self._calls.add()

    def told_usage(self, *, used: int, limit: int) -> None:
        """The system said how much of its own limit is used."""
        self._usage = Usage(used=used, limit=limit, told_at=self._clock.now())

    @property
    def is_open(self) -> bool:
        """Whether the breaker refuses calls now."""
        return self._open_until is not None and self._clock.now() < self._open_until

    def slot(self) -> "Slot":
        """One place for one call, by `async with`. Raises Retry(counts=False) while braked or the breaker is open."""
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
        undertaking = _undertaking.get()
        if undertaking is not None:
            undertaking.begin(self)
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
        if self.brake != "off":
            self._refuse_by_brake()
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

    def _refuse_by_brake(self) -> None:
        """While it drains, a try that has called it already may go on to its end."""
        undertaking = _undertaking.get()
        if self.brake == "drain" and undertaking is not None and undertaking.has_begun(self):
            return
        word = "paused" if self.brake == "pause" else "drained"
        text = f"{self.system} is {word} by an operator"
        raise Retry("connection.paused", text, after_s=BRAKE_LOOK_S, counts=False)

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
        self._open_until = self._asked_until = self._down_since = None
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
        self._opened_at = self._clock.now()
        self._down_since = self._down_since or self._opened_at
        until = self._opened_at + timedelta(seconds=cooldown_s)
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
