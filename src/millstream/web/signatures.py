"""Whether a request comes from whom it should: signed by one of the valid secrets or keys, and lately."""

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Final

from standardwebhooks.webhooks import Webhook

from millstream.domain.errors import Reject, Retry
from millstream.web.problems import Problem
from millstream.wire.signing import has_io_event_signature, io_event_key_urls, is_genuine_hmac

TOLERANCE_S: Final = 300  # how far a signature's time may be from ours, either way
ADOBE_SIGNATURES: Final = ("x-adobe-digital-signature-1", "x-adobe-digital-signature-2")
SIGNATURES_MAX: Final = 8  # signatures read from one header; a sender that rotates keys sends two

PublicKey = Callable[[str], Awaitable[str]]
"""The PEM under a path of Adobe's key host. Raises Reject if there is none, Retry if it cannot be read now."""

_UNIX_TIME = re.compile(r"[0-9]{1,11}", re.ASCII)


def _matches_any(given: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    """Compares all with all in constant time. Bytes, because compare_digest refuses text outside ASCII."""
    found = False
    for one in given:
        for other in expected:
            found |= hmac.compare_digest(one, other)
    return found


def _require_fresh(unix_time: str, now: datetime) -> None:
    if abs(int(unix_time) - now.timestamp()) > TOLERANCE_S:
        raise Problem(
            "signature.stale",
            f"The signed time is more than {TOLERANCE_S} s from ours. Set the clock, or sign again when sending again.",
        )


def verify_standard_webhook(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime) -> str:
    """The signed webhook-id. Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature."""
    message_id = headers.get("webhook-id", "")
    unix_time = headers.get("webhook-timestamp", "")
    signature = headers.get("webhook-signature", "")
    if not (message_id and unix_time and signature):
        raise Problem(
            "signature.missing",
            "Sign the request: send the headers webhook-id, webhook-timestamp and webhook-signature.",
        )
    invalid = Problem(
        "signature.invalid",
        "No v1 signature fits. Sign `id.timestamp.body` over the bytes as sent, with the secret agreed for this door.",
    )
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise invalid from None
    if not _UNIX_TIME.fullmatch(unix_time):
        raise invalid
    signed_at = datetime.fromtimestamp(int(unix_time), UTC)
    expected = [Webhook(secret).sign(message_id, signed_at, text).encode() for secret in secrets]
    given = [part.encode() for part in signature.split(" ")[:SIGNATURES_MAX]]
    if not _matches_any(given, expected):
        raise invalid
    _require_fresh(unix_time, now)
    return message_id


def verify_stamped_hmac(
    header: str, body: bytes, secrets: Sequence[str], *, now: datetime, attributes: Sequence[str] = ()
) -> None:
    """Checks `x-signature: t=<unix time>,v1=<hex>`: HMAC-SHA256 over `t.body`.

    In binary mode the event's attributes travel in headers, so they are signed too: `t.id.type.body`.
    """
    if not header:
        raise Problem("signature.missing", "Sign the request: send the header x-signature: t=<unix time>,v1=<hex>.")
    parts = [part.strip().partition("=") for part in header.split(",")[: SIGNATURES_MAX + 1]]
    times = [value for name, _, value in parts if name == "t"]
    given = [value.lower().encode() for name, _, value in parts if name == "v1"]
    covered = ".".join(["t", *(["id", "type"] if attributes else []), "body"])
    invalid = Problem(
        "signature.invalid",
        f"The signature does not fit. v1 is the hex HMAC-SHA256 of `{covered}` over the bytes as sent, "
        "with the secret agreed for this door.",
    )
    if len(times) != 1 or not _UNIX_TIME.fullmatch(times[0]):
        raise invalid
    signed = ".".join([times[0], *attributes, ""]).encode() + body
    expected = [hmac.digest(secret.encode(), signed, "sha256").hex().encode() for secret in secrets]
    if not _matches_any(given, expected):
        raise invalid
    _require_fresh(times[0], now)


def verify_mageos(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Checks `x-magento-signature`: hex HMAC-SHA256 over the raw body. It carries no time, so no age is checked."""
    signature = headers.get("x-magento-signature", "")
    if not signature:
        raise Problem(
            "signature.missing", "The header x-magento-signature is missing. Send through Mage-OS async events."
        )
    if not any(is_genuine_hmac(body, signature, secret=secret) for secret in secrets):
        raise Problem(
            "signature.invalid",
            "x-magento-signature does not fit. Use the verification token of this door in the subscription.",
        )


async def verify_adobe_io(headers: Mapping[str, str], body: bytes, public_key: PublicKey) -> None:
    """Either of Adobe's two signatures over the raw body must fit the key it names.

    A key that cannot be read now makes the answer 503, for Adobe sends again after that and drops after 401.
    """
    unread: Retry | None = None
    keys: dict[str, str] = {}
    for path in io_event_key_urls(headers):
        try:
            keys[path] = await public_key(path)
        except Reject:
            continue  # Adobe has no such key; the other signature may still fit
        except Retry as error:
            unread = error
    if has_io_event_signature(body, headers, public_keys=keys):
        return
    if unread is not None:
        raise Problem(
            "public_key.unavailable",
            "The key this signature names cannot be read now. Send it again.",
            headers={"retry-after": str(max(1, ceil(unread.after_s or 15)))},
        )
    if not any(name in headers for name in ADOBE_SIGNATURES):
        raise Problem(
            "signature.missing", "Adobe's signature headers are missing. Only Adobe I/O Events may call this."
        )
    raise Problem(
        "signature.invalid",
        "Neither of Adobe's signatures fits the body as received. Something on the way may have changed it.",
    )
