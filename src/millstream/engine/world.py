"""The real world: system clock, UUID version 7, real dice."""

import asyncio
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

# Seconds that pass also while the machine sleeps: a lease runs out in the database whether we are awake or not.
_TICKS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | (random_bits & 0x3FFF_FFFF_FFFF_FFFF)
    return UUID(int=value)


def wall_time() -> datetime:
    """What this machine believes the time to be."""
    return datetime.now(UTC)


def ticks_s() -> float:
    """Seconds since some moment, at an even pace whatever is done to the wall clock."""
    return time.clock_gettime(_TICKS)


class SystemClock:
    """UTC: the machine's belief until `calibrate` tells the database's time, which goes on at the pace of ticks.

    A wall clock that is wrong, or is set while we work, changes nothing from then on: machines go by one clock.
    """

    def __init__(self, *, wall: Callable[[], datetime] = wall_time, ticks: Callable[[], float] = ticks_s) -> None:
        self._ticks = ticks
        self._known, self._known_at_s = wall(), ticks()

    def now(self) -> datetime:
        """See Clock."""
        return self._known + timedelta(seconds=self._ticks() - self._known_at_s)

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)

    def calibrate(self, database_now: datetime, *, asked_for_s: float = 0.0) -> None:
        """Takes the database's time as the truth from here on; it was read somewhere within the last `asked_for_s`."""
        self._known, self._known_at_s = database_now, self._ticks() - asked_for_s / 2


class SystemIds:
    """Ids ordered by the time of `clock`, from the system's randomness."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    def new(self) -> UUID:
        """See Ids."""
        return uuid7(int(self._clock.now().timestamp() * 1000), int.from_bytes(os.urandom(10)))


class SystemDice:
    """Unpredictable numbers."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        """See Dice."""
        return self._random.uniform(low, high)


class SystemWorld:
    """The three together, as production uses them."""

    def __init__(self, *, clock: SystemClock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.ids = SystemIds(self.clock)
        self.dice = SystemDice()
