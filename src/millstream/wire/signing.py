"""Signatures: OAuth 1.0a as Adobe Commerce wants it, and the three kinds its stores sign their messages with.

Everything here is pure. Received bodies are verified as raw bytes, never re-serialised: the senders escape slashes and
non-ASCII characters in their own way.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from functools import cmp_to_key
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

Generation = Literal["laminas", "native"]
"""Which server code checks the signature: `laminas` up to Adobe Commerce 2.4.7, `native` from 2.4.8."""

ADOBE_KEY_HOST: Final = "https://static.adobeioevents.com"
_ADOBE_KEY_PATH: Final = re.compile(r"/prod/keys/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LAMINAS_DECODES: Final = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:@&=+$,/;",
)
_RESERVED: Final = re.compile(r"[^A-Za-z0-9._~-]")
_PERCENT: Final = {chr(code): quote(chr(code), safe="-._~") for code in range(128)}
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


# --- OAuth 1.0a, HMAC-SHA256 ------------------------------------------------------------------------------------------


def oauth1_signature(
    method: str,
    url: str,
    oauth: Mapping[str, str],
    *,
    consumer_secret: str,
    token_secret: str,
    generation: Generation,
) -> str:
    """The base64 signature of a request whose body is JSON (such a body is not signed)."""
    base = oauth1_base_string(method, url, oauth, generation=generation)
    key = f"{percent(consumer_secret)}&{percent(token_secret)}"
    return b64encode(hmac.digest(key.encode(), base.encode(), "sha256")).decode()


def oauth1_base_string(method: str, url: str, oauth: Mapping[str, str], *, generation: Generation) -> str:
    """What is signed. The two generations differ in escaped paths and in the order of bracket indexes above 9."""
    parameters = {**_query_parameters(urlsplit(url).query), **oauth}
    pairs = _ordered(parameters, generation)
    return "&".join(
        [method.upper(), percent(_signed_url(url, generation)), percent("&".join(f"{k}={v}" for k, v in pairs))]
    )


class OAuth1Signer:
    """`oauth1_signature` for one credential, with what is the same in every request prepared.

    Only for URLs without a query: then the parameters' order is the same for both generations of servers, and nothing
    but nonce, time and path differs from one request to the next.
    """

    def __init__(self, *, consumer_key: str, consumer_secret: str, token: str, token_secret: str) -> None:
        self._key = f"{percent(consumer_secret)}&{percent(token_secret)}".encode()
        self._before_nonce = percent(f"oauth_consumer_key={percent(consumer_key)}&oauth_nonce=")
        self._before_time = percent("&oauth_signature_method=HMAC-SHA256&oauth_timestamp=")
        self._after_time = percent(f"&oauth_token={percent(token)}&oauth_version=1.0")

    def signature(self, method: str, url: str, *, nonce: str, timestamp: str, generation: Generation) -> str:
        """`nonce` is letters and digits, `timestamp` digits."""
        base = (
            f"{method.upper()}&{percent(_signed_url(url, generation))}&"
            f"{self._before_nonce}{nonce}{self._before_time}{timestamp}{self._after_time}"
        )
        return b64encode(hmac.digest(self._key, base.encode(), "sha256")).decode()


def _signed_url(url: str, generation: Generation) -> str:
    """Scheme, host and path as both sides see them: without a port that says nothing."""
    parts = urlsplit(url)
    port = _DEFAULT_PORTS.get(parts.scheme, "")
    host = parts.netloc.removesuffix(port) if port else parts.netloc
    path = _laminas_path(parts.path) if generation == "laminas" else parts.path
    return f"{parts.scheme}://{host}{path}"


def has_ambiguous_path(url: str) -> bool:
    """Whether the two generations would sign this URL's path differently."""
    if "%" not in url:
        return False
    path = urlsplit(url).path
    return _laminas_path(path) != path


def percent(text: str) -> str:
    """Percent-encoded as OAuth wants it (RFC 3986: all but letters, digits and `-._~`)."""
    return _RESERVED.sub(lambda found: _PERCENT[found[0]], text) if text.isascii() else quote(text, safe="-._~")


def _query_parameters(query: str) -> dict[str, str]:
    """As the server reads them: a pair with a second "=" is dropped, of two equal names the last one counts."""
    pairs = (pair.split("=") for pair in query.split("&"))
    return {unquote(pair[0]): unquote(pair[1]) for pair in pairs if len(pair) == 2}


def _ordered(parameters: Mapping[str, str], generation: Generation) -> list[tuple[str, str]]:
    if generation == "native":
        return [(percent(name), percent(parameters[name])) for name in sorted(parameters)]
    encoded = {percent(name): percent(value) for name, value in parameters.items()}
    return [(name, encoded[name]) for name in sorted(encoded, key=cmp_to_key(_natural_order))]


def _laminas_path(path: str) -> str:
    if "%" not in path:
        return path

    def decoded(match: re.Match[str]) -> str:
        byte = int(match[1], 16)
        return chr(byte) if byte in _LAMINAS_DECODES else match[0]

    return _ESCAPE.sub(decoded, path)


def _natural_order(left: str, right: str) -> int:
    """PHP's strnatcmp: runs of digits compare by value, everything else by character."""
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i].isdigit() and right[j].isdigit():
            run_left, run_right = _digits(left, i), _digits(right, j)
            order = _compare_runs(run_left, run_right)
            if order:
                return order
            i, j = i + len(run_left), j + len(run_right)
        elif left[i] == right[j]:
            i, j = i + 1, j + 1
        else:
            return -1 if left[i] < right[j] else 1
    return (len(left) - i > 0) - (len(right) - j > 0)


def _digits(text: str, start: int) -> str:
    end = start
    while end < len(text) and text[end].isdigit():
        end += 1
    return text[start:end]


def _compare_runs(left: str, right: str) -> int:
    fractional = left.startswith("0") or right.startswith("0")
    if not fractional and len(left) != len(right):
        return -1 if len(left) < len(right) else 1
    return (left > right) - (left < right)


# --- Messages that stores sign ----------------------------------------------------------------------------------------


def is_genuine_io_event(
    body: bytes, headers: Mapping[str, str], *, public_keys: Mapping[str, str], client_id: str
) -> bool:
    """Whether an Adobe I/O Events message is genuine and meant for us.

    Either of the two signatures must verify with the key its path header names, and `recipientclientid` of every event
    in the body must be ours. `headers` in lower case; `public_keys` maps key paths to PEM (see `io_event_key_urls`).
    """
    return has_io_event_signature(body, headers, public_keys=public_keys) and _is_for_client(body, client_id)


def has_io_event_signature(body: bytes, headers: Mapping[str, str], *, public_keys: Mapping[str, str]) -> bool:
    """The first half of `is_genuine_io_event`, for those who tell a foreign recipient from a bad signature."""
    return any(
        _verifies(public_keys[path], signature, body)
        for path, signature in _io_event_signatures(headers)
        if path in public_keys
    )


def io_event_key_urls(headers: Mapping[str, str]) -> dict[str, str]:
    """Key path -> URL to fetch it from. The host is pinned and the path confined, whatever the message says."""
    return {path: ADOBE_KEY_HOST + path for path, _ in _io_event_signatures(headers)}


def _io_event_signatures(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for n in ("1", "2"):
        path = headers.get(f"x-adobe-public-key{n}-path", "")
        signature = headers.get(f"x-adobe-digital-signature-{n}", "")
        if signature and _ADOBE_KEY_PATH.fullmatch(path):
            found.append((path, signature))
    return found


def _is_for_client(body: bytes, client_id: str) -> bool:
    try:
        message = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    events = message if isinstance(message, list) else [message]
    recipients = [event.get("recipientclientid") if isinstance(event, dict) else None for event in events]
    return bool(recipients) and all(
        isinstance(recipient, str) and hmac.compare_digest(recipient.encode(), client_id.encode())
        for recipient in recipients
    )


def is_genuine_commerce_webhook(body: bytes, signature: str, *, public_key: str) -> bool:
    """Whether `x-adobe-commerce-webhook-signature` fits: RSA-SHA256 over the base64 of the raw body."""
    return _verifies(public_key, signature, b64encode(body))


def is_genuine_hmac(body: bytes, signature: str, *, secret: str) -> bool:
    """Whether a hex HMAC-SHA256 fits (Mage-OS `x-magento-signature`). An empty secret fits nothing."""
    expected = hmac.new(secret.encode(), body, sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def _verifies(public_key: str, signature: str, message: bytes) -> bool:
    try:
        key = load_pem_public_key(public_key.encode())
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(b64decode(signature, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, Base64Error, ValueError):
        return False
    return True
