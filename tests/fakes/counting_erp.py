"""An ERP that does next to nothing but count: a server of its own, and the port that speaks to it.

`python tests/fakes/counting_erp.py` serves; the line "ready <url>" says so. Two calls make an order: what the items
cost, and the order itself, which is made once per key however often it is asked for. `GET /orders` reads back, per
key, how often an order was made (once, or something is broken) and how often it was asked for.
"""

import argparse
import asyncio
import json
from datetime import date
from decimal import Decimal

import msgspec

from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.errors import Reject, Retry
from millstream.domain.values import Money
from millstream.ports.erp import ErpChangePage, ErpItem
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewound
from millstream.wire.auth import NoAuth
from millstream.wire.governor import GovernorSettings
from millstream.wire.http import Request

SHIP_DATE = "2026-12-15"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Books:
    """What the ERP remembers. `made` counts the orders made under a key, `asked` the calls that wanted one."""

    def __init__(self) -> None:
        self.orders: dict[str, dict] = {}

    def check(self, wanted: dict) -> dict:
        prices = wanted.get("prices") or {}
        return {"items": [{"sku": sku, "name": sku, "price": prices.get(sku)} for sku in wanted["skus"]]}

    def place(self, wanted: dict) -> dict:
        row = self.orders.get(wanted["key"])
        if row is None:
            number = f"CO{len(self.orders) + 1:06}"
            row = self.orders[wanted["key"]] = {"key": wanted["key"], "number": number, "made": 0, "asked": 0}
            row["made"] += 1
        row["asked"] += 1
        return {"id": row["number"], "number": row["number"], "ship_date": SHIP_DATE, "made": row["asked"] == 1}


def create_app(*, latency_s: float = 0.0):
    """The server as an ASGI app; `latency_s` is how long it thinks about each order, before and after making it."""
    books = Books()

    async def answer(method: str, path: str, body: bytes) -> object:
        match method, path:
            case "POST", "/check":
                return books.check(json.loads(body))
            case "POST", "/orders":
                await asyncio.sleep(latency_s / 2)
                made = books.place(json.loads(body))
                await asyncio.sleep(latency_s / 2)
                return made
            case "GET", "/orders":
                return list(books.orders.values())
        return None

    async def app(scope, receive, send):
        if scope["type"] != "http":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        chunks, more = [], True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        found = await answer(scope["method"], scope["path"], b"".join(chunks))
        content = json.dumps(found).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 404 if found is None else 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


class Item(msgspec.Struct):
    sku: str
    name: str
    price: str | None = None


class Items(msgspec.Struct):
    items: list[Item]


class Placed(msgspec.Struct):
    id: str
    number: str
    ship_date: date
    made: bool


class CountingErp:
    """See ErpPort: two calls per order, `erp.find_items` and `erp.place_order`."""

    one_writer = False

    def __init__(self, kit, base_url: str, *, name: str = "erp", concurrency: int = 64, prices=None) -> None:
        self.name = name
        self._base_url = base_url
        self._prices = dict(prices or {})
        self._connection = kit.connect(name, auth=NoAuth(), limits=GovernorSettings(concurrency=concurrency))

    async def _post(self, path, body, *, operation, into, key=None):
        request = Request(
            method="POST", url=self._base_url + path, headers=JSON, body=msgspec.json.encode(body), timeout_s=20.0
        )
        response = await self._connection.send(request, operation=operation, classify=_classify, key=key)
        return msgspec.json.decode(response.body, type=into)

    async def find_items(self, skus, *, currency, quantities):
        prices = {sku: self._prices[sku] for sku in skus if sku in self._prices}
        found = await self._post(
            "/check", {"skus": list(skus), "prices": prices}, operation="erp.find_items", into=Items
        )
        return {
            item.sku: ErpItem(
                sku=item.sku,
                name=item.name,
                salable=True,
                price=None if item.price is None else Money(Decimal(item.price), currency),
            )
            for item in found.items
        }

    async def place_order(self, order, *, customer_id, key):
        wanted = {
            "key": order.key,
            "customer": customer_id,
            "lines": [{"id": line.id, "sku": line.sku, "quantity": line.quantity.amount} for line in order.lines],
            "gross": order.totals.grand_total.amount,
        }
        placed = await self._post("/orders", wanted, operation="erp.place_order", into=Placed, key=key)
        gross, tax = order.totals.grand_total, order.totals.tax
        return Acknowledgement(
            erp_id=placed.id,
            number=placed.number,
            state="confirmed",
            warehouse="EAST",
            lines=tuple(self._schedule(line, placed.ship_date) for line in order.lines),
            ship_date=placed.ship_date,
            net=gross - tax,
            tax=tax,
            gross=gross,
            created=placed.made,
        )

    def _schedule(self, line, day):
        return LineSchedule(
            line_id=line.id,
            sku=line.sku,
            quantity=line.quantity,
            reserved=line.quantity,
            ship_date=day,
            reason="in stock",
        )

    async def read_order(self, order_key):
        raise Reject("erp.counts_only", "this ERP is not read")

    async def cancel_order(self, order_key, *, reason, key):
        raise Reject("erp.counts_only", "this ERP cancels nothing")

    async def change_address(self, order_key, ship_to, *, key):
        """It knows no addresses, so an order goes wherever it is wanted."""

    async def changes(self, cursor):
        return ErpChangePage(changes=(), cursor={}, more=False)

    def rewound(self, cursor, to):
        return Rewound(was=None, cursor=cursor, moved=False)

    async def check(self):
        return (Finding(what=self.name, ok=True, detail=self._base_url),)


def _classify(response, key):
    return None if response.status == 200 else Retry("erp.status", f"the ERP answered {response.status}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-s", type=float, default=0.0)
    given = parser.parse_args()
    from millstream.sandbox.run import serve

    serve(create_app(latency_s=given.latency_s), given.port, host=given.host)


if __name__ == "__main__":
    main()
