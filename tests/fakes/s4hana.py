"""An S/4HANA connection against the sandbox system, without a socket."""

import json
from decimal import Decimal

from fakes.promise_bench import Wire
from fakes.real_tryton import order as sales_order
from fakes.tap import RecordingTap
from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.connectors.sap_s4hana import SPEC
from millstream.domain.order import Customer
from millstream.sandbox.sap_s4hana import PASSWORD, USER, create_app
from millstream.wire.http import Request
from millstream.wire.kit import WireKit

HOST = "s4.test"
BASE = f"http://{HOST}"
CUSTOMER = "ACME"
SETTINGS = {
    "base_url": BASE,
    "client": "100",
    "username": USER,
    "password": PASSWORD,
    "sales_organization": "1010",
    "distribution_channel": "10",
    "plant": "1010",
    "warehouses": {"1010": "EAST", "1020": "WEST"},
    "deliveries_every_s": 0,
}


def order(key, *lines, clock=None, **changed):
    """An order placed now, as the sandbox's clock has it."""
    if clock is not None:
        changed.setdefault("placed_at", clock.now())
    changed.setdefault("customer", Customer(store_customer_id="7", email="jane@acme.example", name="Jane Miller"))
    return sales_order(key, *lines, **changed)


class S4Hana:
    """The system, its own door as methods, and connections to it."""

    def __init__(self, *, world=None, **settings):
        self.world = world or ManualWorld()
        self.tap = RecordingTap()
        self.app = create_app(now=self.world.clock.now)
        self.plain = AsgiTransport(**{HOST: self.app})
        self.wire = Wire(self.plain)
        self.erp = self.connect(**settings)

    def connect(self, **changed):
        kit = WireKit(transport=self.wire, world=self.world, tap=self.tap)
        return SPEC.open("erp", SPEC.settings.model_validate(SETTINGS | changed), kit)

    def order(self, key, *lines, **changed):
        return order(key, *lines, clock=self.world.clock, **changed)

    async def place(self, key="shop-1-000000042", *lines, erp=None, **changed):
        wanted = self.order(key, *(lines or [("VALVE-050", 3)]), **changed)
        return await (erp or self.erp).place_order(wanted, customer_id=CUSTOMER, key=f"order/{key}/create")

    async def sim(self, method, path, body=None, *, status=200):
        payload = None if body is None else json.dumps(body).encode()
        answer = await self.plain.send(Request(method=method, url=f"{BASE}/_sim/{path}", body=payload))
        assert answer.status == status, answer.text()
        return json.loads(answer.body, parse_float=Decimal)

    async def orders(self, *, void=False):
        """Documents as people see them; those set aside only when asked for."""
        return [one for one in await self.sim("GET", "orders") if void or not one["void"]]

    async def ship(self, number, tracking="TRACK-1", **plan):
        return await self.sim("POST", "ship", {"order": number, "tracking": tracking, **plan})

    async def changes(self, cursor=None, *, erp=None):
        """Every change until the feed has no more, and the cursor behind it."""
        found = []
        for _ in range(100):
            page = await (erp or self.erp).changes(json.loads(json.dumps(cursor)))
            found += page.changes
            cursor = page.cursor
            if not page.more:
                return found, cursor
        raise AssertionError("the feed does not end")

    def requests(self, part, method=None):
        return [one for one in self.wire.requests if part in one.url and method in {None, one.method}]
