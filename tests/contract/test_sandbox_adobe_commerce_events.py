"""Webhooks of the sandbox: signed as Adobe and Mage-OS sign, at least once, retried as documented."""

import asyncio
import hashlib
import hmac
import json
from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fakes.transport import AsgiTransport
from millstream.sandbox.adobe_commerce import create_app
from millstream.wire.http import Request

SAVED = "com.adobe.commerce.observer.sales_order_save_commit_after"
WISH = {"customer": 1, "lines": [{"sku": "PUMP-100", "qty": 1}]}


class Hub:
    """Receives webhooks and answers from a list of statuses, then 200."""

    def __init__(self, *answers, challenge=True):
        self.answers = list(answers)
        self.challenge = challenge
        self.received = []
        self.slept = []

    async def post(self, url, headers, body):
        self.received.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def get(self, url):
        echo = url.rpartition("challenge=")[2] if self.challenge else "no"
        return 200, echo.encode()

    async def sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @property
    def events(self):
        return [json.loads(body) for _, _, body in self.received]


async def store_of(hub, **subscription):
    app = create_app(post=hub.post, get=hub.get, sleep=hub.sleep)
    transport = AsgiTransport(shop=app)

    async def call(method, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        headers = {"authorization": "Bearer sandboxaccesstoken00000000000001"}
        return await transport.send(Request(method=method, url=f"http://shop{path}", headers=headers, body=content))

    answer = await call("POST", "/_sim/webhooks", {"url": "http://hub/in", **subscription})
    return app, call, answer


async def test_placing_an_order_tells_twice_first_as_new_with_values_as_text():
    hub = Hub()
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    values = [event["data"]["value"] for event in hub.events]
    assert [value["_isNew"] for value in values] == [True, False]
    assert (values[0]["entity_id"], values[0]["increment_id"]) == ("1", "000000001")
    assert {event["type"] for event in hub.events} == {SAVED}
    assert len({event["eventid"] for event in hub.events}) == 2


async def test_both_signatures_verify_with_the_keys_that_the_store_serves():
    hub = Hub()
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    _, headers, body = hub.received[0]
    for number in (1, 2):
        pem = (await call("GET", headers[f"x-adobe-public-key{number}-path"])).body
        signature = b64decode(headers[f"x-adobe-digital-signature-{number}"])
        load_pem_public_key(pem).verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
        with pytest.raises(InvalidSignature):
            load_pem_public_key(pem).verify(signature, body + b" ", padding.PKCS1v15(), hashes.SHA256())


async def test_mageos_sends_the_whole_order_with_a_hex_hmac():
    hub = Hub()
    app, call, _ = await store_of(hub, mode="mageos", token="secret", events=["sales.order.created"])
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    (_, headers, body) = hub.received[0]
    assert headers["x-magento-signature"] == hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert json.loads(body) == (await call("GET", "/rest/V1/orders/1")).json()


async def test_a_shipment_tells_of_itself_and_of_the_order():
    hub = Hub()
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/orders", WISH)
    await call("POST", "/rest/V1/order/1/ship", {})
    await app.hooks.settle()
    kinds = [event["type"].rpartition(".")[2] for event in hub.events[2:]]
    assert kinds == ["sales_order_save_commit_after", "sales_order_shipment_save_after"]


async def test_a_hub_that_fails_the_challenge_is_not_registered():
    hub = Hub(challenge=False)
    app, _, answer = await store_of(hub)
    assert answer.status == 400
    assert app.hooks.subscriptions == []


async def test_a_busy_hub_is_tried_again_with_growing_delays_and_a_retry_count():
    hub = Hub(503, 429, TimeoutError())
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/orders", {**WISH, "lines": [{"sku": "OIL-1L", "qty": 1}]})
    await app.hooks.settle()
    counts = sorted(headers.get("x-adobe-retry-count", "0") for _, headers, _ in hub.received)
    assert len(hub.received) == 5
    assert counts[-1] in {"1", "2", "3"}
    assert set(hub.slept) <= {60, 120, 240}
    assert app.hooks.counts["delivered"] == 2


async def test_a_hub_that_refuses_loses_the_event():
    hub = Hub(404, 400)
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    assert len(hub.received) == 2
    assert app.hooks.counts["given_up"] == 2


async def test_webhooks_can_be_dropped_and_doubled_by_the_plan():
    hub = Hub()
    app, call, _ = await store_of(hub)
    plan = {"script": [{"kind": "drop"}, {"kind": "duplicate"}]}
    await call("POST", "/_sim/faults", plan)
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    assert [event["data"]["value"]["_isNew"] for event in hub.events] == [False, False]
    assert hub.received[0] == hub.received[1]


async def test_a_kept_back_webhook_still_arrives():
    hub = Hub()
    app, call, _ = await store_of(hub)
    await call("POST", "/_sim/faults", {"script": [{"kind": "reorder"}]})
    await call("POST", "/_sim/orders", WISH)
    await app.hooks.settle()
    assert [event["data"]["value"]["_isNew"] for event in hub.events] == [False, True]
