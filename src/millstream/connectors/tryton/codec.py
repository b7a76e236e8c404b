"""Tryton's JSON: dates, times and decimals travel as objects that name their class."""

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

DATETIME_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def encode_call(method: str, params: list[Any]) -> bytes:
    """A JSON-RPC body. It has exactly these three keys: with others, errors come back in another shape."""
    return json.dumps({"id": 1, "method": method, "params": params}, default=_encode).encode()


def decode_answer(body: bytes) -> Any:
    """The decoded body, exact: every number with a point becomes Decimal. Raises ValueError when it is none of ours."""
    try:
        answer = json.loads(body, object_hook=_decode, parse_float=Decimal)
    except (LookupError, TypeError, ArithmeticError) as error:  # an object that names a class and lacks its parts
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not isinstance(answer, dict):
        raise ValueError(f"{type(answer).__name__} in place of an answer")  # noqa: TRY004 - one error for all that is none
    return answer


def _encode(value: object) -> dict[str, Any]:
    match value:
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return {"__class__": "datetime", **{part: getattr(moment, part) for part in DATETIME_PARTS}}
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")


def _decode(plain: dict[str, Any]) -> Any:
    match plain.get("__class__"):
        case "Decimal":
            return Decimal(plain["decimal"])
        case "date":
            return date(plain["year"], plain["month"], plain["day"])
        case "datetime":
            year, month, day, hour, minute, second, microsecond = (plain[part] for part in DATETIME_PARTS)
            return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
        case "timedelta":
            return timedelta(seconds=float(plain["seconds"]))
        case "bytes":
            return base64.b64decode(plain["base64"])
    return plain
