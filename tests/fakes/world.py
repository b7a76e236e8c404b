"""A world that stands still until told otherwise."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from millstream.engine.world import uuid7

START = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)


class ManualClock:
    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


class SeededDice:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class SeededIds:
    def __init__(self, clock: ManualClock, seed: int = 1) -> None:
        self._clock = clock
        self._random = random.Random(seed)

    def new(self) -> UUID:
        return uuid7(int(self._clock.now().timestamp() * 1000), self._random.getrandbits(80))


class ManualWorld:
    def __init__(self, seed: int = 1) -> None:
        self.clock = ManualClock()
        self.dice = SeededDice(seed)
        self.ids = SeededIds(self.clock, seed)
