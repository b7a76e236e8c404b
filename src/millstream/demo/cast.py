"""Who plays beside the people of the plant: shoppers with their orders, and the carrier."""

import datetime as dt
from typing import Any, Final

import msgspec
from standardwebhooks.webhooks import Webhook

from millstream.demo.stage import Stage
from millstream.wire.http import Request

_FIRMS: Final = {1: "Acme Water", 2: "Tiny Plumbing", 3: "Grün Chemie", 4: "Jansen Pompen", 5: "Martin Eaux"}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One order to place, and what becomes of it in the play."""

    title: str
    order: dict[str, Any]
    fate: str  # "ship" | "reschedule" | "wait" | "cancel" | "move" | "stale" | "stranger" | "ghost"


def _lines(*lines: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"sku": sku, "qty": quantity} for sku, quantity in lines]


_WISHES: Final = (
    Wish(title="stock items", order={"customer": 1, "lines": _lines(("VALVE-050", 4), ("GASKET-10", 10))}, fate="ship"),
    Wish(title="made to order", order={"customer": 3, "lines": _lines(("PUMP-CFG", 1))}, fate="reschedule"),
    Wish(
        title="B2B purchase order",
        order={"customer": 4, "lines": _lines(("PUMP-100", 2), ("SEAL-KIT", 4)), "po_number": "PO-4711"},
        fate="ship",
    ),
    Wish(title="unknown SKU", order={"customer": 1, "lines": _lines(("GHOST-1", 1))}, fate="ghost"),
    Wish(
        title="discount 10 %",
        order={"customer": 5, "lines": _lines(("FILTER-5", 3), ("OIL-1L", 2)), "coupon": "SAVE10"},
        fate="ship",
    ),
    Wish(
        title="stale price",
        order={"customer": 2, "lines": [{"sku": "VALVE-080", "qty": 2, "price": 119.90}]},
        fate="stale",
    ),
    Wish(
        title="customer not in the CRM",
        order={
            "guest": {"email": "nora@new-buyer.example", "firstname": "Nora", "lastname": "New"},
            "lines": _lines(("OIL-1L", 6)),
        },
        fate="stranger",
    ),
    Wish(title="bundle", order={"customer": 3, "lines": _lines(("PUMP-KIT", 1))}, fate="ship"),
    Wish(title="cancelled at once", order={"customer": 4, "lines": _lines(("SKID-01", 1))}, fate="cancel"),
    Wish(title="new address", order={"customer": 5, "lines": _lines(("VALVE-050", 1))}, fate="move"),
    Wish(title="bought per order", order={"customer": 1, "lines": _lines(("SENSOR-P", 2))}, fate="wait"),
    Wish(title="service, no shipment", order={"customer": 2, "lines": _lines(("SERVICE-1", 1))}, fate="wait"),
)


def wishes(count: int) -> list[Wish]:
    """The mixed batch: the twelve of the play, then more of the ordinary kind."""
    ordinary = [wish for wish in _WISHES if wish.fate in {"ship", "wait"}]
    more = [ordinary[n % len(ordinary)] for n in range(max(count - len(_WISHES), 0))]
    return [*_WISHES, *more][:count]


class Carrier:
    """Reports deliveries through the hub's door, signed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def report_delivery(self, tracking_number: str) -> int:
        """Sends `order.delivered`; returns the HTTP status."""
        now = dt.datetime.now(dt.UTC)
        event_id = f"delivered-{tracking_number}"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "/carrier/track",
            "type": "order.delivered",
            "time": now.isoformat(),
            "data": {
                "tracking_number": tracking_number,
                "delivered_at": now.isoformat(),
                "received_by": "goods in",
            },
        }
        body = msgspec.json.encode(event)
        signature = Webhook(self._stage.carrier_secret).sign(event_id, now, body.decode())
        answer = await self._stage.transport.send(
            Request(
                method="POST",
                url=f"{self._stage.hub_url}/in/events/carrier",
                headers={
                    "content-type": "application/cloudevents+json",
                    "webhook-id": event_id,
                    "webhook-timestamp": str(int(now.timestamp())),
                    "webhook-signature": signature,
                },
                body=body,
            )
        )
        return answer.status
