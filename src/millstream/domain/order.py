"""The sales order as the hub understands it, whichever store it came from."""

import re
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.domain.values import Money, Quantity

_KEY_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
KEY_LENGTH_MAX: Final = 64

Custom = dict[str, Any] | msgspec.UnsetType
"""Fields that an overlay took from the store's document. Unset, and not written, where there is none."""


def order_key(store: str, store_view_id: str, number: str) -> str:
    """The hub's name for an order: opaque, `[A-Za-z0-9_-]{1,64}`, unique over stores and store views.

    An order number alone may repeat in two store views, so both go in. Characters that some system would refuse
    are replaced, and a digest then keeps two such numbers apart; likewise where a hyphen inside a name could be
    taken for the one between two names.
    """
    plain = f"{store}-{store_view_id}-{number}"
    safe = _KEY_UNSAFE.sub("_", plain)
    if safe != plain or len(safe) > KEY_LENGTH_MAX or "-" in store or "-" in store_view_id:
        digest = sha256(f"{store}\0{store_view_id}\0{number}".encode()).hexdigest()[:10]
        safe = f"{safe[: KEY_LENGTH_MAX - 11]}-{digest}"
    return safe


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address. `country` is ISO 3166-1 alpha-2; `street` holds the lines as written."""

    name: str
    company: str | None = None
    street: tuple[str, ...] = ()
    city: str = ""
    region: str | None = None
    region_code: str | None = None
    postcode: str = ""
    country: str = ""
    phone: str | None = None
    email: str | None = None
    vat_id: str | None = None

    def fingerprint(self) -> str:
        """Changes exactly when a carrier would deliver somewhere else, to somebody else, or call another number."""
        label = msgspec.structs.replace(self, email=None, vat_id=None)
        return sha256(msgspec.json.encode(label)).hexdigest()[:16]


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who ordered. `store_customer_id` is None for guests, who are known by e-mail only."""

    store_customer_id: str | None
    email: str
    name: str
    company: str | None = None
    group: str | None = None
    vat_id: str | None = None
    custom: Custom = msgspec.UNSET

    @property
    def external_id(self) -> str:
        """The id this customer has in the store's crosswalk: the account, or the guest's e-mail in lower case."""
        return self.store_customer_id or f"guest:{self.email.strip().lower()}"

    @property
    def masked_email(self) -> str:
        """Enough of the e-mail to recognise it in a message, not enough to write to it."""
        name, _, domain = self.email.partition("@")
        return f"{name[:2]}…@{domain}"


class LineOption(msgspec.Struct, frozen=True, kw_only=True):
    """One chosen option of a configured or customised product, as the store names it."""

    kind: str  # "configurable" | "custom" | "bundle"
    option_id: str
    value: str


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line the ERP has to deliver.

    `unit_price` is before discount and without tax; `net` is `unit_price * quantity - discount`, to the cent.
    `id` is the store's item id of the line. `ship_item_id` is the item the store wants named when this line ships
    (they differ for bundles), and `per_ship_item` how many of this line make one of that item.
    """

    id: str
    sku: str
    name: str
    quantity: Quantity
    unit_price: Money
    discount: Money
    net: Money
    tax: Money
    tax_percent: Decimal | None = None
    ship_item_id: str
    per_ship_item: Decimal = Decimal(1)
    is_virtual: bool = False
    product_id: str | None = None  # the store's product id; the item SKU may carry option suffixes
    product_type: str = "simple"
    base_sku: str | None = None  # the catalogue SKU where `sku` carries option suffixes and it is known
    options: tuple[LineOption, ...] = ()
    custom: Custom = msgspec.UNSET

    @property
    def skus(self) -> tuple[str, ...]:
        """Every SKU another system may know this line by, the line's own first."""
        return tuple(dict.fromkeys(sku for sku in (self.sku, self.base_sku) if sku))

    @property
    def has_custom_options(self) -> bool:
        """Whether its price may hold surcharges for options."""
        return any(option.kind == "custom" for option in self.options)


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the total that is no line: gift card, store credit, custom fee. Signed as it adds to the total."""

    code: str
    label: str
    amount: Money


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The store's own totals in order currency, all positive but `discount`, which is negative or zero.

    `shipping` is net of tax and of its own discount; `tax` holds everything the customer paid as tax. Discounts stand
    without the tax they contain where the store's prices include tax, so that net times rate gives the tax.
    """

    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    grand_total: Money
    adjustments: tuple[Adjustment, ...] = ()


class SalesOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order, complete and closed to the cent (see `order_gaps`)."""

    key: str
    store: str  # the connection's name
    store_view_id: str
    store_order_id: str  # the id the store's API wants
    number: str  # the number the customer knows
    state: str
    status: str
    placed_at: datetime
    currency: str
    customer: Customer
    bill_to: Address
    ship_to: Address | None  # None: nothing is shipped (virtual, downloads)
    lines: tuple[OrderLine, ...]
    totals: Totals
    shipping_method: str | None = None
    shipping_description: str | None = None
    pickup_location: str | None = None
    payment_method: str | None = None
    po_number: str | None = None
    replaces: str | None = None  # order number that an edit replaced by this one
    note: str | None = None
    base_currency: str | None = None
    base_rate: Decimal | None = None  # base_to_order_rate at order time
    base_total: Money | None = None  # the grand total in base currency as the store has it; None: it does not say
    base_sum: Money | None = None  # what lines, shipping, tax and adjustments sum to in base currency; None: unknown
    custom: Custom = msgspec.UNSET


def order_gaps(order: SalesOrder) -> tuple[str, ...]:
    """Every way in which the order's money fails to close to the cent; empty means it closes.

    Lines: net = unit price x quantity - discount. Order: sum of nets + discounts on lines = subtotal, and
    sum of nets + shipping + tax + adjustments = grand total, shipping discount included in `shipping`. The latter in
    base currency too, where the store tells all of it.
    """
    gaps = []
    for line in order.lines:
        expected = (line.unit_price * line.quantity.amount - line.discount).to_cent()
        if expected != line.net.to_cent():
            gaps.append(f"line {line.sku}: {line.quantity} x {line.unit_price} - {line.discount} is not {line.net}")
    zero = Money.zero(order.currency)
    nets = sum((line.net for line in order.lines), zero)
    total = nets + order.totals.shipping + order.totals.tax
    for adjustment in order.totals.adjustments:
        total += adjustment.amount
    if total.to_cent() != order.totals.grand_total.to_cent():
        gaps.append(f"lines, shipping, tax and adjustments sum to {total}, the order says {order.totals.grand_total}")
    goods = sum((line.net + line.discount for line in order.lines), zero)
    if goods.to_cent() != order.totals.subtotal.to_cent():
        gaps.append(f"lines before discount sum to {goods}, the order says {order.totals.subtotal}")
    base_sum, base_total = order.base_sum, order.base_total
    if base_sum is not None and base_total is not None and base_sum.to_cent() != base_total.to_cent():
        gaps.append(f"in base currency they sum to {base_sum}, the order says {base_total}")
    return tuple(gaps)


def order_from_json(raw: dict[str, Any] | SalesOrder) -> SalesOrder:
    """Reads back what was written as JSON; an order as it is. Raises msgspec.ValidationError naming the path."""
    return raw if isinstance(raw, SalesOrder) else msgspec.convert(raw, SalesOrder)


def order_to_json(order: SalesOrder) -> dict[str, Any]:
    """Plain JSON types, as event data carries them."""
    plain: dict[str, Any] = msgspec.to_builtins(order)
    return plain
