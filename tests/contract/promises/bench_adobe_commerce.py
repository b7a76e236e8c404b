"""Adobe Commerce on the bench: the sandbox store, signed for (Open Source) and by token (cloud service)."""

from datetime import date
from typing import ClassVar

import msgspec

from fakes.promise_bench import Bench, Throttling, WrongCredential
from fakes.transport import AsgiTransport
from millstream.connectors.adobe_commerce import SPEC
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.order import SalesOrder
from millstream.sandbox.adobe_commerce import create_app
from millstream.sandbox.adobe_commerce.access import Saas, default_integration
from millstream.sandbox.adobe_commerce.placing import place
from millstream.wire.http import Response

OWNER = default_integration()
CLOUD = Saas()
HTML = {"content-type": "text/html"}


class Dispatched(msgspec.Struct, frozen=True):
    """An order and the one shipment of everything in it."""

    key: str
    order: SalesOrder
    shipment: Shipment


class AdobeCommerceBench(Bench):
    name = "adobe_commerce"
    spec = SPEC
    secrets = (OWNER.consumer_secret, OWNER.token, OWNER.token_secret)
    lacks: ClassVar = {
        "stale writes": "the store's API has no versions: a write of an order is absolute, the last one stays"
    }
    wrong_credentials = (
        WrongCredential({"consumer_secret": "wrong-consumer-secret"}, "consumer_secret"),
        WrongCredential({"access_token_secret": "wrong-token-secret"}, "access_token_secret"),
        WrongCredential({"access_token": "wrong-access-token"}, "access_token"),
        WrongCredential({"auth": "bearer", "access_token": "wrong-bearer-token"}, "access_token"),
    )
    throttlings = (
        Throttling(Response(status=503, headers={"retry-after": "120"} | HTML, body=b"<h1>Maintenance</h1>"), 120.0),
    )
    nothing = (b'{"items": [], "total_count": 0}', b'{"items": null, "total_count": 0}')
    optional = frozenset(
        {
            *("billing_address_id", "customer_group_id", "email_sent", "is_virtual", "protect_code", "quote_id"),
            *(
                "remote_ip",
                "store_name",
                "total_item_count",
                "weight",
                "payment_authorization_amount",
                "status_histories",
            ),
        }
    )
    store: ClassVar = {}

    @classmethod
    async def open(cls, request):
        transport = AsgiTransport()
        bench = cls(transport)
        clock = bench.world.clock
        bench.app = transport.apps["shop"] = create_app(now=clock.now, sleep=clock.sleep, **cls.store)
        bench.placed = bench.place()
        return bench

    def settings(self):
        return {
            "base_url": "http://shop",
            "consumer_key": OWNER.consumer_key,
            "consumer_secret": OWNER.consumer_secret,
            "access_token": OWNER.token,
            "access_token_secret": OWNER.token_secret,
            "since": date(2026, 11, 1),
            "sources": {"EAST": "wh_east"},
            "page_size": 3,
        }

    def place(self) -> str:
        """A shopper orders; the order's id."""
        lines = [{"sku": "PUMP-100", "qty": 2}, {"sku": "SERVICE-1", "qty": 1}]
        return str(place(self.app.shop, {"lines": lines, "customer": 1})["entity_id"])

    async def read(self, port):
        seen = await port.read_order(self.placed)
        return port.interpret(seen.raw), seen.key, seen.ready

    async def wanted(self, n):
        port = self.connect()
        order = port.interpret((await port.read_order(self.place())).raw)
        lines = [ShipmentLine(line_id=line.id, sku=line.sku, quantity=line.quantity) for line in order.lines]
        shipment = Shipment(
            erp_id=str(n),
            number=f"CUS{n}",
            order_key=order.key,
            state="shipped",
            warehouse="EAST",
            lines=tuple(lines),
            parcels=(Parcel(tracking_number=f"1Z{n}", carrier_code="ups", carrier_title="UPS"),),
        )
        return Dispatched(f"order/{order.key}/ship/{n}", order, shipment)

    async def write(self, port, wanted, *, again):
        return await port.ship(wanted.order, wanted.shipment, notify=True, key=wanted.key, again=again)

    async def effects(self, wanted):
        mine = [
            each for each in self.app.shop.shipments.values() if str(each["order_id"]) == wanted.order.store_order_id
        ]
        tracks = [track for each in mine for track in each["tracks"]]
        mails = [mail for mail in self.app.shop.emails if self._is_about(mail, wanted)]
        return max(len(mine), len(tracks), len(mails))

    def _is_about(self, mail, wanted) -> bool:
        return mail["template"] == "shipment_new" and str(mail["order_id"]) == wanted.order.store_order_id

    async def insert(self):
        self.world.clock.advance(1)
        return self.place()

    async def feed(self, port, cursor):
        page = await port.changed_orders(cursor)
        assert page.unreadable == ()
        return [order.store_order_id for order in page.orders], page.cursor, page.more


class AdobeCloudBench(AdobeCommerceBench):
    name = "adobe_commerce (cloud service)"
    secrets = (CLOUD.client_secret,)
    store: ClassVar = {"saas": CLOUD}
    wrong_credentials = (
        WrongCredential({"ims_client_secret": "wrong-ims-secret"}, "ims_client_secret"),
        WrongCredential({"ims_client_id": "wrong-ims-id"}, "ims_client_id"),
        WrongCredential({"ims_org_id": "WRONG@AdobeOrg"}, "ims_org_id"),
    )

    def settings(self):
        signed = {"consumer_key", "consumer_secret", "access_token", "access_token_secret"}
        kept = {name: value for name, value in super().settings().items() if name not in signed}
        return kept | {
            "flavour": "saas",
            "base_url": "http://shop/tenant-1",
            "auth": "ims",
            "ims_client_id": CLOUD.client_id,
            "ims_client_secret": CLOUD.client_secret,
            "ims_org_id": CLOUD.org,
            "ims_token_url": "http://shop/ims/token/v3",
        }
