"""Adobe Commerce for tests: recordings, made-up orders, and an orders table behind the search API."""

import copy
import json
import operator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from fakes.tap import RecordingTap
from fakes.transport import ScriptedTransport
from fakes.world import ManualWorld
from millstream.connectors.adobe_commerce import SPEC
from millstream.wire.http import Request, Response
from millstream.wire.kit import WireKit

RECORDINGS = Path(__file__).parent.parent / "recordings" / "magento"


def recording(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def recorded_body(name):
    return recording(name)["response"]["body"]


def recorded_answer(name):
    answer = recording(name)["response"]
    headers = {key.lower(): value for key, value in answer["headers"].items()}
    return response(answer["body"], answer["status"], headers)


def response(body, status=200, headers=None):
    headers = {"content-type": "application/json; charset=utf-8"} | (headers or {})
    is_text = isinstance(body, str) and "json" not in headers["content-type"]
    content = body.encode() if is_text else json.dumps(body).encode()
    return Response(status=status, headers=headers, body=content)


def recorded_orders():
    """Every complete order in the recordings, as (file, order). Stubs (write echoes with a null total) are left out."""
    answers = ((path.stem, json.loads(path.read_text()).get("response")) for path in sorted(RECORDINGS.glob("*.json")))
    return [
        (name, order) for name, answer in answers for order in _orders_in(answer) if order["grand_total"] is not None
    ]


def _orders_in(value):
    if isinstance(value, dict):
        if {"increment_id", "grand_total", "items", "payment"} <= value.keys():
            yield value
        for inner in value.values():
            yield from _orders_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _orders_in(inner)


def settings(**changes):
    return SPEC.settings(
        **{"base_url": "https://shop.example", "auth": "bearer", "access_token": "secret-token-1"} | changes
    )


def open_store(transport, **changes):
    world = ManualWorld()
    store = SPEC.open("shop", settings(**changes), WireKit(transport=transport, world=world, tap=RecordingTap()))
    store.world = world
    return store


def scripted(*answers, **changes):
    """A store that gets these answers in turn, and the transport that kept the requests."""
    transport = ScriptedTransport(*answers)
    return open_store(transport, **changes), transport


def made_order(**changes):
    """The recorded order of one simple line, with members changed; None removes a member."""
    order = copy.deepcopy(recorded_body("order-get-after-ext-order-id"))
    order |= changes
    return {name: value for name, value in order.items() if value is not None}


def row(item_id, **changes):
    """One order row; money 10.00 each unless changed."""
    base = {
        "item_id": item_id,
        "product_id": 100 + item_id,
        "product_type": "simple",
        "sku": f"SKU-{item_id}",
        "name": f"Thing {item_id}",
        "qty_ordered": 1,
        "qty_shipped": 0,
        "qty_invoiced": 0,
        "qty_canceled": 0,
        "qty_refunded": 0,
        "price": 10,
        "row_total": 10,
        "discount_amount": 0,
        "tax_amount": 0,
        "is_virtual": 0,
        "is_qty_decimal": 0,
    }
    return base | changes


class OrderTable:
    """Answers order searches from rows held in memory, by the server's own rules. `before` runs before each answer."""

    def __init__(self, orders, before=None):
        self.orders = list(orders)
        self.requests: list[Request] = []
        self.before = before

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        if self.before is not None:
            self.before(self, len(self.requests))
        query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
        groups = _groups(query)
        rows = [order for order in self.orders if all(any(fits(order) for fits in group) for group in groups)]
        rows.sort(key=lambda order: (order["updated_at"], order["entity_id"]))
        size = int(query["searchCriteria[pageSize]"])
        return response({"items": rows[:size], "search_criteria": {}, "total_count": len(rows)})

    async def close(self) -> None:
        pass


def _groups(query):
    groups = []
    while (place := f"searchCriteria[filter_groups][{len(groups)}][filters]") + "[0][field]" in query:
        group = []
        while (each := f"{place}[{len(group)}]") + "[field]" in query:
            group.append(_filter(*(query[each + part] for part in ("[field]", "[condition_type]", "[value]"))))
        groups.append(group)
    return groups


def _filter(field, condition, wanted):
    kind = int if field.endswith("_id") else str
    if condition == "in":
        among = {kind(one) for one in wanted.split(",")}
        return lambda order: kind(order[field]) in among
    compare = {"gt": operator.gt, "gteq": operator.ge, "eq": operator.eq}[condition]
    return lambda order: compare(kind(order[field]), kind(wanted))
