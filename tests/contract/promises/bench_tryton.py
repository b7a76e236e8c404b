"""Tryton on the bench: recorded answers for what refusals mean, the real server for what was done."""

import json
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
import pytest

from fakes.promise_bench import Bench, Throttling, WrongCredential, answers
from fakes.real_tryton import address, order, people
from fakes.recorded_tryton import ORDER_KEY, TOKEN, RecordedTryton
from fakes.tryton_answers import answer
from millstream.connectors.tryton import SPEC
from millstream.domain.order import Customer, SalesOrder
from millstream.sandbox.tryton.seed import HUB_PASSWORD, HUB_USER, WEB_SHOP
from millstream.sandbox.tryton.server import DATABASE
from millstream.wire.http import AiohttpTransport, Request, Response

ON_THE_REAL_SERVER = "recorded answers have no effect; shown on the real server (-m real)"
ON_RECORDED_ANSWERS = "shown with recorded answers"


def method_of(request: Request) -> str:
    return json.loads(request.body)["method"]


class Placed(msgspec.Struct, frozen=True):
    """An order to place."""

    key: str
    order: SalesOrder
    customer_id: str = "ACME"


class TrytonBench(Bench):
    name = "tryton"
    spec = SPEC
    secrets = ("s3cret-Pass", TOKEN)
    lacks: ClassVar = {
        "effects": ON_THE_REAL_SERVER,
        "feed": ON_THE_REAL_SERVER,
        "optional members": "Tryton sends every field that was asked for, empty ones as null",
    }
    wrong_credentials = (
        WrongCredential({"password": "wrong-password"}, "password"),
        WrongCredential({"user": "somebody-else"}, "user"),
    )
    throttlings = (Throttling(Response(status=200, body=b'{"id":1,"error":["RateLimitException","slow down"]}'), None),)
    nothing = (b'{"id": 1, "result": []}', b'{"id": 1, "result": null}', b'{"id": 1, "error": []}')

    @classmethod
    async def open(cls, request):
        return cls(RecordedTryton())

    def settings(self):
        return {
            "base_url": "http://erp.test:8000",
            "database": "mfg",
            "user": "hub",
            "password": "s3cret-Pass",
            "company": 1,
            "web_shop": "Shop",
            "warehouse": "EAST",
            "tax_names": {"19": "VAT 19 %"},
        }

    async def read(self, port):
        return await port.read_order(ORDER_KEY)

    async def wanted(self, n):
        self.wire.inner.placed = False
        lines = (("VALVE-050", 3), ("PUMP-CFG", 1), ("SENSOR-P", 2))
        return Placed(f"order/{ORDER_KEY}/create", order(ORDER_KEY, *lines, tax_percent="19"))

    async def write(self, port, wanted, *, again):
        return await port.place_order(wanted.order, customer_id=wanted.customer_id, key=wanted.key)

    async def effects(self, wanted):
        self._unsaid()

    async def stale_write(self, port):
        stale = answers(answer("97_err_concurrency"))
        self.wire.always(stale, only=lambda request: method_of(request) == "model.stock.shipment.out.write")
        return await port.change_address(ORDER_KEY, address(city="Dallas"), key="order/address")


class RealTrytonBench(TrytonBench):
    name = "tryton (real)"
    secrets = (HUB_PASSWORD,)
    marks = (pytest.mark.real, pytest.mark.timeout(900))
    lacks: ClassVar = {
        **dict.fromkeys(("throttling", "troubles", "misread answers", "optional members"), ON_RECORDED_ANSWERS),
        "bad credentials": "five refused logins lock the user out of the server that the other tests use",
    }

    @classmethod
    async def open(cls, request):
        server = request.getfixturevalue("tryton")
        bench = cls(AiohttpTransport(), start=datetime.now(UTC))
        bench.server = server
        bench.run = f"promise-{bench.world.clock.now():%d%H%M%S%f}"
        return bench

    def settings(self):
        return {
            "base_url": self.server.base_url,
            "database": DATABASE,
            "user": HUB_USER,
            "password": HUB_PASSWORD,
            "web_shop": WEB_SHOP,
            "warehouse": "EAST",
            "tax_names": {"19": "VAT 19 %"},
            "page_size": 2,
        }

    async def read(self, port):
        return await port.read_order(await self.insert())

    async def wanted(self, n):
        key = f"{self.run}-{n}"
        customer = Customer(store_customer_id=key, email="", name=f"Customer {key}")
        wanted = order(key, ("VALVE-050", 1), off="0.01", customer=customer)
        return Placed(f"order/{key}/create", wanted, customer_id=key)

    async def effects(self, wanted):
        rpc = people(self.server)
        sales = rpc.find("sale.sale", [["web_id", "=", wanted.order.key]], ["state", "shipments.state"])
        parties = rpc.find("party.party", [["code", "=", wanted.customer_id]])
        rpc.close()
        shipments = [shipment for sale in sales for shipment in sale["shipments."]]
        done = all(shipment["state"] == "assigned" for shipment in shipments)
        return max(len(sales), len(parties), len(shipments)) if done else -1

    async def stale_write(self, port):
        """Somebody writes a word on the draft while the connector closes its rounding difference."""
        wanted = await self.wanted(1)

        async def somebody_else_first(request, send):
            rpc = people(self.server)
            [sale] = rpc.find("sale.sale", [["web_id", "=", wanted.order.key]])
            rpc.write("sale.sale", sale, {"comment": "Please call before delivery"})
            rpc.close()
            return await send(request)

        self.wire.at(1, somebody_else_first, only=lambda request: method_of(request) == "model.sale.sale.write")
        return await self.write(port, wanted, again=False)

    def may_have_an_effect(self, request):
        return not method_of(request).endswith(("read", "login", "get_preferences"))

    async def newest(self):
        port, cursor, more = self.connect(page_size=1000), None, True
        while more:
            _, cursor, more = await self.feed(port, cursor)
        return cursor

    async def insert(self):
        self.inserted = getattr(self, "inserted", 100) + 1
        wanted = await self.wanted(self.inserted)
        await self.write(self.connect(), wanted, again=False)
        return wanted.order.key

    async def feed(self, port, cursor):
        page = await port.changes(cursor)
        return [change.order_key for change in page.changes], page.cursor, page.more
