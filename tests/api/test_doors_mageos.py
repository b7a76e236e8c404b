"""Mage-OS async events at /in/mageos."""

import json

import pytest

from fakes.edge import MAX, Edge, mageos_headers

URL = "/in/mageos/mage"
ORDER = {
    "entity_id": 42,
    "increment_id": "000000042",
    "state": "new",
    "status": "pending",
    "updated_at": "2026-11-23 07:59:57",
    "grand_total": 36.39,
    "items": [{"sku": "24-MB01"}],
}


def code(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["code"]


async def test_signed_order_becomes_a_hint_to_look_at_it():
    edge = Edge()
    answer = await edge.mage(ORDER)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "ignored": 0})
    (event,) = edge.inbox.events
    assert (event.source, event.type, event.subject) == ("shop", "order.hinted", "shop-42")
    assert event.source_id == "mageos/42/2026-11-23 07:59:57/new-pending"
    assert event.data == {"store_order_id": "42", "updated_at": "2026-11-23 07:59:57"}
    assert event.occurred_at == edge.clock.now()


async def test_order_wrapped_in_a_cloudevent_is_read_too():
    edge = Edge()
    await edge.mage({"specversion": "1.0", "id": "1", "type": "sales.order.created", "data": ORDER})
    assert edge.inbox.events[0].data["store_order_id"] == "42"


async def test_same_change_sent_again_is_a_duplicate_and_the_next_change_is_not():
    edge = Edge()
    await edge.mage(ORDER)
    assert (await edge.mage(ORDER)).json()["duplicates"] == 1
    assert (await edge.mage(ORDER | {"status": "processing"})).json()["accepted"] == 1
    assert (await edge.mage(ORDER | {"updated_at": "2026-11-23 07:59:58"})).json()["accepted"] == 1


@pytest.mark.parametrize("odd", [{"updated_at": None}, {"updated_at": "soon"}, {"status": "x\u0000/y"}, {"state": {}}])
async def test_odd_fields_do_not_make_two_changes_look_like_one(odd):
    edge = Edge()
    await edge.mage(ORDER | odd)
    await edge.mage(ORDER | odd)
    await edge.mage(ORDER | odd | {"grand_total": 1})
    assert len({event.source_id for event in edge.inbox.events}) == 2
    assert all(event.source_id.isprintable() for event in edge.inbox.events)


@pytest.mark.parametrize(
    "entity",
    [
        {"entity_id": 5, "order_id": 42, "increment_id": "000000005", "shipment_status": None},
        {"id": 7, "email": "roni_cost@example.com"},
        {"sku": "24-MB01", "status": 1},
        {},
        [],
        7,
        None,
        "text",
        {"specversion": "1.0"},
    ],
)
async def test_entities_that_are_no_order_are_acknowledged_and_counted(entity):
    edge = Edge()
    answer = await edge.mage(entity)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 0, "ignored": 1})
    assert edge.inbox.events == []


async def test_order_without_a_usable_id_is_acknowledged_and_told():
    edge = Edge()
    answer = await edge.mage(ORDER | {"entity_id": "1 OR 1=1"})
    assert answer.json() == {"accepted": 0, "duplicates": 0, "ignored": 1}
    assert edge.tap.named("door.unreadable") == [{"door": "mage", "what": "an order without `entity_id`"}]


async def test_body_is_checked_as_it_was_sent():
    edge = Edge()
    body = json.dumps(ORDER | {"note": "Müller"}).encode().replace(b"/", b"\\/")
    assert (await edge.post(URL, body, mageos_headers(body))).status_code == 202


@pytest.mark.parametrize("signature", ["", "00", "é", "x" * 5000])
async def test_unsigned_and_badly_signed_are_refused(signature):
    edge = Edge()
    headers = [("content-type", "application/json"), ("x-magento-signature", signature.encode())]
    answer = await edge.post(URL, json.dumps(ORDER).encode(), headers)
    assert answer.status_code == 401
    assert code(answer) == ("signature.invalid" if signature else "signature.missing")
    assert edge.inbox.events == []


async def test_another_doors_secret_does_not_open_this_one():
    edge = Edge()
    body = json.dumps(ORDER).encode()
    answer = await edge.post(URL, body, mageos_headers(body, secret="planner secret that nobody may see"))
    assert code(answer) == "signature.invalid"


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 60_000, b"\xff", b'"\\udc00"', b"1" * 5000])
async def test_signed_nonsense_is_refused(body):
    edge = Edge()
    answer = await edge.post(URL, body, mageos_headers(body))
    assert (answer.status_code, code(answer)) == (400, "body.not_json")


async def test_oversize_is_refused():
    edge = Edge()
    body = b" " * (MAX + 1)
    answer = await edge.post(URL, body, mageos_headers(body))
    assert (answer.status_code, code(answer)) == (413, "body.too_large")


@pytest.mark.parametrize("name", ["nobody", "adobe", "carrier"])
async def test_unknown_store_is_refused(name):
    edge = Edge()
    body = json.dumps(ORDER).encode()
    answer = await edge.post(f"/in/mageos/{name}", body, mageos_headers(body))
    assert (answer.status_code, code(answer)) == (404, "door.unknown")
    assert edge.inbox.events == []
