"""Places an order: from a short wish to the complete order that REST shows."""

from decimal import Decimal
from hashlib import md5
from typing import Any

from millstream.sandbox.adobe_commerce import columns
from millstream.sandbox.adobe_commerce.errors import Refusal
from millstream.sandbox.adobe_commerce.pricing import RATES, ZERO, Amounts, Row, amounts_of, rows_of
from millstream.sandbox.adobe_commerce.state import Shop, exact, money, number

Json = dict[str, Any]
FLAT_RATE = Decimal(15)
COUPONS = {"SAVE10": Decimal(10)}
METHODS = {"checkmo": "Check / Money order", "purchaseorder": "Purchase Order", "banktransfer": "Bank Transfer Payment"}
CUSTOMER_FIELDS = {"email": "customer_email", "firstname": "customer_firstname", "lastname": "customer_lastname"}
GUEST = {"email": "guest@guest.example", "firstname": "Gina", "lastname": "Guest"}
HOME = {"street": ["Hauptstraße 1"], "city": "Berlin", "postcode": "10115", "country_id": "DE", "telephone": "+49 30 1"}


def place(shop: Shop, wish: Json, *, edits: Json | None = None) -> Json:
    """Stores a new order, in place of one that staff `edits`. Raises Refusal for an unknown SKU or customer."""
    who = _who(shop, wish)
    rows = _rows(shop, wish)
    currency = wish.get("currency", "EUR")
    rate = exact(wish["rate"]) if "rate" in wish else RATES.get(currency, Decimal(1))
    tax = exact(wish.get("tax_percent", 0))
    coupon = wish.get("coupon")
    discount = wish.get("discount") or {}
    terms = {
        "tax_percent": tax,
        "discount_percent": exact(discount.get("percent", COUPONS.get(str(coupon), 0))),
        "discount_total": exact(discount.get("amount", 0)),
    }
    base, own = amounts_of(rows, rate=Decimal(1), **terms), amounts_of(rows, rate=rate, **terms)
    virtual = all(row.is_virtual for row in rows)
    shipping = ZERO if virtual else exact((wish.get("shipping") or {}).get("amount", FLAT_RATE))

    order_id = shop.next("order")
    now = shop.stamp()
    store_id = int(wish.get("store_id", 1))
    items = _items(shop, order_id, store_id, now, rows, base, own, terms, coupon)
    order: Json = {
        "base_currency_code": wish.get("base_currency", "EUR"),
        "base_to_global_rate": 1,
        "base_to_order_rate": number(rate),
        "created_at": now,
        **who["fields"],
        "customer_note_notify": 1,
        "email_sent": 1,
        "entity_id": order_id,
        "global_currency_code": wish.get("base_currency", "EUR"),
        **(_relation(edits) if edits else {"increment_id": _increment_id(shop, store_id)}),
        "is_virtual": int(virtual),
        "order_currency_code": currency,
        "protect_code": md5(str(order_id).encode()).hexdigest(),  # noqa: S324 - a mark, not a secret
        "quote_id": shop.next("quote"),
        "remote_ip": "127.0.0.1",
        "state": wish.get("state", "new"),
        "status": wish.get("status", "pending"),
        "store_currency_code": wish.get("base_currency", "EUR"),
        "store_id": store_id,
        "store_name": shop.store_name(store_id),
        "store_to_base_rate": 0,
        "store_to_order_rate": 0,
        "total_item_count": sum(row.parent is None for row in rows),
        "total_qty_ordered": number(sum((row.quantity for row in rows if row.parent is None), ZERO)),
        "updated_at": now,
        "weight": number(sum((exact(item["row_weight"]) for item in items if "parent_item_id" not in item), ZERO)),
    }
    if coupon or terms["discount_percent"] or terms["discount_total"]:
        order["applied_rule_ids"] = "1"
        order["discount_description"] = coupon or "Discount"
    if coupon:
        order["coupon_code"] = coupon
    if wish.get("note"):
        order["customer_note"] = wish["note"]
    _totals(order, "base_", rows, base, shipping)
    _totals(order, "", rows, own, money(shipping * rate))
    _addresses(shop, order, who, wish, items, virtual=virtual)
    _payment(shop, order, wish)
    _taxes(shop, order, tax)
    order["status_histories"] = []
    shop.add_order(order)
    shop.mail("order_new", order)
    shop.tell("order.placed", order)
    return order


def _who(shop: Shop, wish: Json) -> Json:
    if wish.get("customer"):
        customer = shop.customers.get(int(wish["customer"]))
        if customer is None:
            raise Refusal(404, "No such customer: %1 (known: 1 to %2)", [wish["customer"], len(shop.customers)])
        home = dict(customer["addresses"][0])
        home["customer_address_id"] = home["id"]
        home |= {name: value for name, value in (home.pop("region", None) or {}).items() if value}
        home["region_id"] = home.get("region_id") or None
        fields = {
            **{target: customer[name] for name, target in CUSTOMER_FIELDS.items()},
            "customer_group_id": customer["group_id"],
            "customer_id": customer["id"],
            "customer_is_guest": 0,
        }
        for name, target in (("dob", "customer_dob"), ("gender", "customer_gender"), ("taxvat", "customer_taxvat")):
            if name in customer:
                fields[target] = customer[name]
        return {"fields": fields, "address": {**home, "email": customer["email"]}}
    guest = {**GUEST, **(wish.get("guest") or {})}
    fields = {target: guest[name] for name, target in CUSTOMER_FIELDS.items()}
    fields |= {"customer_group_id": 0, "customer_is_guest": 1}
    return {"fields": fields, "address": {**HOME, **guest}}


def _rows(shop: Shop, wish: Json) -> list[Row]:
    lines = wish.get("lines") or []
    unknown = [line["sku"] for line in lines if line["sku"] not in shop.products]
    if unknown or not lines:
        raise Refusal(400, "An order needs lines of known SKUs; unknown: %1", [",".join(unknown)])
    return [row for line in lines for row in rows_of(shop.products, line)]


def _increment_id(shop: Shop, store_id: int) -> str:
    serial = shop.next(f"increment/{store_id}")
    return f"{serial:09d}" if store_id == 1 else f"{store_id}{serial:09d}"


def _relation(edited: Json) -> Json:
    """The number of an edited order is that of the very first one, and how often it was edited."""
    first, times = edited.get("original_increment_id") or edited["increment_id"], edited.get("edit_increment", 0) + 1
    return {
        "edit_increment": times,
        "increment_id": f"{first}-{times}",
        "original_increment_id": first,
        "relation_parent_id": str(edited["entity_id"]),
        "relation_parent_real_id": edited["increment_id"],
    }


def _items(
    shop: Shop,
    order_id: int,
    store_id: int,
    now: str,
    rows: list[Row],
    base: list[Amounts],
    own: list[Amounts],
    terms: dict[str, Decimal],
    coupon: str | None,
) -> list[Json]:
    items: dict[int, Json] = {}
    for row, in_base, in_own in zip(rows, base, own, strict=True):
        item = _item(row, in_base, in_own, terms)
        item |= {"created_at": now, "updated_at": now, "order_id": order_id, "store_id": store_id}
        item["item_id"] = shop.next("order_item")
        item["quote_item_id"] = shop.next("quote_item")
        if row.parent is not None:
            parent = items[id(row.parent)]
            item["parent_item_id"] = parent["item_id"]
            item["parent_item"] = parent
        if in_own.discount and coupon:
            item["applied_rule_ids"] = "1"
        items[id(row)] = item
    return list(items.values())


def _item(row: Row, base: Amounts, own: Amounts, terms: dict[str, Decimal]) -> Json:
    tax_percent = terms["tax_percent"] if row.priced else ZERO
    weight = exact(row.product.get("weight", 0))
    hidden = row.parent is not None and row.price is None
    item: Json = {
        "amount_refunded": 0,
        "base_amount_refunded": 0,
        "base_discount_amount": number(base.discount),
        "base_discount_invoiced": 0,
        "base_price": number(base.price),
        "base_row_invoiced": 0,
        "base_row_total": number(base.net),
        "base_row_total_incl_tax": number(base.net_incl_tax),
        "base_tax_amount": number(base.tax),
        "base_tax_invoiced": 0,
        "discount_amount": number(own.discount),
        "discount_invoiced": 0,
        "discount_percent": number(terms["discount_percent"] if own.discount else ZERO),
        "free_shipping": 0,
        "is_qty_decimal": 0,
        "is_virtual": int(row.is_virtual),
        "name": row.name,
        "no_discount": 0,
        "original_price": number(own.original),
        "price": number(own.price),
        "product_id": row.product["id"],
        "product_type": row.product_type,
        "qty_canceled": 0,
        "qty_invoiced": 0,
        "qty_ordered": number(row.quantity),
        "qty_refunded": 0,
        "qty_shipped": 0,
        "row_invoiced": 0,
        "row_total": number(own.net),
        "row_total_incl_tax": number(own.net_incl_tax),
        "row_weight": 0 if hidden else number(weight * row.quantity),
        "sku": row.sku,
        "tax_amount": number(own.tax),
        "tax_invoiced": 0,
        "tax_percent": number(tax_percent),
        "extension_attributes": {"itemized_taxes": []},
    }
    if not row.is_virtual:
        item["weight"] = number(weight)
    if not hidden:
        item |= {
            "base_discount_tax_compensation_amount": 0,
            "base_original_price": number(base.original),
            "base_price_incl_tax": number(base.price_incl_tax),
            "discount_tax_compensation_amount": 0,
            "price_incl_tax": number(own.price_incl_tax),
        }
    if "cost" in row.product:
        item["base_cost"] = number(exact(row.product["cost"]))
    if row.options:
        item["product_option"] = {"extension_attributes": row.options}
    return item


def _totals(order: Json, prefix: str, rows: list[Row], amounts: list[Amounts], shipping: Decimal) -> None:
    tops = [own for row, own in zip(rows, amounts, strict=True) if row.parent is None]
    subtotal = sum((own.gross for own in tops), ZERO)
    discount = sum((own.discount for own in tops), ZERO)
    tax = sum((own.tax for own in tops), ZERO)
    grand = subtotal - discount + tax + shipping
    amnt = "amnt" if prefix else "amount"
    order |= {
        f"{prefix}discount_amount": number(-discount),
        f"{prefix}grand_total": number(grand),
        f"{prefix}discount_tax_compensation_amount": 0,
        f"{prefix}shipping_amount": number(shipping),
        f"{prefix}shipping_discount_amount": 0,
        f"{prefix}shipping_discount_tax_compensation_{amnt}": 0,
        f"{prefix}shipping_incl_tax": number(shipping),
        f"{prefix}shipping_tax_amount": 0,
        f"{prefix}subtotal": number(subtotal),
        f"{prefix}subtotal_incl_tax": number(sum((own.gross_incl_tax for own in tops), ZERO)),
        f"{prefix}tax_amount": number(tax),
        f"{prefix}total_due": number(grand),
    }


def _addresses(shop: Shop, order: Json, who: Json, wish: Json, items: list[Json], *, virtual: bool) -> None:
    shipping = wish.get("shipping") or {}
    total_names = [name for name in order if name.startswith(("shipping_", "base_shipping_"))]
    assignment: Json = {"total": {name: order[name] for name in total_names}}
    if not virtual:
        order["shipping_description"] = shipping.get("description", "Flat Rate - Fixed")
        address = _address(shop, order, "shipping", {**who["address"], **(wish.get("address") or {})})
        assignment["address"] = address
        assignment["method"] = shipping.get("method", "flatrate_flatrate")
    billing = wish.get("billing") or wish.get("address") or {}
    order["items"] = items
    order["billing_address"] = _address(shop, order, "billing", {**who["address"], **billing})
    order["billing_address_id"] = order["billing_address"]["entity_id"]
    order["extension_attributes"] = {"shipping_assignments": [{"shipping": assignment, "items": items}]}


def _address(shop: Shop, order: Json, kind: str, given: Json) -> Json:
    address = {name: given[name] for name in columns.ADDRESS if given.get(name) is not None}
    return {
        "address_type": kind,
        **address,
        "entity_id": shop.next("address"),
        "parent_id": order["entity_id"],
    }


def _payment(shop: Shop, order: Json, wish: Json) -> None:
    method = wish.get("payment") or ("purchaseorder" if wish.get("po_number") else "checkmo")
    title = METHODS.get(method, method)
    payment: Json = {
        "account_status": None,
        "additional_information": [title],
        "amount_ordered": order["grand_total"],
        "base_amount_ordered": order["base_grand_total"],
        "base_shipping_amount": order["base_shipping_amount"],
        "cc_last4": None,
        "entity_id": shop.next("payment"),
        "method": method,
        "parent_id": order["entity_id"],
        "shipping_amount": order["shipping_amount"],
    }
    if wish.get("po_number"):
        payment["po_number"] = wish["po_number"]
    order["payment"] = payment
    shown = [{"key": "method_title", "value": title}]
    if method == "banktransfer":  # its instructions are kept, even when there are none
        payment["additional_information"].append(None)
        shown.append({"key": "instructions", "value": "null"})
    order["extension_attributes"]["payment_additional_info"] = shown


def _taxes(shop: Shop, order: Json, percent: Decimal) -> None:
    extension = order["extension_attributes"]
    extension |= {"applied_taxes": [], "item_applied_taxes": [], "converting_from_quote": False}
    extension |= {"taxes": [], "additional_itemized_taxes": []}
    if not percent:
        return
    rate = {"code": f"TAX-{percent}", "title": f"TAX-{percent}", "percent": number(percent)}
    sums = {"amount": order["tax_amount"], "base_amount": order["base_tax_amount"]}
    tax_id = shop.next("tax")
    extension["applied_taxes"].append({**rate, **sums})
    more = {"base_real_amount": sums["base_amount"], "priority": 0, "position": 0, "process": 0}
    extension["taxes"].append({"tax_id": tax_id, "order_id": order["entity_id"], **rate, **sums, **more})
    for item in order["items"]:
        if not item["tax_percent"]:
            continue
        own = {"amount": item["tax_amount"], "base_amount": item["base_tax_amount"]}
        extension["item_applied_taxes"].append(
            {"type": "product", "item_id": item["item_id"], "applied_taxes": [{**rate, **own}]}
        )
        item["extension_attributes"]["itemized_taxes"].append(
            {
                "tax_item_id": shop.next("tax_item"),
                "tax_id": tax_id,
                "item_id": item["item_id"],
                "tax_code": rate["code"],
                "tax_percent": rate["percent"],
                **own,
                "real_amount": own["amount"],
                "real_base_amount": own["base_amount"],
                "taxable_item_type": "product",
            }
        )
