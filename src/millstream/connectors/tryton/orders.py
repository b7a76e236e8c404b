"""Placing and reading orders; cancelling and redirecting them, by files of their own."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from millstream.connectors.tryton.cancellation import Cancellation
from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.customers import Customers
from millstream.connectors.tryton.mapping import (
    ROUNDING_MARK,
    items_by_sku,
    sale_lines,
    sale_values,
    service_line,
    wanted_skus,
)
from millstream.connectors.tryton.masters import PRODUCT_FIELDS, MasterRecords
from millstream.connectors.tryton.overlay import overlaid
from millstream.connectors.tryton.reading import ORDER_FIELDS, TOTAL_FIELDS, acknowledgement
from millstream.connectors.tryton.redirection import Redirection
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.connectors.tryton.shape import Row
from millstream.connectors.tryton.wording import Wording
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.credit import AGREE
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.order import Address, SalesOrder
from millstream.domain.values import Money
from millstream.ports.erp import ErpItem
from millstream.ports.overlay import Overlay
from millstream.ports.world import Clock
from millstream.wire.misread import reading

UNDO_BUTTONS: Final = {"draft": "cancel", "quotation": "cancel", "confirmed": "draft"}
WRITABLE_STATES: Final = frozenset({"draft", "quotation"})
STEPS_MAX: Final = 6  # draft -> quotation -> confirmed -> processing, and room for somebody else's steps
PROCESSING_RETRY_MIN_S: Final = 5.0
PROCESSING_RETRY_MAX_S: Final = 300.0
LIMIT_FIELDS: Final = (
    *("untaxed_amount", "currency", "company.currency", "party.credit_amount", "party.credit_limit_amount"),
)


class Orders:
    """The order desk of one Tryton. Orders are written one at a time: more only makes them wait for locks."""

    def __init__(
        self,
        client: TrytonClient,
        records: MasterRecords,
        settings: TrytonSettings,
        overlay: Overlay,
        *,
        clock: Clock,
    ) -> None:
        self._overlay = overlay
        self._clock = clock
        self._client = client
        self._records = records
        self._settings = settings
        self._customers = Customers(client, records)
        self._cancellation = Cancellation(client)
        self._redirection = Redirection(client, self._customers)
        self._wording = Wording(client, records)
        self._one_writer = asyncio.Lock()
        self._left_to_worker = False

    async def find_items(
        self, skus: Sequence[str], *, currency: str, quantities: Mapping[str, Decimal]
    ) -> Mapping[str, ErpItem]:
        """See OrderDesk. One call for all; prices are list prices, which in Tryton do not depend on quantity."""
        wanted = sorted(set(skus) | set(quantities))
        if not wanted:
            return {}
        context = {"active_test": False, "currency": await self._records.currency(currency)}
        rows = await self._client.search_read(
            "product.product", [["code", "in", wanted]], PRODUCT_FIELDS, context=context
        )
        with reading(self._client.system, "find_items", code=UNREADABLE):
            return _erp_items(rows, currency)

    async def read_order(self, order_key: str) -> Acknowledgement | None:
        """See OrderDesk."""
        sale = await self._find(order_key)
        return None if sale is None else self._acknowledged(sale)

    async def place_order(self, order: SalesOrder, *, customer_id: str, key: str) -> Acknowledgement:
        """See OrderDesk. What an earlier attempt left as draft or quotation is made to say what the order says now."""
        async with self._one_writer:
            sale = await self._find(order.key)
            created = sale is None
            if sale is None or not await self._is_as_ordered(sale, order, customer_id=customer_id):
                sale = await self._written(sale, order, customer_id=customer_id, key=key)
            sale = await self._advance(sale, order, key=key)
            sale = await self._reserve(sale, order, key=key)
            return self._acknowledged(sale, created=created, order=order)

    async def cancel_order(self, order_key: str, *, key: str) -> bool:
        """See OrderDesk. Each step looks at the order as it is now, so a cancellation that died goes on."""
        async with self._one_writer:
            sale = await self._find(order_key)
            if sale is None:
                return False
            for _ in range(STEPS_MAX):
                button = UNDO_BUTTONS.get(sale["state"])
                if button is None:
                    if sale["state"] != "cancelled":
                        await self._cancellation.cancel(sale["id"], key=key)
                    return True
                await self._client.press(f"model.sale.sale.{button}", sale["id"], key=key)
                sale = await self._again(order_key)  # Tryton says nothing of a button that came too late
            raise self._overtaken(order_key)

    async def change_address(self, order_key: str, ship_to: Address, *, key: str) -> None:
        """See OrderDesk."""
        async with self._one_writer:
            sale = await self._find(order_key)
            if sale is None:
                raise Retry("erp.order_missing", f"Tryton has no order {order_key} yet")
            if sale["state"] == "confirmed":  # its shipments are made later, for the address it has now
                raise self._not_processed(sale, order_key)
            await self._redirection.redirect(sale, ship_to, key=key)

    def _acknowledged(self, sale: Row, *, created: bool = False, order: SalesOrder | None = None) -> Acknowledgement:
        with reading(self._client.system, "sale.sale", code=UNREADABLE):
            return acknowledgement(sale, created=created, order=order)

    # Finding and drafting

    async def _find(self, order_key: str) -> Row | None:
        masters = await self._records.masters()
        domain = [["web_shop", "=", masters.web_shop], ["web_id", "=", order_key]]
        rows = await self._client.search_read("sale.sale", domain, ORDER_FIELDS)
        return rows[0] if rows else None

    async def _is_as_ordered(self, sale: Row, order: SalesOrder, *, customer_id: str) -> bool:
        """Whether there is nothing to write: it says what the order says, or is too far gone to be written."""
        if sale["state"] not in WRITABLE_STATES:
            return True
        if sale["state"] == "draft" and self._overlay.version:
            return False  # its custom fields are written anew; those of a quotation were, and people may have mended it
        return await self._wording.agrees(sale, order, customer_id=customer_id)

    async def _written(self, sale: Row | None, order: SalesOrder, *, customer_id: str, key: str) -> Row:
        """The draft as the order says now, its total checked; a quotation is taken back for it.

        One that somebody took further meanwhile is returned as it is.
        """
        if sale is not None and sale["state"] != "draft":
            await self._client.press("model.sale.sale.draft", sale["id"], key=key)
            sale = await self._again(order.key)
            if sale["state"] != "draft":
                return sale
        sale_id = await self._draft(order, sale, customer_id=customer_id, key=key)
        return await self._checked(order, sale_id, key=key)

    async def _draft(self, order: SalesOrder, sale: Row | None, *, customer_id: str, key: str) -> int:
        """Makes the draft, or writes one that an earlier attempt left behind again, as the order says now."""
        masters = await self._records.masters()
        rows = await self._client.search_read(
            "product.product", [["code", "in", wanted_skus(order.lines)]], PRODUCT_FIELDS[:-1]
        )
        lines = sale_lines(order, items_by_sku(rows), masters, self._settings)
        parties = await self._customers.parties_of(order, customer_id=customer_id, key=key)
        values = sale_values(
            order,
            parties=parties,
            currency=await self._records.currency(order.currency),
            lines=lines,
            masters=masters,
            settings=self._settings,
        )
        values = overlaid(values, order, self._overlay)
        if sale is None:
            return await self._create(values, order.key, key=key)
        draft = await self._totals(sale["id"])
        values["lines"] = [["delete", [line["id"] for line in draft["lines."]]], *values["lines"]]
        await self._rewrite(draft, values, key=key)
        rewritten: int = draft["id"]
        return rewritten

    async def _rewrite(self, draft: Row, values: Row, *, key: str) -> None:
        """Writes a draft as it was read: Conflict if another writer changed it or took it further meanwhile."""
        try:
            await self._client.write("sale.sale", draft["id"], values, key=key, seen=draft["_timestamp"])
        except Reject as refusal:
            if (await self._totals(draft["id"]))["state"] == draft["state"]:
                raise
            raise Conflict("erp.changed_meanwhile", f"Another writer went on with sale {draft['id']}") from refusal

    async def _create(self, values: Row, order_key: str, *, key: str) -> int:
        """Creates the sale; when another writer was first, the database's unique key decides, and theirs is used."""
        try:
            made = await self._client.create("sale.sale", [values], key=key)
        except Reject:
            theirs = await self._find(order_key)
            if theirs is None:
                raise
            found: int = theirs["id"]
            return found
        return made[0]

    # Checking totals

    async def _checked(self, order: SalesOrder, sale_id: int, *, key: str) -> Row:
        """The draft, its total equal to the store's to the cent. Raises Reject("erp.total_differs")."""
        sale = await self._totals(sale_id)
        with reading(self._client.system, "sale.sale", code=UNREADABLE):
            difference: Decimal = order.totals.grand_total.amount - sale["total_amount"]
        if not difference or sale["state"] != "draft":  # no draft any more: whoever took it further checked it
            return sale
        if abs(difference) <= self._settings.rounding_tolerance:
            await self._round(sale, difference, key=key)
            sale = await self._totals(sale_id)
        if sale["total_amount"] != order.totals.grand_total.amount:
            theirs = Money(sale["total_amount"], sale["currency."]["code"])
            raise Reject(
                "erp.total_differs",
                f"Tryton computes {theirs} for order {order.number}, the store charged {order.totals.grand_total}. "
                "The order was left as a draft; correct taxes or prices, then release it",
                field="totals.grand_total",
            )
        return sale

    async def _totals(self, sale_id: int) -> Row:
        rows = await self._client.search_read(
            "sale.sale", [["id", "=", sale_id]], (*TOTAL_FIELDS, "lines.unit_price", "_timestamp")
        )
        return _only(rows, sale_id)

    async def _round(self, sale: Row, difference: Decimal, *, key: str) -> None:
        """Closes a small difference by the rounding line: one line, grown if it is there already."""
        masters = await self._records.masters()
        service = masters.services[self._settings.rounding_product]
        existing = [line for line in sale["lines."] if line["product"] == service[0]]
        if existing:
            amount = existing[0]["unit_price"] + difference
            change = ["write", [existing[0]["id"]], {"unit_price": amount.quantize(Decimal("0.0001"))}]
        else:
            change = ["create", [service_line(service, difference, ROUNDING_MARK, len(sale["lines."]) + 1)]]
        await self._rewrite(sale, {"lines": [change]}, key=key)

    # From draft to processing

    async def _advance(self, sale: Row, order: SalesOrder, *, key: str) -> Row:
        """Takes the sale step by step to processing, whoever else takes some of the steps."""
        for _ in range(STEPS_MAX):
            match sale["state"]:
                case "draft":
                    if await self._step("quote", sale, key=key):
                        sale = {**sale, "state": "quotation"}
                        continue
                case "quotation":
                    sale = await self._confirm(sale, order, key=key)
                    continue
                case "cancelled":
                    raise Reject("erp.order_cancelled", f"Order {order.number} was cancelled in Tryton")
                case "confirmed":
                    if self._left_to_worker:
                        raise self._not_processed(sale, order.number)
                    await self._step("draft", sale, key=key)
                case _:
                    return sale if "shipments." in sale else await self._again(order.key)
            sale = await self._again(order.key)
        raise self._overtaken(order.key)

    def _overtaken(self, order_key: str) -> Retry:
        return Retry("erp.changed_meanwhile", f"Others keep changing order {order_key} in Tryton; it is read again")

    def _not_processed(self, sale: Row, name: str) -> Retry:
        """A wait for Tryton's own worker: however long, it uses up no attempt. Asked again soon, later more seldom."""
        since = sale.get("write_date")
        waited_s = (self._clock.now() - since).total_seconds() if since else 0.0
        return Retry(
            "erp.not_processed_yet",
            f"Order {name} is confirmed, and waits for Tryton's worker to process it. Is `trytond-worker` running for "
            "this database? If it is, Tryton's list of errors (ir.error) tells why it cannot",
            after_s=min(max(waited_s / 2, PROCESSING_RETRY_MIN_S), PROCESSING_RETRY_MAX_S),
            counts=False,
        )

    async def _again(self, order_key: str) -> Row:
        sale = await self._find(order_key)
        if sale is None:
            raise Retry("erp.order_missing", f"Order {order_key} was deleted in Tryton meanwhile")
        return sale

    async def _step(self, button: str, sale: Row, *, key: str) -> bool:
        """Presses a workflow button. False: refused because somebody else took the sale further meanwhile."""
        try:
            await self._client.press(f"model.sale.sale.{button}", sale["id"], key=key, repeatable=False)
        except Reject:
            if (await self._totals(sale["id"]))["state"] == sale["state"]:
                raise
            return False
        return True

    async def _confirm(self, sale: Row, order: SalesOrder, *, key: str) -> Row:
        """Confirms, which without a worker of Tryton's own processes, too, in the same breath.

        A Tryton that dies between the two leaves a confirmed sale that nobody ever processes: one that is found so is
        taken back and confirmed anew. Only where an answered confirmation leaves it confirmed, a worker will come.
        """
        try:
            await self._step("confirm", sale, key=key)
        except Reject as refusal:
            if refusal.code == "erp.refused" and await self._over_limit(sale["id"]):
                raise Reject(
                    "credit.limit_exceeded",
                    f"Order {order.number} exceeds the customer's credit limit in Tryton. "
                    f"Raise the limit or take a payment, {AGREE}. {refusal.message}",
                    field="customer",
                ) from refusal
            raise
        confirmed = await self._again(order.key)
        self._left_to_worker = confirmed["state"] == "confirmed"
        return confirmed

    async def _over_limit(self, sale_id: int) -> bool:
        """Asks for the numbers instead of reading the refusal's words, which are in the user's language."""
        rows = await self._client.search_read("sale.sale", [["id", "=", sale_id]], LIMIT_FIELDS)
        sale = _only(rows, sale_id)
        party = sale["party."]
        limit = party["credit_limit_amount"]
        if limit is None or sale["currency"] != sale["company."]["currency"]:
            return False
        return bool(party["credit_amount"] + sale["untaxed_amount"] > limit)

    # Reserving

    async def _reserve(self, sale: Row, order: SalesOrder, *, key: str) -> Row:
        """Tries to assign what waits. The button answers nothing either way: the moves' states tell."""
        waiting = [shipment["id"] for shipment in sale["shipments."] if shipment["state"] == "waiting"]
        for shipment in waiting:
            await self._client.press("model.stock.shipment.out.assign_try", shipment, key=key)
        return await self._again(order.key) if waiting else sale


def _only(rows: Sequence[Row], sale_id: int) -> Row:
    if not rows:
        raise Retry("erp.order_missing", f"Sale {sale_id} was deleted in Tryton meanwhile")
    return rows[0]


def _erp_items(rows: Sequence[Row], currency: str) -> dict[str, ErpItem]:
    """By code; of two with one code the first salable one counts."""
    found: dict[str, ErpItem] = {}
    for row in sorted(rows, key=lambda row: bool(row["active"] and row["salable"])):
        twice = row["code"] in found and found[row["code"]].salable
        found[row["code"]] = _erp_item(row, currency, salable=not twice)
    return found


def _erp_item(row: Row, currency: str, *, salable: bool) -> ErpItem:
    price, lead = row["sale_price_uom"], row["lead_time"]
    return ErpItem(
        sku=row["code"],
        name=row["name"],
        salable=bool(salable and row["active"] and row["salable"]),
        price=None if price is None else Money(price, currency),
        lead_time_days=None if lead is None else lead.days,
    )
