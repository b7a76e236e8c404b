"""What the shopper is told, in the language of the store view.

Numbers, dates and the merchant's own sentences; whatever else gets in (a carrier's "received by") is escaped by the
store connector, which knows how its store shows comments. A reason of the ERP that has no words in a language is left
out there rather than shown in another.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import msgspec


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """One language. Placeholders in braces are filled in."""

    day: str
    months: tuple[str, ...]
    confirmed: str
    ships_on: str
    date_unknown: str
    moved: str
    rest_moved: str
    moved_from: str
    moved_to_unknown: str
    rest_moved_to_unknown: str
    reason: str
    packed: str
    part_packed: str
    delivered: str
    part_delivered: str
    received_by: str
    rest_cancelled: str
    reasons: Mapping[str, str] | None  # ERP reason (pattern) -> words; None: the ERP's own words


TEXTS: Final = {
    "en": Texts(
        day="{day} {month} {year}",
        months=tuple(
            "January February March April May June July August September October November December".split()  # noqa: SIM905 - twelve words read better in a row
        ),
        confirmed="Your order is confirmed. Our number: {number}. {when}",
        ships_on="It is expected to ship on {date}.",
        date_unknown="We will tell you the ship date soon.",
        moved="Your order is now expected to ship on {date}{before}.",
        rest_moved="The rest of your order is now expected to ship on {date}{before}.",
        moved_from=" (before: {date})",
        moved_to_unknown="The ship date of your order is being set anew; we will tell you as soon as it is known.",
        rest_moved_to_unknown="The ship date of the rest is being set anew; we will tell you as soon as it is known.",
        reason=" Reason: {reason}.",
        packed="Your order is packed and waits for the carrier.",
        part_packed="A part of your order is packed and waits for the carrier.",
        delivered="Your order was delivered.",
        part_delivered="A part of your order was delivered.",
        received_by=" Received by: {name}.",
        rest_cancelled="We are sorry, we cannot deliver this part of your order: {lines}.",
        reasons=None,
    ),
    "de": Texts(
        day="{day}. {month} {year}",
        months=tuple(
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()  # noqa: SIM905 - as above
        ),
        confirmed="Ihre Bestellung ist bestätigt. Unsere Nummer: {number}. {when}",
        ships_on="Voraussichtlicher Versand: {date}.",
        date_unknown="Den Versandtermin teilen wir Ihnen in Kürze mit.",
        moved="Ihre Bestellung wird nun voraussichtlich am {date} versandt{before}.",
        rest_moved="Der Rest Ihrer Bestellung wird nun voraussichtlich am {date} versandt{before}.",
        moved_from=" (zuvor: {date})",
        moved_to_unknown="Der Versandtermin Ihrer Bestellung wird neu bestimmt; Sie hören, sobald er feststeht.",
        rest_moved_to_unknown="Der Versandtermin für den Rest wird neu bestimmt; Sie hören, sobald er feststeht.",
        reason=" Grund: {reason}.",
        packed="Ihre Bestellung ist verpackt und wartet auf die Abholung.",
        part_packed="Ein Teil Ihrer Bestellung ist verpackt und wartet auf die Abholung.",
        delivered="Ihre Bestellung wurde zugestellt.",
        part_delivered="Ein Teil Ihrer Bestellung wurde zugestellt.",
        received_by=" Angenommen von: {name}.",
        rest_cancelled="Diesen Teil Ihrer Bestellung können wir leider nicht liefern: {lines}.",
        reasons={
            r"in stock": "ab Lager",
            r"made to order, lead time (\d+) days?": r"Fertigung nach Auftrag, \1 Tage",
            r"bought for this order, lead time (\d+) days?": r"Beschaffung nach Auftrag, \1 Tage",
            r"made to order": "Fertigung nach Auftrag",
            r"bought for this order": "Beschaffung nach Auftrag",
        },
    ),
}
LANGUAGES: Final = tuple(TEXTS)


def long_date(day: date, language: str = "en") -> str:
    """`14 September 2026`, `14. September 2026`."""
    texts = TEXTS[language]
    return texts.day.format(day=day.day, month=texts.months[day.month - 1], year=day.year)


def _why(reason: str, texts: Texts) -> str:
    """The reason as a sentence, empty where there is none or none in this language."""
    if texts.reasons is not None:
        words = (
            re.sub(pattern, text, reason) for pattern, text in texts.reasons.items() if re.fullmatch(pattern, reason)
        )
        reason = next(words, "")
    return texts.reason.format(reason=reason) if reason else ""


def confirmed_text(erp_number: str, ship_date: date | None, reason: str, language: str = "en") -> str:
    """The order acknowledgement."""
    texts = TEXTS[language]
    when = texts.ships_on.format(date=long_date(ship_date, language)) if ship_date else texts.date_unknown
    return texts.confirmed.format(number=erp_number, when=when) + _why(reason, texts)


def promise_changed_text(
    ship_date: date | None, before: date | None, reason: str, language: str = "en", *, rest: bool = False
) -> str:
    """A new date, with the old one and why. `rest`: a part has left, it is about what has not."""
    texts = TEXTS[language]
    if ship_date is None:
        return texts.rest_moved_to_unknown if rest else texts.moved_to_unknown
    was = texts.moved_from.format(date=long_date(before, language)) if before else ""
    moved = texts.rest_moved if rest else texts.moved
    return moved.format(date=long_date(ship_date, language), before=was) + _why(reason, texts)


def packed_text(language: str = "en", *, part: bool = False) -> str:
    """Packed, before the carrier came."""
    return TEXTS[language].part_packed if part else TEXTS[language].packed


def delivered_text(received_by: str | None, language: str = "en", *, part: bool = False) -> str:
    """The carrier's word."""
    texts = TEXTS[language]
    told = texts.part_delivered if part else texts.delivered
    return told + (texts.received_by.format(name=received_by) if received_by else "")


def rest_cancelled_text(lines: Iterable[Mapping[str, Any]], language: str = "en") -> str:
    """What will not come: each line with its `name` and its `quantity` as text."""
    named = ", ".join(f"{line['quantity']} × {line['name']}" for line in lines)
    return TEXTS[language].rest_cancelled.format(lines=named)
