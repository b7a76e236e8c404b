"""Sending an order elsewhere before the warehouse picks it."""

from typing import Final

from millstream.connectors.tryton.client import TrytonClient
from millstream.connectors.tryton.customers import Customers
from millstream.connectors.tryton.reading import is_cancelled
from millstream.connectors.tryton.shape import Row
from millstream.domain.errors import Reject, Retry
from millstream.domain.order import Address

HEADER_FIELDS: Final = ("party", "shipment_address", "shipments.delivery_address")
MOVABLE_STATES: Final = frozenset({"draft", "waiting", "assigned"})
BACK_TO_DRAFT: Final = {"draft": (), "waiting": ("draft",), "assigned": ("wait", "draft")}
FORTH_AGAIN: Final = {"draft": ("wait", "assign_try"), "waiting": ("assign_try",)}


class Redirection:
    """Tryton lets an address change on a draft only, of sale and shipment alike, so it steps back and forth."""

    def __init__(self, client: TrytonClient, customers: Customers) -> None:
        self._client = client
        self._customers = customers

    async def redirect(self, sale: Row, ship_to: Address, *, key: str) -> None:
        """Everything of a sale goes there. Raises Reject("order.too_late") for what is picked, or cancelled."""
        header = await self._header(sale["id"])
        address = await self._customers.address_id(header["party"], ship_to, key=key)
        if sale["state"] in {"draft", "quotation"}:
            await self._redirect_sale(sale, address, key=key)
        else:
            await self._redirect_shipments(sale, header, address, key=key)

    async def _header(self, sale_id: int) -> Row:
        rows = await self._client.search_read("sale.sale", [["id", "=", sale_id]], HEADER_FIELDS)
        if not rows:
            raise Retry("erp.order_missing", f"Sale {sale_id} was deleted in Tryton meanwhile")
        return rows[0]

    async def _redirect_sale(self, sale: Row, address: int, *, key: str) -> None:
        if sale["state"] == "quotation":
            await self._client.press("model.sale.sale.draft", sale["id"], key=key)
        await self._client.write("sale.sale", sale["id"], {"shipment_address": address}, key=key)

    async def _redirect_shipments(self, sale: Row, header: Row, address: int, *, key: str) -> None:
        now = {shipment["id"]: shipment["delivery_address"] for shipment in header["shipments."]}
        open_shipments = [s for s in sale["shipments."] if s["state"] != "cancelled"]
        elsewhere = {s["id"] for s in open_shipments if now[s["id"]] != address}
        late = [s["number"] for s in open_shipments if s["id"] in elsewhere and s["state"] not in MOVABLE_STATES]
        if late or is_cancelled(sale):
            raise Reject(
                "order.too_late",
                f"Shipment {', '.join(late)} is already picked: ask the warehouse"
                if late
                else "The order is cancelled",
                field="ship_to",
            )
        for shipment in open_shipments:
            state = shipment["state"]
            if shipment["id"] in elsewhere:
                await self._redirect(shipment, address, key=key)
                state = "draft"
            if state in FORTH_AGAIN:  # also what an earlier attempt left on the way
                for step in FORTH_AGAIN[state]:
                    await self._client.press(f"model.stock.shipment.out.{step}", shipment["id"], key=key)

    async def _redirect(self, shipment: Row, address: int, *, key: str) -> None:
        for step in BACK_TO_DRAFT[shipment["state"]]:
            await self._client.press(f"model.stock.shipment.out.{step}", shipment["id"], key=key)
        await self._client.write("stock.shipment.out", shipment["id"], {"delivery_address": address}, key=key)
