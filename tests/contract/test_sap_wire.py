"""How the connector speaks: write tokens, logons, pages, batches, versions, locks."""

import json

import msgspec
import pytest

from fakes.promise_bench import answers, spoils
from fakes.s4hana import BASE, S4Hana
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.sandbox.sap_s4hana import CLIENT_ID, CLIENT_SECRET
from millstream.wire.http import Response

KEY = "shop-1-000000042"
OAUTH = {"auth": "oauth2", "token_url": f"{BASE}/oauth/token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture
def s4():
    return S4Hana()


def fetches(s4):
    return [one for one in s4.wire.requests if one.headers.get("x-csrf-token") == "fetch"]


# --- write tokens and logons ------------------------------------------------------------------------------------------


async def test_one_write_token_serves_every_write_of_a_service_and_goes_with_its_cookies(s4):
    await s4.place(KEY)
    await s4.place("shop-1-2")
    assert len(fetches(s4)) == 1
    writes = [one for one in s4.wire.requests if one.method in {"POST", "PATCH"}]
    assert len(writes) == 4
    assert len({one.headers["x-csrf-token"] for one in writes}) == 1
    assert all("SAP_SESSIONID_S4H_100=" in one.headers["Cookie"] for one in writes)
    assert all("sap-usercontext=" in one.headers["Cookie"] for one in writes)
    assert all("Cookie" not in one.headers for one in s4.wire.requests if one.method == "GET")


async def test_a_session_that_ended_costs_one_refused_write_and_no_try(s4):
    await s4.place(KEY)
    await s4.sim("POST", "sessions")
    answer = await s4.place("shop-1-2")
    assert answer.created
    assert len(fetches(s4)) == 2
    assert len(await s4.orders(void=True)) == 2


async def test_a_write_token_that_outlived_itself_is_fetched_anew(s4):
    await s4.place(KEY)
    s4.world.clock.advance(3600)
    assert (await s4.place("shop-1-2")).created


async def test_write_tokens_belong_to_a_service(s4):
    await s4.place(KEY)
    await s4.sim("POST", "deliveries", {"order": "5000001"})
    await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert [one.url.rsplit("/", 2)[1] for one in fetches(s4)] == [
        "API_SALES_ORDER_SRV",
        "API_OUTBOUND_DELIVERY_SRV;v=0002",
    ]


async def test_a_proxy_that_drops_cookies_is_told_of(s4):
    s4.wire.always(spoils(lambda answer: msgspec.structs.replace(answer, cookies={})))
    with pytest.raises(Retry) as told:
        await s4.place(KEY)
    assert told.value.code == "erp.csrf_refused"
    assert await s4.orders(void=True) == []


async def test_a_service_that_gives_no_write_token_is_told_of(s4):
    s4.wire.always(
        spoils(lambda answer: msgspec.structs.replace(answer, headers={})),
        only=lambda request: request.headers.get("x-csrf-token") == "fetch",
    )
    with pytest.raises(Retry) as told:
        await s4.place(KEY)
    assert told.value.code == "erp.csrf_missing"


async def test_a_bearer_token_that_was_revoked_is_renewed_in_the_middle_of_an_order(s4):
    erp = s4.connect(**OAUTH)
    await s4.place(KEY, erp=erp)
    await s4.sim("POST", "sessions", {"tokens": True})
    assert (await s4.place("shop-1-2", erp=erp)).created


async def test_a_refused_password_is_not_tried_again_for_ten_minutes_lest_sap_locks_the_user(s4):
    erp = s4.connect(password="wrong-password")
    for _ in range(5):
        with pytest.raises(Reject) as refused:
            await erp.read_order(KEY)
        assert refused.value.code == "auth.refused"
    assert len(s4.wire.requests) == 1
    s4.world.clock.advance(601)
    with pytest.raises(Reject):
        await erp.read_order(KEY)
    assert len(s4.wire.requests) == 2


async def test_every_request_names_the_client(s4):
    await s4.place(KEY)
    assert {one.headers["sap-client"] for one in s4.wire.requests} == {"100"}


# --- versions, locks, throttling --------------------------------------------------------------------------------------


async def test_a_clerk_who_changes_a_held_order_meanwhile_is_noticed_and_the_order_goes_on(s4):
    done = []

    async def clerk_first(request, send):
        done.append(await s4.sim("POST", "orders/5000001", {"PurchaseOrderByShipToParty": "PO-9"}))
        return await send(request)

    s4.wire.at(7, clerk_first)
    answer = await s4.place(KEY)
    assert done
    assert s4.wire.requests[6].method == "PATCH"
    assert s4.wire.answers[5].status == 200
    assert (answer.state, answer.number) == ("open", "5000001")
    assert len(s4.requests("A_SalesOrder(", "PATCH")) == 2


async def test_every_change_carries_the_version_that_was_read(s4):
    await s4.place(KEY, off="0.01")
    await s4.erp.change_address(
        KEY,
        s4.order(
            KEY,
            ("VALVE-050", 1),
        ).bill_to,
        key="a",
    )
    changes = [one for one in s4.wire.requests if one.method in {"PATCH", "DELETE"}]
    assert changes
    assert all(one.headers["If-Match"].startswith('W/"datetimeoffset') for one in changes)


async def test_a_document_somebody_has_open_is_tried_again(s4):
    await s4.place(KEY)
    await s4.sim("POST", "locks", {"order": "5000001", "times": 1})
    with pytest.raises(Retry) as locked:
        await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert (locked.value.code, locked.value.after_s) == ("erp.locked", 5.0)
    assert (await s4.orders())[0]["state"] == "open"
    s4.world.clock.advance(5)
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c")


@pytest.mark.parametrize("status", [429, 503])
async def test_sap_is_left_alone_as_long_as_it_asks(s4, status):
    await s4.sim("POST", "throttle", {"status": status, "retry_after": "11"})
    with pytest.raises(Retry) as told:
        await s4.erp.read_order(KEY)
    assert told.value.after_s == 11.0
    with pytest.raises(Retry) as waiting:
        await s4.erp.read_order(KEY)
    assert not waiting.value.counts
    assert len(s4.wire.requests) == 1


# --- pages and batches ------------------------------------------------------------------------------------------------


async def test_pages_of_the_servers_own_making_are_followed_to_the_end(s4, monkeypatch):
    monkeypatch.setattr("millstream.sandbox.sap_s4hana.odata.PAGE_MAX", 2)
    skus = ["VALVE-050", "VALVE-080", "GASKET-10", "SEAL-KIT", "OIL-1L"]
    found = await s4.erp.find_items(skus, currency="EUR", quantities={})
    assert found.keys() == set(skus)
    assert [item.price is not None for item in found.values()] == [True] * 5
    assert len(s4.requests("skiptoken")) == 4


async def test_a_next_page_at_another_host_is_asked_for_at_ours(s4, monkeypatch):
    monkeypatch.setattr("millstream.sandbox.sap_s4hana.odata.PAGE_MAX", 1)
    s4.wire.always(
        spoils(
            lambda one: msgspec.structs.replace(
                one, body=one.body.replace(b"http://s4.test", b"https://s4-inner:44300")
            )
        )
    )
    found = await s4.erp.find_items(["VALVE-050", "OIL-1L"], currency="EUR", quantities={})
    assert found.keys() == {"VALVE-050", "OIL-1L"}
    assert {one.url.startswith(BASE) for one in s4.wire.requests} == {True}


async def test_many_skus_are_asked_for_in_one_round_trip_however_long_the_list(s4):
    await s4.sim("POST", "products", {f"ITEM-{n:03}": {"price": "1.50"} for n in range(70)})
    skus = [f"ITEM-{n:03}" for n in range(70)]
    found = await s4.erp.find_items(skus, currency="EUR", quantities={})
    assert len(found) == 70
    assert all(item.price.amount == 1.5 for item in found.values())
    batches = s4.requests("$batch")
    assert [one.body.count(b"GET A_") for one in batches] == [4, 4]


async def test_a_refusal_within_a_batch_is_the_refusal_of_the_batch(s4):
    skus = [f"ITEM-{n:03}" for n in range(30)]
    s4.wire.at(
        3, spoils(lambda one: msgspec.structs.replace(one, body=one.body.replace(b"HTTP/1.1 200", b"HTTP/1.1 503")))
    )
    await s4.erp.find_items([*skus[:5]], currency="EUR", quantities={})
    s4.wire.always(
        spoils(lambda one: msgspec.structs.replace(one, body=one.body.replace(b"HTTP/1.1 200", b"HTTP/1.1 503"))),
        only=lambda request: request.url.endswith("$batch"),
    )
    with pytest.raises(Retry) as told:
        await s4.erp.find_items(skus, currency="EUR", quantities={})
    assert told.value.code == "erp.unavailable"


async def test_a_batch_answered_by_something_else_is_told_with_advice(s4):
    page = Response(status=200, headers={"content-type": "text/html"}, body=b"<html></html>")
    s4.wire.always(answers(page), only=lambda request: request.url.endswith("$batch"))
    with pytest.raises(Retry) as told:
        await s4.erp.find_items([f"ITEM-{n}" for n in range(30)], currency="EUR", quantities={})
    assert told.value.code == "erp.unreadable"


async def test_one_item_that_cannot_be_rejected_keeps_the_whole_order_as_it_was(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("GASKET-10", 2))

    async def warehouse_first(request, send):
        await s4.sim("POST", "deliveries", {"order": "5000001", "quantities": {"20": 2}})
        return await send(request)

    s4.wire.at(len(["look", "work orders", "batch"]), warehouse_first)
    with pytest.raises(Reject) as refused:
        await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert refused.value.code == "erp.refused"
    (order,) = await s4.orders()
    assert {item["SalesDocumentRjcnReason"] for item in order["to_Item"]} == {""}
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c"), "the next try sees the delivery and deletes it"


# --- what refusals say ------------------------------------------------------------------------------------------------


async def test_details_of_a_refusal_are_told_after_its_message(s4):
    with pytest.raises(Reject) as refused:
        await s4.place(KEY, erp=s4.connect(customers={"ACME": "4711"}))
    assert "Customer 4711 does not exist" in refused.value.message
    assert "Sales document was not changed" in refused.value.message


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (302, "erp.redirected", Reject),
        (403, "erp.forbidden", Reject),
        (404, "erp.not_found", Reject),
        (412, "erp.changed_meanwhile", Conflict),
        (428, "erp.changed_meanwhile", Conflict),
        (423, "erp.locked", Retry),
        (500, "erp.server_error", Retry),
        (504, "erp.too_slow", Retry),
        (507, "erp.server_error", Retry),
        (409, "erp.refused", Reject),
    ],
)
async def test_every_status_has_its_meaning(s4, status, code, kind):
    s4.wire.always(answers(Response(status=status, body=json.dumps({"error": {"code": 1}}).encode())))
    with pytest.raises(kind) as told:
        await s4.erp.read_order(KEY)
    assert told.value.code == code


async def test_a_missing_password_is_a_mistake_in_the_settings(s4):
    with pytest.raises(ValueError, match='auth = "basic" needs username, password'):
        S4HanaSettings(base_url=BASE, sales_organization="1010", distribution_channel="10", plant="1010")


async def test_the_check_names_a_default_customer_that_is_blocked(s4):
    await s4.sim("POST", "customers", {"customer": "10009999", "blocked": True})
    bad = [one for one in await s4.connect(default_customer="10009999").check() if not one.ok]
    assert [one.fix for one in bad] == ["correct the setting default_customer"]
