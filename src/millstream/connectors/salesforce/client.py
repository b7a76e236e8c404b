"""Salesforce as the hub's CRM: accounts are found, adopted or made; orders recorded once; purchases announced."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from millstream.connectors.salesforce import mapping
from millstream.connectors.salesforce.api import Api, segment
from millstream.connectors.salesforce.check import check_connection
from millstream.connectors.salesforce.errors import ANNOUNCING, KEY_FIELD_MISSING, ApiError
from millstream.connectors.salesforce.lookalikes import AccountSearch
from millstream.connectors.salesforce.overlay import outbound
from millstream.connectors.salesforce.purchases import Purchases, creation
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.errors import Conflict, Failure, Reject, Retry
from millstream.domain.order import Customer
from millstream.domain.party import CrmAccount, StatedCustomer
from millstream.domain.purchase import CrmCustomer, Purchase
from millstream.domain.values import Money
from millstream.ports.crm import Lookalikes
from millstream.ports.finding import Finding
from millstream.wire.kit import WireKit

ADOPTION_TRIES: Final = 3
DUPLICATE_RULES: Final = "Sforce-Duplicate-Rule-Header"  # each part of a composite call needs its own
GONE: Final = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})


class Salesforce:
    """See CrmPort. Keys live in external id fields that the org keeps unique: that makes every create a one-off."""

    def __init__(self, name: str, settings: SalesforceSettings, kit: WireKit) -> None:
        self.name = name
        self._settings = settings
        self._fields = settings.fields
        self._allows = settings.duplicate_alerts == "allow"
        self._tap = kit.tap
        self._api = Api(name, settings, kit)
        overlay = kit.overlays.lay_over(outbound(name, settings))
        self._purchases = Purchases(self._api, settings, kit, overlay)
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

    async def create_customer(self, customer: Customer, *, hub_id: str, key: str, decided: bool = False) -> str:
        """See CrmPort. Account and contact are made together or not at all; what exists is never overwritten."""
        rules = {DUPLICATE_RULES: f"allowSave={str(decided or self._allows).lower()}; includeRecordDetails=true"}
        contact = {"AccountId": "@{account.id}", **mapping.new_contact(customer)}
        made = await self._api.composite(
            [
                creation("Account", "account", mapping.new_account(customer, hub_id, self._fields), rules),
                creation("Contact", "contact", contact, rules),
            ],
            operation="customer.create",
            key=key,
            expect=frozenset({"DUPLICATE_VALUE", "DUPLICATES_DETECTED"}),
        )
        if made.error is None:
            with self._api.reading("customer.create"):
                return str(made.body["account"]["id"])
        # A duplicate rule looks before uniqueness is asked for: what it found may be what an earlier try made.
        path = f"/sobjects/Account/{self._fields.account_key}/{segment(hub_id)}?fields=Id"
        found = await self._api.call("GET", path, operation="account.read", expect=GONE)
        if found.error is not None:
            raise self._not_made(customer, made.error, decided=decided)
        with self._api.reading("account.read"):
            return str(found.body["Id"])

    def _not_made(self, customer: Customer, error: ApiError, *, decided: bool) -> Failure:
        """A person is asked once; a rule that blocks what the person decided is for whoever keeps the CRM."""
        if decided or error.code != "DUPLICATES_DETECTED":
            return self._api.interpreter.failure(error, doing="customer.create")
        found = "; ".join(error.resembles) or "records it does not name"
        text = (
            f"{self.name}: the duplicate rule {error.rule or '(unnamed)'} takes {customer.masked_email} for "
            f"one that is there: {found}. Link the customer to the right account, or create one (`millstream reviews`)"
        )
        return Reject("customer.similar", text, field="customer.company")

    async def candidates(self, stated: StatedCustomer) -> Lookalikes:
        """See CrmPort."""
        return await self._search.candidates(stated)

    async def read_account(self, crm_id: str) -> CrmAccount | None:
        """See CrmPort."""
        return await self._search.read_account(crm_id)

    # --- purchases

    async def record_purchase(self, purchase: Purchase, *, key: str) -> bool:
        """See CrmPort."""
        return await self._purchases.record(purchase, key=key)

    async def complete_purchase(self, purchase: Purchase, *, key: str) -> None:
        """See CrmPort."""
        await self._purchases.complete(purchase, key=key)

    async def announce_purchase(self, purchase: Purchase, *, event_id: str, key: str) -> None:
        """See CrmPort. The answer lists OPERATION_ENQUEUED among its errors: that is the success."""
        if not self._settings.event:
            self._tap.note("crm.announcement_off", system=self.name, order_key=purchase.order_key)
            return
        await self._api.call(
            "POST",
            f"/sobjects/{self._settings.event}/",
            operation=ANNOUNCING,
            body=self._purchases.event(purchase, event_id),
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
        expected_ship_date: date | msgspec.UnsetType | None = msgspec.UNSET,
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
