"""A small SOQL: SELECT fields FROM object WHERE … ORDER BY … LIMIT … OFFSET …, with fields of parents."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from millstream.sandbox.salesforce.ids import long_id, short_id
from millstream.sandbox.salesforce.org import Org, Row
from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.schema import Field, SObject
from millstream.sandbox.salesforce.values import timestamp

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
    |(?P<moment>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?)
    |(?P<number>[+-]?\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_][\w.]*)
    |(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "_": "_", "%": "%"}
_ORDERS = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}


@dataclass
class Query:
    sobject: SObject
    columns: list[str] = field(default_factory=list)
    count: bool = False
    where: Test = lambda _row: True
    order: list[tuple[str, bool, bool]] = field(default_factory=list)  # path, descending, nulls first
    limit: int | None = None
    offset: int = 0


def malformed(text: str, near: str) -> Problem:
    return Problem("MALFORMED_QUERY", f"\n{text}\n^\nERROR at Row:1:Column:1\nunexpected token: '{near}'")


def run(org: Org, text: str) -> tuple[Query, list[Row]]:
    """The query and the raw records it selects."""
    query = _Parser(org, text).parse()
    rows = [row for row in org.all(query.sobject.name) if query.where(row)]
    for path, descending, nulls_first in reversed(query.order):
        absent = [row for row in rows if _value(org, query.sobject, row, path) is None]
        present = [row for row in rows if _value(org, query.sobject, row, path) is not None]
        present.sort(key=lambda row: _fold(_value(org, query.sobject, row, path)), reverse=descending)
        rows = absent + present if nulls_first else present + absent
    rows = rows[query.offset :]
    return query, rows if query.limit is None else rows[: query.limit]


def record(org: Org, query: Query, row: Row, version: str) -> Row:
    """One record as the answer shows it: parents nested, each with its attributes."""
    shown = _attributes(query.sobject, row, version)
    for column in query.columns:
        _place(org, query.sobject, row, column.split("."), shown, version)
    return shown


def _attributes(sobject: SObject, row: Row, version: str) -> Row:
    url = f"/services/data/v{version}/sobjects/{sobject.name}/{row['Id']}"
    return {"attributes": {"type": sobject.name, "url": url}}


def _place(org: Org, sobject: SObject, row: Row, path: list[str], shown: Row, version: str) -> None:
    if len(path) == 1:
        name = sobject.column(path[0]).name
        shown[name] = row.get(name)
        return
    relation = sobject.relation(path[0])
    assert relation is not None
    parent = _parent(org, relation, row)
    name = str(relation.relationship)
    if parent is None:
        shown[name] = None
        return
    target = org.schema.find(str(relation.refers_to))
    nested = shown.setdefault(name, _attributes(target, parent, version))
    _place(org, target, parent, path[1:], nested, version)


def _parent(org: Org, relation: Field, row: Row) -> Row | None:
    target = org.schema.find(str(relation.refers_to))
    parent_id = row.get(relation.name)
    return org.shown(target.name, org.rows[target.name][short_id(parent_id)]) if parent_id else None


def _value(org: Org, sobject: SObject, row: Row, path: str) -> Any:
    *parents, last = path.split(".")
    for name in parents:
        relation = sobject.relation(name)
        assert relation is not None
        parent = _parent(org, relation, row)
        if parent is None:
            return None
        sobject, row = org.schema.find(str(relation.refers_to)), parent
    return row.get(sobject.column(last).name)


def _fold(value: Any) -> Any:
    """Text compares without regard to case; booleans order as numbers."""
    return value.casefold() if isinstance(value, str) else value


class _Parser:
    def __init__(self, org: Org, text: str) -> None:
        self.org = org
        self.text = text
        self.tokens = self._split(text)
        self.at = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise malformed(text, text[position:].strip()[:1])
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        return tokens

    # --- tokens

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise malformed(self.text, "<EOF>")
        self.at += 1
        return self.tokens[self.at - 1]

    def _word(self, *words: str) -> bool:
        """Takes the words if they come next."""
        ahead = [text.upper() for _kind, text in self.tokens[self.at : self.at + len(words)]]
        if ahead != list(words):
            return False
        self.at += len(words)
        return True

    def _expect(self, word: str) -> None:
        if not self._word(word):
            raise malformed(self.text, self._peek() or "<EOF>")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise malformed(self.text, text)
        return text

    # --- grammar

    def parse(self) -> Query:
        self._expect("SELECT")
        columns, count = self._columns()
        self._expect("FROM")
        name = self._name()
        try:
            sobject = self.org.schema.find(name)
        except Problem:
            message = f"sObject type '{name}' is not supported."
            raise Problem("INVALID_TYPE", message) from None
        query = Query(sobject=sobject, columns=columns, count=count)
        for column in columns:
            self._check(sobject, column)
        if self._word("WHERE"):
            query.where = self._either(sobject)
        if self._word("ORDER", "BY"):
            query.order = self._sorting(sobject)
        if self._word("LIMIT"):
            query.limit = int(self._next()[1])
        if self._word("OFFSET"):
            query.offset = int(self._next()[1])
        if self.at < len(self.tokens):
            raise malformed(self.text, self._peek())
        return query

    def _columns(self) -> tuple[list[str], bool]:
        if self._word("COUNT", "(", ")"):
            return [], True
        columns = [self._name()]
        while self._word(","):
            columns.append(self._name())
        return columns, False

    def _check(self, sobject: SObject, path: str) -> Field:
        *parents, last = path.split(".")
        for name in parents:
            relation = sobject.relation(name)
            if relation is None:
                message = f"Didn't understand relationship '{name}' in field path."
                raise Problem("INVALID_FIELD", f"\n{self.text}\nERROR at Row:1:Column:1\n{message}")
            sobject = self.org.schema.find(str(relation.refers_to))
        field_ = sobject.find(last)
        if field_ is None:
            message = f"No such column '{last}' on entity '{sobject.name}'."
            raise Problem("INVALID_FIELD", f"\n{self.text}\nERROR at Row:1:Column:1\n{message}")
        return field_

    def _sorting(self, sobject: SObject) -> list[tuple[str, bool, bool]]:
        keys = []
        while True:
            path = self._name()
            self._check(sobject, path)
            descending = self._word("DESC") or (self._word("ASC") and False)
            last = self._word("NULLS", "LAST")
            first = self._word("NULLS", "FIRST")
            keys.append((path, descending, first or not last))
            if not self._word(","):
                return keys

    def _either(self, sobject: SObject) -> Test:
        tests = [self._both(sobject)]
        while self._word("OR"):
            tests.append(self._both(sobject))
        return lambda row: any(test(row) for test in tests)

    def _both(self, sobject: SObject) -> Test:
        tests = [self._one(sobject)]
        while self._word("AND"):
            tests.append(self._one(sobject))
        return lambda row: all(test(row) for test in tests)

    def _one(self, sobject: SObject) -> Test:
        if self._word("NOT"):
            inverted = self._one(sobject)
            return lambda row: not inverted(row)
        if self._word("("):
            inner = self._either(sobject)
            self._expect(")")
            return inner
        path = self._name()
        kind = self._check(sobject, path).type

        def read(row: Row) -> Any:
            return _fold(_value(self.org, sobject, row, path))

        if self._word("NOT", "IN"):
            refused = self._list(kind)
            return lambda row: read(row) not in refused
        if self._word("IN"):
            wanted = self._list(kind)
            return lambda row: read(row) in wanted
        if self._word("LIKE"):
            pattern = _like(str(self._literal(kind)))
            return lambda row: pattern.fullmatch(str(read(row) or "")) is not None
        return self._compared(read, kind)

    def _compared(self, read: Callable[[Row], Any], kind: str) -> Test:
        sign = self._next()[1]
        literal = self._literal(kind)
        if sign == "=":
            return lambda row: read(row) == literal
        if sign in {"!=", "<>"}:
            return lambda row: read(row) != literal
        if sign not in _ORDERS or literal is None:
            raise malformed(self.text, sign)
        return lambda row: read(row) is not None and _ORDERS[sign](read(row), literal)

    def _list(self, kind: str) -> list[Any]:
        self._expect("(")
        values = [self._literal(kind)]
        while self._word(","):
            values.append(self._literal(kind))
        self._expect(")")
        return values

    def _literal(self, kind: str) -> Any:
        token, text = self._next()
        if token == "string":
            if kind in {"double", "currency", "boolean", "date", "datetime"}:
                message = (
                    f"value of filter criterion for field must be of type {kind} and should not be enclosed in quotes"
                )
                raise Problem("INVALID_FIELD", message)
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])
            if kind in {"id", "reference"}:
                value = value if len(value) == 18 else _longer(value)
            return _fold(value)
        if token == "number":
            return Decimal(text)
        if token == "moment":
            return _fold(_as_shown(text, kind))
        if text.lower() in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text.lower()]
        raise malformed(self.text, text)


def _longer(value: str) -> str:
    try:
        return long_id(short_id(value))
    except Problem:
        raise Problem("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}") from None


def _as_shown(text: str, kind: str) -> str:
    return text if kind == "date" or "T" not in text else timestamp(datetime.fromisoformat(text))


def _like(pattern: str) -> re.Pattern[str]:
    parts = [".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern]
    return re.compile("".join(parts), re.DOTALL)
