"""The sandbox is held against recordings of a real Magento 2.4.7.

Same status, same shape, same messages; booleans, states, statuses, quantities, counts and the lengths of lists to the
value. Where the filled store holds something else than the real one did, the manifest names the place and why.
"""

import json
import re
from pathlib import Path

import pytest

from fakes.recorded_store import BEFORE, LIMITED, RECORDINGS, REVOKED, RecordedStore, recording
from fakes.same_answer import differences, shape

MANIFEST = json.loads(Path(__file__).with_name("sandbox_adobe_commerce_manifest.json").read_text())
REPORT = re.compile(r"webapi-\w+")
# How many orders the real store held when it was recorded, where that shows in the answer.
ORDERS_THEN = {
    "auth-oauth1-hmac-sha256-with-bracket-query": 0,
    "auth-oauth1-limited-integration-allowed-resource": 0,
    "orders-search-created-at-last-minute-utc-with-ny-timezone": 19,
    "page-size-at-limit": 18,
    "quirk-orders-search-bad-date": 18,
    "quirk-orders-search-unknown-condition": 18,
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
        assert differences(expected, body) == set(MANIFEST["differs"].get(name, {}))


@pytest.mark.parametrize(
    ("recorded", "answered", "where"),
    [
        (False, True, {""}),
        ("pending", "processing", {""}),
        ("5", "7", set()),
        ({"items": [{"status": "pending"}]}, {"items": [{"status": "complete"}]}, {".items[].status"}),
        ({"items": [1, 2]}, {"items": [1]}, {".items"}),
        ({"total_count": 18, "id": 1}, {"total_count": 22, "id": 2}, {".total_count"}),
        ({"qty_shipped": 1, "price": 2}, {"qty_shipped": 2, "price": 3}, {".qty_shipped"}),
    ],
)
def test_what_a_client_decides_by_is_compared_to_the_value(recorded, answered, where):
    assert differences(recorded, answered) == where


def test_the_manifest_names_every_recording_once_and_says_why_one_is_skipped_or_differs():
    recordings = {path.stem for path in RECORDINGS.glob("*.json")}
    assert set(MANIFEST["replayed"]) | set(MANIFEST["skipped"]) == recordings
    assert not set(MANIFEST["replayed"]) & set(MANIFEST["skipped"])
    assert set(MANIFEST["differs"]) <= set(MANIFEST["replayed"])
    reasons = [*MANIFEST["skipped"].values(), *(why for each in MANIFEST["differs"].values() for why in each.values())]
    assert all(len(reason) > 10 for reason in reasons)
    assert len(MANIFEST["replayed"]) >= 240
