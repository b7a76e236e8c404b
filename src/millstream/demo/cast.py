"""Who plays: shoppers with their orders, the warehouse, the planner, the carrier, an operator."""

import asyncio
import datetime as dt
from typing import Any, Final

import msgspec
from standardwebhooks.webhooks import Webhook

from millstream.demo.stage import Stage
from millstream.sandbox.tryton.people import Planner, Warehouse, find_sale
from millstream.sandbox.tryton.rpc import Rpc
from millstream.sandbox.tryton.seed import HUB_PASSWORD, HUB_USER
from millstream.sandbox.tryton.server import DATABASE
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


class Plant:
    """Warehouse and planner in the ERP, through its own API, as people."""

    def __init__(self, stage: Stage) -> None:
        self._rpc = Rpc(port=stage.erp.port, database=DATABASE)
        self._rpc.login(HUB_USER, HUB_PASSWORD)
        self._warehouse = Warehouse(self._rpc)
        self._planner = Planner(self._rpc)

    async def ship(self, order_key: str, tracking_number: str) -> None:
        """Pick, pack, ship, done."""
        await asyncio.to_thread(self._warehouse.deliver, order_key, tracking_number)

    async def postpone(self, order_key: str, days: int) -> None:
        """Moves the order's work orders by some days."""
        await asyncio.to_thread(self._postpone, order_key, days)

    def _postpone(self, order_key: str, days: int) -> None:
        for number in self._planner.work_orders(order_key):
            row = self._rpc.find("production", [["id", "=", number]], ["planned_date"])[0]
            planned = row["planned_date"] or dt.datetime.now(dt.UTC).date()
            self._planner.reschedule(number, planned + dt.timedelta(days=days))

    async def sales(self) -> list[dict[str, Any]]:
        """Every order the store sent, as the ERP has it: web id, number, state, total."""
        return await asyncio.to_thread(
            self._rpc.find,
            "sale.sale",
            [["web_id", "!=", None]],
            ["web_id", "number", "state", "total_amount", "shipment_state"],
        )

    def sale(self, name: str) -> dict[str, Any]:
        """One order."""
        return find_sale(self._rpc, name)


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
