"""Reading by OData V2: keys, $filter, $expand, $select, $orderby, pages with $skiptoken, and the JSON they come in."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from millstream.sandbox.sap_s4hana.filters import Filter, ordered, parse_filter
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import bad_property, bad_query, not_found
from millstream.sandbox.sap_s4hana.rows import rows_of
from millstream.sandbox.sap_s4hana.schema import SERVICES, EntitySet
from millstream.sandbox.sap_s4hana.values import shown, version

Row = dict[str, Any]
Query = Mapping[str, str]

ROOT = "/sap/opu/odata/sap"
PAGE_MAX = 1000
OPTIONS = {
    "$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$inlinecount", "$format", "sap-client",
}  # fmt: skip
_SEGMENT = re.compile(r"(?P<name>[A-Za-z_0-9]+)(?:\((?P<key>.*)\))?")
_KEY_PART = re.compile(r"(?:(?P<name>\w+)=)?(?:guid)?(?P<value>'(?:[^']|'')*'|-?\d+)")


class Target(NamedTuple):
    """What a path names: a set, one row of it by `key`, or what one row is linked to by `link`."""

    entity: EntitySet
    key: dict[str, str] | None
    link: str | None


def target_of(service: str, path: str) -> Target:
    sets = SERVICES[service]
    first, _, link = path.strip("/").partition("/")
    match = _SEGMENT.fullmatch(first)
    if match is None or match["name"] not in sets:
        raise not_found(first)
    entity = sets[match["name"]]
    if link and link not in entity.links:
        raise not_found(link)
    return Target(entity, None if match["key"] is None else _key(entity, match["key"]), link or None)


def _key(entity: EntitySet, text: str) -> dict[str, str]:
    parts = [(one["name"], one["value"]) for one in _KEY_PART.finditer(text)]
    found = {name or entity.keys[0]: value.strip("'").replace("''", "'") for name, value in parts}
    if found.keys() != set(entity.keys):
        raise bad_query(f"the key of {entity.name} is {', '.join(entity.keys)}")
    return found


def find(plant: Plant, target: Target) -> Row:
    """The row a key names."""
    assert target.key is not None, "asked for one row"
    wanted = target.key
    equals = {name: frozenset([value]) for name, value in wanted.items()}
    for row in rows_of(plant, target.entity.name, equals):
        if all(str(row[name]) == value for name, value in wanted.items()):
            return row
    raise not_found(target.entity.name)


class Reader:
    """Answers reads of one service."""

    def __init__(self, plant: Plant, service: str, base: str) -> None:
        self._plant = plant
        self._sets = SERVICES[service]
        self._base = f"{base}{ROOT}/{service}"

    def one(self, target: Target, query: Query) -> Any:
        row = find(self._plant, target)
        if target.link is None:
            return {"d": self.shown(target.entity, row, _expands(query), _selected(query))}
        inner, linked = row[target.link], self._sets[target.entity.links[target.link]]
        if isinstance(inner, dict):
            return {"d": self.shown(linked, inner, _expands(query), _selected(query))}
        return self._page(linked, list(inner), query, path=None)

    def many(self, entity: EntitySet, query: Query) -> Any:
        unknown = [name for name in query if name.startswith("$") and name not in OPTIONS]
        if unknown:
            raise bad_query(f"{unknown[0]} is no option")
        wanted = Filter(lambda _row: True, {})
        if query.get("$filter"):
            wanted = parse_filter(query["$filter"], entity.fields, entity.name)
        rows = [row for row in rows_of(self._plant, entity.name, wanted.equals) if wanted.test(row)]
        return self._page(entity, rows, query, path=entity.name)

    def _page(self, entity: EntitySet, rows: list[Row], query: Query, *, path: str | None) -> Any:
        if query.get("$orderby"):
            rows = ordered(rows, query["$orderby"], entity.fields, entity.name)
        total = len(rows)
        rows = rows[_whole(query, "$skip") :]
        if "$top" in query:
            rows = rows[: _whole(query, "$top")]
        start = _whole(query, "$skiptoken")
        page = rows[start : start + PAGE_MAX]
        body: Row = {"results": [self.shown(entity, row, _expands(query), _selected(query)) for row in page]}
        if query.get("$inlinecount") == "allpages":
            body["__count"] = str(total)
        if path is not None and start + PAGE_MAX < len(rows):
            again = {**query, "$skiptoken": str(start + PAGE_MAX)}
            body["__next"] = f"{self._base}/{path}?{urlencode(again, quote_via=quote, safe='$')}"
        return {"d": body}

    def shown(self, entity: EntitySet, row: Row, expand: set[str], select: set[str]) -> Row:
        """A row with its metadata; a link that was not asked for is a deferred address."""
        wanted = {path.partition("/")[0] for path in select}
        unknown = wanted - entity.fields - entity.links.keys() - {"*"}
        if unknown:
            raise bad_property(unknown.pop(), entity.name)
        everything = not wanted or "*" in wanted
        uri = f"{self._base}/{entity.name}({_key_text(entity, row)})"
        metadata = {"id": uri, "uri": uri, "type": f"{entity.name}Type"}
        if entity.versioned:
            metadata["etag"] = self.version_of(entity, row)
        answer: Row = {"__metadata": metadata}
        for name in (*entity.keys, *sorted(entity.fields - set(entity.keys))):
            if everything or name in wanted:
                answer[name] = shown(row.get(name))
        for link, target in entity.links.items():
            if not (everything or link in wanted):
                continue
            inner = {path.partition("/")[2] for path in expand if path.partition("/")[0] == link}
            if not inner:
                answer[link] = {"__deferred": {"uri": f"{uri}/{link}"}}
                continue
            below = {path.partition("/")[2] for path in select if path.partition("/")[0] == link} - {""}
            answer[link] = self._linked(self._sets[target], row[link], inner - {""}, below)
        return answer

    def _linked(self, entity: EntitySet, value: Any, expand: set[str], select: set[str]) -> Any:
        if isinstance(value, list):
            return {"results": [self.shown(entity, row, expand, select) for row in value]}
        return None if value is None else self.shown(entity, value, expand, select)

    def version_of(self, entity: EntitySet, row: Row) -> str:
        """Parts of an order carry the version of the order."""
        if "SalesOrder" in entity.keys:
            return version(self._plant.orders[row["SalesOrder"]]["LastChangeDateTime"])
        owner = self._plant.deliveries.get(row.get("DeliveryDocument", ""), row)
        return version(owner["_changed"])


def _key_text(entity: EntitySet, row: Row) -> str:
    if len(entity.keys) == 1:
        return f"'{row[entity.keys[0]]}'"
    return ",".join(f"{name}='{shown(row[name])}'" for name in entity.keys)


def _expands(query: Query) -> set[str]:
    """Every path and the paths it leads through."""
    found = set()
    for path in filter(None, (part.strip() for part in query.get("$expand", "").split(","))):
        found.add(path)
    return found


def _selected(query: Query) -> set[str]:
    return {part.strip() for part in query.get("$select", "").split(",") if part.strip()}


def _whole(query: Query, name: str) -> int:
    text = query.get(name, "0")
    if not text.isdigit():
        raise bad_query(f"{name} is no number")
    return int(text)
