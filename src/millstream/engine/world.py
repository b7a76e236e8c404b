"""The real world: system clock, UUID version 7, real dice."""

import asyncio
import os
import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | (random_bits & 0x3FFF_FFFF_FFFF_FFFF)
    return UUID(int=value)


class SystemClock:
    """UTC, moved by `offset` so that all machines show the database's time."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC) + self.offset

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)

    def calibrate(self, database_now: datetime) -> None:
        """Takes the database's time as the truth from here on."""
        self.offset = database_now - datetime.now(UTC)


class SystemIds:
    """Time-ordered ids from the system's randomness."""

    def new(self) -> UUID:
        """See Ids."""
        return uuid7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


class SystemDice:
    """Unpredictable numbers."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        """See Dice."""
        return self._random.uniform(low, high)


class SystemWorld(msgspec.Struct, kw_only=True):
    """The three together, as production uses them."""

    clock: SystemClock = msgspec.field(default_factory=SystemClock)
    ids: SystemIds = msgspec.field(default_factory=SystemIds)
    dice: SystemDice = msgspec.field(default_factory=SystemDice)
