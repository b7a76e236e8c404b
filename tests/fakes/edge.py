"""The web edge on fakes, and senders that sign as the real ones do."""

import base64
import hmac
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import httpx
from standardwebhooks.webhooks import Webhook

from fakes.inbox import MemoryInbox
from fakes.tap import RecordingTap
from fakes.world import ManualClock
from millstream.domain.errors import Reject
from millstream.web.app import create_app
from millstream.web.door_settings import DoorSettings
from millstream.web.refusals import Refusals

VECTOR = json.loads(
    (Path(__file__).parents[1] / "recordings/adobe_commerce/io-events-signature-vector.json").read_text()
)
CLIENT_ID = json.loads(VECTOR["raw_body"])["recipientclientid"]
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"carrier secret, 24 bytes").decode()
NEXT_WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"next carrier secret, 29 bytes").decode()
HMAC_SECRET = "planner secret that nobody may see"
MAGEOS_SECRET = "mageos verification token"
SECRETS = (WEBHOOK_SECRET, NEXT_WEBHOOK_SECRET, HMAC_SECRET, MAGEOS_SECRET, CLIENT_ID)
MAX = 64 * 1024

DOORS = {
    "adobe": DoorSettings(kind="io_events", store="shop", client_id=CLIENT_ID, types=("observer.big_orders",)),
    "mage": DoorSettings(kind="mageos", store="shop", secrets=[MAGEOS_SECRET], bytes_max=MAX),
    "carrier": DoorSettings(kind="events", secrets=[WEBHOOK_SECRET, NEXT_WEBHOOK_SECRET], bytes_max=MAX),
    "planner": DoorSettings(
        kind="events",
        secrets=[HMAC_SECRET],
        scheme="hmac",
        types=["order.delivered", "order.promise_changed"],
        bytes_max=MAX,
    ),
}


class Edge:
    """The app, what it was given, and what came out."""

    def __init__(self, *, doors=DOORS, routers=(), tap=None, inbox=None, clock=None, **limits) -> None:
        self.inbox = inbox or MemoryInbox()
        self.tap = tap or RecordingTap()
        self.clock = clock or ManualClock()
        self.refusals = Refusals()
        self.keys = dict(VECTOR["public_keys"])
        self.keys_asked: list[str] = []
        self.health_failure: Exception | None = None
        self.app = create_app(
            inbox=self.inbox,
            clock=self.clock,
            tap=self.tap,
            doors=doors,
            health=self.health,
            public_key=self.public_key,
            refusals=self.refusals,
            routers=routers,
            **limits,
        )

    async def health(self):
        if self.health_failure:
            raise self.health_failure
        return {"database": "answers"}

    async def public_key(self, path: str) -> str:
        self.keys_asked.append(path)
        key = self.keys.get(path, Reject("key.unknown", "no such key"))
        if isinstance(key, Exception):
            raise key
        return key

    async def request(self, method: str, url: str, **kwargs) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            return await client.request(method, url, **kwargs)

    async def post(self, url: str, body: bytes, headers=()) -> httpx.Response:
        return await self.request("POST", url, content=body, headers=httpx.Headers(headers))

    async def carrier(self, body: bytes, **signing) -> httpx.Response:
        return await self.post("/in/events/carrier", body, webhook_headers(body, self.clock.now(), **signing))

    async def planner(self, body: bytes, **signing) -> httpx.Response:
        return await self.post("/in/events/planner", body, hmac_headers(body, self.clock.now(), **signing))

    async def mage(self, entity) -> httpx.Response:
        body = json.dumps(entity).encode()
        return await self.post("/in/mageos/mage", body, mageos_headers(body))

    async def adobe(self, message, **changed) -> httpx.Response:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.post("/in/adobe-io/adobe", body, {**self.adobe_headers(body), **changed})

    def adobe_headers(self, body: bytes) -> dict[str, str]:
        self.keys["/prod/keys/own.pem"] = own_key()[1]
        return {
            "content-type": "application/json",
            "x-adobe-digital-signature-1": rsa_signature(body),
            "x-adobe-public-key1-path": "/prod/keys/own.pem",
        }


@cache
def own_key():
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = generate_private_key(public_exponent=65537, key_size=2048)
    return private, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_signature(body: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return base64.b64encode(own_key()[0].sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def webhook_headers(body: bytes, now: datetime, *, secret=WEBHOOK_SECRET, message_id="msg_1", **extra) -> dict:
    signed_at = datetime.fromtimestamp(int(now.timestamp()), UTC)
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, signed_at, body.decode()),
        **extra,
    }


def hmac_headers(body: bytes, now: datetime, *, secret=HMAC_SECRET, attributes=(), **extra) -> dict:
    unix_time = str(int(now.timestamp()))
    signed = ".".join([unix_time, *attributes, ""]).encode() + body
    digest = hmac.digest(secret.encode(), signed, "sha256").hex()
    return {"content-type": "application/cloudevents+json", "x-signature": f"t={unix_time},v1={digest}", **extra}


def mageos_headers(body: bytes, *, secret=MAGEOS_SECRET) -> dict:
    digest = hmac.digest(secret.encode(), body, "sha256").hex()
    return {"content-type": "application/json", "x-magento-signature": digest}


def delivered(**changes) -> dict:
    """A carrier's event as a dict; a change of None takes a field away."""
    data = {"delivered_at": "2026-11-23T07:30:00Z", "tracking_number": "1Z999", "received_by": "M. Miller"}
    event = {"specversion": "1.0", "id": "evt-1", "source": "/ups", "type": "order.delivered", "data": data}
    for name, value in changes.items():
        place = data if name in {*data, "order_number", "shipment_number"} else event
        place[name] = value
        if value is None:
            del place[name]
    return event


def encoded(event) -> bytes:
    return json.dumps(event).encode()
