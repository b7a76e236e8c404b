"""Purchases as orders of the org: recorded in one call, completed once its price book has every product."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.connectors.salesforce import mapping
from millstream.connectors.salesforce.api import Api, Part, segment
from millstream.connectors.salesforce.mapping import Json, PurchasePlan
from millstream.connectors.salesforce.overlay import Pieces, event_pieces, overlaid, overlaid_event
from millstream.connectors.salesforce.products import Products
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.errors import Reject, Retry
from millstream.domain.purchase import Purchase
from millstream.ports.overlay import Overlay
from millstream.wire.kit import WireKit

COLLECTIONS_MAX: Final = 5  # sub-requests of one composite call that may carry many records
ROWS_PER_CALL_MAX: Final = COLLECTIONS_MAX * mapping.ROWS_MAX


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the org has."""

    id: str
    is_draft: bool
    pricebook_id: str | None
    description: str


class Purchases:
    """See `ports.crm.PurchaseBook`."""

    def __init__(self, api: Api, settings: SalesforceSettings, kit: WireKit, overlay: Overlay) -> None:
        self._api = api
        self._settings = settings
        self._fields = settings.fields
        self._tap = kit.tap
        self._overlay = overlay
        self._products = Products(api, settings, clock=kit.world.clock)

    async def record(self, purchase: Purchase, *, key: str) -> bool:
        """See PurchaseBook. One call writes everything; if the order is there already, what is missing is added."""
        holds = self._settings.unknown_products == "reject"
        plan = await self._plan(purchase, anew=holds, following=lambda: event_pieces(purchase, self._settings))
        if self._lacks_products(plan):
            skus = list(plan.unknown_skus)
            self._tap.note("crm.products_unknown", system=self._api.system, order_key=purchase.order_key, skus=skus)
            if holds:
                raise Reject("purchase.product_unknown", self._missing(plan), field="lines")
        first, rest = plan.rows[:ROWS_PER_CALL_MAX], plan.rows[ROWS_PER_CALL_MAX:]
        parts = [creation("Order", "order", plan.order), *_line_parts("@{order.id}", first)]
        if not rest:
            parts += self._activation(plan, "@{order.id}") + self._account(purchase, plan)
        made = await self._api.composite(
            parts, operation="purchase.record", key=key, expect=frozenset({"DUPLICATE_VALUE"})
        )
        if made.error is not None and made.error.where != "order":
            raise self._api.interpreter.failure(made.error, doing="purchase.record")
        if made.error is not None or rest:
            await self._add_what_is_missing(purchase, plan, key)
        return not self._lacks_products(plan)

    async def complete(self, purchase: Purchase, *, key: str) -> None:
        """See PurchaseBook. The account is left alone: its lifetime value counts this order since it was recorded."""
        plan = await self._plan(purchase, anew=True)
        if self._lacks_products(plan):
            text = (
                f"{self._missing(plan)}. The order is in the CRM as a draft that describes these lines. Add the "
                "products, then retry; what follows for this customer goes on meanwhile"
            )
            raise Reject("purchase.incomplete", text, field="lines")
        order = await self._recorded(purchase)
        if order is None:
            text = (
                f"{self._api.system}: order {purchase.order_number} was recorded there and is gone. Restore it from "
                "the recycle bin, then retry; or resolve this"
            )
            raise Reject("crm.deleted", text)
        missing = await self._missing_rows(order, plan)
        if missing and not order.is_draft:
            text = (
                f"{self._api.system}: order {purchase.order_number} was activated with {len(missing)} lines missing, "
                "and takes no more. Set it back to draft there, then retry; or resolve this"
            )
            raise Reject("purchase.incomplete", text, field="lines")
        await self._write(order, missing, self._mended(order, purchase, plan), self._closing(order, plan), key)

    def event(self, purchase: Purchase, event_id: str) -> Json:
        """The platform event that announces it."""
        return overlaid_event(purchase, event_id, self._settings, self._overlay)

    async def _plan(self, purchase: Purchase, *, anew: bool, following: Pieces = tuple) -> PurchasePlan:
        currency = purchase.order_total.currency
        if not self._settings.multi_currency and currency != self._settings.currency:
            text = (
                f"{self._api.system}: order {purchase.order_number} is in {currency}, the org keeps "
                f"{self._settings.currency} only. Turn on multiple currencies in the org and set multi_currency, or "
                "correct `currency`"
            )
            raise Reject("purchase.currency", text, field="order_total")
        codes = [code for line in purchase.lines for code in mapping.codes_of(line)]
        entries = await self._products.resolve(codes, currency=currency, anew=anew)
        plan = mapping.plan_purchase(purchase, entries, self._settings)
        return overlaid(plan, purchase, self._overlay, following)

    def _lacks_products(self, plan: PurchasePlan) -> bool:
        return bool(plan.unknown_skus) and self._settings.pricebook != "none"

    def _missing(self, plan: PurchasePlan) -> str:
        return (
            f"{self._api.system}: no active price book entry for {', '.join(plan.unknown_skus)} "
            f"(price book {self._settings.pricebook})"
        )

    async def _add_what_is_missing(self, purchase: Purchase, plan: PurchasePlan, key: str) -> None:
        """The lines that an earlier call did not write. An activated order is closed: its lines stay."""
        order = await self._recorded(purchase)
        if order is None:
            text = f"{self._api.system}: order {purchase.order_key} is refused as there, yet not found"
            raise Retry("crm.order_vanished", text)
        missing = await self._missing_rows(order, plan)
        if missing and not order.is_draft:
            told = {"system": self._api.system, "order_key": purchase.order_key, "lines": len(missing)}
            self._tap.note("crm.lines_locked", **told)
            missing = []
        closing = self._closing(order, plan) + self._account(purchase, plan)
        await self._write(order, missing, [], closing, key)

    async def _write(
        self, order: Recorded, rows: Sequence[Json], opening: Sequence[Part], closing: Sequence[Part], key: str
    ) -> None:
        """As many calls as the rows take: what must come before them in the first, what must come after in the last."""
        chunks = [rows[at : at + ROWS_PER_CALL_MAX] for at in range(0, len(rows), ROWS_PER_CALL_MAX)] or [[]]
        for n, chunk in enumerate(chunks):
            parts = [*(opening if n == 0 else ()), *_line_parts(order.id, chunk)]
            parts += closing if n == len(chunks) - 1 else ()
            if parts:
                await self._api.composite(parts, operation="purchase.complete", key=key)

    async def _recorded(self, purchase: Purchase) -> Recorded | None:
        query = mapping.order_state(purchase.order_key, self._fields)
        found = await self._api.query(query, operation="purchase.read")
        if not found:
            return None
        with self._api.reading("purchase.read"):
            row = found[0]
            return Recorded(
                id=str(row["Id"]),
                is_draft=str(row["StatusCode"]).startswith("D"),
                pricebook_id=row.get("Pricebook2Id") or None,
                description=row.get("Description") or "",
            )

    async def _missing_rows(self, order: Recorded, plan: PurchasePlan) -> list[Json]:
        name = self._fields.line_key
        rows = await self._api.query(mapping.recorded_lines(order.id, self._fields), operation="purchase.read")
        there = {str(row.get(name)).casefold() for row in rows}
        return [row for row in plan.rows if row[name].casefold() not in there]

    def _mended(self, order: Recorded, purchase: Purchase, plan: PurchasePlan) -> list[Part]:
        """The order as it is without lines that have no product: in a price book, and no more describing them."""
        body: dict[str, Any] = {}
        if order.pricebook_id is None and "Pricebook2Id" in plan.order:
            body["Pricebook2Id"] = plan.order["Pricebook2Id"]
        description = mapping.without_described(order.description, purchase.lines)
        if description != order.description:
            body["Description"] = description or None
        path = f"/sobjects/Order/{order.id}"
        return [Part(method="PATCH", path=path, name="mended", body=body)] if body else []

    def _closing(self, order: Recorded, plan: PurchasePlan) -> list[Part]:
        return self._activation(plan, order.id) if order.is_draft else []

    def _activation(self, plan: PurchasePlan, order_id: str) -> list[Part]:
        """An activated order takes no more lines, so one with unknown products stays a draft that can be completed."""
        if not (self._settings.activate_orders and plan.complete):
            return []
        body = {"Status": self._settings.activated_status}
        return [Part(method="PATCH", path=f"/sobjects/Order/{order_id}", name="activation", body=body)]

    def _account(self, purchase: Purchase, plan: PurchasePlan) -> list[Part]:
        if not plan.account:
            return []
        path = f"/sobjects/Account/{self._fields.account_key}/{segment(purchase.customer_id)}"
        return [Part(method="PATCH", path=path, name="account", body=plan.account)]


def creation(sobject: str, name: str, body: Json, headers: dict[str, str] | None = None) -> Part:
    """One new record as a part of a composite call."""
    return Part(method="POST", path=f"/sobjects/{sobject}", name=name, body=body, headers=headers or {})


def _line_parts(order_id: str, rows: Sequence[Json]) -> list[Part]:
    """Order products in collections of up to 200. OrderId can be set on creation only, so they are never upserted."""
    parts = []
    for start in range(0, len(rows), mapping.ROWS_MAX):
        records = [{**row, "OrderId": order_id} for row in rows[start : start + mapping.ROWS_MAX]]
        body = {"allOrNone": True, "records": records}
        parts.append(Part(method="POST", path="/composite/sobjects", name=f"lines{start}", body=body))
    return parts
