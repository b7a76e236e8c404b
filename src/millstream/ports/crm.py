"""What the hub needs of a CRM."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec

from millstream.domain.order import Customer
from millstream.domain.party import CrmAccount, StatedCustomer
from millstream.domain.purchase import CrmCustomer, Purchase
from millstream.domain.values import Money
from millstream.ports.finding import Finding


class CustomerDirectory(Protocol):
    """Who is who."""

    async def find_customer(self, customer: Customer) -> CrmCustomer | None:
        """The one account this customer belongs to. None = unknown; Reject("customer.ambiguous") = several."""
        ...

    async def adopt_customer(self, crm_id: str, *, hub_id: str, key: str) -> str:
        """Writes the hub id on the account if it has none; returns the hub id the account carries afterwards."""
        ...

    async def create_customer(self, customer: Customer, *, hub_id: str, key: str, decided: bool = False) -> str:
        """Makes (or finds) the account carrying this hub id and returns its CRM id. One account per hub id.

        Reject("customer.similar") where the CRM takes it for one it has; not if a person `decided` that it is another.
        """
        ...


class Lookalikes(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts that a customer may be. `complete` = False: there are more that resemble it than were read."""

    accounts: tuple[CrmAccount, ...]
    complete: bool


class CustomerSearch(Protocol):
    """Whom a person may choose from. Evidence, not identity: what decides alone is `find_customer`."""

    async def candidates(self, stated: StatedCustomer) -> Lookalikes:
        """Every account that shares a key, tax id, e-mail, mail domain or a part of the name, in any order."""
        ...

    async def read_account(self, crm_id: str) -> CrmAccount | None:
        """The account under this id, with the id as the CRM itself writes it; None: there is none."""
        ...


class PurchaseBook(Protocol):
    """What they bought."""

    async def record_purchase(self, purchase: Purchase, *, key: str) -> bool:
        """Writes order, lines, lifetime value. One record per order key, however often it is called.

        False: the CRM lacks a product of it. The record stays open for `complete_purchase`.
        """
        ...

    async def complete_purchase(self, purchase: Purchase, *, key: str) -> None:
        """Adds the lines that `record_purchase` had to leave out, and closes the record; nothing else of it changes.

        Reject("purchase.incomplete") names what is missing still, and then nothing was written.
        """
        ...

    async def announce_purchase(self, purchase: Purchase, *, event_id: str, key: str) -> None:
        """Fires CustomerPurchased carrying `event_id`, by which the CRM tells a second copy."""
        ...

    async def restate_lifetime_value(
        self, customer_id: str, *, lifetime_value: Money, orders_count: int, key: str
    ) -> None:
        """Writes the customer's total anew, absolute as in a purchase. Reject("customer.gone") without an account."""
        ...

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
        """Absolute values on the recorded purchase; None leaves a field alone. Retry if it is not recorded yet.

        Of `expected_ship_date` None is a date that is no longer known: it is taken off. Unset leaves it alone.
        """
        ...


class CrmPort(CustomerDirectory, CustomerSearch, PurchaseBook, Protocol):
    """A CRM connection."""

    name: str

    async def check(self) -> Sequence[Finding]:
        """What `millstream doctor` shows. Never raises."""
        ...
