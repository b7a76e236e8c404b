"""OAuth 1.0a as the server checks it: HMAC-SHA256, its own base string per version, nonces that work once."""

import hmac
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from functools import cmp_to_key
from hashlib import sha256
from urllib.parse import quote, unquote, urlsplit

from millstream.sandbox.adobe_commerce.errors import Refusal, required

REQUIRED = (
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_token",
)
AHEAD_MAX_S = 600
PATH_PLAIN = frozenset("-._~:@&=+$,/;")


@dataclass(kw_only=True)
class Integration:
    """An integration's credentials and what it may do; `resources` None means everything."""

    number: int = 1
    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str
    resources: frozenset[str] | None = None
    bearer: bool = False
    revoked: bool = False
    nonces: set[str] = field(default_factory=set)

    def may(self, resource: str) -> bool:
        return self.resources is None or resource in self.resources


def read_header(header: str) -> dict[str, str]:
    """The parameters of an `Authorization: OAuth ...` header."""
    found = re.findall(r'([A-Za-z_]+)="([^"]*)"', header)
    return {unquote(name): unquote(value) for name, value in found}


def verify(
    integrations: list[Integration], *, header: str, method: str, url: str, now: datetime, version: str
) -> Integration:
    """The integration that signed. Raises the Refusal of the real server, in the order it checks."""
    given = read_header(header)
    for name in REQUIRED:
        if not given.get(name):
            raise required(name)
    if given["oauth_signature_method"] != "HMAC-SHA256":
        raise Refusal(400, "Signature method %1 is not supported", [given["oauth_signature_method"]])
    owner = next((one for one in integrations if one.consumer_key == given["oauth_consumer_key"]), None)
    if owner is None:
        raise Refusal(401, "A consumer having the specified key does not exist")
    if int(given["oauth_timestamp"]) > now.timestamp() + AHEAD_MAX_S:
        raise Refusal(401, "An error occurred validating the nonce")
    if given["oauth_nonce"] in owner.nonces:
        raise Refusal(401, "The nonce is already being used by the consumer with ID %1", [str(owner.number)])
    owner.nonces.add(given["oauth_nonce"])
    if given["oauth_token"] != owner.token:
        raise Refusal(401, "Specified token does not exist")
    if owner.revoked:
        raise Refusal(401, "Access token has been revoked")
    expected = sign(method, url, given, owner, version=version)
    if not hmac.compare_digest(expected, given["oauth_signature"]):
        raise Refusal(401, "The signature is invalid. Verify and try again.")
    return owner


def sign(method: str, url: str, given: dict[str, str], owner: Integration, *, version: str) -> str:
    base = base_string(method, url, given, version=version)
    key = f"{_encode(owner.consumer_secret)}&{_encode(owner.token_secret)}"
    return b64encode(hmac.new(key.encode(), base.encode(), sha256).digest()).decode()


def base_string(method: str, url: str, given: dict[str, str], *, version: str) -> str:
    """2.4.5 to 2.4.7 sort naturally and decode the path; from 2.4.8 on both are as sent."""
    parts = urlsplit(url)
    params = {name: value for name, value in given.items() if name not in {"oauth_signature", "realm"}}
    for pair in parts.query.split("&"):
        halves = pair.split("=")
        if len(halves) == 2:
            params[unquote(halves[0])] = unquote(halves[1])
    modern = _version(version) >= (2, 4, 8)
    if modern:
        pairs = [(_encode(name), _encode(value)) for name, value in sorted(params.items())]
        path = parts.path
    else:
        encoded = {_encode(name): _encode(value) for name, value in params.items()}
        pairs = sorted(encoded.items(), key=cmp_to_key(_natural_pairs))
        path = re.sub("%[0-9A-Fa-f]{2}", _unescape_harmless, parts.path)
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join([method.upper(), _encode(f"{parts.scheme}://{parts.netloc}{path}"), _encode(joined)])


def _unescape_harmless(escape: re.Match[str]) -> str:
    char = chr(int(escape.group()[1:], 16))
    return char if char in PATH_PLAIN or (char.isascii() and char.isalnum()) else escape.group().upper()


def _encode(text: str) -> str:
    return quote(text, safe="-._~")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _natural_pairs(one: tuple[str, str], other: tuple[str, str]) -> int:
    return _natural(one[0], other[0])


def _natural(one: str, other: str) -> int:
    """PHP's strnatcmp, as far as encoded parameter names need it."""
    left, right = re.findall(r"\d+|\D", one), re.findall(r"\d+|\D", other)
    for first, second in zip(left, right, strict=False):
        if first.isdigit() and second.isdigit():
            if int(first) != int(second):
                return -1 if int(first) < int(second) else 1
        elif first != second:
            return -1 if first < second else 1
    return len(left) - len(right)
