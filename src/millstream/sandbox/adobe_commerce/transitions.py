"""What is left of an order, what it allows, and the states it takes by itself."""

from typing import Any

Json = dict[str, Any]
PRICED_BY_CHILDREN = "bundle"


def children_of(order: Json, item: Json) -> list[Json]:
    return [one for one in order["items"] if one.get("parent_item_id") == item["item_id"]]


def to_ship(item: Json) -> float:
    """Left to ship on a row that ships by itself; rows below a parent ship with it."""
    if item["is_virtual"] or "parent_item_id" in item:
        return 0
    return _unshipped(item)


def _unshipped(item: Json) -> float:
    left = item["qty_ordered"] - max(item["qty_shipped"], item["qty_refunded"]) - item["qty_canceled"]
    return float(max(left, 0))


def to_invoice(item: Json) -> float:
    """Left to invoice on the row that carries the price: parents of configurables, children of bundles."""
    parent = item.get("parent_item")
    if item["product_type"] == PRICED_BY_CHILDREN:
        return 0
    if parent is not None and parent["product_type"] != PRICED_BY_CHILDREN:
        return 0
    return float(max(item["qty_ordered"] - item["qty_invoiced"] - item["qty_canceled"], 0))


def can_ship(order: Json) -> bool:
    if order["state"] in {"holded", "payment_review", "canceled", "closed"} or order["is_virtual"]:
        return False
    return any(to_ship(item) > 0 for item in order["items"])


def can_invoice(order: Json) -> bool:
    if order["state"] in {"holded", "payment_review", "canceled", "complete", "closed"}:
        return False
    return any(to_invoice(item) > 0 for item in order["items"])


def can_hold(order: Json) -> bool:
    return order["state"] not in {"canceled", "payment_review", "complete", "closed", "holded"}


def can_cancel(order: Json) -> bool:
    """A shipped order that was never invoiced can be cancelled: that is what Magento does."""
    if order["state"] in {"holded", "payment_review", "canceled", "complete", "closed"}:
        return False
    return any(to_invoice(item) > 0 for item in order["items"])


def settle(order: Json, *, in_process: bool = False) -> None:
    """The state an order takes when it is saved after an invoice or a shipment."""
    if order["state"] == "new" and in_process:
        order["state"] = order["status"] = "processing"
    if order["state"] in {"canceled", "holded"} or can_invoice(order):
        return
    refundable = order.get("total_paid", 0) - order.get("total_refunded", 0) > 0.0001
    if order["state"] in {"processing", "complete"} and not refundable and not can_ship(order):
        if not order["is_virtual"]:
            order["state"] = order["status"] = "closed"
    elif order["state"] == "processing" and not can_ship(order):
        order["state"] = order["status"] = "complete"


def cancel(order: Json) -> None:
    """Cancels what is neither invoiced nor shipped; an order with invoices goes on instead of ending."""
    state = "canceled"
    for item in order["items"]:
        if item["qty_invoiced"] - item["qty_refunded"] > 0 and state != "processing":
            state = "processing" if to_ship(item) > _to_cancel(item) else "complete"
        quantity = _to_cancel(item)
        item["qty_canceled"] += int(quantity) if float(quantity).is_integer() else quantity
        ordered = item["qty_ordered"]
        item["tax_canceled"] = round(item["tax_amount"] * quantity / ordered, 2) if ordered else 0
        item["discount_tax_compensation_canceled"] = 0
    for prefix in ("base_", ""):
        for name in ("subtotal", "tax", "shipping", "discount"):
            whole = order[f"{prefix}{name}" if name == "subtotal" else f"{prefix}{name}_amount"]
            left = abs(whole) - abs(order.get(f"{prefix}{name}_invoiced", 0))
            order[f"{prefix}{name}_canceled"] = _plain(left)
        order[f"{prefix}total_canceled"] = _plain(order[f"{prefix}grand_total"] - order.get(f"{prefix}total_paid", 0))
    order["state"] = order["status"] = state
    show_shipping_totals(order)


def show_shipping_totals(order: Json) -> None:
    """The shipping assignment repeats the order's shipping amounts."""
    for assignment in order["extension_attributes"].get("shipping_assignments", []):
        amounts = [name for name in order if name.startswith(("shipping_", "base_shipping_"))]
        assignment["shipping"]["total"] = {name: order[name] for name in amounts if name != "shipping_description"}


def _to_cancel(item: Json) -> float:
    return min(to_invoice(item), _unshipped(item))


def _plain(amount: float) -> float:
    rounded = round(amount, 4)
    return int(rounded) if float(rounded).is_integer() else rounded
