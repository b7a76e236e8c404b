"""The port's promises, against recorded and scripted answers."""

import json
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from fakes.adobe import made_order, recorded_answer, recorded_body, response, row, scripted
from millstream.connectors.adobe_commerce.comments import comment_text, reference
from millstream.domain.errors import Reject, Retry, Unknown
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.values import Quantity
from millstream.wire.http import TransportError

KEY = "order/shop-1-000000015/x"
TRUE = response(True)
MISSING = response({"message": "The entity that was requested doesn't exist."}, 404)


def sent(transport, n=-1):
    return json.loads(transport.requests[n].body)


def paths(transport):
    return [
        request.url.removeprefix("https://shop.example/rest/default/V1/").split("?")[0]
        for request in transport.requests
    ]


# --- acknowledge ---


async def test_the_erp_number_is_written_with_both_ids_and_no_more_than_32_characters():
    store, transport = scripted(response(recorded_body("order-set-ext-order-id")))
    await store.acknowledge("15", "000000015", erp_number="SO-1", status=None, key=KEY)
    assert sent(transport) == {"entity": {"entity_id": 15, "increment_id": "000000015", "ext_order_id": "SO-1"}}
    with pytest.raises(Reject) as refused:
        await store.acknowledge("15", "000000015", erp_number="S" * 33, status=None, key=KEY)
    assert refused.value.code == "order.erp_number_too_long"
    assert len(transport.requests) == 1


async def test_trap_15_a_status_is_written_only_while_it_cannot_undo_a_later_one():
    open_order, echo = response(made_order(state="processing")), response({})
    store, transport = scripted(open_order, echo, statuses={"confirmed": "in_production"})
    await store.acknowledge("15", "000000015", erp_number="SO-1", status="confirmed", key=KEY)
    assert sent(transport)["entity"]["status"] == "in_production"
    store, transport = scripted(response(made_order(state="complete")), echo)
    await store.acknowledge("15", "000000015", erp_number="SO-1", status="processing", key=KEY)
    assert "status" not in sent(transport)["entity"]


async def test_a_lost_acknowledgement_may_simply_be_repeated():
    store, _ = scripted(TransportError("reset", sent=True))
    with pytest.raises(Retry):
        await store.acknowledge("15", "000000015", erp_number="SO-1", status=None, key=KEY)


async def test_an_id_that_is_no_number_never_becomes_a_path():
    store, transport = scripted()
    for bad in ("../customers/1", "1/cancel", "", "٣"):
        with pytest.raises(Reject):
            await store.read_order(bad)
    assert transport.requests == []


# --- comments ---


async def test_a_comment_is_visible_marked_and_mailed_as_asked():
    for notify in (True, False):
        store, transport = scripted(TRUE)
        await store.tell_customer("1", "Ships <soon>", notify=notify, key=KEY, again=False)
        assert sent(transport) == {
            "statusHistory": {
                "comment": f"Ships &lt;soon&gt; {reference(KEY)}",
                "is_customer_notified": int(notify),
                "is_visible_on_front": 1,
            }
        }


async def test_a_lost_comment_is_unknown_and_the_next_try_looks_before_it_repeats():
    store, transport = scripted(TransportError("timed out", sent=True))
    with pytest.raises(Unknown) as lost:
        await store.tell_customer("1", "Hello", notify=True, key=KEY, again=False)
    assert lost.value.key == KEY
    there = {"items": [{"comment": comment_text("Hello", KEY)}]}
    store, transport = scripted(response(there))
    await store.tell_customer("1", "Hello", notify=True, key=KEY, again=True)
    assert paths(transport) == ["orders/1/comments"]
    store, transport = scripted(response(recorded_body("order-comments-list-empty")), TRUE)
    await store.tell_customer("1", "Hello", notify=True, key=KEY, again=True)
    assert [request.method for request in transport.requests] == ["GET", "POST"]


async def test_a_comment_that_ended_in_a_server_error_is_in_doubt_too():
    store, _ = scripted(response({"message": "Internal Error."}, 500))
    with pytest.raises(Unknown):
        await store.tell_customer("1", "Hello", notify=True, key=KEY, again=False)


async def test_trap_14_a_status_that_does_not_fit_the_state_is_left_out_and_the_comment_made():
    store, transport = scripted(recorded_answer("error-order-comment-with-unknown-status"), TRUE)
    await store.tell_customer("1", "Hello", notify=False, key=KEY, again=False, status="no_such_status")
    assert sent(transport, 0)["statusHistory"]["status"] == "no_such_status"
    assert "status" not in sent(transport, 1)["statusHistory"]


async def test_a_refusal_for_another_reason_is_not_repeated_without_the_status():
    store, transport = scripted(MISSING)
    with pytest.raises(Reject):
        await store.tell_customer("1", "Hello", notify=False, key=KEY, again=False, status="processing")
    assert len(transport.requests) == 1


# --- shipping ---


def shipment(*lines, tracking=None, warehouse="EAST"):
    return Shipment(
        erp_id="9",
        number="CUS9",
        order_key="shop-1-000000007",
        state="shipped",
        warehouse=warehouse,
        lines=tuple(ShipmentLine(line_id=str(i), sku=f"SKU-{i}", quantity=Quantity(Decimal(str(q)))) for i, q in lines),
        parcels=(Parcel(tracking_number=tracking, carrier_code="ups", carrier_title="UPS"),) if tracking else (),
    )


EMPTY = response({"items": [], "total_count": 0})


def order_in_store(*rows, **changes):
    return response(made_order(entity_id=7, items=list(rows), state="processing", **changes))


def made(shipment_id, *items, **changes):
    lines = [{"order_item_id": item, "qty": quantity} for item, quantity in items]
    return {"entity_id": shipment_id, "items": lines, "tracks": [], "comments": [], **changes}


async def ship(store, what, key=KEY, again=False):
    order = store.interpret(made_order(entity_id=7))
    return await store.ship(order, what, notify=True, key=key, again=again)


async def test_a_shipment_is_built_sent_and_read_back():
    before, after = order_in_store(row(16, qty_ordered=3)), response(made(5, (16, 2)))
    store, transport = scripted(before, EMPTY, response("5"), after, sources={"EAST": "wh_east"})
    assert await ship(store, shipment((16, 2), tracking="1Z")) == "5"
    assert paths(transport) == ["orders/7", "shipments", "order/7/ship", "shipment/5"]
    body = sent(transport, 2)
    assert body["items"] == [{"order_item_id": 16, "qty": 2}]
    assert body["arguments"] == {"extension_attributes": {"source_code": "wh_east"}}
    assert body["notify"] is True


@pytest.mark.parametrize("answer", ["5", 5])
async def test_the_new_id_comes_as_text_or_as_a_number(answer):
    before, after = order_in_store(row(16)), response(made(5, (16, 1)))
    store, _ = scripted(before, EMPTY, response(answer), after)
    assert await ship(store, shipment((16, 1))) == "5"


async def test_trap_18_a_partial_shipment_repeated_after_a_lost_answer_is_found_and_not_made_twice():
    before = order_in_store(row(16, qty_ordered=3))
    store, _ = scripted(before, EMPTY, TransportError("timed out", sent=True))
    with pytest.raises(Unknown):
        await ship(store, shipment((16, 1)))
    there = made(5, (16, 1), comments=[{"comment": f"Shipment CUS9 {reference(KEY)}"}])
    now = order_in_store(row(16, qty_ordered=3, qty_shipped=1))
    store, transport = scripted(now, response({"items": [there]}))
    assert await ship(store, shipment((16, 1)), again=True) == "5"
    assert all(request.method == "GET" for request in transport.requests)


async def test_two_equal_partial_shipments_are_two():
    first = made(5, (16, 1), comments=[{"comment": f"Shipment CUS8 {reference('another')}"}])
    before = order_in_store(row(16, qty_ordered=3, qty_shipped=1))
    after = response(made(6, (16, 1)))
    store, _ = scripted(before, response({"items": [first]}), response("6"), after)
    assert await ship(store, shipment((16, 1))) == "6"


async def test_a_shipment_made_by_hand_with_our_tracking_number_is_taken_as_ours():
    by_hand = made(5, (16, 1), tracks=[{"track_number": "1Z"}])
    store, transport = scripted(order_in_store(row(16, qty_shipped=1)), response({"items": [by_hand]}))
    assert await ship(store, shipment((16, 1), tracking="1Z")) == "5"
    assert len(transport.requests) == 2


async def test_tracking_that_came_later_is_added_once():
    there = made(5, (16, 1), comments=[{"comment": reference(KEY)}], tracks=[{"track_number": "OLD"}])
    now = order_in_store(row(16, qty_shipped=1))
    store, transport = scripted(now, response({"items": [there]}), response({"entity_id": 1}))
    assert await ship(store, shipment((16, 1), tracking="NEW")) == "5"
    assert sent(transport)["entity"] == {
        "order_id": 7,
        "parent_id": 5,
        "track_number": "NEW",
        "title": "UPS",
        "carrier_code": "ups",
        "weight": 0,
        "qty": 1,
        "description": "",
    }
    there["tracks"].append({"track_number": "NEW"})
    store, transport = scripted(now, response({"items": [there]}))
    await ship(store, shipment((16, 1), tracking="NEW"))
    assert len(transport.requests) == 2


async def test_trap_16_over_shipping_is_refused_before_anything_is_sent():
    store, transport = scripted(order_in_store(row(16, qty_ordered=3, qty_shipped=2)), EMPTY)
    with pytest.raises(Reject) as refused:
        await ship(store, shipment((16, 2)))
    assert refused.value.code == "shipment.over_ship"
    assert all(request.method == "GET" for request in transport.requests)


async def test_trap_16_a_warehouse_without_a_source_is_refused_instead_of_emptying_the_default_one():
    store, transport = scripted(order_in_store(row(16)), EMPTY, sources={"WEST": "wh_west"})
    with pytest.raises(Reject) as refused:
        await ship(store, shipment((16, 1), warehouse="EAST"))
    assert (refused.value.code, refused.value.field) == ("shipment.source_unmapped", "sources")
    assert len(transport.requests) == 2


async def test_a_shipment_another_worker_made_at_the_same_moment_is_found_after_the_refusal():
    before = order_in_store(row(16))
    there = made(5, (16, 1), comments=[{"comment": reference(KEY)}])
    refused = recorded_answer("error-ship-already-fully-shipped")
    store, _ = scripted(before, EMPTY, refused, response({"items": [there]}))
    assert await ship(store, shipment((16, 1))) == "5"
    store, _ = scripted(before, EMPTY, refused, EMPTY)
    with pytest.raises(Reject, match="does not allow a shipment"):
        await ship(store, shipment((16, 1)))


async def test_trap_16_a_quantity_the_store_capped_is_noticed_when_it_is_read_back():
    store, _ = scripted(order_in_store(row(16, qty_ordered=3)), EMPTY, response("5"), response(made(5, (16, 1))))
    with pytest.raises(Reject) as refused:
        await ship(store, shipment((16, 2)))
    assert refused.value.code == "shipment.differs"


@pytest.mark.parametrize("state", ["holded", "payment_review"])
async def test_an_order_on_hold_does_not_ship(state):
    held = response(made_order(entity_id=7, items=[row(16)], state=state))
    store, transport = scripted(held, EMPTY)
    with pytest.raises(Reject, match="release it"):
        await ship(store, shipment((16, 1)))
    assert len(transport.requests) == 2


@pytest.mark.parametrize(("shipment_type", "items"), [("1", {15: 2, 16: 1}), ("0", {14: 1})])
async def test_the_product_says_whether_a_bundle_ships_in_parts(shipment_type, items):
    rows = [
        row(14, product_type="bundle", product_id=20, qty_ordered=2),
        row(15, parent_item_id=14, qty_ordered=4),
        row(16, parent_item_id=14, qty_ordered=2),
    ]
    product = {"id": 20, "custom_attributes": [{"attribute_code": "shipment_type", "value": shipment_type}]}
    after = response(made(5, *items.items()))
    store, transport = scripted(order_in_store(*rows), EMPTY, response({"items": [product]}), response("5"), after)
    await ship(store, shipment((15, 2), (16, 1)))
    assert {line["order_item_id"]: line["qty"] for line in sent(transport, 3)["items"]} == items


# --- hold, release, cancel ---


async def test_holding_what_is_held_and_releasing_what_is_free_is_fine():
    store, _ = scripted(recorded_answer("error-order-hold-twice"), response(made_order(state="holded")))
    await store.hold("9", key=KEY)
    store, _ = scripted(recorded_answer("error-order-unhold-not-held"), response(made_order(state="new")))
    await store.unhold("9", key=KEY)


async def test_what_cannot_be_held_or_released_is_refused():
    store, _ = scripted(recorded_answer("error-order-hold-twice"), response(made_order(state="complete")))
    with pytest.raises(Reject) as refused:
        await store.hold("9", key=KEY)
    assert refused.value.code == "order.not_holdable"
    store, _ = scripted(recorded_answer("error-order-unhold-not-held"), response(made_order(state="holded")))
    with pytest.raises(Reject) as refused:
        await store.unhold("9", key=KEY)
    assert refused.value.code == "order.not_releasable"


async def test_cancelling_twice_is_fine():
    store, transport = scripted(response(made_order(state="canceled")))
    await store.cancel("8", key=KEY)
    assert paths(transport) == ["orders/8"]
    store, transport = scripted(response(made_order(state="new")), TRUE)
    await store.cancel("8", key=KEY)
    assert paths(transport) == ["orders/8", "orders/8/cancel"]


async def test_trap_13_false_with_status_200_is_a_refusal_unless_it_is_cancelled_by_now():
    said_false = recorded_answer("order-cancel-complete-order-returns-false")
    store, _ = scripted(response(made_order(state="new")), said_false, response(made_order(state="new")))
    with pytest.raises(Reject) as refused:
        await store.cancel("8", key=KEY)
    assert refused.value.code == "order.not_cancellable"
    store, _ = scripted(response(made_order(state="new")), said_false, response(made_order(state="canceled")))
    await store.cancel("8", key=KEY)


@pytest.mark.parametrize(
    "name", ["order-get-fully-shipped-not-invoiced-processing", "order-get-partially-shipped-not-invoiced"]
)
async def test_trap_13_a_shipped_but_uninvoiced_order_is_not_cancelled_though_the_store_would(name):
    store, transport = scripted(response(recorded_body(name)))
    with pytest.raises(Reject, match="shipped already") as refused:
        await store.cancel("11", key=KEY)
    assert refused.value.code == "order.not_cancellable"
    assert len(transport.requests) == 1


async def test_an_invoiced_or_held_order_is_not_cancelled():
    invoiced = made_order(state="processing", items=[row(1, qty_invoiced=1)])
    for raw, why in ((invoiced, "invoiced"), (recorded_body("order-get-holded"), "on hold")):
        store, _ = scripted(response(raw))
        with pytest.raises(Reject, match=why):
            await store.cancel("9", key=KEY)


# --- the wire ---


async def test_trap_10_cloud_calls_have_no_rest_in_the_path_and_carry_the_scope_as_a_header():
    store, transport = scripted(
        response({"access_token": "t1", "expires_in": 86399}),
        response(made_order()),
        response({"message": "expired"}, 401),
        response({"access_token": "t2", "expires_in": 86399}),
        response(made_order()),
        flavour="saas",
        base_url="https://na1-sandbox.api.example/tenant-1/",
        auth="ims",
        ims_client_id="client-1",
        ims_client_secret="hush",
        ims_org_id="ORG@AdobeOrg",
        scope="wholesale_en",
    )
    await store.read_order("15")
    request = transport.requests[1]
    assert request.url == "https://na1-sandbox.api.example/tenant-1/V1/orders/15"
    assert request.headers["Store"] == "wholesale_en"
    assert request.headers["x-api-key"] == "client-1"
    assert request.headers["x-gw-ims-org-id"] == "ORG@AdobeOrg"
    assert request.headers["Authorization"] == "Bearer t1"
    await store.read_order("15")
    assert transport.requests[-1].headers["Authorization"] == "Bearer t2"


async def test_trap_10_a_paas_store_behind_ims_has_the_scope_in_the_path_and_the_organisation_in_the_headers():
    token = response({"access_token": "t1", "expires_in": 86399})
    store, transport = scripted(
        token,
        response(made_order(state="new")),
        response({}),
        flavour="paas",
        auth="ims",
        ims_client_id="client-1",
        ims_client_secret="hush",
        ims_org_id="ORG@AdobeOrg",
        scope="wholesale_en",
    )
    await store.read_order("15")
    await store.acknowledge("15", "000000015", erp_number="SO-1", status=None, key=KEY)
    asked, *calls = transport.requests
    assert (asked.method, asked.url) == ("POST", "https://ims-na1.adobelogin.com/ims/token/v3")
    form = dict(parse_qsl(asked.body.decode()))
    assert (form["grant_type"], form["client_id"], form["client_secret"]) == ("client_credentials", "client-1", "hush")
    assert "commerce.accs" in form["scope"]
    root = "https://shop.example/rest/wholesale_en/V1"
    assert [(call.method, call.url) for call in calls] == [("GET", f"{root}/orders/15"), ("POST", f"{root}/orders")]
    for call in calls:
        assert call.headers["Authorization"] == "Bearer t1"
        assert call.headers["x-api-key"] == "client-1"
        assert call.headers["x-gw-ims-org-id"] == "ORG@AdobeOrg"
        assert "Store" not in call.headers


async def test_trap_21_the_scope_of_other_flavours_is_in_the_path():
    store, transport = scripted(response(made_order()), flavour="paas", scope="all")
    await store.read_order("15")
    assert transport.requests[0].url == "https://shop.example/rest/all/V1/orders/15"
    assert "Store" not in transport.requests[0].headers


async def test_trap_28_a_store_in_maintenance_is_tried_later_when_it_asks():
    page = response("<html>Back soon</html>", 503, {"content-type": "text/html", "retry-after": "120"})
    store, _ = scripted(page)
    with pytest.raises(Retry) as later:
        await store.changed_orders(None)
    assert later.value.after_s == 120


async def test_no_secret_shows_in_errors_notes_or_settings():
    store, _ = scripted(recorded_answer("error-401-no-credentials"))
    with pytest.raises(Reject) as refused:
        await store.read_order("1")
    everything = [refused.value.message, refused.value.log, repr(store.settings), str(store._kit.tap.notes)]
    assert "secret-token-1" not in " ".join(everything)
