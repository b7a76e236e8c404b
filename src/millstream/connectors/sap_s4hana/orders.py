"""Placing orders without a unique key: SAP has none, so an order is made in three steps that may each be repeated.

1. looked up by its reference, and made blocked for delivery if there is none;
2. looked up again: of several documents one is chosen, the others are set aside, each under its version;
3. released under its version, once its total is the store's.

Whoever loses a race meets a version that moved on, and looks again. A document that arrives late, long after its
maker gave up waiting, stays blocked and never ships.
"""

from decimal import Decimal
from typing import Final

from millstream.connectors.sap_s4hana.client import SALES, UNREADABLE, Change, S4HanaClient
from millstream.connectors.sap_s4hana.customers import Customers
from millstream.connectors.sap_s4hana.documents import Documents
from millstream.connectors.sap_s4hana.mapping import condition, key_and_digest, order_body, order_digest
from millstream.connectors.sap_s4hana.odata import entity
from millstream.connectors.sap_s4hana.overlay import overlaid
from millstream.connectors.sap_s4hana.products import Products
from millstream.connectors.sap_s4hana.reading import acknowledgement, is_cancelled, is_held, is_void
from millstream.connectors.sap_s4hana.rows import PriceElement, SalesOrder
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.credit import AGREE
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.order import SalesOrder as StoreOrder
from millstream.domain.values import Money
from millstream.ports.overlay import Overlay
from millstream.wire.misread import reading

LOOKS_MAX: Final = 8
CREDIT_REFUSED: Final = "B"


class Orders:
    """Makes orders and answers about them. Any number of writers may do so at once."""

    def __init__(
        self,
        client: S4HanaClient,
        documents: Documents,
        customers: Customers,
        products: Products,
        settings: S4HanaSettings,
        overlay: Overlay,
    ) -> None:
        self._overlay = overlay
        self._client = client
        self._documents = documents
        self._customers = customers
        self._products = products
        self._settings = settings

    async def read_order(self, order_key: str) -> Acknowledgement | None:
        """See OrderDesk."""
        found = await self.documents_of(order_key)
        if not found:
            return None
        view = await self._documents.view(self.chosen(found))
        with reading(self._client.system, "A_SalesOrder", code=UNREADABLE):
            return acknowledgement(view, self._settings)

    async def place_order(self, order: StoreOrder, *, customer_id: str, key: str) -> Acknowledgement:
        """See OrderDesk."""
        customer: str | None = None
        created = False
        for _ in range(LOOKS_MAX):
            found = await self.documents_of(order.key)
            if found and is_cancelled(self.chosen(found)):
                raise Reject("erp.order_cancelled", f"Order {order.number} was cancelled in SAP")
            try:
                if found and not is_held(self.chosen(found), self._settings):
                    await self._set_aside(found, self.chosen(found), key=key)
                    return await self._acknowledged(self.chosen(found), order, created=created)
                customer = customer or await self._customers.sold_to(customer_id)
                if found:
                    await self._release(found, order, customer, key=key)
                else:
                    await self._create(order, customer, key=key)
                    created = True
            except Conflict:
                continue  # somebody else went on with it: look again
        raise Retry("erp.still_changing", f"Order {order.number} is being changed in SAP all the time", after_s=5.0)

    async def documents_of(self, order_key: str) -> list[SalesOrder]:
        """The documents of one key that count: those set aside do not; cancelled ones only if there is no other."""
        found = [one for one in await self._documents.find(order_key) if not is_void(one, self._settings)]
        living = [one for one in found if not is_cancelled(one)]
        return living or found

    def chosen(self, found: list[SalesOrder]) -> SalesOrder:
        """The one that is the order: a released one before those that are held, then the lowest number."""
        return min(found, key=lambda one: is_held(one, self._settings))

    async def set_aside(self, order: SalesOrder, *, reason: str, key: str) -> None:
        """Rejects every open item at once. Raises Conflict when the document moved on."""
        changes = [
            Change(
                "PATCH",
                entity("A_SalesOrderItem", SalesOrder=order.sales_order, SalesOrderItem=item.sales_order_item),
                {"SalesDocumentRjcnReason": reason},
            )
            for item in order.open_items
        ]
        if changes:
            await self._client.change_all(SALES, changes, version=order.version, key=key)

    async def _set_aside(self, found: list[SalesOrder], chosen: SalesOrder, *, key: str) -> None:
        """Every other document of the order. One that is released already is for a person to decide about."""
        for other in found:
            if other.sales_order == chosen.sales_order or is_cancelled(other):
                continue
            if not is_held(other, self._settings):
                raise Reject(
                    "erp.duplicate_order",
                    f"SAP has two orders under one key: {chosen.sales_order} and {other.sales_order}. "
                    f"Reject one of them there with reason {self._settings.superseded_reason}, then retry",
                )
            await self.set_aside(other, reason=self._settings.superseded_reason, key=f"{key}/superseded")

    async def _create(self, order: StoreOrder, customer: str, *, key: str) -> None:
        materials = await self._products.materials(order.lines)
        digest = order_digest(order, customer, self._overlay.version)
        body = order_body(order, customer=customer, materials=materials, digest=digest, settings=self._settings)
        body = overlaid(body, order, self._overlay)
        await self._client.create(SALES, "A_SalesOrder", body, key=key)

    async def _release(self, found: list[SalesOrder], order: StoreOrder, customer: str, *, key: str) -> None:
        """One step from held to released; the next look goes on from there. Raises Conflict, Reject."""
        chosen = self.chosen(found)
        await self._set_aside(found, chosen, key=key)
        digest = order_digest(order, customer, self._overlay.version)
        if key_and_digest(chosen.texts, self._settings.key_text)[1] != digest:
            # Sent in another wording by an earlier attempt: made anew as the order says now.
            await self.set_aside(chosen, reason=self._settings.superseded_reason, key=f"{key}/superseded")
        elif await self._totals_agree(chosen, order, key=key):
            self._refuse_without_credit(chosen, order)
            path = entity("A_SalesOrder", SalesOrder=chosen.sales_order)
            body = {"DeliveryBlockReason": ""}
            await self._client.change(SALES, path, body, version=chosen.version, key=f"{key}/release")

    async def _totals_agree(self, chosen: SalesOrder, order: StoreOrder, *, key: str) -> bool:
        """False: a small difference was closed just now. Raises Reject("erp.total_differs"): the order stays held."""
        asked = order.totals.grand_total.amount
        roundings = [one for one in chosen.pricing if one.condition_type == self._settings.rounding_condition]
        rounded = sum((one.condition_rate_value or Decimal(0) for one in roundings), Decimal(0))
        difference = asked - (chosen.gross - rounded)
        foreign = chosen.transaction_currency != order.currency  # amounts of two currencies are never compared
        if foreign or abs(difference) > self._settings.rounding_tolerance:
            theirs = Money(chosen.gross - rounded, chosen.transaction_currency)
            raise Reject(
                "erp.total_differs",
                f"SAP computes {theirs} for order {order.number}, the store charged {order.totals.grand_total}. "
                f"Order {chosen.sales_order} is held there; correct prices or taxes of it, then release it",
                field="totals.grand_total",
            )
        if chosen.gross == asked:
            return True
        await self._round(chosen, roundings[:1], asked - chosen.gross, key=f"{key}/rounding")
        return False

    async def _round(self, chosen: SalesOrder, existing: list[PriceElement], missing: Decimal, *, key: str) -> None:
        """One condition, grown if it is there already. Making one names no version, so a change beside it does."""
        document = entity("A_SalesOrder", SalesOrder=chosen.sales_order)
        for element in existing:
            path = entity(
                "A_SalesOrderHeaderPrElement",
                SalesOrder=chosen.sales_order,
                PricingProcedureStep=element.pricing_procedure_step,
                PricingProcedureCounter=element.pricing_procedure_counter,
            )
            body = {"ConditionRateValue": format((element.condition_rate_value or 0) + missing, "f")}
            return await self._client.change(SALES, path, body, version=chosen.version, key=key)
        made = condition(self._settings.rounding_condition, missing, chosen.transaction_currency)
        changes = [
            Change("PATCH", document, {"DeliveryBlockReason": self._settings.hold_block}),
            Change("POST", f"{document}/to_PricingElement", made),
        ]
        return await self._client.change_all(SALES, changes, version=chosen.version, key=key)

    def _refuse_without_credit(self, chosen: SalesOrder, order: StoreOrder) -> None:
        if chosen.credit_status == CREDIT_REFUSED:
            raise Reject(
                "credit.limit_exceeded",
                f"Order {order.number} ({chosen.sales_order} in SAP) exceeds the customer's credit limit. "
                f"Release it in SAP's credit management or take a payment, {AGREE}",
                field="customer",
            )

    async def _acknowledged(self, chosen: SalesOrder, order: StoreOrder, *, created: bool) -> Acknowledgement:
        view = await self._documents.view(chosen)
        with reading(self._client.system, "A_SalesOrder", code=UNREADABLE):
            return acknowledgement(view, self._settings, created=created, asked=order)
