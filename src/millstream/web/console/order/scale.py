"""A scale of time on which seconds and days are both readable."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate, pairwise
from math import log1p
from typing import Final

GRAIN_S: Final = 0.5  # a stretch this long is drawn about as long as it is; longer ones ever shorter
ROOM: Final = 0.15  # what two moments keep between them, however close they are


class Scale:
    """Instants -> 0 to 100. Between two neighbours among the given instants lies the logarithm of their distance.

    Order is kept, and what lies between neighbours is divided evenly; the lengths of two stretches say which one is
    longer, not how many times.
    """

    def __init__(self, instants: Iterable[datetime]) -> None:
        self._instants: Sequence[datetime] = sorted(set(instants))
        steps = [
            log1p((later - earlier).total_seconds() / GRAIN_S) + ROOM for earlier, later in pairwise(self._instants)
        ]
        reached = [0.0, *accumulate(steps)]
        whole = reached[-1] or 1.0
        self._places = [100 * place / whole for place in reached]

    def at(self, instant: datetime) -> float:
        """Where it is; outside of what was given: at the nearer end."""
        n = bisect_right(self._instants, instant) - 1
        if n < 0:
            return 0.0
        if n >= len(self._instants) - 1:
            return self._places[len(self._instants) - 1]
        here, there = self._instants[n], self._instants[n + 1]
        share = (instant - here) / (there - here)
        return self._places[n] + share * (self._places[n + 1] - self._places[n])

    def ticks(self, apart: float) -> list[datetime]:
        """Instants to write on the axis, at least so far apart; the first is always one, and the last."""
        if not self._instants:
            return []
        last = self._places[len(self._instants) - 1]
        chosen, free = [self._instants[0]], self._places[0] + apart
        for instant, place in zip(self._instants, self._places, strict=False):
            if place >= free and place <= last - apart:
                chosen.append(instant)
                free = place + apart
        if len(self._instants) > 1:
            chosen.append(self._instants[-1])
        return chosen


def rows(spans: Sequence[tuple[float, float]], *, most: int) -> list[int]:
    """Puts spans (left, right), given from left to right, into rows in which none overlap; at most so many rows."""
    ends: list[float] = []
    placed: list[int] = []
    for left, right in spans:
        row = next((n for n, end in enumerate(ends) if end <= left), len(ends))
        row = min(row, most - 1)
        if row == len(ends):
            ends.append(right)
        else:
            ends[row] = max(ends[row], right)
        placed.append(row)
    return placed
