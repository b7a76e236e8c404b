"""Cancelling an order that Tryton processes already: it has no button for it, so every part is undone in turn."""

from collections.abc import Callable
from typing import Final

from millstream.connectors.tryton.client import TrytonClient
from millstream.connectors.tryton.reading import ORDER_FIELDS
from millstream.connectors.tryton.shape import Row
from millstream.domain.errors import Reject, Retry

SHIPMENT_STATES: Final = frozenset({"draft", "waiting", "assigned", "cancelled"})
PRODUCTION_STATES: Final = frozenset({"request", "draft", "waiting", "assigned", "cancelled"})
REQUEST_STATES: Final = frozenset({"draft", "exception", "cancelled"})
PURCHASE_STATES: Final = frozenset({"draft", "quotation", "cancelled"})
INVOICE_STATES: Final = frozenset({"draft", "validated", "cancelled"})
FIELDS: Final = (
    *ORDER_FIELDS,
    *("lines.moves_recreated", "lines.purchase_request.purchase.state", "invoices_ignored"),
)


class Cancellation:
    """Refuses first, then acts: shipments, work orders, the exception, purchase requests, invoices."""

    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    async def cancel(self, sale_id: int, *, key: str) -> None:
        """Raises Reject("order.too_late") when something was picked, made, bought or invoiced."""
        sale = await self._read(sale_id)
        _refuse_if_under_way(sale)
        for shipment in _open(sale["shipments."]):
            await self._client.press("model.stock.shipment.out.cancel", shipment, key=key)
        productions = [production for line in sale["lines."] for production in line["productions."]]
        for production in _open(productions):
            await self._client.press("model.production.cancel", production, key=key)
        for line in sale["lines."]:
            if line["purchase_request."]:
                await self._call_off(line["purchase_request."]["id"], key=key)
        sale = await self._read(sale_id)
        await self._ignore(sale_id, "shipment", "moves", _unhandled_moves(sale), key=key)
        invoices = sale["invoices."]
        for invoice in _open(invoices):
            await self._client.press("model.account.invoice.cancel", invoice, key=key)
        unhandled = [invoice["id"] for invoice in invoices if invoice["id"] not in sale["invoices_ignored"]]
        await self._ignore(sale_id, "invoice", "invoices", unhandled, key=key)

    async def _read(self, sale_id: int) -> Row:
        rows = await self._client.search_read("sale.sale", [["id", "=", sale_id]], FIELDS)
        if not rows:
            raise Retry("erp.order_missing", f"Sale {sale_id} was deleted in Tryton meanwhile")
        return rows[0]

    async def _ignore(self, sale_id: int, what: str, field: str, ids: list[int], *, key: str) -> None:
        """Tells the sale not to wait for what was cancelled, so that it ends."""
        if ids:
            form = {"ask": {f"domain_{field}": ids, f"ignore_{field}": ids, f"recreate_{field}": []}}
            await self._client.run_wizard(
                f"sale.handle.{what}.exception", "handle", form, record=sale_id, model="sale.sale", key=key
            )

    async def _call_off(self, request: int, *, key: str) -> None:
        """Cancels a purchase request. Deleting it would not do: the sale asks for a new one whenever it is processed.

        A request can be cancelled only by way of a purchase that is cancelled.
        """
        wizard = "purchase.request"
        state = await self._request(request)
        if state["state"] == "draft":
            await self._client.run_wizard(
                f"{wizard}.create_purchase", "start", {}, record=request, model=wizard, key=key
            )
            state = await self._request(request)
        if state["purchase"] is None:
            raise Reject("erp.refused", "Tryton cannot call off a purchase request without a supplier; do it there")
        if state["state"] not in {"exception", "cancelled"}:
            await self._client.press("model.purchase.purchase.cancel", state["purchase"], key=key)
        if state["state"] != "cancelled":
            await self._client.run_wizard(
                f"{wizard}.handle.purchase.cancellation", "cancel_request", {}, record=request, model=wizard, key=key
            )

    async def _request(self, request: int) -> Row:
        rows = await self._client.search_read("purchase.request", [["id", "=", request]], ("state", "purchase"))
        if not rows:
            raise Retry("erp.order_missing", f"Purchase request {request} was deleted in Tryton meanwhile")
        return rows[0]


def _open(rows: list[Row]) -> list[int]:
    return [row["id"] for row in rows if row["state"] != "cancelled"]


def _unhandled_moves(sale: Row) -> list[int]:
    return [
        move["id"]
        for line in sale["lines."]
        for move in line["moves."]
        if move["state"] == "cancelled" and move["id"] not in {*line["moves_ignored"], *line["moves_recreated"]}
    ]


def _not_bought(request: Row) -> bool:
    """Requested only, or no further than a purchase that was not sent to the supplier."""
    purchase = request["purchase."]
    return request["state"] in REQUEST_STATES or bool(purchase and purchase["state"] in PURCHASE_STATES)


def _refuse_if_under_way(sale: Row) -> None:
    requests = [line["purchase_request."] for line in sale["lines."] if line["purchase_request."]]
    productions = [production for line in sale["lines."] for production in line["productions."]]
    under_way: list[tuple[list[Row], Callable[[Row], bool], str]] = [
        (sale["shipments."], lambda row: row["state"] in SHIPMENT_STATES, "a shipment is picked or packed"),
        (productions, lambda row: row["state"] in PRODUCTION_STATES, "a work order is running or done"),
        (requests, _not_bought, "goods were bought for it"),
        (sale["invoices."], lambda row: row["state"] in INVOICE_STATES, "it is invoiced"),
    ]
    for rows, still_fine, reason in under_way:
        if not all(still_fine(row) for row in rows):
            raise Reject("order.too_late", f"Order {sale['number']} cannot be cancelled any more: {reason}")
