"""$filter and $orderby: parsed once, then asked of every row."""

import operator
import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from millstream.sandbox.sap_s4hana.problems import bad_property, bad_query

Row = dict[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<comma>,)|"
    r"(?P<moment>datetime(?:offset)?'[^']*')|(?P<text>'(?:[^']|'')*')|"
    r"(?P<number>-?\d+(?:\.\d+)?[mMdDlLfF]?)|(?P<word>[A-Za-z_][A-Za-z0-9_/]*))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class Filter(NamedTuple):
    """`equals` names values of which a row must have one, where the filter says so plainly: an index may use it."""

    test: Test
    equals: dict[str, frozenset[Any]]


class _Token(NamedTuple):
    kind: str
    text: str


def parse_filter(text: str, fields: Collection[str], entity: str) -> Filter:
    parser = _Parser(_tokens(text), fields, entity)
    found = parser.either()
    if parser.rest:
        raise bad_query(f"unexpected {parser.rest[0].text!r} in {text!r}")
    return found


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise bad_query(f"cannot read {text[place:]!r}")
        found.append(_Token(match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], fields: Collection[str], entity: str) -> None:
        self.rest = tokens
        self._fields = fields
        self._entity = entity

    def either(self) -> Filter:
        found = self.both()
        while self._takes("or"):
            found = _any_of(found, self.both())
        return found

    def both(self) -> Filter:
        found = self.one()
        while self._takes("and"):
            found = _all_of(found, self.one())
        return found

    def one(self) -> Filter:
        if self._takes("not"):
            inner = self.one().test
            return Filter(lambda row: not inner(row), {})
        if self.rest and self.rest[0].kind == "open":
            self.rest.pop(0)
            found = self.either()
            self._expect("close")
            return found
        name = self._expect("word")
        if name in {"substringof", "startswith"}:
            return self._function(name)
        return self._comparison(self._field(name))

    def _comparison(self, name: str) -> Filter:
        sign = self._expect("word")
        if sign not in _COMPARE:
            raise bad_query(f"unknown operator {sign}")
        wanted, compare = self._literal(), _COMPARE[sign]

        def test(row: Row) -> bool:
            value = row.get(name)
            if value is None or wanted is None:
                return compare(value, wanted) if sign in {"eq", "ne"} else False
            return compare(value, _like(wanted, value))

        return Filter(test, {name: frozenset([wanted])} if sign == "eq" and isinstance(wanted, str) else {})

    def _function(self, name: str) -> Filter:
        self._expect("open")
        first = self.rest.pop(0)
        self._expect("comma")
        second = self.rest.pop(0)
        self._expect("close")
        field, text = (second, first) if name == "substringof" else (first, second)
        wanted, named = _text(text.text), self._field(field.text)
        if name == "substringof":
            return Filter(lambda row: wanted in str(row.get(named) or ""), {})
        return Filter(lambda row: str(row.get(named) or "").startswith(wanted), {})

    def _literal(self) -> Any:
        if not self.rest:
            raise bad_query("a value is missing")
        kind, text = self.rest.pop(0)
        match kind:
            case "text":
                return _text(text)
            case "number":
                return Decimal(text.rstrip("mMdDlLfF"))
            case "moment":
                return _moment(text)
            case "word" if text in {"true", "false"}:
                return text == "true"
            case "word" if text == "null":
                return None
        raise bad_query(f"{text!r} is no value")

    def _field(self, name: str) -> str:
        if name not in self._fields:
            raise bad_property(name, self._entity)
        return name

    def _takes(self, word: str) -> bool:
        if self.rest and self.rest[0] == ("word", word):
            self.rest.pop(0)
            return True
        return False

    def _expect(self, kind: str) -> str:
        if not self.rest or self.rest[0].kind != kind:
            raise bad_query(f"expected {kind}")
        return self.rest.pop(0).text


def _any_of(left: Filter, right: Filter) -> Filter:
    one, two = left.test, right.test
    shared = {name: left.equals[name] | right.equals[name] for name in left.equals.keys() & right.equals.keys()}
    return Filter(lambda row: one(row) or two(row), shared)


def _all_of(left: Filter, right: Filter) -> Filter:
    one, two = left.test, right.test
    return Filter(lambda row: one(row) and two(row), {**right.equals, **left.equals})


def _like(wanted: Any, value: Any) -> Any:
    """A client writes a day as a moment."""
    if isinstance(value, date) and not isinstance(value, datetime) and isinstance(wanted, datetime):
        return wanted.date()
    if type(wanted) is not type(value) and not isinstance(value, datetime):
        raise bad_query(f"{wanted!r} cannot be compared with {value!r}")
    return wanted


def _text(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def _moment(literal: str) -> datetime:
    text = literal[literal.index("'") + 1 : -1].removesuffix("Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_query(f"{text!r} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def ordered(rows: list[Row], text: str, fields: Collection[str], entity: str) -> list[Row]:
    """By the last key first, so that the first one counts most."""
    for part in reversed(text.split(",")):
        name, _, direction = part.strip().partition(" ")
        if name not in fields:
            raise bad_property(name, entity)
        rows = sorted(
            rows, key=lambda row: (row.get(name) is not None, row.get(name) or ""), reverse=direction.strip() == "desc"
        )
    return rows
