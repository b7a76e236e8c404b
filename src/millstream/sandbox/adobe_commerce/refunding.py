"""The credit memo services, offline refunds only."""

from decimal import Decimal
from typing import Any

from millstream.sandbox.adobe_commerce import columns
from millstream.sandbox.adobe_commerce.call import Call, Route, camel, decimal, whole
from millstream.sandbox.adobe_commerce.errors import Refusal, no_entity
from millstream.sandbox.adobe_commerce.invoicing import add_up, gross_part, gross_with_tax, part_of
from millstream.sandbox.adobe_commerce.search import Table, parse
from millstream.sandbox.adobe_commerce.state import exact, number
from millstream.sandbox.adobe_commerce.transitions import settle, show_shipping_totals

Json = dict[str, Any]
Lines = list[tuple[Json, Decimal]]
ZERO = Decimal(0)
MEMO = "Magento_Sales::sales_creditmemo"
FAILED = "Creditmemo Document Validation Error(s):"


def refund(call: Call) -> str:
    """Refunds what is named or everything left, shipping included unless its amount is given."""
    order = call.shop.order(call.number("id"))
    wanted = {whole(item, "order_item_id"): decimal(item, "qty") for item in call.body.get("items") or []}
    arguments = call.body.get("arguments") or {}
    if order["state"] in {"closed", "holded", "payment_review"}:
        raise Refusal(400, f"{FAILED}\nA creditmemo can not be created when an order has a status of {order['status']}")
    lines = [
        (item, exact(wanted[item["item_id"]] if wanted else _left(item)))
        for item in order["items"]
        if _carries_price(item) and (item["item_id"] in wanted if wanted else _left(item) > 0)
    ]
    shipping = _shipping(order, arguments)
    memo = _document(call, order, lines, shipping, arguments)
    _validate(order, lines, memo)
    _book(order, memo, lines)
    call.shop.creditmemos[memo["entity_id"]] = memo
    settle(order)
    _note(call, order, memo)
    call.shop.touch(order)
    return str(memo["entity_id"])


def refund_invoice(call: Call) -> str:
    """Always refused: the payment methods of this store are offline."""
    if call.number("id") not in call.shop.invoices:
        raise no_entity()
    raise Refusal(400, f"{FAILED}\nWe can't create creditmemo for the invoice.")


def _carries_price(item: Json) -> bool:
    parent = item.get("parent_item")
    return item["product_type"] != "bundle" and (parent is None or parent["product_type"] == "bundle")


def _left(item: Json) -> float:
    return float(item["qty_invoiced"] - item["qty_refunded"])


def _shipping(order: Json, arguments: Json) -> Decimal:
    left = exact(order.get("shipping_invoiced", 0)) - exact(order.get("shipping_refunded", 0))
    asked = camel(arguments, "shippingAmount")
    if asked is None:
        return left
    if exact(asked) > left:
        raise Refusal(400, "Maximum shipping amount allowed to refund is: %1", [f"${left:.2f}"])
    return exact(asked)


def _validate(order: Json, lines: Lines, memo: Json) -> None:
    errors = []
    most = exact(order.get("total_paid", 0)) - exact(order.get("total_refunded", 0))
    if exact(memo["grand_total"]) > most:
        errors.append(f"The most money available to refund is {number(most)}.")
    if any(quantity > _left(item) for item, quantity in lines):
        errors.append("The quantity to refund must not be greater than the unrefunded quantity.")
    if errors:
        raise Refusal(400, "\n".join([FAILED, *errors]))


def _document(call: Call, order: Json, lines: Lines, shipping: Decimal, arguments: Json) -> Json:
    shop, now = call.shop, call.shop.stamp()
    entity_id = shop.next("creditmemo")
    positive = exact(camel(arguments, "adjustmentPositive") or 0)
    negative = exact(camel(arguments, "adjustmentNegative") or 0)
    memo: Json = {name: order[name] for name in columns.INVOICE_HEADER if name in order}
    memo |= {"created_at": now, "updated_at": now, "entity_id": entity_id, "state": 2, "order_id": order["entity_id"]}
    memo["increment_id"] = f"{shop.next('increment/creditmemo'):09d}"
    address = order["extension_attributes"]["shipping_assignments"][0]["shipping"].get("address")
    if address:
        memo["shipping_address_id"] = address["entity_id"]
    for prefix in ("base_", ""):
        subtotal, discount, tax = _sums(order, lines, prefix)
        incl = sum((gross_with_tax(item, prefix, quantity) for item, quantity in lines), ZERO)
        memo |= {
            f"{prefix}adjustment": number(positive - negative),
            f"{prefix}discount_amount": number(-discount),
            f"{prefix}grand_total": number(subtotal - discount + tax + shipping + positive - negative),
            f"{prefix}discount_tax_compensation_amount": 0,
            f"{prefix}shipping_amount": number(shipping),
            f"{prefix}shipping_incl_tax": number(shipping),
            f"{prefix}shipping_tax_amount": 0,
            f"{prefix}subtotal": number(subtotal),
            f"{prefix}subtotal_incl_tax": number(incl),
            f"{prefix}tax_amount": number(tax),
        }
        if positive:
            memo[f"{prefix}adjustment_positive"] = number(positive)
        if negative:
            memo[f"{prefix}adjustment_negative"] = number(negative)
    memo["items"] = _rows(call, order, entity_id, lines)
    memo["comments"] = _comments(call, entity_id)
    if call.body.get("notify"):
        memo["email_sent"] = 1
    return memo


def _sums(order: Json, lines: Lines, prefix: str) -> tuple[Decimal, Decimal, Decimal]:
    subtotal = sum((gross_part(item, prefix, quantity) for item, quantity in lines), ZERO)
    discount = sum((part_of(item, f"{prefix}discount_amount", quantity) for item, quantity in lines), ZERO)
    tax = sum((part_of(item, f"{prefix}tax_amount", quantity) for item, quantity in lines), ZERO)
    named = {item["item_id"]: quantity for item, quantity in lines}
    priced = [item for item in order["items"] if _carries_price(item)]
    if all(item["qty_refunded"] + named.get(item["item_id"], ZERO) >= item["qty_ordered"] for item in priced):
        tax = exact(order[f"{prefix}tax_amount"]) - exact(order.get(f"{prefix}tax_refunded", 0))
    return subtotal, discount, tax


def _rows(call: Call, order: Json, entity_id: int, lines: Lines) -> list[Json]:
    rows = []
    for item, quantity in lines:
        rows.append(_row(call.shop.next("creditmemo_item"), entity_id, item, quantity))
        for child in order["items"]:
            if child.get("parent_item_id") == item["item_id"]:
                row = {"base_cost": child.get("base_cost"), "base_price": 0, "price": 0, "name": child["name"]}
                row |= {"entity_id": call.shop.next("creditmemo_item"), "order_item_id": child["item_id"]}
                row |= {"parent_id": entity_id, "product_id": child["product_id"], "sku": child["sku"]}
                rows.append({**row, "qty": number(quantity)})
    return rows


def _row(entity_id: int, parent_id: int, item: Json, quantity: Decimal) -> Json:
    row: Json = {
        "base_cost": item.get("base_cost"),
        "base_weee_tax_row_disposition": 0,
        "entity_id": entity_id,
        "name": item["name"],
        "order_item_id": item["item_id"],
        "parent_id": parent_id,
        "product_id": item["product_id"],
        "qty": number(quantity),
        "sku": item["sku"],
        "weee_tax_applied": "[]",
        "weee_tax_applied_row_amount": 0,
        "weee_tax_row_disposition": 0,
    }
    for prefix in ("base_", ""):
        row |= {
            f"{prefix}discount_tax_compensation_amount": 0,
            f"{prefix}price": item[f"{prefix}price"],
            f"{prefix}price_incl_tax": item[f"{prefix}price_incl_tax"],
            f"{prefix}row_total": number(gross_part(item, prefix, quantity)),
            f"{prefix}row_total_incl_tax": number(gross_with_tax(item, prefix, quantity)),
            f"{prefix}tax_amount": number(part_of(item, f"{prefix}tax_amount", quantity)),
        }
        if item["discount_amount"]:
            row[f"{prefix}discount_amount"] = number(part_of(item, f"{prefix}discount_amount", quantity))
    return row


def _comments(call: Call, entity_id: int) -> list[Json]:
    given = call.body.get("comment") or {}
    if not given.get("comment"):
        return []
    told = int(bool(call.body.get("notify")) and bool(camel(call.body, "appendComment")))
    return [_comment(call, entity_id, {**given, "is_customer_notified": told})]


def _comment(call: Call, entity_id: int, given: Json) -> Json:
    return {
        "comment": given.get("comment"),
        "created_at": call.shop.stamp(),
        "entity_id": call.shop.next("creditmemo_comment"),
        "is_customer_notified": whole(given, "is_customer_notified"),
        "is_visible_on_front": whole(given, "is_visible_on_front"),
        "parent_id": entity_id,
    }


def _book(order: Json, memo: Json, lines: Lines) -> None:
    for prefix in ("base_", ""):
        for part in ("subtotal", "discount", "tax", "shipping"):
            amount = memo[f"{prefix}subtotal" if part == "subtotal" else f"{prefix}{part}_amount"]
            add_up(order, f"{prefix}{part}_refunded", amount)
        for name in ("discount_tax_compensation_refunded", "shipping_tax_refunded"):
            add_up(order, f"{prefix}{name}", 0)
        for name in ("adjustment_positive", "adjustment_negative"):
            add_up(order, f"{prefix}{name}", memo.get(f"{prefix}{name}", 0))
        for name in ("total_refunded", "total_offline_refunded"):
            add_up(order, f"{prefix}{name}", memo[f"{prefix}grand_total"])
        add_up(order["payment"], f"{prefix}amount_refunded", memo[f"{prefix}grand_total"])
        add_up(order["payment"], f"{prefix}shipping_refunded", memo[f"{prefix}shipping_amount"])
    show_shipping_totals(order)
    for item, quantity in lines:
        add_up(item, "qty_refunded", quantity)
        add_up(order, "base_total_invoiced_cost", -exact(item.get("base_cost", 0)) * quantity)
        for prefix in ("base_", ""):
            add_up(item, f"{prefix}amount_refunded", gross_part(item, prefix, quantity))
            add_up(item, f"{prefix}tax_refunded", part_of(item, f"{prefix}tax_amount", quantity))
            add_up(item, f"{prefix}discount_refunded", part_of(item, f"{prefix}discount_amount", quantity))
            add_up(item, f"{prefix}discount_tax_compensation_refunded", 0)


def _note(call: Call, order: Json, memo: Json) -> None:
    order["status_histories"].insert(
        0,
        {
            "comment": f"We refunded ${memo['grand_total']:.2f} offline.",
            "created_at": call.shop.stamp(),
            "entity_id": call.shop.next("comment"),
            "entity_name": "creditmemo",
            "is_customer_notified": int(bool(call.body.get("notify"))),
            "is_visible_on_front": 0,
            "parent_id": order["entity_id"],
            "status": order["status"],
        },
    )
    if call.body.get("notify"):
        call.shop.mail("creditmemo_new", order, creditmemo_id=memo["entity_id"])


def _memo(call: Call) -> Json:
    memo = call.shop.creditmemos.get(call.number("id"))
    if memo is None:
        raise no_entity()
    return memo


def add_comment(call: Call) -> Json:
    memo = _memo(call)
    comment = _comment(call, memo["entity_id"], call.member("entity"))
    memo["comments"].append(comment)
    return comment


def search_memos(call: Call) -> Json:
    return Table(call.shop.creditmemos, columns=columns.INVOICE).find(parse(call.query))


ROUTES = [
    Route(method="POST", path="order/:id/refund", resource="Magento_Sales::creditmemo", serve=refund),
    Route(method="POST", path="invoice/:id/refund", resource="Magento_Sales::sales_invoice", serve=refund_invoice),
    Route(method="GET", path="creditmemos", resource=MEMO, serve=search_memos),
    Route(method="GET", path="creditmemo/:id", resource=MEMO, serve=_memo),
    Route(method="POST", path="creditmemo/:id/comments", resource=MEMO, serve=add_comment),
]
