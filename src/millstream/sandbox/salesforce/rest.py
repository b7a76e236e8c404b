"""The resource tree below `/services/data/vNN.N`: one call in, one answer out, so that a composite can nest calls."""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from millstream.sandbox.salesforce import composite, describe, soql
from millstream.sandbox.salesforce.duplicates import options_of
from millstream.sandbox.salesforce.org import Org, Row
from millstream.sandbox.salesforce.problems import Problem, not_found
from millstream.sandbox.salesforce.schema import SObject

QUERY_PAGE = 2000
_VERSIONED = re.compile(r"^/services/data/v(\d\d\.\d)(/.*)?$")


@dataclass(frozen=True, kw_only=True)
class Call:
    method: str
    url: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    spoiled: int | None = None  # which part of a composite call fails, whatever it asks


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Rest:
    def __init__(self, org: Org, *, versions: tuple[str, ...]) -> None:
        self.org = org
        self.versions = versions
        self.limits: dict[str, dict[str, int]] = {}
        self.query_page = QUERY_PAGE
        self._cursors: dict[str, tuple[soql.Query, list[Row]]] = {}

    def call(self, call: Call) -> Answer:
        """Answers one call; a refusal becomes an answer too. Each call is a transaction of its own."""
        try:
            with self.org.transaction():
                return self._route(call)
        except Problem as problem:
            if problem.status == 300:
                base = urlsplit(call.url).path.rsplit("/", 2)[0]
                return Answer(status=300, body=[f"{base}/{one}" for one in problem.message.split("\n")])
            return Answer(status=problem.status, body=problem.body())

    def _route(self, call: Call) -> Answer:
        parts = urlsplit(call.url)
        match = _VERSIONED.match(parts.path)
        if match is None or match[1] not in self.versions:
            raise not_found()
        version = match[1]
        path = [unquote(one) for one in (match[2] or "").split("/") if one]
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        match path:
            case ["sobjects", *rest]:
                return self._sobjects(call, version, rest, query)
            case ["query", *cursor]:
                return self._more(cursor[0], version) if cursor else self._query(query.get("q", ""), version)
            case _:
                return Answer(status=200, body=self._resource(call, version, path))

    def _resource(self, call: Call, version: str, path: list[str]) -> Any:
        match path:
            case []:
                names = ("sobjects", "query", "composite", "limits")
                return {name: f"/services/data/v{version}/{name}" for name in names}
            case ["limits"]:
                return self.limits
            case ["composite"] if call.method == "POST":
                return composite.run(self, call.body, spoiled=call.spoiled)
            case ["composite", "sobjects", *rest]:
                return composite.collection(self.org, call.method, rest, call.body, options_of(call.headers))
            case _:
                raise not_found()

    # --- queries

    def _query(self, text: str, version: str) -> Answer:
        query, rows = soql.run(self.org, text)
        if query.count:
            return Answer(status=200, body={"totalSize": len(rows), "done": True, "records": []})
        return self._page(query, rows, 0, version)

    def _more(self, cursor: str, version: str) -> Answer:
        name, _, start = cursor.partition("-")
        if name not in self._cursors or not start.isdigit():
            raise Problem("INVALID_QUERY_LOCATOR", "invalid query locator")
        query, rows = self._cursors[name]
        return self._page(query, rows, int(start), version, name)

    def _page(self, query: soql.Query, rows: list[Row], start: int, version: str, name: str = "") -> Answer:
        end = start + self.query_page
        done = end >= len(rows)
        body: Row = {"totalSize": len(rows), "done": done}
        if not done:
            name = name or f"01gxx{len(self._cursors):010d}"
            self._cursors[name] = (query, rows)
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{name}-{end}"
        body["records"] = [soql.record(self.org, query, row, version) for row in rows[start:end]]
        return Answer(status=200, body=body)

    # --- records

    def _sobjects(self, call: Call, version: str, path: list[str], query: dict[str, str]) -> Answer:
        if not path:
            every = [describe.brief(one, version) for one in self.org.schema.all()]
            return Answer(status=200, body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": every})
        sobject = self.org.schema.find(path[0])
        match [call.method, *path[1:]]:
            case ["GET"]:
                return Answer(status=200, body={"objectDescribe": describe.brief(sobject, version), "recentItems": []})
            case ["GET", "describe"]:
                return Answer(status=200, body=describe.full(sobject, version))
            case ["POST"]:
                return self._create(call, version, sobject)
            case [_, record_id]:
                return self._record(call, version, sobject, record_id, query)
            case [_, key, value]:
                return self._keyed(call, version, sobject, (key, value), query)
            case _:
                raise not_found()

    def _create(self, call: Call, version: str, sobject: SObject) -> Answer:
        body = _object(call.body)
        if sobject.is_event:
            return Answer(status=201, body=self.org.publish(sobject, body))
        record_id = self.org.create(sobject, body, options_of(call.headers))
        location = f"/services/data/v{version}/sobjects/{sobject.name}/{record_id}"
        created = {"id": record_id, "success": True, "errors": []}
        return Answer(status=201, body=created, headers={"Location": location})

    def _record(self, call: Call, version: str, sobject: SObject, record_id: str, query: dict[str, str]) -> Answer:
        match call.method:
            case "GET":
                return self._show(version, sobject, self.org.row(sobject, record_id), query)
            case "PATCH":
                self._matches(call, sobject, record_id)
                self.org.update(sobject, record_id, _object(call.body), options_of(call.headers))
                return Answer(status=204)
            case "DELETE":
                self.org.delete(sobject, record_id)
                return Answer(status=204)
            case _:
                raise _wrong_method(call.method)

    def _keyed(self, call: Call, version: str, sobject: SObject, key: tuple[str, str], query: dict[str, str]) -> Answer:
        if call.method == "PATCH":
            update_only = query.get("updateOnly", "").lower() == "true"
            options = options_of(call.headers)
            body = _object(call.body)
            record_id, created = self.org.upsert(sobject, *key, body, update_only=update_only, options=options)
            body = {"id": record_id, "success": True, "errors": [], "created": created}
            return Answer(status=201 if created else 200, body=body)
        found = self.org.by_key(sobject, self.org.key_field(sobject, key[0]), key[1])
        if not found:
            raise not_found()
        if len(found) > 1:
            raise Problem("MULTIPLE_CHOICES", "\n".join(row["Id"] for row in found), status=300)
        return self._record(call, version, sobject, found[0]["Id"], query)

    def _show(self, version: str, sobject: SObject, row: Row, query: dict[str, str]) -> Answer:
        names = query["fields"].split(",") if query.get("fields") else [one.name for one in sobject.fields.values()]
        shown = soql.record(
            self.org, soql.Query(sobject=sobject, columns=names), self.org.shown(sobject.name, row), version
        )
        headers = {"ETag": _etag(row), "Last-Modified": row["LastModifiedDate"]} if sobject.name == "Account" else {}
        return Answer(status=200, body=shown, headers=headers)

    def _matches(self, call: Call, sobject: SObject, record_id: str) -> None:
        """Accounts alone know conditional requests by entity tag."""
        wanted = call.headers.get("if-match")
        if sobject.name == "Account" and wanted and wanted != _etag(self.org.row(sobject, record_id)):
            raise Problem("PRECONDITION_FAILED", "Precondition failed", status=412)


def _etag(row: Row) -> str:
    return f'"{sha256(repr(sorted(row.items(), key=str)).encode()).hexdigest()[:40]}"'


def _object(body: Any) -> Row:
    if not isinstance(body, dict):
        raise Problem("JSON_PARSER_ERROR", "Unexpected character, expected a JSON object")
    return body


def _wrong_method(method: str) -> Problem:
    message = f"HTTP Method '{method}' not allowed. Allowed are HEAD,GET,PATCH,DELETE"
    return Problem("METHOD_NOT_ALLOWED", message, status=405)
