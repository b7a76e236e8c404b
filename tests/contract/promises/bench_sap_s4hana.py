"""SAP S/4HANA on the bench: the sandbox system, by user and password and by OAuth 2."""

import json

import msgspec

from fakes.promise_bench import Bench, Throttling, WrongCredential, answers
from fakes.real_tryton import address
from fakes.s4hana import BASE, CUSTOMER, HOST, SETTINGS, order
from fakes.transport import AsgiTransport
from millstream.connectors.sap_s4hana import SPEC
from millstream.domain.order import SalesOrder
from millstream.sandbox.sap_s4hana import CLIENT_ID, CLIENT_SECRET, PASSWORD, create_app
from millstream.wire.http import Request, Response

KEY = "shop-1-000000042"


class Placed(msgspec.Struct, frozen=True):
    """An order to place."""

    key: str
    order: SalesOrder


class S4HanaBench(Bench):
    name = "sap_s4hana"
    spec = SPEC
    secrets = (PASSWORD, "csrf-0", "sess-0")
    wrong_credentials = (
        WrongCredential({"password": "wrong-password"}, "password"),
        WrongCredential({"username": "somebody-else"}, "username"),
    )
    throttlings = (
        Throttling(Response(status=503, headers={"retry-after": "30"}, body=b"busy"), 30.0),
        Throttling(Response(status=429, body=b"{}"), None),
    )
    nothing = (b'{"d": {"results": []}}', b'{"d": null}', b'{"d": {}}', b'{"d": {"results": [null]}}')
    optional = frozenset(
        {
            *("CreatedByUser", "CreationDate", "LastChangeDate", "CustomerPurchaseOrderType", "SalesOrderType"),
            *(
                "OverallTotalDeliveryStatus",
                "SalesOrderItemText",
                "TotalCreditCheckStatus",
                "AddressID",
                "uri",
                "id",
                "type",
            ),
        }
    )

    @classmethod
    async def open(cls, request):
        transport = AsgiTransport()
        bench = cls(transport)
        transport.apps[HOST] = create_app(now=bench.world.clock.now)
        known = await bench.wanted(0)
        bench.known = known.order.key
        await bench.write(bench.connect(), known, again=False)
        return bench

    def settings(self):
        return {**SETTINGS, "page_size": 3}

    async def read(self, port):
        return await port.read_order(self.known)

    async def wanted(self, n):
        key = f"shop-1-{n:09}"
        lines = (("VALVE-050", 1), ("PUMP-CFG", 1))
        off = "0.01" if n > 1 else "0"  # a rounding goes by $batch, and the first order's answers are to be JSON
        return Placed(f"order/{key}/create", order(key, *lines, clock=self.world.clock, off=off))

    async def write(self, port, wanted, *, again):
        return await port.place_order(wanted.order, customer_id=CUSTOMER, key=wanted.key)

    async def effects(self, wanted):
        found = await self._sim("GET", f"orders?name={wanted.order.key}")
        living = [one for one in found if not one["void"]]
        shippable = [one for one in living if not one["DeliveryBlockReason"]]
        made = sum(len(one["production"]) for one in found)
        return len(living) if len(shippable) == len(living) and made == len(living) else -1

    async def insert(self):
        self.inserted = getattr(self, "inserted", 100) + 1
        wanted = await self.wanted(self.inserted)
        await self.write(self.connect(), wanted, again=False)
        return wanted.order.key

    async def feed(self, port, cursor):
        page = await port.changes(cursor)
        return [change.order_key for change in page.changes], page.cursor, page.more

    async def stale_write(self, port):
        conflict = Response(status=412, body=b"")
        self.wire.always(answers(conflict), only=lambda request: request.method == "PATCH")
        return await port.change_address(self.known, address(city="Dallas"), key="order/address")

    async def _sim(self, method, path):
        return json.loads((await self.wire.inner.send(Request(method=method, url=f"{BASE}/_sim/{path}"))).body)


class S4HanaOAuthBench(S4HanaBench):
    name = "sap_s4hana (oauth2)"
    secrets = (CLIENT_SECRET, "s4h-bearer-0", "csrf-0", "sess-0")
    wrong_credentials = (
        WrongCredential({"client_secret": "wrong-client-secret"}, "client_secret"),
        WrongCredential({"client_id": "wrong-client-id"}, "client_id"),
    )

    def settings(self):
        login = {
            "auth": "oauth2",
            "token_url": f"{BASE}/oauth/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return {**super().settings(), **login}
