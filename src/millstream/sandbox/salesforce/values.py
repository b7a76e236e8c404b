"""What a field makes of a JSON value."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from millstream.sandbox.salesforce.ids import long_id, short_id
from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.schema import Field


def timestamp(moment: datetime) -> str:
    """As the API writes it: milliseconds and a zone without a colon."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def stored(field: Field, value: Any) -> Any:
    """The value as the org keeps it."""
    if value is None or value == "":
        return None
    match field.type:
        case "boolean":
            return _boolean(field, value)
        case "double" | "currency":
            return _number(field, value)
        case "date" | "datetime":
            return _moment(field, value)
        case "reference":
            return long_id(short_id(str(value)))
        case _:
            return _text(field, value)


def _refuse(field: Field, value: Any) -> Problem:
    kind = "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER"
    message = f"Cannot deserialize instance of {field.type} from {kind} value {value} or request may be missing"
    return Problem("JSON_PARSER_ERROR", message)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _refuse(field, value)


def _number(field: Field, value: Any) -> Decimal:
    if isinstance(value, bool):
        raise _refuse(field, value)
    try:
        return Decimal(value).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    except (InvalidOperation, TypeError, ValueError):
        raise _refuse(field, value) from None


def _moment(field: Field, value: Any) -> str:
    try:
        if field.type == "date":
            return date.fromisoformat(str(value)[:10]).isoformat()
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise _refuse(field, value) from None
    return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _text(field: Field, value: Any) -> str:
    text = (str(value).lower() if isinstance(value, bool) else str(value)).strip()
    if len(text) > field.length:
        message = f"{field.name}: data value too large: {text[:255]} (max length={field.length})"
        raise Problem("STRING_TOO_LONG", message, fields=(field.name,))
    if field.type == "email" and "@" not in text:
        message = f"{field.name}: invalid email address: {text}"
        raise Problem("INVALID_EMAIL_ADDRESS", message, fields=(field.name,))
    return text
