"""How OData V2 writes values: dates as /Date(ms)/, decimals as text, versions as weak entity tags."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return f"/Date({_milliseconds(value)}+0000)/"
        case date():
            return f"/Date({_milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))})/"
    return value


def _milliseconds(moment: datetime) -> int:
    passed = moment - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1000 + passed.microseconds // 1000


def version(moment: datetime) -> str:
    return f"W/\"datetimeoffset'{quote(moment.strftime('%Y-%m-%dT%H:%M:%S.%f0Z'), safe='')}'\""


def long_stamp(moment: datetime) -> str:
    """Seconds as fourteen digits: how production orders tell their last change."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def decimal(value: Any, default: str = "0") -> Decimal:
    return Decimal(str(default if value in {None, ""} else value))


def moment_of(text: str | None) -> date | None:
    """A date a client wrote as /Date(ms)/."""
    if not text:
        return None
    milliseconds = int(text.removeprefix("/Date(").split(")")[0].split("+")[0])
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
