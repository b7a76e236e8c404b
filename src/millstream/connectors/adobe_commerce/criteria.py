"""Search criteria that cannot go wrong silently.

The server answers a bad condition or date with every row it has, and an unknown column with an internal error, so
field, condition and value are checked here before anything is sent.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from millstream.domain.errors import Reject

PAGE_SIZE_MAX: Final = 100
LEVEL_MAX: Final = 10  # an eleventh index on one level is sorted differently by every signer
IN_LIST_MAX: Final = 100

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_FIELDS: Final = {
    "orders": {
        "entity_id": _NUMBER,
        "store_id": _NUMBER,
        "updated_at": _TIME,
        "created_at": _TIME,
        "increment_id": re.compile(r"[^\s,]{1,50}"),
        "ext_order_id": re.compile(r"[^,]{1,32}"),
    },
    "shipments": {"order_id": _NUMBER, "updated_at": _TIME, "entity_id": _NUMBER},
    "products": {"entity_id": _NUMBER},
    "inventory/sources": {"source_code": re.compile(r"\S{1,255}")},
}

Condition = Literal["eq", "neq", "gt", "gteq", "lt", "lteq", "in"]
_CONDITIONS: Final = frozenset({"eq", "neq", "gt", "gteq", "lt", "lteq", "in"})


class Filter(msgspec.Struct, frozen=True):
    """`field condition value`; `in` takes a comma list."""

    field: str
    condition: Condition
    value: str


Group = tuple[Filter, ...]
"""Filters of one group are alternatives; groups must all hold."""


def search_query(
    entity: str,
    groups: Sequence[Group],
    *,
    sort: Sequence[str] = (),
    page_size: int,
    fields: str = "",
) -> list[tuple[str, str]]:
    """The query of one search, ascending by `sort`. Raises Reject("criteria.unsafe") rather than send a bad one."""
    known = _FIELDS.get(entity)
    if known is None:
        raise _unsafe(entity, "is no searchable entity")
    _check_level(len(groups), "filter groups")
    query: list[tuple[str, str]] = []
    for g, group in enumerate(groups):
        _check_level(len(group), "filters in one group")
        for f, each in enumerate(group):
            _check(each, known)
            place = f"searchCriteria[filter_groups][{g}][filters][{f}]"
            query += [
                (f"{place}[field]", each.field),
                (f"{place}[value]", each.value),
                (f"{place}[condition_type]", each.condition),
            ]
    for s, field in enumerate(sort):
        if field not in known:
            raise _unsafe(field, "is no column to sort by")
        query += [(f"searchCriteria[sortOrders][{s}][field]", field)]
        query += [(f"searchCriteria[sortOrders][{s}][direction]", "ASC")]
    if not 1 <= page_size <= PAGE_SIZE_MAX:
        raise _unsafe("page_size", f"must be 1 to {PAGE_SIZE_MAX}, not {page_size}")
    query += [("searchCriteria[pageSize]", str(page_size)), ("searchCriteria[currentPage]", "1")]
    return [*query, ("fields", fields)] if fields else query


def _check(each: Filter, known: dict[str, re.Pattern[str]]) -> None:
    form = known.get(each.field)
    if form is None:
        raise _unsafe(each.field, "is no column to filter by")
    if each.condition not in _CONDITIONS:
        raise _unsafe(each.field, f"has the unknown condition {each.condition!r}")
    values = each.value.split(",") if each.condition == "in" else [each.value]
    if len(values) > IN_LIST_MAX:
        raise _unsafe(each.field, f"lists {len(values)} values, more than {IN_LIST_MAX}")
    for value in values:
        if not form.fullmatch(value):
            raise _unsafe(each.field, f"has a value of the wrong form: {value[:40]!r}")


def _check_level(count: int, what: str) -> None:
    if count > LEVEL_MAX:
        raise _unsafe(what, f"are {count}, more than {LEVEL_MAX}")


def _unsafe(field: str, what: str) -> Reject:
    return Reject("criteria.unsafe", f"Search refused before it was sent: {field} {what}.", field=field)
