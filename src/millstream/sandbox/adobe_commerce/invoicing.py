"""The invoice services. An invoice is paid at once, as it is with offline payment methods."""

from decimal import Decimal
from typing import Any

from millstream.sandbox.adobe_commerce import columns
from millstream.sandbox.adobe_commerce.call import Call, Route, camel, decimal, whole
from millstream.sandbox.adobe_commerce.errors import Refusal, no_entity
from millstream.sandbox.adobe_commerce.search import Table, parse
from millstream.sandbox.adobe_commerce.state import exact, money, number
from millstream.sandbox.adobe_commerce.transitions import can_invoice, settle, show_shipping_totals, to_invoice

Json = dict[str, Any]
ZERO = Decimal(0)
INVOICE = "Magento_Sales::sales_invoice"
PARTS = ("subtotal", "discount", "tax", "shipping")


def invoice(call: Call) -> str:
    """Invoices what is named or everything left; more than is left is refused, not cut."""
    order = call.shop.order(call.number("id"))
    wanted = {whole(item, "order_item_id"): decimal(item, "qty") for item in call.body.get("items") or []}
    lines = _lines(order, wanted)
    _validate(order, lines)
    document = _document(call, order, lines)
    _book(order, document, lines)
    call.shop.invoices[document["entity_id"]] = document
    settle(order, in_process=True)
    call.shop.touch(order)
    call.shop.tell("invoice.saved", document)
    return str(document["entity_id"])


def _lines(order: Json, wanted: dict[int, float]) -> list[tuple[Json, Decimal]]:
    lines = []
    for item in order["items"]:
        left = to_invoice(item)
        if wanted and item["item_id"] not in wanted:
            continue
        quantity = wanted[item["item_id"]] if wanted else left
        if quantity > left:
            raise Refusal(400, 'We found an invalid quantity to invoice item "%1".', [item["name"]])
        if quantity > 0:
            lines.append((item, exact(quantity)))
    return lines


def _validate(order: Json, lines: list[tuple[Json, Decimal]]) -> None:
    errors = []
    if not lines:
        errors.append("The invoice can't be created without products. Add products and try again.")
    if order["state"] in {"payment_review", "holded", "canceled", "complete", "closed"}:
        errors.append(f"An invoice cannot be created when an order has a status of {order['status']}")
    elif not can_invoice(order):
        errors.append("The order does not allow an invoice to be created.")
    if errors:
        raise Refusal(400, "\n".join(["Invoice Document Validation Error(s):", *errors]))


def part_of(item: Json, name: str, quantity: Decimal) -> Decimal:
    """This quantity's part of an amount of the row; the last invoice takes what is left to the cent."""
    return money(exact(item[name]) * quantity / exact(item["qty_ordered"]))


def gross_part(item: Json, prefix: str, quantity: Decimal) -> Decimal:
    whole_row = exact(item[f"{prefix}row_total"]) + exact(item[f"{prefix}discount_amount"])
    return money(whole_row * quantity / exact(item["qty_ordered"]))


def _document(call: Call, order: Json, lines: list[tuple[Json, Decimal]]) -> Json:
    shop = call.shop
    now = shop.stamp()
    entity_id = shop.next("invoice")
    document: Json = {name: order[name] for name in columns.INVOICE_HEADER if name in order}
    document |= {"can_void_flag": 0, "created_at": now, "updated_at": now, "entity_id": entity_id, "state": 2}
    document |= {"increment_id": f"{shop.next('increment/invoice'):09d}", "order_id": order["entity_id"]}
    address = order["extension_attributes"]["shipping_assignments"][0]["shipping"].get("address")
    if address:
        document["shipping_address_id"] = address["entity_id"]
    for prefix in ("base_", ""):
        _sums(document, order, lines, prefix)
    rows = [_row(shop.next("invoice_item"), entity_id, item, quantity) for item, quantity in lines]
    for item, quantity in lines:
        for child in order["items"]:
            if child.get("parent_item_id") == item["item_id"] and item["product_type"] == "configurable":
                rows.append(_child_row(shop.next("invoice_item"), entity_id, child, quantity))  # noqa: PERF401 - nested
    document["items"] = rows
    document["total_qty"] = number(sum((exact(row["qty"]) for row in rows), ZERO))
    document["comments"] = []
    _tell_customer(call, order, document)
    return document


def _tell_customer(call: Call, order: Json, document: Json) -> None:
    notify, comment = bool(call.body.get("notify")), call.body.get("comment") or {}
    appended = bool(camel(call.body, "appendComment"))
    if comment.get("comment"):
        document["comments"].append(
            {
                "is_customer_notified": int(notify and appended),
                "parent_id": document["entity_id"],
                "comment": comment["comment"],
                "is_visible_on_front": whole(comment, "is_visible_on_front"),
                "created_at": call.shop.stamp(),
                "entity_id": call.shop.next("invoice_comment"),
            }
        )
    if notify:
        document["email_sent"] = 1
        shown = comment.get("comment") if appended else None
        call.shop.mail("invoice_new", order, invoice_id=document["entity_id"], comment=shown)


def _sums(document: Json, order: Json, lines: list[tuple[Json, Decimal]], prefix: str) -> None:
    subtotal = sum((gross_part(item, prefix, quantity) for item, quantity in lines), ZERO)
    discount = sum((part_of(item, f"{prefix}discount_amount", quantity) for item, quantity in lines), ZERO)
    tax = sum((part_of(item, f"{prefix}tax_amount", quantity) for item, quantity in lines), ZERO)
    if all(exact(item["qty_invoiced"]) + quantity >= item["qty_ordered"] for item, quantity in lines) and _closes(
        order, lines
    ):
        tax = exact(order[f"{prefix}tax_amount"]) - exact(order.get(f"{prefix}tax_invoiced", 0))
    first = f"{prefix}shipping_invoiced" not in order
    shipping = exact(order[f"{prefix}shipping_amount"]) if first else ZERO
    amnt = "amnt" if prefix else "amount"
    document |= {
        f"{prefix}discount_amount": number(-discount),
        f"{prefix}grand_total": number(subtotal - discount + tax + shipping),
        f"{prefix}discount_tax_compensation_amount": 0,
        f"{prefix}shipping_amount": number(shipping),
        f"{prefix}shipping_discount_tax_compensation_{amnt}": 0,
        f"{prefix}shipping_incl_tax": number(shipping),
        f"{prefix}shipping_tax_amount": 0,
        f"{prefix}subtotal": number(subtotal),
        f"{prefix}subtotal_incl_tax": number(subtotal + _full_tax(lines, prefix)),
        f"{prefix}tax_amount": number(tax),
    }


def _closes(order: Json, lines: list[tuple[Json, Decimal]]) -> bool:
    named = {item["item_id"] for item, _ in lines}
    return all(to_invoice(item) <= 0 for item in order["items"] if item["item_id"] not in named)


def _full_tax(lines: list[tuple[Json, Decimal]], prefix: str) -> Decimal:
    return sum(
        (gross_with_tax(item, prefix, quantity) - gross_part(item, prefix, quantity) for item, quantity in lines), ZERO
    )


def gross_with_tax(item: Json, prefix: str, quantity: Decimal) -> Decimal:
    return money(gross_part(item, prefix, quantity) * (1 + exact(item["tax_percent"]) / 100))


def _row(entity_id: int, parent_id: int, item: Json, quantity: Decimal) -> Json:
    row: Json = {"entity_id": entity_id, "parent_id": parent_id, "name": item["name"], "sku": item["sku"]}
    row |= {"product_id": item["product_id"], "order_item_id": item["item_id"], "qty": number(quantity)}
    for prefix in ("base_", ""):
        row |= {
            f"{prefix}discount_tax_compensation_amount": 0,
            f"{prefix}price": item[f"{prefix}price"],
            f"{prefix}price_incl_tax": item.get(f"{prefix}price_incl_tax", 0),
            f"{prefix}row_total": number(gross_part(item, prefix, quantity)),
            f"{prefix}row_total_incl_tax": number(gross_with_tax(item, prefix, quantity)),
            f"{prefix}tax_amount": number(part_of(item, f"{prefix}tax_amount", quantity)),
        }
        if item["discount_amount"]:
            row[f"{prefix}discount_amount"] = number(part_of(item, f"{prefix}discount_amount", quantity))
    if "base_cost" in item:
        row["base_cost"] = item["base_cost"]
    return row


def _child_row(entity_id: int, parent_id: int, child: Json, quantity: Decimal) -> Json:
    return {
        "base_price": 0,
        "entity_id": entity_id,
        "name": child["name"],
        "parent_id": parent_id,
        "price": 0,
        "product_id": child["product_id"],
        "sku": child["sku"],
        "order_item_id": child["item_id"],
        "qty": number(quantity),
    }


def _book(order: Json, document: Json, lines: list[tuple[Json, Decimal]]) -> None:
    """Writes the invoiced and paid amounts onto the order, its rows and its payment."""
    for prefix in ("base_", ""):
        for part in PARTS:
            amount = document[f"{prefix}subtotal" if part == "subtotal" else f"{prefix}{part}_amount"]
            add_up(order, f"{prefix}{part}_invoiced", amount)
        add_up(order, f"{prefix}discount_tax_compensation_invoiced", 0)
        for total in ("total_invoiced", "total_paid"):
            add_up(order, f"{prefix}{total}", document[f"{prefix}grand_total"])
        order[f"{prefix}total_due"] = number(exact(order[f"{prefix}grand_total"]) - exact(order[f"{prefix}total_paid"]))
        add_up(order["payment"], f"{prefix}amount_paid", document[f"{prefix}grand_total"])
        add_up(order["payment"], f"{prefix}shipping_captured", document[f"{prefix}shipping_amount"])
    show_shipping_totals(order)
    cost = sum((exact(item.get("base_cost", 0)) * quantity for item, quantity in lines), ZERO)
    add_up(order, "base_total_invoiced_cost", cost)
    for item, quantity in lines:
        _book_row(item, quantity)
        for child in order["items"]:
            if child.get("parent_item_id") == item["item_id"]:
                add_up(child, "qty_invoiced", quantity)
        parent = item.get("parent_item")
        if parent is not None:
            share = exact(parent["qty_ordered"]) / exact(item["qty_ordered"])
            parent["qty_invoiced"] = number(max(exact(parent["qty_invoiced"]), exact(item["qty_invoiced"]) * share))


def _book_row(item: Json, quantity: Decimal) -> None:
    add_up(item, "qty_invoiced", quantity)
    for prefix in ("base_", ""):
        add_up(item, f"{prefix}row_invoiced", gross_part(item, prefix, quantity))
        add_up(item, f"{prefix}tax_invoiced", part_of(item, f"{prefix}tax_amount", quantity))
        add_up(item, f"{prefix}discount_invoiced", part_of(item, f"{prefix}discount_amount", quantity))
        add_up(item, f"{prefix}discount_tax_compensation_invoiced", 0)
    item["weee_tax_applied"] = "[]"


def add_up(entity: Json, name: str, amount: Decimal | float) -> None:
    entity[name] = number(exact(entity.get(name, 0)) + exact(number(amount)))


def get_invoice(call: Call) -> Json:
    document = call.shop.invoices.get(call.number("id"))
    if document is None:
        raise no_entity()
    return document


def search_invoices(call: Call) -> Json:
    return Table(call.shop.invoices, columns=columns.INVOICE).find(parse(call.query))


ROUTES = [
    Route(method="POST", path="order/:id/invoice", resource="Magento_Sales::invoice", serve=invoice),
    Route(method="GET", path="invoices", resource=INVOICE, serve=search_invoices),
    Route(method="GET", path="invoices/:id", resource=INVOICE, serve=get_invoice),
]
