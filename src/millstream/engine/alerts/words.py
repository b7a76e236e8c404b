"""How alerts speak: the effect first, then the cause, then that nothing is lost."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo


def span(seconds: float) -> str:
    """A duration as people say it: 40 s, 16 min, 3 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{int(seconds // size)} {unit}"
    return f"{int(max(seconds, 0))} s"


def money(sums: Mapping[str, Decimal]) -> str:
    """Sums per currency, short: EUR 212 k, USD 3,900."""
    return " + ".join(f"{currency} {_short(amount)}" for currency, amount in sorted(sums.items()))


def _short(amount: Decimal) -> str:
    for letter, size in (("M", 1_000_000), ("k", 1_000)):
        if amount >= 10 * size or (letter == "M" and amount >= size):
            short = amount / size
            return f"{short:.1f} {letter}" if short < 10 else f"{short:.0f} {letter}"
    return f"{amount:,.0f}"


def many(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def hour(moment: datetime, timezone: str) -> str:
    """The time of day there, with the zone's name: whoever reads it may live in another."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%H:%M %Z}"
