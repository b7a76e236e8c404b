"""Signatures on messages stores send us."""

import hmac
import json
from hashlib import sha256
from pathlib import Path

import pytest

from millstream.wire.signing import (
    io_event_key_urls,
    is_genuine_commerce_webhook,
    is_genuine_hmac,
    is_genuine_io_event,
)

VECTORS = Path(__file__).parent.parent / "recordings" / "adobe_commerce"
EVENT = json.loads((VECTORS / "io-events-signature-vector.json").read_text())
WEBHOOK = json.loads((VECTORS / "webhook-signature-vector.json").read_text())
BODY = EVENT["raw_body"].encode()
CLIENT = "ca7b36f23be94dcb9d2ebb97f0276e3f"
SIGNATURE = WEBHOOK["header"]["x-adobe-commerce-webhook-signature"]


def genuine(body=BODY, headers=None, keys=None, client_id=CLIENT):
    return is_genuine_io_event(
        body,
        EVENT["headers"] if headers is None else headers,
        public_keys=EVENT["public_keys"] if keys is None else keys,
        client_id=client_id,
    )


def test_an_event_with_both_signatures_is_genuine():
    assert genuine()


@pytest.mark.parametrize("broken", ["1", "2"])
def test_either_signature_is_enough(broken):
    other = "2" if broken == "1" else "1"
    headers = EVENT["headers"] | {f"x-adobe-digital-signature-{broken}": "AAAA"}
    assert genuine(headers=headers)
    assert not genuine(headers=headers | {f"x-adobe-digital-signature-{other}": "AAAA"})


def test_a_tampered_event_is_not_genuine():
    assert not genuine(body=EVENT["tampered_body_must_fail"].encode())


def test_an_event_for_another_client_is_not_genuine():
    assert not genuine(client_id="somebody-else")
    assert not genuine(client_id="")


def test_an_event_without_signatures_or_keys_is_not_genuine():
    assert not genuine(headers={})
    assert not genuine(keys={})


@pytest.mark.parametrize("junk", ["not base64!", "", "AAAA", "ÄÖÜ"])
def test_a_broken_signature_is_refused_without_an_exception(junk):
    headers = EVENT["headers"] | {"x-adobe-digital-signature-1": junk, "x-adobe-digital-signature-2": junk}
    assert not genuine(headers=headers)


def test_keys_are_fetched_from_the_pinned_host_only():
    urls = io_event_key_urls(EVENT["headers"])
    assert list(urls.values()) == [
        "https://static.adobeioevents.com/prod/keys/pub-key-test1.pem",
        "https://static.adobeioevents.com/prod/keys/pub-key-test2.pem",
    ]


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/prod/keys/k.pem",
        "//evil.example/prod/keys/k.pem",
        "/prod/keys/../../evil.pem",
        "/prod/keys/..%2fevil.pem",
        "/stage/keys/k.pem",
        "/prod/keys/a/b.pem",
        "/prod/keys/k.pem?x=1",
        "/prod/keys/k.pem\n",
        "@evil.example/prod/keys/k.pem",
        "/prod/keys/",
    ],
)
def test_a_key_path_outside_the_key_folder_is_never_fetched_nor_trusted(path):
    headers = EVENT["headers"] | {"x-adobe-public-key1-path": path, "x-adobe-public-key2-path": path}
    assert io_event_key_urls(headers) == {}
    assert not genuine(headers=headers, keys={path: EVENT["public_keys"]["/prod/keys/pub-key-test1.pem"]})


def test_a_commerce_webhook_is_verified_over_the_base64_of_its_raw_body():
    body = WEBHOOK["raw_body"].encode()
    assert is_genuine_commerce_webhook(body, SIGNATURE, public_key=WEBHOOK["public_key"])
    reserialised = json.dumps(json.loads(body)).encode()
    assert not is_genuine_commerce_webhook(reserialised, SIGNATURE, public_key=WEBHOOK["public_key"])
    assert not is_genuine_commerce_webhook(body, SIGNATURE, public_key="no key")


def test_a_hex_hmac_fits_its_body_and_secret_only():
    signature = hmac.new(b"token", b'{"a":1}', sha256).hexdigest()
    assert is_genuine_hmac(b'{"a":1}', signature, secret="token")
    assert is_genuine_hmac(b'{"a":1}', signature.upper(), secret="token")
    assert not is_genuine_hmac(b'{"a":2}', signature, secret="token")
    assert not is_genuine_hmac(b'{"a":1}', signature, secret="other")
    assert not is_genuine_hmac(b'{"a":1}', "ü", secret="token")


def test_an_empty_secret_verifies_nothing():
    assert not is_genuine_hmac(b"x", hmac.new(b"", b"x", sha256).hexdigest(), secret="")
