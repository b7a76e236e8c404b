"""An order as Adobe Commerce sends it, understood. Pure: nothing here reaches the network, the clock or the disk.

Wire facts (Adobe Commerce and Magento Open Source 2.4): members that are null are left out; `row_total` is already net
of discount; a configurable product is two rows with one SKU; times are UTC without saying so.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from millstream.connectors.adobe_commerce.members import (
    ZERO,
    Row,
    read_joined,
    read_mandatory_object,
    read_mandatory_text,
    read_number,
    read_object,
    read_optional_number,
    read_rows,
    read_text,
    read_time,
    row_id,
    store_view_id,
    unmappable,
)
from millstream.domain.order import (
    Address,
    Adjustment,
    Customer,
    LineOption,
    OrderLine,
    SalesOrder,
    Totals,
    order_key,
)
from millstream.domain.values import CENT, Money, Quantity
from millstream.ports.commerce import StoreOrder

PRICE_STEP: Final = Decimal("0.000001")
CATALOGUE_SKUS: Final = "millstream_catalogue_skus"  # extension attribute the client adds: product id -> SKU

_SIGNED_EXTRAS: Final = (
    # extension attribute, label, sign it has in the grand total
    ("gift_cards_amount", "Gift cards", -1),
    ("customer_balance_amount", "Store credit", -1),
    ("reward_currency_amount", "Reward points", -1),
    ("gw_price", "Gift wrapping", 1),
    ("gw_items_price", "Gift wrapping of items", 1),
    ("gw_card_price", "Printed card", 1),
)


# --- the few facts that decide what happens ---------------------------------------------------------------------------


def sighting(
    raw: dict[str, Any], store: str, *, exportable_states: Sequence[str], held_statuses: Sequence[str] = ()
) -> StoreOrder:
    """What the hub must know to decide about an order it has been shown. Raises Reject where an id is missing."""
    state = read_text(raw, "state")
    if not state:
        raise unmappable("state", "is missing")
    shipping = _shipping_address(raw)
    return StoreOrder(
        key=order_key(store, store_view_id(raw), read_mandatory_text(raw, "increment_id")),
        store_order_id=read_mandatory_text(raw, "entity_id"),
        number=read_mandatory_text(raw, "increment_id"),
        placed_at=read_time(raw, "created_at"),
        updated_at=read_time(raw, "updated_at"),
        ready=state in exportable_states and read_text(raw, "status") not in held_statuses,
        cancelled=_is_cancelled(raw, state),
        ship_to_fingerprint=None if shipping is None else _address(shipping).fingerprint(),
        raw=trim_order(raw),
    )


def _is_cancelled(raw: Row, state: str) -> bool:
    """Cancelled, or refunded in full before anything was shipped: then the store will not ship it any more."""
    if state == "closed":
        return all(read_number(row, "qty_shipped", "items") == ZERO for row in read_rows(raw))
    return state == "canceled"


def trim_order(raw: dict[str, Any]) -> dict[str, Any]:
    """The order without the copies of its own items that the store repeats inside it. The argument is left alone.

    Dropped: `shipping_assignments[].items` and, where the parent row is there, each `parent_item`.
    """
    trimmed = dict(raw)
    items = raw.get("items")
    if isinstance(items, list):
        ids = {str(row.get("item_id")) for row in items if isinstance(row, dict)}
        trimmed["items"] = [_without_parent_copy(row, ids) if isinstance(row, dict) else row for row in items]
    extensions = raw.get("extension_attributes")
    if isinstance(items, list) and isinstance(extensions, dict):
        assignments = extensions.get("shipping_assignments")
        if isinstance(assignments, list):
            kept = [_without(part, "items") if isinstance(part, dict) else part for part in assignments]
            trimmed["extension_attributes"] = {**extensions, "shipping_assignments": kept}
    return trimmed


def _without_parent_copy(row: dict[str, Any], ids: set[str]) -> dict[str, Any]:
    return _without(row, "parent_item") if str(row.get("parent_item_id")) in ids else row


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


# --- the whole order --------------------------------------------------------------------------------------------------


def sales_order(raw: Row, store: str) -> SalesOrder:
    """The order in the hub's words, in the customer's currency. Raises Reject("order.unmappable") naming the field."""
    currency = read_mandatory_text(raw, "order_currency_code")
    number = read_mandatory_text(raw, "increment_id")
    extensions = read_object(raw, "extension_attributes")
    payment = read_object(raw, "payment")
    bill_to = _address(read_mandatory_object(raw, "billing_address"))
    lines = _lines(raw, currency)
    return SalesOrder(
        key=order_key(store, store_view_id(raw), number),
        store=store,
        store_view_id=store_view_id(raw),
        store_order_id=read_mandatory_text(raw, "entity_id"),
        number=number,
        state=read_text(raw, "state") or "",
        status=read_text(raw, "status") or "",
        placed_at=read_time(raw, "created_at"),
        currency=currency,
        customer=_customer(raw, bill_to),
        bill_to=bill_to,
        ship_to=_ship_to(raw, lines),
        lines=lines,
        totals=_totals(raw, currency),
        shipping_method=read_text(_shipping(raw), "method"),
        shipping_description=read_text(raw, "shipping_description"),
        pickup_location=read_text(extensions, "pickup_location_code"),
        payment_method=read_text(payment, "method"),
        po_number=read_text(payment, "po_number"),
        replaces=read_text(raw, "relation_parent_real_id"),
        note=read_text(raw, "customer_note"),
        base_currency=read_text(raw, "base_currency_code"),
        base_rate=read_optional_number(raw, "base_to_order_rate"),
        base_total=_base_total(raw),
    )


def _base_total(raw: Row) -> Money | None:
    amount, currency = read_optional_number(raw, "base_grand_total"), read_text(raw, "base_currency_code")
    return None if amount is None or currency is None else Money(amount, currency)


def _customer(raw: Row, bill_to: Address) -> Customer:
    extensions = read_object(raw, "extension_attributes")
    company = read_text(read_object(extensions, "company_order_attributes"), "company_name")
    email = read_text(raw, "customer_email") or bill_to.email
    if not email:
        raise unmappable("customer_email", "is missing")
    name = read_joined(raw, "customer_prefix", "customer_firstname", "customer_middlename", "customer_lastname")
    is_guest = str(raw.get("customer_is_guest", 0)) not in {"0", "False"}
    return Customer(
        store_customer_id=None if is_guest else read_text(raw, "customer_id"),
        email=email,
        name=name or bill_to.name or email,
        company=company or bill_to.company,
        group=read_text(raw, "customer_group_id"),
        vat_id=read_text(raw, "customer_taxvat") or bill_to.vat_id,
    )


def _address(part: Row) -> Address:
    street = part.get("street")
    lines = street.split("\n") if isinstance(street, str) else street if isinstance(street, list) else []
    return Address(
        name=read_joined(part, "prefix", "firstname", "middlename", "lastname", "suffix"),
        company=read_text(part, "company"),
        street=tuple(str(line).strip() for line in lines if line is not None and str(line).strip()),
        city=read_text(part, "city") or "",
        region=read_text(part, "region"),
        region_code=read_text(part, "region_code"),
        postcode=read_text(part, "postcode") or "",
        country=read_text(part, "country_id") or "",
        phone=read_text(part, "telephone"),
        email=read_text(part, "email"),
        vat_id=read_text(part, "vat_id"),
    )


def _shipping(raw: Row) -> Row:
    assignments = read_object(raw, "extension_attributes").get("shipping_assignments")
    first = assignments[0] if isinstance(assignments, list) and assignments else None
    return read_object(first, "shipping") if isinstance(first, dict) else {}


def _shipping_address(raw: Row) -> Row | None:
    address = _shipping(raw).get("address")
    return address if isinstance(address, dict) and address else None


def _ship_to(raw: Row, lines: tuple[OrderLine, ...]) -> Address | None:
    address = _shipping_address(raw)
    if address is None and not all(line.is_virtual for line in lines):
        raise unmappable("extension_attributes.shipping_assignments", "has no address, but there are goods to ship")
    return None if address is None else _address(address)


# --- lines ------------------------------------------------------------------------------------------------------------


def _lines(raw: Row, currency: str) -> tuple[OrderLine, ...]:
    rows = read_rows(raw)
    ids = {row_id(row) for row in rows}
    children: dict[str, list[Row]] = {}
    for row in rows:
        children.setdefault(read_text(row, "parent_item_id") or "", []).append(row)
    catalogue = read_object(read_object(raw, "extension_attributes"), CATALOGUE_SKUS)
    lines: list[OrderLine] = []
    for row in rows:
        parent_id = read_text(row, "parent_item_id")
        if parent_id is None or parent_id not in ids:
            lines += _sales_lines(row, children.get(row_id(row), []), currency, catalogue)
    if not lines:
        raise unmappable("items", "is empty")
    return tuple(lines)


def _sales_lines(row: Row, children: list[Row], currency: str, catalogue: Row) -> list[OrderLine]:
    """One row of the shopper's cart: a line, or for a bundle priced by its parts, a line for each part."""
    kind = read_text(row, "product_type") or "simple"
    if kind == "bundle" and any(read_number(child, "price", "items") for child in children):
        return [_line(child, child, currency, catalogue, bundle=row) for child in children]
    goods = children[0] if kind == "configurable" and children else row
    return [_line(row, goods, currency, catalogue)]


def _line(row: Row, goods: Row, currency: str, catalogue: Row, *, bundle: Row | None = None) -> OrderLine:
    """`row` carries quantity and money, `goods` names the product; they differ for configurable products."""
    quantity = read_number(row, "qty_ordered", "items", mandatory=True)
    if quantity <= 0:
        raise unmappable("items.qty_ordered", f"is {quantity} in row {row_id(row)}")
    unit_price, discount, net = _amounts(row, quantity)
    product_id = read_text(goods, "product_id")
    return OrderLine(
        id=row_id(row),
        sku=read_mandatory_text(row, "sku", "items."),
        name=read_text(goods, "name") or read_text(row, "name") or "",
        quantity=Quantity(quantity),
        unit_price=Money(unit_price, currency),
        discount=Money(discount, currency),
        net=Money(net, currency),
        tax=Money(read_number(row, "tax_amount", "items"), currency),
        tax_percent=read_optional_number(row, "tax_percent"),
        ship_item_id=row_id(row if bundle is None else bundle),
        per_ship_item=Decimal(1) if bundle is None else _per_bundle(quantity, bundle),
        is_virtual=bool(read_number(row, "is_virtual", "items")),
        product_id=product_id,
        product_type=read_text(row, "product_type") or "simple",
        base_sku=_base_sku(row, goods, catalogue.get(product_id or "")),
        options=_options(row),
    )


def _per_bundle(quantity: Decimal, bundle: Row) -> Decimal:
    bundles = read_number(bundle, "qty_ordered", "items")
    return quantity / bundles if bundles else Decimal(1)


def _amounts(row: Row, quantity: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """Unit price before discount, discount and net, all without tax.

    The store's discount contains tax where its prices do; `discount_tax_compensation_amount` is that part, and with it
    taken off, net and `tax_amount` are what the customer pays as goods and as tax. `row_total` is the store's own net
    before that compensation. Where it differs from price x quantity by rounding of the unit price, it is the truth.
    """
    price = read_number(row, "price", "items", mandatory=True)
    given = abs(read_number(row, "discount_amount", "items"))
    compensation = read_number(row, "discount_tax_compensation_amount", "items")
    discount = given - compensation
    row_total = read_optional_number(row, "row_total")
    computed = price * quantity - given
    if row_total is None or _cents(row_total) in {_cents(computed), _cents(max(computed, ZERO))}:
        return price, discount, _cents(price * quantity - discount)
    if given and _cents(row_total) == _cents(price * quantity):  # a server that shows the row before discount
        return price, discount, _cents(price * quantity - discount)
    net = _cents(row_total + compensation)
    if abs(row_total - computed) <= CENT * quantity / 2 + CENT:
        price = ((net + discount) / quantity).quantize(PRICE_STEP, ROUND_HALF_UP)
    return price, discount, net  # a larger difference stays visible as a gap of this line


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _base_sku(row: Row, goods: Row, catalogue_sku: Any) -> str | None:
    """The catalogue SKU behind a SKU that custom options were appended to, where it is known."""
    sku = read_text(row, "sku") or ""
    known = catalogue_sku if isinstance(catalogue_sku, str) else read_text(goods, "sku")
    return known if known and known != sku and sku.startswith(f"{known}-") else None


def _options(row: Row) -> tuple[LineOption, ...]:
    chosen = read_object(read_object(row, "product_option"), "extension_attributes")
    found: list[LineOption] = []
    for name, kind, value in (
        ("configurable_item_options", "configurable", "option_value"),
        ("custom_options", "custom", "option_value"),
        ("bundle_options", "bundle", "option_selections"),
    ):
        entries = chosen.get(name)
        found += [
            LineOption(kind=kind, option_id=str(entry.get("option_id")), value=_plain(entry.get(value, "")))
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict)
        ]
    return tuple(found)


def _plain(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)


# --- totals -----------------------------------------------------------------------------------------------------------


def _totals(raw: Row, currency: str) -> Totals:
    """The store's totals; discounts, also the one on shipping, stand without the tax they contain."""
    shipping_compensation = read_number(raw, "shipping_discount_tax_compensation_amount")
    compensation = read_number(raw, "discount_tax_compensation_amount") + shipping_compensation
    discount = -abs(read_number(raw, "discount_amount")) + compensation
    shipping = (
        read_number(raw, "shipping_amount") - abs(read_number(raw, "shipping_discount_amount")) + shipping_compensation
    )
    return Totals(
        subtotal=Money(read_number(raw, "subtotal"), currency),
        discount=Money(discount, currency),
        shipping=Money(shipping, currency),
        tax=Money(read_number(raw, "tax_amount"), currency),
        grand_total=Money(read_number(raw, "grand_total", mandatory=True), currency),
        adjustments=(*_extras(raw, currency), *_custom_fees(raw, currency), *_product_taxes(raw, currency)),
    )


def _extras(raw: Row, currency: str) -> list[Adjustment]:
    extensions = read_object(raw, "extension_attributes")
    found = []
    for code, label, sign in _SIGNED_EXTRAS:
        amount = read_number(extensions, code) or read_number(raw, code)
        if amount:
            found.append(Adjustment(code=code, label=label, amount=Money(abs(amount) * sign, currency)))
    return found


def _custom_fees(raw: Row, currency: str) -> list[Adjustment]:
    fees = read_object(raw, "extension_attributes").get("custom_fees")
    return [
        Adjustment(
            code=read_text(fee, "custom_fee_code") or "custom_fee",
            label=read_text(fee, "custom_fee_label") or "Fee",
            amount=Money(read_number(fee, "custom_fee_amount", "extension_attributes.custom_fees"), currency),
        )
        for fee in (fees if isinstance(fees, list) else ())
        if isinstance(fee, dict)
    ]


def _product_taxes(raw: Row, currency: str) -> list[Adjustment]:
    """Fixed product taxes (environmental fees); they stand outside the row total."""
    parents = (row for row in read_rows(raw) if read_text(row, "parent_item_id") is None)
    amount = sum((read_number(row, "weee_tax_applied_row_amount", "items") for row in parents), ZERO)
    return [Adjustment(code="weee", label="Fixed product tax", amount=Money(amount, currency))] if amount else []
