"""What the shopper is told.

Numbers, dates and the merchant's own sentences; whatever else gets in (a carrier's "received by") is escaped by the
store connector, which knows how its store shows comments.
"""

from datetime import date
from typing import Final

_MONTHS: Final = {
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905 - twelve words read better in a row
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),  # noqa: SIM905 - as above
}


def long_date(day: date, language: str = "en") -> str:
    """`14 September 2026`, `14. September 2026`."""
    months = _MONTHS.get(language, _MONTHS["en"])
    dot = "." if language == "de" else ""
    return f"{day.day}{dot} {months[day.month - 1]} {day.year}"


def confirmed_text(erp_number: str, ship_date: date | None, reason: str) -> str:
    """The order acknowledgement."""
    when = f"It is expected to ship on {long_date(ship_date)}." if ship_date else "We will tell you the ship date soon."
    why = f" ({reason})" if reason else ""
    return f"Your order is confirmed. Our number: {erp_number}. {when}{why}"


def promise_changed_text(ship_date: date | None, before: date | None, reason: str) -> str:
    """A new date, with the old one and why."""
    if ship_date is None:
        return "The expected ship date of your order is being set anew; we will tell you as soon as it is known."
    was = f" (before: {long_date(before)})" if before else ""
    why = f" Reason: {reason}." if reason else ""
    return f"Your order is now expected to ship on {long_date(ship_date)}{was}.{why}"


PACKED_TEXT: Final = "Your order is packed and waits for the carrier."


def delivered_text(received_by: str | None) -> str:
    """The carrier's word."""
    return "Your order was delivered." if not received_by else f"Your order was delivered. Received by: {received_by}."
