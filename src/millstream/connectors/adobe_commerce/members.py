"""Reads members of foreign JSON: what is missing or of the wrong kind is refused, and its place is named."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject

Row = Mapping[str, Any]

ZERO: Final = Decimal(0)
DIGITS_MAX: Final = 15  # before the decimal point; nothing sold costs more


def exact(value: Any) -> Decimal:
    """A JSON number as the decimal it was written as: 55.2 is Decimal("55.2"), never its binary neighbour.

    Raises ValueError for anything that is no finite number of a sensible size.
    """
    kind = type(value)
    if kind is int or kind is float:
        return _exact_number(value) if value else ZERO
    if kind is not str and kind is not Decimal:
        raise ValueError(f"{kind.__name__} is no number")
    return _sensible(_decimal(str(value).strip()))


@lru_cache(maxsize=4096, typed=True)  # an order says 0.0, 1 and 19.0 a hundred times
def _exact_number(value: float) -> Decimal:
    return _sensible(_decimal(repr(value)))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except (InvalidOperation, ValueError) as error:
        raise ValueError("is no number") from error


def _sensible(number: Decimal) -> Decimal:
    if not number.is_finite() or number.adjusted() > DIGITS_MAX:
        raise ValueError("is no number of a sensible size")
    return number


def moment(text: str) -> datetime:
    """The store's time stamp, UTC without saying so. Raises ValueError."""
    parsed = datetime.fromisoformat(text.strip())
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def digest(raw: dict[str, Any]) -> str:
    """The same for the same content, whatever the order of its members."""
    return sha256(msgspec.json.encode(raw, order="deterministic")).hexdigest()[:16]


def unmappable(field: str, what: str) -> Reject:
    """The refusal that names a place in the order."""
    text = f"The order's `{field}` {what}. Correct the order in the store and retry, or amend the payload."
    return Reject("order.unmappable", text, field=field)


def read_number(row: Row, name: str, where: str = "", *, mandatory: bool = False) -> Decimal:
    """The number, 0 when the member is left out."""
    value = row.get(name)
    field = f"{where}.{name}" if where else name
    if value is None:
        if mandatory:
            raise unmappable(field, "is missing")
        return ZERO
    try:
        return exact(value)
    except ValueError as error:
        raise unmappable(field, f"is no number: {str(value)[:40]!r}") from error


def read_optional_number(row: Row, name: str) -> Decimal | None:
    """The number, None when the member is left out."""
    return None if row.get(name) is None else read_number(row, name)


def read_text(row: Row, name: str) -> str | None:
    """The text without blanks around it, None when there is none. Numbers count as text."""
    value = row.get(name)
    if type(value) is str:  # nearly always
        return value.strip() or None
    if value is None or isinstance(value, dict | list):
        return None
    return str(value).strip() or None


def read_mandatory_text(row: Row, name: str, where: str = "") -> str:
    """The text; refused when there is none."""
    text = read_text(row, name)
    if text is None:
        raise unmappable(where + name, "is missing")
    return text


def read_joined(row: Row, *names: str) -> str:
    """The texts of several members with blanks between."""
    return " ".join(text for name in names if (text := read_text(row, name)))


def read_object(row: Row, name: str) -> Row:
    """The object, an empty one when there is none."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def read_mandatory_object(row: Row, name: str) -> Row:
    """The object; refused when there is none."""
    value = read_object(row, name)
    if not value:
        raise unmappable(name, "is missing")
    return value


def read_time(row: Row, name: str) -> datetime:
    """The UTC time; refused when there is none."""
    text = read_mandatory_text(row, name)
    try:
        return moment(text)
    except (ValueError, OverflowError) as error:
        raise unmappable(name, f"is no time: {text[:40]!r}") from error


def read_rows(raw: Row) -> list[Row]:
    """The order's rows."""
    items = raw.get("items")
    if not isinstance(items, list) or not all(isinstance(row, dict) for row in items):
        raise unmappable("items", "is no list of rows")
    return items


def row_id(row: Row) -> str:
    """The id of an order row."""
    return read_mandatory_text(row, "item_id", "items.")


def store_view_id(raw: Row) -> str:
    """The store view; 0 when it was deleted and the member is left out."""
    return read_text(raw, "store_id") or "0"


def dicts_in(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where there is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
