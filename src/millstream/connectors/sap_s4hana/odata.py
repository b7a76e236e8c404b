"""OData V2 on paper: addresses, literals, dates, and the JSON as it is meant. Pure: no call, no clock."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

Row = dict[str, Any]

ROOT: Final = "/sap/opu/odata/sap"
VERSION: Final = "__etag"  # the member under which a row keeps its entity tag
_DATE: Final = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/")
_DURATION: Final = re.compile(r"PT(\d{1,2})H(\d{1,2})M(\d{1,2})S")


def decode(body: bytes) -> Any:
    """The answer without its envelope. Raises ValueError when it is no JSON, KeyError or TypeError without one."""
    answer = json.loads(body, parse_float=Decimal)
    if not isinstance(answer, dict):
        raise TypeError(f"{type(answer).__name__} in place of an answer")
    return answer["d"]


def rows_of(content: Any) -> list[Row]:
    """The rows of a collection, or the one row there is."""
    found = plain(content)
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("something else in place of rows")
    return rows


def next_link(content: Any) -> str | None:
    """Where the collection goes on."""
    link = content.get("__next") if isinstance(content, dict) else None
    return link if isinstance(link, str) and link else None


def plain(value: Any) -> Any:
    """Collections as lists, links that were not asked for left out, versions beside the other members."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("results"), list):
        return plain(value["results"])
    row = {
        name: plain(each)
        for name, each in value.items()
        if name != "__metadata" and not (isinstance(each, dict) and "__deferred" in each)
    }
    metadata = value.get("__metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("etag"), str):
        row[VERSION] = metadata["etag"]
    return row


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def moment_literal(moment: datetime) -> str:
    """A point in time as a filter wants it."""
    return f"datetimeoffset'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z'"


def day_literal(day: date) -> str:
    """A day as a filter wants it."""
    return f"datetime'{day:%Y-%m-%d}T00:00:00'"


def day_value(day: date) -> str:
    """A day as a body wants it."""
    midnight = datetime.combine(day, time(), UTC)
    return f"/Date({int(midnight.timestamp()) * 1000})/"


def moment(value: str | None) -> datetime | None:
    """A point in time out of an answer. Raises ValueError for anything else."""
    if not value:
        return None
    found = _DATE.fullmatch(value)
    if found is None:
        raise ValueError(f"{value[:40]!r} is no date")
    return datetime.fromtimestamp(int(found[1]) / 1000, UTC)


def day(value: str | None) -> date | None:
    """A day out of an answer. Raises ValueError for anything else."""
    found = moment(value)
    return None if found is None else found.date()


def local_moment(on: date, at: str, zone: ZoneInfo) -> datetime:
    """A date and a time of day as the system keeps them. Raises ValueError."""
    found = _DURATION.fullmatch(at)
    if found is None:
        raise ValueError(f"{at[:40]!r} is no time of day")
    hours, minutes, seconds = (int(part) for part in found.groups())
    return datetime.combine(on, time(hours, minutes, seconds), zone).astimezone(UTC)


def entity(name: str, **keys: str) -> str:
    """The path of one row."""
    if len(keys) == 1:
        return f"{name}({text(next(iter(keys.values())))})"
    return f"{name}({','.join(f'{key}={text(value)}' for key, value in keys.items())})"


def any_of(name: str, values: Iterable[str]) -> str:
    """A filter: the property is one of these."""
    return "(" + " or ".join(f"{name} eq {text(value)}" for value in values) + ")"


def address(path: str, query: Mapping[str, str]) -> str:
    """Path and query, percent-encoded, relative to the service."""
    encoded = quote(path, safe="/$(),='")
    if not query:
        return encoded
    return encoded + "?" + "&".join(f"{name}={quote(value, safe=chr(39) + '(),/:')}" for name, value in query.items())


def chunks(values: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut into pieces, so that no filter grows too long."""
    return [values[start : start + size] for start in range(0, len(values), size)]
