"""Salesforce as the hub's CRM: accounts are found, adopted or made; orders recorded once; purchases announced."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from millstream.connectors.salesforce import mapping
from millstream.connectors.salesforce.api import Api, Part, segment
from millstream.connectors.salesforce.check import check_connection
from millstream.connectors.salesforce.errors import KEY_FIELD_MISSING, ApiError
from millstream.connectors.salesforce.lookalikes import AccountSearch
from millstream.connectors.salesforce.mapping import Json, PurchasePlan
from millstream.connectors.salesforce.overlay import outbound, overlaid
from millstream.connectors.salesforce.products import Products
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.order import Customer
from millstream.domain.party import CrmAccount, StatedCustomer
from millstream.domain.purchase import CrmCustomer, Purchase
from millstream.domain.values import Money
from millstream.ports.crm import Lookalikes
from millstream.ports.finding import Finding
from millstream.wire.kit import WireKit

COLLECTIONS_MAX: Final = 5  # sub-requests of one composite call that may carry many records
ROWS_PER_CALL_MAX: Final = COLLECTIONS_MAX * mapping.ROWS_MAX
ADOPTION_TRIES: Final = 3
GONE: Final = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})


class Salesforce:
    """See CrmPort. Keys live in external id fields that the org keeps unique: that makes every create a one-off."""

    def __init__(self, name: str, settings: SalesforceSettings, kit: WireKit) -> None:
        self.name = name
        self._settings = settings
        self._fields = settings.fields
        self._tap = kit.tap
        self._overlay = kit.overlays.lay_over(outbound(name, settings))
        self._api = Api(name, settings, kit)
        self._products = Products(self._api, settings, clock=kit.world.clock)
        self._search = AccountSearch(self._api, settings.fields)

    async def check(self) -> Sequence[Finding]:
        """See CrmPort."""
        return await check_connection(self._api, self._settings)

    # --- customers

    async def find_customer(self, customer: Customer) -> CrmCustomer | None:
        """See CrmPort. The e-mail of a contact decides; a like name or VAT number is never enough."""
        if customer.email.strip():
            query = mapping.contacts_by_email(customer.email, self._fields)
            contacts = await self._api.query(query, operation="customer.find")
            with self._api.reading("customer.find"):
                accounts = mapping.accounts_of(contacts, self._fields)
            if len(accounts) == 1:
                return accounts[0]
            if accounts:
                raise self._ambiguous(customer, accounts)
        await self._look_for_similar(customer)
        return None

    def _ambiguous(self, customer: Customer, accounts: Sequence[CrmCustomer]) -> Reject:
        named = "; ".join(f"{account.name} ({account.crm_id})" for account in accounts[:5])
        text = (
            f"{self.name}: contacts with the e-mail {customer.masked_email} belong to {len(accounts)} accounts: "
            f"{named}. "
            "Merge the accounts or the contacts, then retry"
        )
        return Reject("customer.ambiguous", text, field="customer.email")

    async def _look_for_similar(self, customer: Customer) -> None:
        query = mapping.accounts_like(customer, self._fields)
        if query is None:
            return
        found = await self._api.query(query, operation="customer.similar")
        if not found:
            return
        with self._api.reading("customer.similar"):
            named = [f"{row['Name']} ({row['Id']})" for row in found]
        self._tap.note("crm.customer_similar", system=self.name, accounts=named)
        if self._settings.similar_accounts == "hold":
            text = (
                f"{self.name}: nobody has the e-mail {customer.masked_email}, but these accounts look like the firm: "
                f"{'; '.join(named)}. Add a contact with this e-mail to the right one, then retry"
            )
            raise Reject("customer.similar", text, field="customer.company")

    async def adopt_customer(self, crm_id: str, *, hub_id: str, key: str) -> str:
        """See CrmPort. The write is conditional on what was read, so of two hub ids the first stays."""
        path = f"/sobjects/Account/{segment(crm_id)}"
        for _ in range(ADOPTION_TRIES):
            fields = f"Id,{self._fields.account_key}"
            read = await self._api.call("GET", f"{path}?fields={fields}", operation="account.read", expect=GONE)
            if read.error is not None:
                raise self._gone(crm_id, read.error)
            with self._api.reading("account.read"):
                carried = read.body.get(self._fields.account_key)
            if carried:
                return str(carried)
            tag = read.headers.get("etag")
            written = await self._api.call(
                "PATCH",
                path,
                operation="account.adopt",
                body={self._fields.account_key: hub_id},
                key=key,
                headers={"If-Match": tag} if tag else {},
                expect=frozenset({"PRECONDITION_FAILED"}),
            )
            if written.error is None and tag:
                return hub_id
        raise Conflict("crm.changed", f"{self.name}: account {crm_id} changes while the hub writes its key there")

    def _gone(self, crm_id: str, error: ApiError) -> Reject:
        text = (
            f"{self.name}: account {crm_id} is not there ({error.code}): it was deleted or merged, or the integration "
            "user may not see it. Unlink the customer in the hub, so that it is matched again"
        )
        return Reject("customer.gone", text)

    async def create_customer(self, customer: Customer, *, hub_id: str, key: str) -> str:
        """See CrmPort. Account and contact are made together or not at all; what exists is never overwritten."""
        contact = {"AccountId": "@{account.id}", **mapping.new_contact(customer)}
        made = await self._api.composite(
            [
                _create("Account", "account", mapping.new_account(customer, hub_id, self._fields)),
                _create("Contact", "contact", contact),
            ],
            operation="customer.create",
            key=key,
            expect=frozenset({"DUPLICATE_VALUE"}),
        )
        if made.error is None:
            with self._api.reading("customer.create"):
                return str(made.body["account"]["id"])
        path = f"/sobjects/Account/{self._fields.account_key}/{segment(hub_id)}?fields=Id"
        found = await self._api.call("GET", path, operation="account.read", expect=GONE)
        if found.error is not None:
            raise self._api.interpreter.failure(made.error, doing="customer.create")
        with self._api.reading("account.read"):
            return str(found.body["Id"])

    async def candidates(self, stated: StatedCustomer) -> Lookalikes:
        """See CrmPort."""
        return await self._search.candidates(stated)

    async def read_account(self, crm_id: str) -> CrmAccount | None:
        """See CrmPort."""
        return await self._search.read_account(crm_id)

    # --- purchases

    async def record_purchase(self, purchase: Purchase, *, key: str) -> None:
        """See CrmPort. One call writes everything; if the order is there already, only what is missing is added."""
        plan = await self._plan(purchase)
        first, rest = plan.rows[:ROWS_PER_CALL_MAX], plan.rows[ROWS_PER_CALL_MAX:]
        parts = [_create("Order", "order", plan.order), *_line_parts("@{order.id}", first)]
        if not rest:
            parts += self._closing(purchase, plan, "@{order.id}", activate=self._may_activate(plan))
        made = await self._api.composite(
            parts, operation="purchase.record", key=key, expect=frozenset({"DUPLICATE_VALUE"})
        )
        if made.error is not None and made.error.where != "order":
            raise self._api.interpreter.failure(made.error, doing="purchase.record")
        if made.error is not None or rest:
            await self._complete(purchase, plan, key)

    async def _plan(self, purchase: Purchase) -> PurchasePlan:
        currency = purchase.order_total.currency
        if not self._settings.multi_currency and currency != self._settings.currency:
            text = (
                f"{self.name}: order {purchase.order_number} is in {currency}, the org keeps {self._settings.currency} "
                "only. Turn on multiple currencies in the org and set multi_currency, or correct `currency`"
            )
            raise Reject("purchase.currency", text, field="order_total")
        codes = [code for line in purchase.lines for code in mapping.codes_of(line)]
        plan = mapping.plan_purchase(purchase, await self._products.resolve(codes, currency=currency), self._settings)
        if plan.unknown_skus and self._settings.pricebook != "none":
            skus = list(plan.unknown_skus)
            self._tap.note("crm.products_unknown", system=self.name, order_key=purchase.order_key, skus=skus)
            if self._settings.unknown_products == "reject":
                text = (
                    f"{self.name}: no active price book entry for {', '.join(skus)} (price book "
                    f"{self._settings.pricebook}). Add the products, or set unknown_products to describe"
                )
                raise Reject("purchase.product_unknown", text, field="lines")
        return overlaid(plan, purchase, self._overlay)

    async def _complete(self, purchase: Purchase, plan: PurchasePlan, key: str) -> None:
        """Adds the lines that an earlier call did not write. An activated order is closed: its lines stay."""
        query = mapping.order_state(purchase.order_key, self._fields)
        found = await self._api.query(query, operation="purchase.read")
        if not found:
            raise Retry(
                "crm.order_vanished", f"{self.name}: order {purchase.order_key} is refused as there, yet not found"
            )
        with self._api.reading("purchase.read"):
            order_id, is_draft = str(found[0]["Id"]), str(found[0]["StatusCode"]).startswith("D")
        missing = await self._missing_rows(order_id, plan)
        if missing and not is_draft:
            self._tap.note("crm.lines_locked", system=self.name, order_key=purchase.order_key, lines=len(missing))
            missing = []
        chunks = [missing[at : at + ROWS_PER_CALL_MAX] for at in range(0, len(missing), ROWS_PER_CALL_MAX)] or [[]]
        for index, chunk in enumerate(chunks):
            parts = _line_parts(order_id, chunk)
            if index == len(chunks) - 1:
                activate = is_draft and self._may_activate(plan)
                parts += self._closing(purchase, plan, order_id, activate=activate)
            if parts:
                await self._api.composite(parts, operation="purchase.complete", key=key)

    async def _missing_rows(self, order_id: str, plan: PurchasePlan) -> list[Json]:
        name = self._fields.line_key
        rows = await self._api.query(mapping.recorded_lines(order_id, self._fields), operation="purchase.read")
        there = {str(row.get(name)).casefold() for row in rows}
        return [row for row in plan.rows if row[name].casefold() not in there]

    def _may_activate(self, plan: PurchasePlan) -> bool:
        """An activated order takes no more lines, so one with unknown products stays a draft that people can mend."""
        return self._settings.activate_orders and plan.complete

    def _closing(self, purchase: Purchase, plan: PurchasePlan, order_id: str, *, activate: bool) -> list[Part]:
        parts = []
        if activate:
            body = {"Status": self._settings.activated_status}
            parts.append(Part(method="PATCH", path=f"/sobjects/Order/{order_id}", name="activation", body=body))
        if plan.account:
            path = f"/sobjects/Account/{self._fields.account_key}/{segment(purchase.customer_id)}"
            parts.append(Part(method="PATCH", path=path, name="account", body=plan.account))
        return parts

    async def announce_purchase(self, purchase: Purchase, *, event_id: str, key: str) -> None:
        """See CrmPort. The answer lists OPERATION_ENQUEUED among its errors: that is the success."""
        if not self._settings.event:
            self._tap.note("crm.announcement_off", system=self.name, order_key=purchase.order_key)
            return
        await self._api.call(
            "POST",
            f"/sobjects/{self._settings.event}/",
            operation="purchase.announce",
            body=mapping.announcement(purchase, event_id),
            key=key,
        )

    async def restate_lifetime_value(
        self, customer_id: str, *, lifetime_value: Money, orders_count: int, key: str
    ) -> None:
        """See CrmPort."""
        body = mapping.account_value(lifetime_value, orders_count, self._settings)
        if not body:
            return
        written = await self._api.call(
            "PATCH",
            f"/sobjects/Account/{self._fields.account_key}/{segment(customer_id)}?updateOnly=true",
            operation="account.value",
            body=body,
            key=key,
            expect=frozenset({"NOT_FOUND"}),
        )
        if written.error is not None:
            if KEY_FIELD_MISSING in written.error.message:
                raise self._api.interpreter.failure(written.error, status=404, doing="account.value")
            raise self._gone(customer_id, written.error)

    async def record_progress(
        self,
        order_key: str,
        *,
        key: str,
        status: str | None = None,
        expected_ship_date: date | None = None,
        shipped_at: datetime | None = None,
        tracking_numbers: Sequence[str] = (),
        delivered_at: datetime | None = None,
        cancelled_at: datetime | None = None,
    ) -> None:
        """See CrmPort."""
        body = mapping.progress(
            self._fields,
            status=status,
            expected_ship_date=expected_ship_date,
            shipped_at=shipped_at,
            tracking_numbers=tracking_numbers,
            delivered_at=delivered_at,
            cancelled_at=cancelled_at,
        )
        if not body:
            return
        written = await self._api.call(
            "PATCH",
            f"/sobjects/Order/{self._fields.order_key}/{segment(order_key)}?updateOnly=true",
            operation="purchase.progress",
            body=body,
            key=key,
            expect=frozenset({"NOT_FOUND"}),
        )
        if written.error is not None:
            if KEY_FIELD_MISSING in written.error.message:
                raise self._api.interpreter.failure(written.error, status=404, doing="purchase.progress")
            raise Retry("purchase.not_recorded", f"{self.name}: no order {order_key} yet; its purchase is on the way")


def _create(sobject: str, name: str, body: Json) -> Part:
    return Part(method="POST", path=f"/sobjects/{sobject}", name=name, body=body)


def _line_parts(order_id: str, rows: Sequence[Json]) -> list[Part]:
    """Order products in collections of up to 200. OrderId can be set on creation only, so they are never upserted."""
    parts = []
    for start in range(0, len(rows), mapping.ROWS_MAX):
        records = [{**row, "OrderId": order_id} for row in rows[start : start + mapping.ROWS_MAX]]
        body = {"allOrNone": True, "records": records}
        parts.append(Part(method="POST", path="/composite/sobjects", name=f"lines{start}", body=body))
    return parts
