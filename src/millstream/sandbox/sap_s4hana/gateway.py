"""One request to one service: who asks, what for, and the answer; writes under their version."""

import json
from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from millstream.sandbox.sap_s4hana import batch, orders, promising, shipping
from millstream.sandbox.sap_s4hana.odata import Reader, Target, find, target_of
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem, bad_query, not_found
from millstream.sandbox.sap_s4hana.schema import AVAILABILITY, SERVICES
from millstream.sandbox.sap_s4hana.values import decimal, shown

Row = dict[str, Any]
JSON = {"content-type": "application/json;charset=utf-8", "dataserviceversion": "2.0"}


class Call(NamedTuple):
    method: str
    service: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    base: str
    spoiled: int | None = None  # which part of a batch fails, whatever it asks


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Gateway:
    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.asked = 0

    def answer(self, call: Call) -> Answer:
        self.asked += 1
        try:
            return self._batch(call) if call.path.strip("/") == "$batch" else self._single(call)
        except Problem as problem:
            return self._refused(problem)

    def _refused(self, problem: Problem) -> Answer:
        body = problem.body(f"TX{self.asked:030d}")
        return Answer(problem.status, JSON, json.dumps(body).encode())

    def _single(self, call: Call) -> Answer:
        if call.service not in SERVICES:
            raise Problem(403, "/IWFND/MED/170", f"No service found for namespace '', name '{call.service}'")
        if not call.path.strip("/"):
            names = sorted(SERVICES[call.service])
            return _json(200, {"d": {"EntitySets": names}})
        if call.service == AVAILABILITY:
            return _json(200, self._availability(call))
        target = target_of(call.service, call.path)
        reader = Reader(self.plant, call.service, call.base)
        match call.method:
            case "GET":
                found = reader.many(target.entity, call.query) if target.key is None else reader.one(target, call.query)
                return _json(200, found)
            case "POST":
                entity, made = self._create(target, _decoded(call.body))
                shown_row = reader.shown(SERVICES[call.service][entity], made, {"to_Item"} & made.keys(), set())
                return _json(201, {"d": shown_row})
            case "PATCH" | "MERGE":
                self._check_version(reader, target, call.headers)
                self._change(target, _decoded(call.body))
                return Answer(204, {"dataserviceversion": "2.0"}, b"")
            case "DELETE" if target.entity.name == "A_OutbDeliveryHeader":
                self._check_version(reader, target, call.headers)
                shipping.delete(self.plant, _key(target, "DeliveryDocument"))
                return Answer(204, {"dataserviceversion": "2.0"}, b"")
        raise Problem(405, "/IWBEP/CM_MGW_RT/036", f"Method {call.method} is not allowed for {call.path}")

    def _check_version(self, reader: Reader, target: Target, headers: Mapping[str, str]) -> None:
        given = headers.get("if-match")
        if given is None:
            raise Problem(428, "/IWBEP/CM_MGW_RT/039", "Header If-Match is required")
        if given not in {"*", reader.version_of(target.entity, find(self.plant, target))}:
            raise Problem(412, "/IWBEP/CM_MGW_RT/040", "Precondition failed: the data was changed meanwhile")

    def _create(self, target: Target, body: Row) -> tuple[str, Row]:
        if target.entity.name == "A_SalesOrder" and target.key is None:
            return "A_SalesOrder", orders.create(self.plant, body)
        if target.entity.name == "A_SalesOrder" and target.link == "to_PricingElement":
            order = find(self.plant, target)
            return "A_SalesOrderHeaderPrElement", orders.add_element(self.plant, order, body)
        raise Problem(405, "/IWBEP/CM_MGW_RT/036", f"{target.entity.name} cannot be created here")

    def _change(self, target: Target, body: Row) -> None:
        if not target.entity.name.startswith("A_SalesOrder"):
            raise Problem(405, "/IWBEP/CM_MGW_RT/036", f"{target.entity.name} cannot be changed here")
        order = self.plant.orders[_key(target, "SalesOrder")]
        match target.entity.name:
            case "A_SalesOrder":
                orders.change(self.plant, order, body)
            case "A_SalesOrderItem":
                orders.change_item(self.plant, order, _key(target, "SalesOrderItem"), body)
            case "A_SalesOrderPartnerAddress":
                orders.change_address(self.plant, order, _key(target, "PartnerFunction"), body)
            case "A_SalesOrderHeaderPrElement":
                orders.change_element(self.plant, order, _key(target, "PricingProcedureStep"), body)
            case _:
                raise Problem(405, "/IWBEP/CM_MGW_RT/036", f"{target.entity.name} cannot be changed here")

    def _availability(self, call: Call) -> Row:
        name = call.path.strip("/")
        given = {key: value.strip("'") for key, value in call.query.items()}
        material, place = given.get("Material", ""), given.get("SupplyingPlant", "")
        if material not in self.plant.products:
            raise Problem(400, "ATP/001", f"Material {material} does not exist")
        quantity = given.get("RequestedQuantityInBaseUnit", "").rstrip("Mm")
        match name:
            case "DetermineAvailabilityOf":
                rows = promising.availability(self.plant, material, place, decimal(quantity))
            case "DetermineAvailabilityAt" | "CalculateAvailabilityTimeseries":
                rows = promising.availability(self.plant, material, place)
            case _:
                raise not_found(name)
        records = [
            {
                "PeriodStartUTCDateTime": shown(day),
                "PeriodStartTimeZone": "UTC",
                "PeriodEndUTCDateTime": None,
                "PeriodEndTimeZone": "UTC",
                "AvailableQuantityInBaseUnit": shown(amount),
                "BaseUnit": "PC",
            }
            for day, amount in rows
        ]
        if name == "CalculateAvailabilityTimeseries":
            return {"d": {"results": records}}
        return {"d": {name: records[0] if records else None}}

    def _batch(self, call: Call) -> Answer:
        answers: list[batch.Outcome | list[batch.Outcome]] = []
        parts = batch.parts_of(call.body, call.headers.get("content-type", ""))
        spoiled = None if call.spoiled is None or not parts else call.spoiled % len(parts)
        for n, part in enumerate(parts):
            if n == spoiled:
                answers.append(batch.Outcome(*self._refused(Problem(500, "SY/530", "An exception was raised"))))
            elif isinstance(part, list):
                answers.append(self._changeset(call, part))
            else:
                answers.append(batch.Outcome(*self.answer(_inner(call, part))))
        boundary = f"batch-answer-{self.asked}"
        headers = {"content-type": f"multipart/mixed; boundary={boundary}", "dataserviceversion": "2.0"}
        return Answer(202, headers, batch.written(answers, boundary))

    def _changeset(self, call: Call, parts: list[batch.Inner]) -> list[batch.Outcome] | batch.Outcome:
        """Versions are looked at before anything changes; one refusal takes everything back."""
        for part in parts:
            inner = _inner(call, part)
            if inner.method in {"PATCH", "MERGE", "DELETE"}:
                target = target_of(inner.service, inner.path)
                self._check_version(Reader(self.plant, inner.service, inner.base), target, inner.headers)
        kept = self._kept(call, parts)
        done = []
        for part in parts:
            inner = _inner(call, part)
            outcome = batch.Outcome(*self.answer(inner._replace(headers={**inner.headers, "if-match": "*"})))
            if outcome.status >= 400:
                self.plant.orders |= kept[0]
                self.plant.promised, self.plant.receipts = kept[1:]
                return outcome
            done.append(outcome)
        return done

    def _kept(self, call: Call, parts: list[batch.Inner]) -> tuple[dict[str, Row], Any, dict[str, Row]]:
        """What a changeset may change: the orders it names, what is promised to them, and what is on its way."""
        keys = [target_of(call.service, _inner(call, part).path).key or {} for part in parts]
        numbers = {key["SalesOrder"] for key in keys if "SalesOrder" in key} & self.plant.orders.keys()
        kept = {number: deepcopy(self.plant.orders[number]) for number in numbers}
        return kept, copy(self.plant.promised), deepcopy(self.plant.receipts)


def _inner(call: Call, part: batch.Inner) -> Call:
    path, _, query = part.url.partition("?")
    headers = {**call.headers, **part.headers}
    if "if-match" not in part.headers:
        headers.pop("if-match", None)
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    return Call(part.method, call.service, unquote(path), pairs, headers, part.body, call.base)


def _key(target: Target, name: str) -> str:
    if target.key is None:
        raise bad_query("a key is missing")
    return target.key[name]


def _decoded(body: bytes) -> Row:
    try:
        plain = json.loads(body)
    except ValueError as error:
        raise Problem(400, "/IWBEP/CM_MGW_RT/180", f"The body is no JSON: {error}") from None
    if not isinstance(plain, dict):
        raise Problem(400, "/IWBEP/CM_MGW_RT/180", "The body is no object")
    content: Row = plain.get("d", plain)
    return content


def _json(status: int, body: Any) -> Answer:
    return Answer(status, JSON, json.dumps(body, ensure_ascii=False).encode())
