"""The order services: search, read, partial update, comments, hold, cancel."""

import re
from typing import Any

from millstream.sandbox.adobe_commerce import columns
from millstream.sandbox.adobe_commerce.call import Call, Route, whole
from millstream.sandbox.adobe_commerce.errors import Refusal, no_entity, required, unsupported
from millstream.sandbox.adobe_commerce.search import Table, parse
from millstream.sandbox.adobe_commerce.transitions import can_cancel, can_hold, cancel

Json = dict[str, Any]
COMMENT_BYTES_MAX = 65_535
VIEW = "Magento_Sales::actions_view"
READ_ONLY = frozenset(["entity_id", "created_at", "updated_at"])
NESTED = frozenset(["items", "billing_address", "payment", "status_histories", "extension_attributes"])


def search_orders(call: Call) -> Json:
    shop = call.shop
    indexes = {"increment_id": shop.orders_numbered}
    table = Table(shop.orders, columns=columns.ORDER, recent=shop.recent, indexes=indexes)
    return table.find(parse(call.query))


def get_order(call: Call) -> Json:
    return call.shop.order(call.number("id"))


def search_items(call: Call) -> Json:
    found = Table(call.shop.items, columns=columns.ORDER_ITEM).find(parse(call.query))
    found["items"] = [_bare(item) for item in found["items"]]
    return found


def get_item(call: Call) -> Json:
    item = call.shop.items.get(call.number("id"))
    if item is None:
        raise no_entity()
    return _bare(item)


def _bare(item: Json) -> Json:
    """Outside of its order an item carries no extension attributes."""
    bare = {name: value for name, value in item.items() if name != "extension_attributes"}
    if "parent_item" in bare:
        bare["parent_item"] = _bare(bare["parent_item"])
    return bare


def get_status(call: Call) -> str:
    return str(call.shop.order(call.number("id"))["status"])


def save_order(call: Call) -> Json:
    """Writes the given columns and nothing else: no rule is checked, and any status is stored."""
    entity = call.member("entity")
    for name in entity:
        if name not in columns.ORDER and name not in NESTED and not (name == "custom_attributes" and call.is_saas):
            raise unsupported(name)
    order = call.shop.orders.get(whole(entity, "entity_id"))
    if order is None:
        return _insert(call, entity)
    increment_id = str(entity.get("increment_id") or order["increment_id"])
    owner = call.shop.increments.get((order["store_id"], increment_id))
    if owner not in {None, order["entity_id"]}:
        raise Refusal(400, "Unique constraint violation found")
    call.shop.increments[order["store_id"], increment_id] = order["entity_id"]
    written = {name: value for name, value in entity.items() if name in columns.ORDER - READ_ONLY}
    for name, value in written.items():
        if value is None:
            order.pop(name, None)
        else:
            order[name] = value
    if "custom_attributes" in entity:
        _merge_attributes(order, entity["custom_attributes"])
    call.shop.touch(order)
    return _stub(order, written)


def _merge_attributes(order: Json, given: list[Json]) -> None:
    values = {one["attribute_code"]: one["value"] for one in order.get("custom_attributes", [])}
    values |= {one["attribute_code"]: str(one["value"]) for one in given}
    order["custom_attributes"] = [{"attribute_code": code, "value": value} for code, value in values.items()]


def _stub(order: Json, written: Json) -> Json:
    """The half-loaded order that the real one answers with."""
    keep = ("billing_address_id", "created_at", "entity_id", "updated_at", "billing_address", "payment")
    return {
        "base_grand_total": None,
        "base_total_due": 0,
        "customer_email": None,
        "grand_total": None,
        "total_due": 0,
        **{name: value for name, value in written.items() if value is not None},
        **{name: order[name] for name in keep if name in order},
        "items": [_bare(item) for item in order["items"]],
        "status_histories": [],
    }


def _insert(call: Call, entity: Json) -> Json:
    """Without a known entity_id a new and nearly empty order appears, as long as it has a payment."""
    shop = call.shop
    if not isinstance(entity.get("payment"), dict):
        raise Refusal(400, "Please provide payment for the order.")
    now = shop.stamp()
    order_id = shop.next("order")
    store_id = whole(entity, "store_id", 1)
    order: Json = {
        "state": "new",
        "status": "pending",
        "customer_email": None,
        "grand_total": None,
        "base_grand_total": None,
        "total_due": 0,
        "is_virtual": 0,
        **{name: value for name, value in entity.items() if name in columns.ORDER - READ_ONLY},
        "entity_id": order_id,
        "store_id": store_id,
        "increment_id": entity.get("increment_id") or f"{shop.next(f'increment/{store_id}'):09d}",
        "created_at": now,
        "updated_at": now,
        "items": [],
        "payment": {"account_status": None, "additional_information": [], "cc_last4": None, **entity["payment"]},
        "status_histories": [],
        "extension_attributes": {},
    }
    shop.add_order(order)
    shop.tell("order.placed", order)
    return order


def add_comment(call: Call) -> bool:
    order = call.shop.order(call.number("id"))
    history = call.member("statusHistory")
    status = history.get("status")
    if status and status not in call.shop.statuses.get(order["state"], []):
        text = 'Unable to add comment: The status "%1" is not part of the order\n                 status history.'
        raise Refusal(400, text, [status])
    notify = whole(history, "is_customer_notified")
    comment: Json = {
        "comment": _stored(history.get("comment")),
        "created_at": call.shop.stamp(),
        "entity_id": call.shop.next("comment"),
        "is_customer_notified": notify,
        "is_visible_on_front": whole(history, "is_visible_on_front"),
        "parent_id": order["entity_id"],
        "status": status or order["status"],
    }
    order["status_histories"].insert(0, comment)
    if notify:
        shown = re.sub(r"<[^>]*>", "", comment["comment"] or "")
        call.shop.mail("order_update", order, comment=shown, status=comment["status"])
    if status and status != order["status"]:
        order["status"] = status
        call.shop.touch(order)
    return True


def _stored(text: str | None) -> str | None:
    """What a three-byte text column keeps of it."""
    if text is None:
        return None
    plain = "".join(char if ord(char) < 0x10000 else "????" for char in str(text))
    return plain.encode()[:COMMENT_BYTES_MAX].decode(errors="ignore")


def list_comments(call: Call) -> Json:
    order_id = call.number("id")
    order = call.shop.orders.get(order_id)
    comments = list(reversed(order["status_histories"])) if order else []
    return listing(comments, "parent_id", order_id)


def listing(items: list[Json], field: str, value: int) -> Json:
    one = {"field": field, "value": str(value), "condition_type": "eq"}
    return {
        "items": items,
        "search_criteria": {"filter_groups": [{"filters": [one]}]},
        "total_count": len(items),
    }


def hold(call: Call) -> bool:
    order = call.shop.order(call.number("id"))
    if not can_hold(order):
        raise Refusal(400, "A hold action is not available.")
    order["hold_before_state"], order["hold_before_status"] = order["state"], order["status"]
    order["state"] = order["status"] = "holded"
    call.shop.touch(order)
    return True


def unhold(call: Call) -> bool:
    order = call.shop.order(call.number("id"))
    if order["state"] != "holded":
        raise Refusal(400, "You cannot remove the hold.")
    order["state"], order["status"] = order.pop("hold_before_state"), order.pop("hold_before_status")
    call.shop.touch(order)
    return True


def cancel_order(call: Call) -> bool:
    order = call.shop.order(call.number("id"))
    if not can_cancel(order):
        return False
    cancel(order)
    call.shop.touch(order)
    return True


def send_email(call: Call) -> bool:
    call.shop.mail("order_new", call.shop.order(call.number("id")))
    return True


def put_address(call: Call) -> Json:
    """PUT /V1/orders/{parent_id} updates an address, not the order."""
    entity = call.member("entity")
    order = call.shop.order(call.number("id"))
    kind = entity.get("address_type")
    if kind is None:
        raise required("address_type")
    address = change_address(order, str(kind), entity)
    call.shop.touch(order)
    return address


def change_address(order: Json, kind: str, given: Json) -> Json:
    """Changes the named members of the billing or shipping address."""
    address: Json = order["billing_address"]
    if kind == "shipping":
        address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
    address.update({name: value for name, value in given.items() if name not in {"entity_id", "parent_id"}})
    return address


ROUTES = [
    Route(method="GET", path="orders", resource=VIEW, serve=search_orders),
    Route(method="POST", path="orders", resource="Magento_Sales::api_actions", serve=save_order),
    Route(method="PUT", path="orders/create", resource="Magento_Sales::create", serve=save_order),
    Route(method="GET", path="orders/items", resource=VIEW, serve=search_items),
    Route(method="GET", path="orders/items/:id", resource=VIEW, serve=get_item),
    Route(method="GET", path="orders/:id", resource=VIEW, serve=get_order),
    Route(method="PUT", path="orders/:id", resource="Magento_Sales::create", serve=put_address),
    Route(method="GET", path="orders/:id/statuses", resource=VIEW, serve=get_status),
    Route(method="GET", path="orders/:id/comments", resource=VIEW, serve=list_comments),
    Route(method="POST", path="orders/:id/comments", resource="Magento_Sales::comment", serve=add_comment),
    Route(method="POST", path="orders/:id/hold", resource="Magento_Sales::hold", serve=hold),
    Route(method="POST", path="orders/:id/unhold", resource="Magento_Sales::unhold", serve=unhold),
    Route(method="POST", path="orders/:id/cancel", resource="Magento_Sales::cancel", serve=cancel_order),
    Route(method="POST", path="orders/:id/emails", resource="Magento_Sales::emails", serve=send_email),
]
