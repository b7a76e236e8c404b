"""The traps of the real store that no single recording shows."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from fakes.recorded_store import RecordedStore, item, ship, vector_answer
from fakes.transport import AsgiTransport
from millstream.sandbox.adobe_commerce import create_app
from millstream.sandbox.adobe_commerce.access import Saas
from millstream.wire.http import Request, TransportError

FIELD = "searchCriteria[filter_groups][0][filters][0]"


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_time(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(clock):
    return await RecordedStore(now=clock).fill()


async def order(store, number):
    return (await store.call("GET", f"/rest/V1/orders/{number}")).json()


async def test_shipping_more_than_is_left_is_silently_cut(store):
    await store.call(*ship(7, [item(16, 1)]))
    answer = await store.call(*ship(7, [item(16, 5)]))
    assert answer.json() == "2"
    shipment = (await store.call("GET", "/rest/V1/shipment/2")).json()
    assert shipment["items"][0]["qty"] == 2


async def test_repeating_a_partial_shipment_makes_a_second_one(store):
    first = await store.call(*ship(7, [item(16, 1)]))
    second = await store.call(*ship(7, [item(16, 1)]))
    assert (first.json(), second.json()) == ("1", "2")


async def test_shipping_without_a_source_takes_from_the_default_source_until_it_is_empty(store):
    await store.call("POST", "/_sim/stock", {"source": "default", "sku": "SIMPLE-1", "quantity": 4})
    await store.call("POST", "/rest/V1/order/7/ship", {"items": [item(16, 3)]})
    assert store.app.shop.on_hand("default", "SIMPLE-1") == 1
    answer = await store.call("POST", "/rest/V1/order/8/ship", {"items": [item(18, 3)]})
    assert answer.json() == {"message": "Not all of your products are available in the requested quantity."}


async def test_a_source_without_stock_refuses_without_saying_why(store):
    await store.call("POST", "/_sim/stock", {"source": "wh_east", "sku": "SIMPLE-1", "quantity": 0})
    answer = await store.call(*ship(7, [item(16, 1)]))
    assert answer.json() == {"message": "Could not save a shipment, see error log for details"}
    assert (await order(store, 7))["items"][0]["qty_shipped"] == 0


async def test_a_shipped_configurable_counts_on_the_parent_row_alone(store):
    await store.call(*ship(3, [item(4, 2)]))
    parent, child = (await order(store, 3))["items"][:2]
    assert (parent["qty_shipped"], child["qty_shipped"]) == (2, 0)


async def test_a_bundle_ships_with_its_parts_listed(store):
    await store.call(*ship(6))
    shipment = (await store.call("GET", "/rest/V1/shipment/1")).json()
    assert [line["sku"] for line in shipment["items"]] == ["BUNDLE-1", "SIMPLE-1"]
    assert shipment["total_qty"] == 1


async def test_an_order_is_complete_only_when_both_shipped_and_invoiced(store):
    await store.call(*ship(7))
    assert (await order(store, 7))["state"] == "processing"
    await store.call("POST", "/rest/V1/order/7/invoice", {})
    complete = await order(store, 7)
    assert (complete["state"], complete["status"], complete["total_due"]) == ("complete", "complete", 0)


async def test_a_custom_status_is_lost_at_the_next_transition(store):
    await store.call("POST", "/rest/V1/orders", {"entity": {"entity_id": 7, "status": "in_production"}})
    assert (await order(store, 7))["status"] == "in_production"
    await store.call(*ship(7, [item(16, 1)]))
    assert (await order(store, 7))["status"] == "processing"


async def test_cancelling_a_partly_invoiced_order_leaves_it_processing(store):
    await store.call("POST", "/rest/V1/order/7/invoice", {"items": [item(16, 1)]})
    answer = await store.call("POST", "/rest/V1/orders/7/cancel")
    after = await order(store, 7)
    assert answer.json() is True
    assert after["state"] == "processing"
    assert [line["qty_canceled"] for line in after["items"]] == [2, 2]


async def test_a_cancelled_order_keeps_its_grand_total_and_names_what_was_cancelled(store):
    before = await order(store, 8)
    await store.call("POST", "/rest/V1/orders/8/cancel")
    after = await order(store, 8)
    assert after["grand_total"] == before["grand_total"] == after["total_canceled"]


@pytest.mark.parametrize(
    ("deed", "moves"),
    [
        (("POST", "/rest/V1/orders/7/comments", {"statusHistory": {"comment": "x", "status": "pending"}}), False),
        (("POST", "/rest/V1/order/7/invoice", {}), True),
        (ship(7), True),
        (("POST", "/rest/V1/orders/7/hold", None), True),
        (("POST", "/rest/V1/orders", {"entity": {"entity_id": 7, "ext_order_id": "S"}}), True),
    ],
)
async def test_only_some_deeds_move_updated_at(store, clock, deed, moves):
    before = (await order(store, 7))["updated_at"]
    clock.pass_time(5)
    assert (await store.call(*deed)).status == 200
    assert ((await order(store, 7))["updated_at"] != before) == moves


async def test_a_track_added_later_does_not_move_updated_at_of_the_order(store, clock):
    await store.call(*ship(7))
    before = (await order(store, 7))["updated_at"]
    clock.pass_time(5)
    track = {"order_id": 7, "parent_id": 1, "track_number": "T", "title": "UPS", "carrier_code": "ups"}
    answer = await store.call("POST", "/rest/V1/shipment/track", {"entity": track})
    assert answer.json()["track_number"] == "T"
    assert (await order(store, 7))["updated_at"] == before


async def test_a_poll_by_updated_at_finds_what_changed_and_no_more(store, clock):
    clock.pass_time(60)
    await store.call("POST", "/rest/V1/orders/9/hold")
    since = clock().strftime("%Y-%m-%d%%20%H:%M:%S")
    query = f"{FIELD}[field]=updated_at&{FIELD}[condition_type]=gteq&{FIELD}[value]={since}&fields=items[entity_id]"
    assert (await store.call("GET", f"/rest/V1/orders?{query}")).json() == {"items": [{"entity_id": 9}]}


async def test_times_have_no_zone_and_whole_seconds(store):
    assert (await order(store, 1))["updated_at"] == "2026-11-23 09:00:00"


async def test_a_notified_comment_is_mailed_and_repeating_it_mails_again(store):
    history = {"statusHistory": {"comment": "<b>Ships 14 Sep</b>", "is_customer_notified": 1}}
    for _ in range(2):
        await store.call("POST", "/rest/V1/orders/7/comments", history)
    seen = (await store.call("GET", "/_sim/orders/7")).json()
    mails = [mail["comment"] for mail in seen["emails"] if mail["template"] == "order_update"]
    assert mails == ["Ships 14 Sep", "Ships 14 Sep"]
    assert len(seen["comments"]) == 2


async def test_only_a_new_order_with_a_payment_can_be_inserted(store):
    refused = await store.call("POST", "/rest/V1/orders", {"entity": {"status": "pending"}})
    assert refused.json()["message"] == "Please provide payment for the order."
    entity = {"status": "pending", "payment": {"method": "checkmo"}}
    made = await store.call("POST", "/rest/V1/orders", {"entity": entity})
    assert (made.status, made.json()["items"]) == (200, [])


async def test_money_closes_on_every_order_of_a_mixed_batch(store):
    app = create_app(post=store.app.hooks._post)
    shop = RecordedStore()
    shop.app, shop.transport = app, AsgiTransport(shop=app)
    placed = (await shop.call("POST", "/_sim/orders/batch", {"count": 200, "seed": 3})).json()
    assert len(placed) == 200
    for one in app.shop.orders.values():
        tops = [line for line in one["items"] if "parent_item_id" not in line]
        gross = sum(line["row_total"] + line["discount_amount"] for line in tops)
        assert gross == pytest.approx(one["subtotal"])
        parts = one["subtotal"] + one["discount_amount"] + one["shipping_amount"] + one["tax_amount"]
        assert parts == pytest.approx(one["grand_total"])
        for line in tops:
            assert line["row_total"] == pytest.approx(line["price"] * line["qty_ordered"] - line["discount_amount"])


async def test_row_total_is_net_of_discount_and_the_sku_carries_option_suffixes(store):
    parent, child, mug = (await order(store, 3))["items"]
    assert (parent["price"] * parent["qty_ordered"], parent["discount_amount"], parent["row_total"]) == (50, 5, 45)
    assert (parent["tax_amount"], parent["row_total_incl_tax"], parent["price_incl_tax"]) == (3.71, 48.71, 27.07)
    assert (child["parent_item"]["item_id"], child["row_total"]) == (parent["item_id"], 0)
    assert (mug["sku"], mug["price"], mug["original_price"]) == ("MUG-ENGRAVE-ENGR-WRAP-G", 17.5, 12)
    whole = await order(store, 3)
    assert (whole["subtotal_incl_tax"], whole["tax_amount"], whole["grand_total"]) == (73.07, 5.01, 80.76)


async def test_a_second_store_view_shows_another_currency_and_number(store):
    answer = await store.call(
        "POST", "/_sim/orders", {"store_id": 2, "currency": "USD", "lines": [{"sku": "SIMPLE-1", "qty": 2}]}
    )
    placed = await order(store, answer.json()["entity_id"])
    assert placed["increment_id"] == "2000000002"
    assert (placed["base_subtotal"], placed["subtotal"], placed["base_to_order_rate"]) == (41, 45.1, 1.1)


async def test_a_lost_answer_of_ship_leaves_the_shipment_behind(store):
    await store.call("POST", "/_sim/faults", {"script": [{"kind": "timeout_after", "match": "POST */ship"}]})
    with pytest.raises(TransportError):
        await store.call(*ship(7, [item(16, 1)]))
    assert len((await store.call("GET", "/_sim/orders/7")).json()["shipments"]) == 1


async def test_a_signature_of_one_version_fails_on_the_other_where_they_differ():
    path = "/rest/V1/products/SIMPLE%203%2FA%2BB"
    old, new = await RecordedStore().fill(0), await RecordedStore(version="2.4.8").fill(0)
    assert (await old.call("GET", path, headers=old.signed("GET", path, version="2.4.7"))).status == 200
    assert (await new.call("GET", path, headers=new.signed("GET", path, version="2.4.7"))).status == 401
    assert (await new.call("GET", path, headers=new.signed("GET", path, version="2.4.8"))).status == 200


def test_a_signature_that_the_real_store_accepted_verifies():
    assert vector_answer()


class Tenant:
    """A SaaS tenant and a client that has signed in."""

    def __init__(self, clock):
        self.app = create_app(now=clock, saas=Saas())
        self.transport = AsgiTransport(shop=self.app)
        self.headers = {"x-api-key": "sandbox-client", "x-gw-ims-org-id": "SANDBOX@AdobeOrg"}

    async def sign_in(self):
        form = b"client_id=sandbox-client&client_secret=sandbox-client-secret&grant_type=client_credentials"
        answer = await self.send("POST", "/ims/token/v3", form, {})
        self.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    async def send(self, method, path, body=None, headers=None):
        chosen = self.headers if headers is None else headers
        return await self.transport.send(Request(method=method, url=f"http://shop{path}", headers=chosen, body=body))


async def test_a_saas_tenant_wants_an_ims_token_and_knows_no_rest_path(clock):
    tenant = await Tenant(clock).sign_in()
    path = "/tenant-1/V1/store/websites"
    assert (await tenant.send("GET", path)).status == 200
    assert (await tenant.send("GET", "/rest/V1/store/websites")).status == 404
    assert (await tenant.send("GET", path, headers={})).status == 401
    assert (await tenant.send("GET", path, headers={**tenant.headers, "x-gw-ims-org-id": "other"})).status == 403
    clock.pass_time(90_000)
    assert (await tenant.send("GET", path)).status == 401


async def test_only_a_saas_tenant_keeps_custom_attributes_and_lists_statuses(clock, store):
    tenant = await Tenant(clock).sign_in()
    await tenant.send("POST", "/_sim/orders", b'{"customer": 1, "lines": [{"sku": "OIL-1L", "qty": 1}]}')
    entity = {"entity_id": 1, "custom_attributes": [{"attribute_code": "ship_date", "value": "2026-12-01"}]}
    saved = await tenant.send("POST", "/tenant-1/V1/orders", json.dumps({"entity": entity}).encode())
    assert saved.status == 200
    kept = (await tenant.send("GET", "/tenant-1/V1/orders/1")).json()
    assert kept["custom_attributes"] == entity["custom_attributes"]
    statuses = (await tenant.send("GET", "/tenant-1/V1/order-statuses")).json()
    assert {"pending", "processing"} <= {one["status"] for one in statuses}
    assert (await store.call("POST", "/rest/V1/orders", {"entity": entity})).status == 400
    assert (await store.call("GET", "/rest/V1/order-statuses")).status == 404


async def test_an_admin_token_ends_after_four_hours(store, clock):
    door = "/rest/V1/integration/admin/token"
    token = (await store.call("POST", door, {"username": "admin", "password": "admin-password-1"}, headers={})).json()
    bearer = {"authorization": f"Bearer {token}"}
    assert (await store.call("GET", "/rest/V1/orders/1", headers=bearer)).status == 200
    clock.pass_time(4 * 3600 + 1)
    assert (await store.call("GET", "/rest/V1/orders/1", headers=bearer)).status == 401
