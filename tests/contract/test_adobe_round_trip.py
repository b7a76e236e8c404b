"""The connector and the sandbox store, which share no code, over every way to authenticate."""

import asyncio
import inspect
import json
import re
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec
import pytest

from fakes.tap import RecordingTap
from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.connectors.adobe_commerce import SPEC
from millstream.domain.errors import Reject, Retry, Unknown
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.order import order_gaps
from millstream.domain.values import Quantity
from millstream.sandbox.adobe_commerce import create_app
from millstream.sandbox.adobe_commerce.access import Saas, default_integration
from millstream.wire.http import Request
from millstream.wire.kit import WireKit

OAUTH = {
    "auth": "oauth1",
    "consumer_key": default_integration().consumer_key,
    "consumer_secret": default_integration().consumer_secret,
    "access_token": default_integration().token,
    "access_token_secret": default_integration().token_secret,
}
CLOUD = {
    "flavour": "saas",
    "base_url": "http://shop/tenant-1",
    "auth": "ims",
    "ims_client_id": Saas().client_id,
    "ims_client_secret": Saas().client_secret,
    "ims_org_id": Saas().org,
    "ims_token_url": "http://shop/ims/token/v3",
}
WAYS = {
    "oauth1 on 2.4.7": ({"version": "2.4.7"}, OAUTH),
    "oauth1 on 2.4.8": ({"version": "2.4.8"}, OAUTH),
    "bearer": ({}, {"auth": "bearer", "access_token": default_integration().token}),
    "ims in the cloud": ({"saas": Saas()}, CLOUD),
}
KEY = "order/shop-1-000000001"


class House:
    """One sandbox store and one connection to it on one clock."""

    def __init__(self, way="bearer", **changes) -> None:
        store, credentials = WAYS[way]
        self.world = ManualWorld()
        self.app = create_app(now=self.world.clock.now, sleep=self.world.clock.sleep, **store)
        self.transport = AsgiTransport(shop=self.app)
        settings = {"base_url": "http://shop", "since": date(2026, 11, 1), "sources": {"EAST": "wh_east"}}
        self.tap = RecordingTap()
        self.settings = SPEC.settings(**settings | credentials | changes)
        self.port = self.connect(self.transport)

    def connect(self, transport):
        return SPEC.open("shop", self.settings, WireKit(transport=transport, world=self.world, tap=self.tap))

    def overhear(self):
        """From now on the connection is listened to."""
        wire = Overheard(self.transport)
        self.port = self.connect(wire)
        return wire

    async def sim(self, method, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        request = Request(method=method, url=f"http://shop/_sim/{path}", body=content)
        return (await self.transport.send(request)).json()

    async def fault(self, kind, match, times=1):
        await self.sim("POST", "faults", {"script": [{"kind": kind, "match": match, "times": times}]})

    async def place(self, *lines, **wish):
        placed = await self.sim("POST", "orders", {"lines": [{"sku": s, "qty": q} for s, q in lines], **wish})
        seen = await self.port.read_order(str(placed["entity_id"]))
        return self.port.interpret(seen.raw)


OTHERS = {"notify": False, "key": "hand/1", "again": False}


def shipment(order, quantities=None, tracking="1Z1"):
    wanted = quantities or {line.id: line.quantity.amount for line in order.lines}
    lines = [
        ShipmentLine(line_id=line.id, sku=line.sku, quantity=Quantity(Decimal(wanted[line.id])))
        for line in order.lines
        if line.id in wanted
    ]
    return Shipment(
        erp_id="9",
        number="CUS9",
        order_key=order.key,
        state="shipped",
        warehouse="EAST",
        lines=tuple(lines),
        parcels=(Parcel(tracking_number=tracking, carrier_code="ups", carrier_title="UPS"),),
    )


@pytest.mark.parametrize("way", WAYS)
async def test_an_order_goes_all_the_way_and_comes_back_shipped(way):
    house = House(way)
    port = house.port
    order = await house.place(("PUMP-100", 2), ("SERVICE-1", 1), customer=1, po_number="PO-1")
    assert [f.what for f in await port.check() if not f.ok] == []
    page = await port.changed_orders(None)
    assert [seen.key for seen in page.orders] == [order.key]
    await port.acknowledge(order.store_order_id, order.number, erp_number="SO-1", status=None, key=f"{KEY}/ack")
    await port.tell_customer(order.store_order_id, "Ships soon", notify=True, key=f"{KEY}/told", again=False)
    shipment_id = await port.ship(order, shipment(order), notify=True, key=f"{KEY}/ship/9", again=False)
    told = await house.sim("GET", f"orders/{order.store_order_id}")
    assert told["order"]["ext_order_id"] == "SO-1"
    assert told["order"]["state"] == "processing"
    assert [str(s["entity_id"]) for s in told["shipments"]] == [shipment_id]
    assert told["shipments"][0]["extension_attributes"]["source_code"] == "wh_east"
    assert {mail["template"] for mail in told["emails"]} == {"order_new", "order_update", "shipment_new"}


async def test_a_mixed_lot_of_orders_arrives_complete_and_closes_to_the_cent():
    house = House(page_size=20)
    receipts = await house.sim("POST", "orders/batch", {"count": 150, "seed": 3})
    cursor, more, seen = None, True, []
    while more:
        page = await house.port.changed_orders(cursor)
        seen += page.orders
        cursor, more = page.cursor, page.more
    orders = [house.port.interpret(each.raw) for each in seen]
    assert [order_gaps(order) for order in orders] == [()] * 150
    assert {o.store_order_id: o.totals.grand_total.amount for o in orders} == {
        str(r["entity_id"]): Decimal(str(r["grand_total"])) for r in receipts
    }


async def test_a_bundle_and_a_configured_pump_ship_in_two_parts():
    house = House()
    order = await house.place(("PUMP-KIT", 2), ("PUMP-CFG", 1))
    pumps, seals, configured = order.lines
    assert [line.sku for line in order.lines] == ["PUMP-100", "SEAL-KIT", "PUMP-CFG"]
    first = shipment(order, {pumps.id: 1, seals.id: 2}, tracking="A")
    await house.port.ship(order, first, notify=False, key=f"{KEY}/ship/1", again=False)
    second = shipment(order, {pumps.id: 1, seals.id: 2, configured.id: 1}, tracking="B")
    await house.port.ship(order, second, notify=False, key=f"{KEY}/ship/2", again=False)
    with pytest.raises(Reject) as refused:
        await house.port.ship(order, shipment(order, {configured.id: 1}, "C"), notify=False, key="k3", again=False)
    assert refused.value.code == "shipment.over_ship"
    assert len((await house.sim("GET", f"orders/{order.store_order_id}"))["shipments"]) == 2


async def test_a_late_number_joins_the_shipment_that_was_made_by_hand_and_makes_none():
    house = House()
    order = await house.place(("PUMP-100", 10))
    four = shipment(order, {order.lines[0].id: 4}, tracking="LATE")
    how = {"notify": True, "key": f"{KEY}/ship/9", "again": False, "tracks_only": True}
    with pytest.raises(Reject) as refused:
        await house.port.ship(order, four, **how)
    assert refused.value.code == "shipment.not_in_store"
    by_hand = await house.port.ship(order, shipment(order, {order.lines[0].id: 4}, "X"), **OTHERS)
    for _ in range(2):
        assert await house.port.ship(order, four, **how) == by_hand
    (made,) = (await house.sim("GET", f"orders/{order.store_order_id}"))["shipments"]
    assert [track["track_number"] for track in made["tracks"]] == ["X", "LATE"]
    await house.port.ship(order, shipment(order, {order.lines[0].id: 4}, "Y"), **{**OTHERS, "key": "hand/2"})
    with pytest.raises(Reject, match="by hand"):  # two of the same goods: nobody knows which one
        await house.port.ship(order, shipment(order, {order.lines[0].id: 4}, "LATER"), **how)


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "reset"])
async def test_a_lost_answer_to_a_partial_shipment_never_ships_twice(fault):
    house = House()
    order = await house.place(("PUMP-100", 3))
    parcel = shipment(order, {order.lines[0].id: 1})
    await house.fault(fault, "POST */ship")
    with pytest.raises(Unknown):
        await house.port.ship(order, parcel, notify=True, key=f"{KEY}/ship/9", again=False)
    for _ in range(2):
        await house.port.ship(order, parcel, notify=True, key=f"{KEY}/ship/9", again=True)
    told = await house.sim("GET", f"orders/{order.store_order_id}")
    assert len(told["shipments"]) == 1
    assert told["order"]["items"][0]["qty_shipped"] == 1


async def test_trap_17_shipments_are_made_by_the_call_that_moves_order_and_stock():
    house = House()
    order = await house.place(("PUMP-100", 2))
    before = house.app.shop.on_hand("wh_east", "PUMP-100")
    await house.port.ship(order, shipment(order, {order.lines[0].id: 1}), notify=False, key=KEY, again=False)
    assert house.app.shop.on_hand("wh_east", "PUMP-100") == before - 1
    assert house.app.shop.order(int(order.store_order_id))["items"][0]["qty_shipped"] == 1
    posts = [call["operation"] for call in house.tap.named("call.ended") if call["key"]]
    assert posts == ["order.ship"]


class Overheard:
    """The transport between connector and store, and every call that went over it."""

    def __init__(self, transport):
        self.transport = transport
        self.calls = []

    async def send(self, request):
        self.calls.append((request.method, urlsplit(request.url).path))
        return await self.transport.send(request)


def deeds_of(port):
    """The names of everything a store connection can be asked to do over the wire."""
    return {name for name in dir(port) if not name.startswith("_") and inspect.iscoroutinefunction(getattr(port, name))}


WRITES = {
    ("POST", "orders"),
    ("POST", "orders/:id/comments"),
    ("POST", "order/:id/ship"),
    ("POST", "shipment/track"),
    ("POST", "orders/:id/hold"),
    ("POST", "orders/:id/unhold"),
    ("POST", "orders/:id/cancel"),
}


@pytest.mark.parametrize(
    ("way", "attribute"), [("bearer", ""), ("ims in the cloud", "expected_ship_date")], ids=["bearer", "cloud"]
)
async def test_trap_19_20_21_27_29_nothing_but_orders_and_shipments_is_written_and_nothing_by_bulk_or_graphql(
    way, attribute
):
    """No stock (19), no price (20), no product in some store view (21), no bulk (27), no cached query (29)."""
    house = House(way, promise_attribute=attribute)
    order, other = await house.place(("PUMP-KIT", 2), ("SERVICE-1", 1)), await house.place(("PUMP-100", 1))
    wire = house.overhear()
    port, number, key = house.port, order.store_order_id, f"{KEY}/x"
    parts = shipment(order, {line.id: line.quantity.amount for line in order.lines if not line.is_virtual}, "A")
    more = msgspec.structs.replace(parts, parcels=(*parts.parcels, *shipment(order, tracking="B").parcels))
    done = [
        await port.check() and "check",
        await port.changed_orders(None) and "changed_orders",
        await port.read_order(number) and "read_order",
        await port.acknowledge(number, order.number, erp_number="SO-1", status="pending", key=key) or "acknowledge",
        await port.promise(number, order.number, ship_date=date(2026, 12, 4), key=key) or "promise",
        await port.tell_customer(number, "Soon", notify=True, key=key, again=True) or "tell_customer",
        await port.hold(number, key=key) or "hold",
        await port.unhold(number, key=key) or "unhold",
        await port.ship(order, parts, notify=True, key=key, again=False) and "ship",
        await port.ship(order, more, notify=True, key=key, again=True) and "ship",
        await port.cancel(other.store_order_id, key=key) or "cancel",
    ]
    assert set(done) == deeds_of(port)
    root = "/tenant-1/V1/" if way == "ims in the cloud" else "/rest/default/V1/"
    calls = [(method, path) for method, path in wire.calls if not path.startswith("/ims/")]
    assert [path for _, path in calls if not path.startswith(root)] == []
    assert {method for method, _ in calls} == {"GET", "POST"}
    written = {(method, re.sub(r"\d+", ":id", path.removeprefix(root))) for method, path in calls if method != "GET"}
    assert written == WRITES


async def test_trap_15_the_first_shipment_gives_the_order_the_stores_own_status_and_it_is_left_so():
    house = House(statuses={"confirmed": "in_production"})
    order = await house.place(("PUMP-100", 2))
    number = order.store_order_id
    await house.port.acknowledge(number, order.number, erp_number="SO-1", status="confirmed", key=KEY)
    assert house.app.shop.order(int(number))["status"] == "in_production"
    wire = house.overhear()
    await house.port.ship(order, shipment(order, {order.lines[0].id: 1}), notify=False, key=KEY, again=False)
    assert house.app.shop.order(int(number))["status"] == "processing"
    assert [path for method, path in wire.calls if method == "POST"] == [f"/rest/default/V1/order/{number}/ship"]


async def test_three_workers_with_one_shipment_make_one():
    house = House()
    order = await house.place(("PUMP-100", 2))
    calls = [house.port.ship(order, shipment(order), notify=True, key=f"{KEY}/ship/9", again=True) for _ in range(3)]
    assert len(set(await asyncio.gather(*calls))) == 1
    assert len((await house.sim("GET", f"orders/{order.store_order_id}"))["shipments"]) == 1


async def test_a_lost_answer_to_a_comment_mails_the_shopper_once():
    house = House()
    order = await house.place(("PUMP-100", 1))
    await house.fault("timeout_after", "POST */comments")
    with pytest.raises(Unknown):
        await house.port.tell_customer(order.store_order_id, "Confirmed", notify=True, key=KEY, again=False)
    await house.port.tell_customer(order.store_order_id, "Confirmed", notify=True, key=KEY, again=True)
    told = await house.sim("GET", f"orders/{order.store_order_id}")
    assert len(told["comments"]) == 1
    assert sum(mail["template"] == "order_update" for mail in told["emails"]) == 1


async def test_hold_release_and_cancel_may_be_repeated_and_a_shipped_order_stays():
    house = House()
    order = await house.place(("PUMP-100", 2))
    number = order.store_order_id
    for deed in (house.port.hold, house.port.hold, house.port.unhold, house.port.unhold):
        await deed(number, key=KEY)
    for _ in range(2):
        await house.port.cancel(number, key=KEY)
    assert (await house.port.read_order(number)).cancelled
    other = await house.place(("PUMP-100", 2))
    await house.port.ship(other, shipment(other, {other.lines[0].id: 1}), notify=False, key=KEY, again=False)
    with pytest.raises(Reject) as refused:
        await house.port.cancel(other.store_order_id, key=KEY)
    assert refused.value.code == "order.not_cancellable"


@pytest.mark.parametrize(("fault", "after_s"), [("429", 3), ("503", None), ("503_html", None), ("500", None)])
async def test_a_store_in_trouble_is_tried_again_when_it_asks(fault, after_s):
    house = House()
    await house.fault(fault, "GET */orders")
    with pytest.raises(Retry) as later:
        await house.port.changed_orders(None)
    assert later.value.after_s == after_s


async def test_a_change_we_made_ourselves_comes_back_as_the_same_order():
    house = House()
    order = await house.place(("PUMP-100", 1))
    page = await house.port.changed_orders(None)
    house.world.clock.advance(5)
    await house.port.acknowledge(order.store_order_id, order.number, erp_number="SO-1", status=None, key=KEY)
    echo = await house.port.changed_orders(page.cursor)
    assert [seen.key for seen in echo.orders] == [order.key]
    assert echo.orders[0].ship_to_fingerprint == page.orders[0].ship_to_fingerprint
    assert house.port.interpret(echo.orders[0].raw) == order


async def test_members_the_connector_does_not_know_survive_in_the_raw_order():
    house = House()
    order = await house.place(("PUMP-100", 1))
    house.app.shop.order(int(order.store_order_id))["extension_attributes"]["vendor_thing"] = {"a": [1, None]}
    raw = (await house.port.read_order(order.store_order_id)).raw
    assert raw["extension_attributes"]["vendor_thing"] == {"a": [1, None]}
    assert house.port.interpret(msgspec.json.decode(msgspec.json.encode(raw))) == order


async def test_the_promised_date_goes_into_its_own_attribute_where_the_store_has_one():
    house = House("ims in the cloud", promise_attribute="expected_ship_date")
    order = await house.place(("VALVE-050", 1))
    await house.port.acknowledge(
        order.store_order_id, order.number, erp_number="SO-1", status=None, key=KEY, ship_date=date(2026, 12, 4)
    )
    await house.port.promise(order.store_order_id, order.number, ship_date=date(2026, 12, 11), key=f"{KEY}/moved")
    now = (await house.port.read_order(order.store_order_id)).raw
    assert now["custom_attributes"] == [{"attribute_code": "expected_ship_date", "value": "2026-12-11"}]
    assert now["ext_order_id"] == "SO-1"
    await house.port.promise(order.store_order_id, order.number, ship_date=None, key=f"{KEY}/unknown")
    now = (await house.port.read_order(order.store_order_id)).raw
    assert now["custom_attributes"] == [{"attribute_code": "expected_ship_date", "value": ""}]
