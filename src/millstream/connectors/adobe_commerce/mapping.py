"""An order as Adobe Commerce sends it, understood. Pure: nothing here reaches the network, the clock or the disk.

Wire facts (Adobe Commerce and Magento Open Source 2.4): members that are null are left out; `row_total` is already net
of discount; a configurable product is two rows with one SKU; times are UTC without saying so.
"""

from collections.abc import Sequence
from decimal import Decimal
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
from millstream.connectors.adobe_commerce.money import amounts_of, base_sum_of, base_total_of, totals_of
from millstream.domain.order import (
    Address,
    Customer,
    LineOption,
    OrderLine,
    SalesOrder,
    order_key,
)
from millstream.domain.values import Money, Quantity
from millstream.ports.commerce import StoreOrder

CATALOGUE_SKUS: Final = "millstream_catalogue_skus"  # extension attribute the client adds: product id -> SKU


# --- the few facts that decide what happens ---------------------------------------------------------------------------


def sighting(
    raw: dict[str, Any], store: str, *, exportable_states: Sequence[str], held_statuses: Sequence[str] = ()
) -> StoreOrder:
    """What the hub must know to decide about an order it has been shown. Raises Reject where an id is missing."""
    state = read_text(raw, "state")
    if not state:
        raise unmappable("state", "is missing")
    shipping = _shipping_address(raw)
    parent = read_text(raw, "relation_parent_real_id")
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
        replaces=order_key(store, store_view_id(raw), parent) if parent else None,
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
        totals=totals_of(raw, lines, currency),
        shipping_method=read_text(_shipping(raw), "method"),
        shipping_description=read_text(raw, "shipping_description"),
        pickup_location=read_text(extensions, "pickup_location_code"),
        payment_method=read_text(payment, "method"),
        po_number=read_text(payment, "po_number"),
        replaces=read_text(raw, "relation_parent_real_id"),
        note=read_text(raw, "customer_note"),
        base_currency=read_text(raw, "base_currency_code"),
        base_rate=read_optional_number(raw, "base_to_order_rate"),
        base_total=base_total_of(raw),
        base_sum=base_sum_of(raw, lines),
    )


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
    amounts = amounts_of(row, quantity)
    product_id = read_text(goods, "product_id")
    return OrderLine(
        id=row_id(row),
        sku=read_mandatory_text(row, "sku", "items."),
        name=read_text(goods, "name") or read_text(row, "name") or "",
        quantity=Quantity(quantity),
        unit_price=Money(amounts.price, currency),
        discount=Money(amounts.discount, currency),
        net=Money(amounts.net, currency),
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
