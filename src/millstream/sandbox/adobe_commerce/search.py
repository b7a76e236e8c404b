"""searchCriteria and fields, with Magento's quirks: what it refuses, what it accepts silently, how it projects."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from millstream.sandbox.adobe_commerce.errors import Refusal, internal, required, wrong_type

Json = dict[str, Any]
DATES = ("created_at", "updated_at")
TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ")


class Filter(NamedTuple):
    field: str
    value: str
    condition: str

    def echo(self) -> Json:
        return {"field": self.field, "value": self.value, "condition_type": self.condition}


class Sort(NamedTuple):
    field: str
    direction: str | None

    def echo(self) -> Json:
        return {"field": self.field, **({"direction": self.direction} if self.direction else {})}


class Criteria(NamedTuple):
    groups: list[list[Filter]]
    sorts: list[Sort]
    page_size: int | None
    current_page: int | None

    def echo(self) -> Json:
        answer: Json = {"filter_groups": [{"filters": [one.echo() for one in group]} for group in self.groups]}
        if self.sorts:
            answer["sort_orders"] = [sort.echo() for sort in self.sorts]
        if self.page_size is not None:
            answer["page_size"] = self.page_size
        if self.current_page is not None:
            answer["current_page"] = self.current_page
        return answer


def pairs_of(query: str) -> list[tuple[str, str]]:
    """As PHP reads a query string: a plus is a space, brackets may be escaped."""
    split = (part.partition("=") for part in query.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in split]


def nest(pairs: Iterable[tuple[str, str]]) -> Json:
    """`a[b][0]=c` as nested objects; a later name wins."""
    root: Json = {}
    for name, value in pairs:
        head, *rest = re.findall(r"[^\[\]]+", name) or [name]
        node = root
        for key, following in zip([head, *rest], rest, strict=False):
            if not isinstance(node.get(key), dict):
                node[key] = {}
            node = node[key]
            del following
        node[[head, *rest][-1]] = value
    return root


def parse(query: Json) -> Criteria:
    """Reads searchCriteria in both spellings."""
    given = query.get("searchCriteria", query.get("search_criteria"))
    if given is None:
        raise required("searchCriteria")
    if not isinstance(given, dict):
        return Criteria([], [], None, None)  # `searchCriteria=` and `searchCriteria=all` mean everything
    groups = [
        [_filter(one) for one in _members(group, "filters")]
        for group in _members(given, "filter_groups", "filterGroups")
    ]
    sorts = [_sort(sort) for sort in _members(given, "sort_orders", "sortOrders")]
    size = _whole(given, "page_size", "pageSize")
    return Criteria([group for group in groups if group], sorts, size, _whole(given, "current_page", "currentPage"))


def _members(node: Any, *names: str) -> list[Json]:
    for name in names:
        found = node.get(name) if isinstance(node, dict) else None
        if isinstance(found, dict):
            return [member for member in found.values() if isinstance(member, dict)]
    return []


def _filter(one: Json) -> Filter:
    condition = one.get("condition_type", one.get("conditionType")) or "eq"
    return Filter(str(one.get("field", "")), str(one.get("value", "")), str(condition))


def _sort(one: Json) -> Sort:
    direction = one.get("direction")
    if direction is not None:
        direction = str(direction).upper()
        if direction not in {"ASC", "DESC"}:
            raise Refusal(
                400,
                "The sort order has to be specified as %1 for ascending order or %2 for descending order.",
                ["ASC", "DESC"],
            )
    return Sort(str(one.get("field", "")), direction)


def _whole(given: Json, *names: str) -> int | None:
    for name in names:
        if name in given:
            try:
                return int(given[name])
            except (ValueError, TypeError):
                raise wrong_type(name, given[name], "int") from None
    return None


Predicate = Callable[[Any], bool]


def _when(text: str) -> str | None:
    for pattern in TIME_FORMATS:
        try:
            return datetime.strptime(text.strip(), pattern).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - all UTC
        except ValueError:
            continue
    return None


def _number(text: str) -> float:
    found = re.match(r"\s*-?\d+(\.\d+)?", text)
    return float(found.group()) if found else 0.0


def _comparable(field: str, text: str) -> Callable[[Any], tuple[Any, Any]]:
    """A function that brings a stored value and the filter's value to one type, as the database does."""
    if field in DATES:
        when = _when(text)
        return lambda stored: (str(stored), when)
    number, lower = _number(text), text.lower()
    return lambda stored: (float(stored), number) if isinstance(stored, int | float) else (str(stored).lower(), lower)


def _like(text: str) -> Predicate:
    pattern = re.compile(re.escape(text).replace("%", ".*").replace("_", "."), re.IGNORECASE | re.DOTALL)
    return lambda stored: pattern.fullmatch(str(stored)) is not None


def _one_of(text: str) -> Predicate:
    wanted = {part.strip().lower() for part in text.split(",")}
    return lambda stored: str(stored).lower() in wanted


def _in_set(text: str) -> Predicate:
    return lambda stored: text in str(stored).split(",")


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "from": operator.ge,
    "moreq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "to": operator.le,
}
TESTS: dict[str, Callable[[str], Predicate]] = {"in": _one_of, "like": _like, "finset": _in_set}
NEGATIONS = {"nin": "in", "nlike": "like", "nfinset": "finset"}


def predicate(one: Filter) -> Predicate:
    """What the condition means for one stored value; an unknown condition means eq, an unreadable date everything."""
    condition = one.condition
    if condition in {"null", "notnull"}:
        return lambda stored: (stored is None) == (condition == "null")
    if condition in TESTS:
        test = TESTS[condition](one.value)
        return lambda stored: stored is not None and test(stored)
    if condition in NEGATIONS:
        unwanted = TESTS[NEGATIONS[condition]](one.value)
        return lambda stored: stored is not None and not unwanted(stored)
    if one.field in DATES and _when(one.value) is None:
        return lambda _stored: True
    both = _comparable(one.field, one.value)
    compare = COMPARISONS.get(condition, COMPARISONS["eq"])
    return lambda stored: stored is not None and bool(compare(*both(stored)))


class Table:
    """Rows to search in.

    `recent` yields the newest `updated_at` first, so that a poll need not read everything; `indexes` give the rows
    for one value of a field.
    """

    def __init__(
        self,
        rows: Mapping[Any, Json],
        *,
        columns: frozenset[str] | None = None,
        recent: Callable[[], Iterator[Json]] | None = None,
        indexes: Mapping[str, Callable[[str], Iterable[Json]]] | None = None,
        eav: bool = False,
        value: Callable[[Json, str], Any] | None = None,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.recent = recent
        self.indexes = indexes or {}
        self.eav = eav
        self.value = value or (lambda row, field: row.get(field))

    def find(self, criteria: Criteria) -> Json:
        """The answer of a search: items, search_criteria, total_count."""
        self._check(criteria)
        rows = self._matching(criteria)
        for sort in reversed(self._sorts(criteria)):
            rows.sort(key=partial(self._key, sort.field), reverse=sort.direction != "ASC")
        items = rows
        size = criteria.page_size
        if size:
            size = max(size, 1)
            start = (max(criteria.current_page or 1, 1) - 1) * size
            items = rows[start : start + size]
        return {"items": items, "search_criteria": criteria.echo(), "total_count": len(rows)}

    def _check(self, criteria: Criteria) -> None:
        if self.columns is None:
            return
        fields = [one.field for group in criteria.groups for one in group]
        unknown = [field for field in fields if field not in self.columns]
        if unknown and self.eav:
            raise Refusal(400, 'The "%1" attribute name is invalid. Reset the name and try again.', unknown[:1])
        if unknown or (not self.eav and any(sort.field not in self.columns for sort in criteria.sorts)):
            raise internal()

    def _key(self, field: str, row: Json) -> tuple[int, Any]:
        return _sort_key(self.value(row, field))

    def _sorts(self, criteria: Criteria) -> list[Sort]:
        return [sort for sort in criteria.sorts if self.columns is None or sort.field in self.columns]

    def _matching(self, criteria: Criteria) -> list[Json]:
        tests = [[(one.field, predicate(one)) for one in group] for group in criteria.groups]
        value = self.value
        return [
            row
            for row in self._candidates(criteria)
            if all(any(test(value(row, field)) for field, test in group) for group in tests)
        ]

    def _candidates(self, criteria: Criteria) -> Iterable[Json]:
        for group in criteria.groups:
            if len(group) != 1:
                continue
            field, text, condition = group[0]
            if field in self.indexes and condition == "eq":
                return self.indexes[field](text)
            if field == "entity_id" and condition == "eq" and text.isdigit():
                row = self.rows.get(int(text))
                return [] if row is None else [row]
            if field == "updated_at" and condition in {"gteq", "gt", "from"} and self.recent is not None:
                since = _when(text)
                if since is not None:
                    newest = takewhile(partial(_not_older, since), self.recent())
                    return sorted(newest, key=lambda row: int(row["entity_id"]))
        return self.rows.values()


def _not_older(since: str, row: Json) -> bool:
    return bool(row["updated_at"] >= since)


def _sort_key(stored: Any) -> tuple[int, Any]:
    if stored is None:
        return (0, 0)
    return (1, stored) if isinstance(stored, int | float) else (2, str(stored).lower())


def project(body: Any, fields: str) -> Any:
    """`fields=items[entity_id],total_count`: keeps only these; an empty list becomes null, nothing becomes []."""
    if not fields or not isinstance(body, dict | list):
        return body
    kept = _keep(body, _tree(fields))
    return [] if kept is None or kept == {} else kept


def _tree(fields: str) -> Json:
    root: Json = {}
    stack = [root]
    name = ""
    for char in f"{fields},":
        if char == "[":
            stack[-1][name] = {}
            stack.append(stack[-1][name])
            name = ""
        elif char in ",]":
            if name:
                stack[-1][name] = {}
            name = ""
            if char == "]" and len(stack) > 1:
                stack.pop()
        else:
            name += char
    return root


def _keep(body: Any, tree: Json) -> Any:
    if not tree:
        return body
    if isinstance(body, list):
        return [_keep(member, tree) for member in body] or None
    if not isinstance(body, dict):
        return body
    kept: Json = {}
    for name, value in body.items():
        if name in tree:
            kept[name] = _keep(value, tree[name])
    return kept
