"""Time, ids and dice: arguments everywhere, so that a seed reproduces any failure."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> datetime:
        """UTC, aware. In production calibrated to the database's clock, so that machines agree."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after the time has passed on this clock."""
        ...


class Ids(Protocol):
    """Makes ids."""

    def new(self) -> UUID:
        """A fresh UUID version 7: sorts by creation time."""
        ...


class Dice(Protocol):
    """Chance."""

    def uniform(self, low: float, high: float) -> float:
        """A number between low and high."""
        ...


class World(Protocol):
    """The three together."""

    @property
    def clock(self) -> Clock:
        """Time."""
        ...

    @property
    def ids(self) -> Ids:
        """Ids."""
        ...

    @property
    def dice(self) -> Dice:
        """Chance."""
        ...
