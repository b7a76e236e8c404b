"""The sandbox is held against recordings of a real Magento 2.4.7: same status, same shape, same messages."""

import json
import re
from pathlib import Path

import pytest

from fakes.recorded_store import BEFORE, LIMITED, REVOKED, RecordedStore, recording, shape

MANIFEST = json.loads(Path(__file__).with_name("sandbox_adobe_commerce_manifest.json").read_text())
REPORT = re.compile(r"webapi-\w+")
# How many orders the real store held when it was recorded, where that shows in the answer.
ORDERS_THEN = {
    "auth-oauth1-hmac-sha256-with-bracket-query": 0,
    "auth-oauth1-limited-integration-allowed-resource": 0,
    "orders-search-created-at-last-minute-utc-with-ny-timezone": 19,
}
SPOILT = {
    "error-auth-oauth1-hmac-sha1-attempt": {"oauth_signature_method": "HMAC-SHA1"},
    "error-auth-oauth1-sku-with-encoded-slash-in-path": {"version": "2.4.8"},
    "error-oauth1-bad-signature": {"oauth_signature": "bm90IHRoZSBzaWduYXR1cmU="},
    "error-oauth1-missing-nonce": {"oauth_nonce": None},
    "error-oauth1-resource-not-authorised": {"owner": LIMITED},
    "error-oauth1-revoked-token": {"owner": REVOKED},
    "error-oauth1-timestamp-two-hours-ahead": {"oauth_timestamp": "1795431000"},
    "error-oauth1-unknown-consumer-key": {"oauth_consumer_key": "nobody"},
    "error-oauth1-unknown-token": {"oauth_token": "notoken"},
    "error-resource-not-authorised-products": {"owner": LIMITED},
    "auth-oauth1-limited-integration-allowed-resource": {"owner": LIMITED},
    "auth-oauth1-old-timestamp-accepted": {"oauth_timestamp": "1700000000"},
    "auth-oauth1-without-oauth-version": {"oauth_version": None},
    "error-oauth1-byte-sorted-params-eleven-filter-groups": {"version": "2.4.8"},
}


def orders_then(name):
    return ORDERS_THEN.get(name, 18 if name.startswith("orders-search") else None)


async def credentials(store, name, request, path):
    given = request["headers"].get("Authorization", "")
    if given.startswith("OAuth"):
        if name == "error-oauth1-nonce-reused":
            used = store.signed("GET", path, oauth_nonce="twice")
            assert (await store.call("GET", path, headers=used)).status == 200
            return store.signed("GET", path, oauth_nonce="twice")
        return store.signed(request["method"], path, **SPOILT.get(name, {}))
    if "hub-orders-only" in given:
        return {"authorization": f"Bearer {LIMITED.token}"}
    if name.startswith("error-customer-token"):
        return {"authorization": "Bearer a-customers-token"}
    return {"authorization": f"Bearer {store.owner.token}"} if given else {}


async def replay(name):
    recorded = recording(name)
    store = await RecordedStore().fill(orders_then(name))
    for method, path, body in BEFORE.get(name, []):
        answer = await store.call(method, path, body)
        assert answer.status == 200, f"{method} {path}: {answer.text()}"
    request = recorded["request"]
    query = request.get("query_string") or ""
    path = f"{request['path']}?{query}" if query else request["path"]
    headers = await credentials(store, name, request, path)
    headers |= {key.lower(): request["headers"][key] for key in ("Accept", "Content-Type") if key in request["headers"]}
    body = request["body"]
    if name == "auth-admin-token":
        body = {"username": "admin", "password": "admin-password-1"}
    raw = body["_raw"].encode() if isinstance(body, dict) and "_raw" in body else None
    answer = await store.call(request["method"], path, None if raw is not None else body, headers=headers, raw=raw)
    return recorded["response"], answer


@pytest.mark.parametrize("name", MANIFEST["replayed"])
async def test_sandbox_answers_as_the_real_store_did(name):
    recorded, answer = await replay(name)
    assert answer.status == recorded["status"], answer.text()[:300]
    expected = recorded["body"]
    if not answer.is_json:
        assert isinstance(expected, str)
        assert "html" in answer.headers["content-type"]
        return
    body = answer.json()
    if answer.status >= 400:
        assert REPORT.sub("webapi", body["message"]) == REPORT.sub("webapi", expected["message"])
        assert shape(body.get("parameters")) == shape(expected.get("parameters"))
    else:
        assert shape(body) == shape(expected)


def test_every_skipped_recording_has_a_reason_and_none_is_both():
    assert not set(MANIFEST["replayed"]) & set(MANIFEST["skipped"])
    assert all(len(reason) > 10 for reason in MANIFEST["skipped"].values())
    assert len(MANIFEST["replayed"]) >= 120
