"""A Salesforce connection against the sandbox org, without a socket."""

import asyncio
import json
from datetime import UTC, date, datetime
from decimal import Decimal

from fakes.tap import RecordingTap
from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.connectors.salesforce import SPEC
from millstream.domain.order import Customer, OrderLine
from millstream.domain.purchase import Purchase
from millstream.domain.values import Money, Quantity
from millstream.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, create_app
from millstream.wire.http import Request
from millstream.wire.kit import WireKit

HOST = "acme.my.salesforce.test"
BASE = f"https://{HOST}"
HUB_ID = "01936b2e-7c00-7000-8000-000000000001"


class CountingTransport:
    """Passes requests on, keeps them, and lets others run meanwhile."""

    def __init__(self, inner):
        self.inner = inner
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        await asyncio.sleep(0)  # lets callers that race really interleave
        answer = await self.inner.send(request)
        await asyncio.sleep(0)
        return answer

    async def close(self):
        await self.inner.close()


class SandboxOrg:
    """The sandbox with the control surface as methods and one product connection to it."""

    def __init__(self, *, public_key=None, overlays=None, **settings):
        self.world = ManualWorld()
        self.tap = RecordingTap()
        self.laid_over = {} if overlays is None else {"overlays": overlays}
        self.app = create_app(now=self.world.clock.now, public_key=public_key)
        self.transport = CountingTransport(AsgiTransport(**{HOST: self.app}))
        self.crm = self.connect(**settings)

    def connect(self, **settings):
        raw = {"login_url": BASE, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **settings}
        kit = WireKit(transport=self.transport, world=self.world, tap=self.tap, **self.laid_over)
        return SPEC.open("salesforce", SPEC.settings.model_validate(raw), kit)

    async def sim(self, method, path, body=None):
        payload = None if body is None else json.dumps(body).encode()
        answer = await self.transport.inner.send(Request(method=method, url=f"{BASE}/_sim/{path}", body=payload))
        assert answer.status == 200, answer.text()
        return json.loads(answer.body, parse_float=Decimal)

    async def records(self, name):
        return (await self.sim("GET", f"records?object={name}"))[name]

    async def write(self, sobject, record_id, body, *, method="PATCH"):
        """What a person does in the org: with a session of their own."""
        form = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}".encode()
        typed = {"content-type": "application/x-www-form-urlencoded"}
        signed = Request(method="POST", url=f"{BASE}/services/oauth2/token", headers=typed, body=form)
        token = (await self.transport.inner.send(signed)).json()["access_token"]
        answer = await self.transport.inner.send(
            Request(
                method=method,
                url=f"{BASE}/services/data/v66.0/sobjects/{sobject}/{record_id}",
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
                body=None if body is None else json.dumps(body).encode(),
            )
        )
        assert answer.status == 204, answer.text()

    async def adopted(self, hub_id=HUB_ID):
        """The default buyer's account, carrying the hub id."""
        found = await self.crm.find_customer(customer())
        await self.crm.adopt_customer(found.crm_id, hub_id=hub_id, key="adopt")
        return found.crm_id

    def calls(self, part):
        return [request for request in self.transport.requests if part in request.url]


def customer(**changes):
    return Customer(
        **{"store_customer_id": "1", "email": "anna@acme-water.example", "name": "Anna Albers", "company": None}
        | changes
    )


def line(number, sku="PUMP-100", *, quantity="2", unit_price="1250.00", discount="0.00", **changes):
    price, amount = Decimal(unit_price), Decimal(quantity)
    return OrderLine(
        **{
            "id": str(number),
            "sku": sku,
            "name": f"Item {sku}",
            "quantity": Quantity(amount),
            "unit_price": Money(price, "EUR"),
            "discount": Money(Decimal(discount), "EUR"),
            "net": Money(price * amount - Decimal(discount), "EUR"),
            "tax": Money(Decimal("0.00"), "EUR"),
            "ship_item_id": str(number),
        }
        | changes
    )


def purchase(*lines, **changes):
    return Purchase(
        **{
            "order_key": "main-1-000000042",
            "order_number": "000000042",
            "erp_number": "SO-7",
            "customer_id": HUB_ID,
            "purchased_at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
            "lines": lines or (line(1), line(2, "SEAL-KIT", quantity="3", unit_price="59.00", discount="0.10")),
            "order_total": Money(Decimal("3185.51"), "EUR"),
            "lifetime_value": Money(Decimal("10185.51"), "EUR"),
            "orders_count": 4,
            "expected_ship_date": date(2026, 12, 1),
        }
        | changes
    )
