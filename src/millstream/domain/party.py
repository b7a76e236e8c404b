"""Who an order says its customer is, and the accounts of a CRM that it might be."""

from collections.abc import Iterator

import msgspec

from millstream.domain.order import Address, SalesOrder


class StatedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """The customer as one order states it; None and empty: the order does not say.

    `login` is the customer's external id in the store, `hub_id` the one the hub makes of it. Nobody has verified what a
    guest typed.
    """

    store: str
    login: str
    hub_id: str
    store_customer_id: str | None
    email: str
    name: str
    company: str | None
    vat_id: str | None
    group: str | None
    bill_to: Address
    ship_to: Address | None

    @property
    def is_guest(self) -> bool:
        """Whether it ordered without an account in the store."""
        return self.store_customer_id is None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where the invoice and the goods go."""
        return (self.bill_to,) if self.ship_to is None else (self.bill_to, self.ship_to)

    @property
    def companies(self) -> tuple[str, ...]:
        """The firm, under every name the order gives it; the person where it names none."""
        named = [self.company, *(address.company for address in self.addresses)]
        return tuple(dict.fromkeys(name.strip() for name in named if name and name.strip())) or (self.name,)

    @property
    def phones(self) -> tuple[str, ...]:
        """As written."""
        return tuple(dict.fromkeys(address.phone for address in self.addresses if address.phone))


class CrmContact(msgspec.Struct, frozen=True, kw_only=True):
    """A person of an account."""

    name: str
    email: str | None = None
    phone: str | None = None


class CrmAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the CRM with what it may be recognised by; None: the CRM does not say."""

    crm_id: str
    name: str
    hub_id: str | None = None
    number: str | None = None
    vat_id: str | None = None
    phone: str | None = None
    website: str | None = None
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    contacts: tuple[CrmContact, ...] = ()

    @property
    def emails(self) -> Iterator[str]:
        """Of every contact."""
        return (contact.email for contact in self.contacts if contact.email)

    @property
    def phones(self) -> Iterator[str]:
        """Of the firm and of every contact."""
        return (phone for phone in (self.phone, *(contact.phone for contact in self.contacts)) if phone)


def stated_customer(order: SalesOrder, *, hub_id: str) -> StatedCustomer:
    """What an order says about who placed it."""
    customer = order.customer
    return StatedCustomer(
        store=order.store,
        login=customer.external_id,
        hub_id=hub_id,
        store_customer_id=customer.store_customer_id,
        email=customer.email,
        name=customer.name,
        company=customer.company,
        vat_id=customer.vat_id or order.bill_to.vat_id,
        group=customer.group,
        bill_to=order.bill_to,
        ship_to=order.ship_to,
    )
