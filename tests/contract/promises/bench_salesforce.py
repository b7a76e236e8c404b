"""Salesforce on the bench: the sandbox org."""

import json
from typing import ClassVar

import msgspec

from fakes.promise_bench import Bench, Throttling, WrongCredential, answers
from fakes.salesforce import BASE, HOST, HUB_ID, customer, purchase
from fakes.transport import AsgiTransport
from millstream.connectors.salesforce import SPEC
from millstream.domain.purchase import Purchase
from millstream.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, create_app
from millstream.wire.http import Request, Response


class Recorded(msgspec.Struct, frozen=True):
    """A purchase of the default buyer."""

    key: str
    purchase: Purchase


def limit(which: str) -> Response:
    error = {"message": f"{which} Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    return Response(status=403, headers={"content-type": "application/json"}, body=json.dumps([error]).encode())


class SalesforceBench(Bench):
    name = "salesforce"
    spec = SPEC
    secrets = (CLIENT_SECRET, "00Dxx0000000001!AQ")
    lacks: ClassVar = {"feed": "the connector only writes to Salesforce; nothing is polled there"}
    wrong_credentials = (
        WrongCredential({"client_secret": "wrong-client-secret"}, "client_secret"),
        WrongCredential({"client_id": "wrong-client-id"}, "client_id"),
    )
    throttlings = (
        Throttling(limit("ConcurrentRequests (Concurrent API Requests)"), 5.0),
        Throttling(limit("TotalRequests"), 900.0),
    )
    nothing = (b'{"totalSize": 0, "done": true, "records": []}', b'{"compositeResponse": []}')
    optional = frozenset({"attributes", "totalSize", "Name", "Hub_Customer_Id__c"})

    @classmethod
    async def open(cls, request):
        transport = AsgiTransport()
        bench = cls(transport)
        transport.apps[HOST] = create_app(now=bench.world.clock.now)
        crm = bench.connect()
        found = await crm.find_customer(customer())
        await crm.adopt_customer(found.crm_id, hub_id=HUB_ID, key="adopt")
        return bench

    def settings(self):
        return {"login_url": BASE, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    async def read(self, port):
        return await port.find_customer(customer())

    async def wanted(self, n):
        return Recorded(f"order/main-1-{n}/purchase", purchase(order_key=f"main-1-{n}", order_number=f"{n}"))

    async def write(self, port, wanted, *, again):
        await port.record_purchase(wanted.purchase, key=wanted.key)

    async def effects(self, wanted):
        orders = await self._records("Order", "Hub_Order_Id__c", wanted.purchase.order_key)
        lines = [line for order in orders for line in await self._records("OrderItem", "OrderId", order["Id"])]
        activated = all(order["Status"] == "Activated" for order in orders)
        return max(len(orders), len(lines) / len(wanted.purchase.lines)) if activated else -1

    async def _records(self, name, field, value):
        url = f"{BASE}/_sim/records?object={name}&field={field}&value={value}"
        return (await self.wire.inner.send(Request(method="GET", url=url))).json()[name]

    async def stale_write(self, port):
        conflict = Response(status=412, body=b"")
        self.wire.always(answers(conflict), only=lambda request: request.method == "PATCH")
        other = customer(email="tom@tiny-plumbing.example")
        found = await port.find_customer(other)
        return await port.adopt_customer(found.crm_id, hub_id="another-hub-id", key="adopt-2")
