"""Whether an answer has what was asked for. Checked once, at the edge: what is behind it may index."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def rows_of(result: Any, fields: Sequence[str]) -> list[Row]:
    """The rows of a search_read, each with its id and every field asked for. Raises TypeError, KeyError."""
    if not isinstance(result, list):
        raise TypeError(f"{type(result).__name__} in place of rows")
    for row in result:
        ids_of([row["id"]], count=1)
        for field in fields:
            _check(row, field)
    return result


def ids_of(result: Any, *, count: int) -> list[int]:
    """As many ids as records were asked for. Raises TypeError."""
    if not (isinstance(result, list) and len(result) == count and all(type(each) is int for each in result)):
        raise TypeError(f"something else in place of {count} ids")
    return result


def _check(row: Row, field: str) -> None:
    name, _, rest = field.partition(".")
    if not rest:
        row[name]
        return
    inner = row[f"{name}."]
    for each in inner if isinstance(inner, list) else [inner]:
        if each is not None:
            _check(each, rest)
