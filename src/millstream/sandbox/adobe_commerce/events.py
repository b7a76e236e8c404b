"""Tells hubs about orders, shipments and invoices: Adobe I/O Events or Mage-OS async events, at least once."""

import asyncio
import hmac
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from millstream.sandbox.adobe_commerce.errors import Refusal
from millstream.sandbox.adobe_commerce.signing import signature_headers
from millstream.sandbox.adobe_commerce.state import Shop
from millstream.sandbox.faults import Faults, Sleep

log = logging.getLogger(__name__)
Json = dict[str, Any]
Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
Get = Callable[[str], Awaitable[tuple[int, bytes]]]
IO_RETRIES_S = (60, 120, 240, 480, *[900] * 94)  # 24 hours in all
MAGEOS_RETRIES_S = (1, 4, 9, 16, 25)
REORDER_S = 30
ORDER_FIELDS = (
    "entity_id",
    "increment_id",
    "store_id",
    "customer_id",
    "state",
    "status",
    "ext_order_id",
    "created_at",
    "updated_at",
)
DOCUMENT_FIELDS = ("entity_id", "increment_id", "order_id", "store_id", "created_at", "updated_at")
CODES = {
    "order.placed": "com.adobe.commerce.observer.sales_order_save_commit_after",
    "order.saved": "com.adobe.commerce.observer.sales_order_save_commit_after",
    "shipment.saved": "com.adobe.commerce.observer.sales_order_shipment_save_after",
    "invoice.saved": "com.adobe.commerce.observer.sales_order_invoice_save_after",
}
MAGEOS_NAMES = {
    "order.placed": "sales.order.created",
    "order.saved": "sales.order.updated",
    "shipment.saved": "sales.shipment.created",
    "invoice.saved": "sales.invoice.created",
}


@dataclass(kw_only=True)
class Subscription:
    """A hub that wants to be told. `events` empty means all."""

    url: str
    mode: str = "io_events"
    token: str = ""
    client_id: str = "sandbox-client"
    provider_id: str = "3a5f8f0e-7a61-4a02-9a35-0d3c6a4f9a10"
    events: tuple[str, ...] = ()
    delay_s: float = 0.0


@dataclass(kw_only=True)
class Message:
    """One webhook, written once; only the retry count changes."""

    url: str
    code: str
    headers: dict[str, str]
    body: bytes
    retries_s: tuple[int, ...]
    delay_s: float = 0.0
    attempt: int = field(default=0, compare=False)


class Hooks:
    """Sends webhooks in the background, retrying as documented."""

    def __init__(self, shop: Shop, *, post: Post, get: Get | None, faults: Faults, sleep: Sleep, seed: int) -> None:
        self.subscriptions: list[Subscription] = []
        self.counts: Counter[str] = Counter()
        self._shop, self._post, self._get, self._faults, self._sleep = shop, post, get, faults, sleep
        self._dice = Random(f"{seed}/hooks")  # noqa: S311 - a seed must reproduce the ids
        self._waiting: list[Message] = []
        self._tasks: set[asyncio.Task[None]] = set()
        shop.listeners.append(self.hear)

    def _uuid(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    async def subscribe(self, subscription: Subscription) -> None:
        """Registers a hub; an I/O Events registration must first echo the challenge."""
        if subscription.mode not in {"io_events", "mageos"}:
            raise Refusal(400, 'Unknown webhook mode "%1": use io_events or mageos', [subscription.mode])
        if subscription.mode == "io_events" and self._get is not None:
            challenge = self._uuid()
            mark = "&" if "?" in subscription.url else "?"
            status, body = await self._get(f"{subscription.url}{mark}challenge={challenge}")
            if status != 200 or challenge.encode() not in body:
                raise Refusal(400, "The webhook did not answer the challenge: status %1", [status])
        self.subscriptions.append(subscription)

    def hear(self, what: str, entity: Json) -> None:
        """Writes the messages now, so that they show the state of now; `flush` sends them."""
        for one in self.subscriptions:
            if one.mode == "mageos":
                self._waiting += self._mageos(one, what, entity)
            else:
                self._waiting += self._io_events(one, what, entity)

    def _io_events(self, one: Subscription, what: str, entity: Json) -> Iterable[Message]:
        code = CODES[what]
        if one.events and code not in one.events:
            return
        fields = ORDER_FIELDS if what.startswith("order") else DOCUMENT_FIELDS
        value: Json = {name: str(entity[name]) for name in fields if name in entity}
        # Placing saves the order twice: first as new, then again when the e-mail was sent.
        for is_new in [True, False] if what == "order.placed" else [what != "order.saved"]:
            yield self._cloud_event(one, code, {**value, "_isNew": is_new})

    def _cloud_event(self, one: Subscription, code: str, value: Json) -> Message:
        event_id = self._uuid()
        time = self._shop.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {
            "specversion": "1.0",
            "id": self._uuid(),
            "source": f"urn:uuid:{one.provider_id}",
            "type": code,
            "datacontenttype": "application/json",
            "time": time,
            "eventid": event_id,
            "event_id": event_id,
            "recipientclientid": one.client_id,
            "recipient_client_id": one.client_id,
            "data": {
                "key": self._uuid(),
                "value": value,
                "source": "sandbox.development",
                "_metadata": {
                    "commerceEdition": "Adobe Commerce",
                    "commerceVersion": "2.4.7",
                    "eventsClientVersion": "1.12.1",
                    "storeId": value.get("store_id", "0"),
                    "websiteId": "1",
                    "storeGroupId": "1",
                },
            },
        }
        body = msgspec.json.encode(event)
        headers = {
            "content-type": "application/cloudevents+json; charset=UTF-8",
            "x-adobe-event-id": event_id,
            "x-adobe-event-code": code,
            "x-adobe-provider": "commerce_events",
            "x-adobe-delivery-id": self._uuid(),
            **signature_headers(body),
        }
        return Message(url=one.url, code=code, headers=headers, body=body, retries_s=IO_RETRIES_S, delay_s=one.delay_s)

    def _mageos(self, one: Subscription, what: str, entity: Json) -> Iterable[Message]:
        name = MAGEOS_NAMES[what]
        if one.events and name not in one.events:
            return
        body = msgspec.json.encode(entity)
        signature = hmac.new(one.token.encode(), body, sha256).hexdigest()
        headers = {"content-type": "application/json", "x-magento-signature": signature}
        yield Message(
            url=one.url, code=name, headers=headers, body=body, retries_s=MAGEOS_RETRIES_S, delay_s=one.delay_s
        )

    def flush(self) -> None:
        """Sends what was written since the last time, each in its own task."""
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            dealt = self._faults.deal(message, f"WEBHOOK {message.code}")
            for one in dealt:
                self._start(self._deliver(one))
            if not dealt and self._faults.keeps_back:
                self._start(self._release_later())

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _release_later(self) -> None:
        await self._sleep(REORDER_S)
        for message in self._faults.release():
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        if message.delay_s:
            await self._sleep(message.delay_s)
        for attempt, delay_s in enumerate((*message.retries_s, 0)):
            headers = {**message.headers, **({"x-adobe-retry-count": str(attempt)} if attempt else {})}
            status = await self._try(message, headers)
            if status is not None and 200 <= status < 300:
                self.counts["delivered"] += 1
                return
            if status is not None and not _retryable(status):
                break
            if attempt < len(message.retries_s):
                self.counts["retried"] += 1
                await self._sleep(delay_s)
        self.counts["given_up"] += 1

    async def _try(self, message: Message, headers: dict[str, str]) -> int | None:
        try:
            return await self._post(message.url, headers, message.body)
        except Exception as error:  # noqa: BLE001 - whatever the given `post` raises means that no answer came
            log.info("no answer from the hub: %s", error)
            return None

    async def settle(self) -> None:
        """Waits until everything is delivered or given up."""
        while self._tasks or self._waiting:
            self.flush()
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stops sending."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _retryable(status: int) -> bool:
    return status == 429 or (status >= 500 and status != 505)
