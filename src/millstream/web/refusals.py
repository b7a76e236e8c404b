"""How often each door refused, and why, since this process started."""

from collections import Counter
from collections.abc import Mapping


class Refusals:
    """Counts. Bounded: doors are the configured names (or "unknown"), codes are those of `problems.PROBLEMS`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, door: str, code: str) -> None:
        """One more refusal."""
        self._counts[door, code] += 1

    def of_door(self, door: str) -> Mapping[str, int]:
        """Refusals of one door, by code."""
        return {code: count for (name, code), count in sorted(self._counts.items()) if name == door}

    def by_code(self) -> Mapping[str, int]:
        """Refusals of all doors together, by code: fit for strangers, as it names no door."""
        totals: Counter[str] = Counter()
        for (_door, code), count in self._counts.items():
            totals[code] += count
        return dict(sorted(totals.items()))
