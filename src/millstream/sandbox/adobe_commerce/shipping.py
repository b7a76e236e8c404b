"""The shipment services, with every trap of the real one: silent cap, ignored rows, the default source."""

from typing import Any

from millstream.sandbox.adobe_commerce import columns
from millstream.sandbox.adobe_commerce.call import Call, Route, camel, decimal, known_members, whole
from millstream.sandbox.adobe_commerce.errors import Refusal, no_entity
from millstream.sandbox.adobe_commerce.orders import listing
from millstream.sandbox.adobe_commerce.search import Table, parse
from millstream.sandbox.adobe_commerce.state import SOURCES, Shop, exact, number
from millstream.sandbox.adobe_commerce.transitions import can_ship, children_of, settle, to_ship

Json = dict[str, Any]
ITEM_MEMBERS = frozenset(["order_item_id", "qty", "extension_attributes"])
NOT_SAVED = "Could not save a shipment, see error log for details"
SHIP = "Magento_Sales::ship"
SHIPMENT = "Magento_Sales::shipment"


def ship(call: Call) -> str:
    """Ships. What was asked beyond what is left is silently cut; the answer is the id, as a string."""
    wanted = _wanted(call.body)
    order = call.shop.order(call.number("id"))
    tracks = call.body.get("tracks") or []
    lines = _lines(order, wanted)
    _validate(order, lines, tracks)
    source = _source(call.body)
    _check_save(call.shop, lines, tracks, source)
    for item, quantity in lines:
        item["qty_shipped"] = number(exact(item["qty_shipped"]) + exact(quantity))
        if item["product_type"] != "bundle":
            call.shop.take(source, item["sku"], quantity)
    shipment = _store(call, order, lines, tracks, source)
    settle(order, in_process=True)
    call.shop.touch(order)
    call.shop.tell("shipment.saved", shipment)
    return str(shipment["entity_id"])


def _wanted(body: Json) -> dict[int, float]:
    wanted: dict[int, float] = {}
    for item in body.get("items") or []:
        known_members(item, ITEM_MEMBERS)
        wanted[whole(item, "order_item_id")] = decimal(item, "qty")
    return wanted


def _lines(order: Json, wanted: dict[int, float]) -> list[tuple[Json, float]]:
    """The rows that will ship. Rows that ship with a parent, unknown ids and finished rows are ignored."""
    if order["state"] == "canceled":
        return []
    lines: list[tuple[Json, float]] = []
    for item in order["items"]:
        left = to_ship(item)
        if left <= 0 or (wanted and item["item_id"] not in wanted):
            continue
        quantity = min(wanted[item["item_id"]], left) if wanted else left
        if not item["is_qty_decimal"]:
            quantity = int(quantity)
        lines.append((item, quantity))
        if item["product_type"] == "bundle":
            for child in children_of(order, item):
                lines.append((child, quantity * child["qty_ordered"] / item["qty_ordered"]))  # noqa: PERF401 - nested
    return lines


def _validate(order: Json, lines: list[tuple[Json, float]], tracks: list[Json]) -> None:
    errors = []
    if order["state"] in {"holded", "payment_review", "canceled"} or order["is_virtual"]:
        errors.append(f"A shipment cannot be created when an order has a status of {order['status']}")
    elif not can_ship(order):
        errors.append("The order does not allow a shipment to be created.")
    if sum(quantity for _, quantity in lines) <= 0:
        errors.append("You can't create a shipment without products.")
    if any(track.get("track_number") == "" for track in tracks):
        errors.append("Please enter a tracking number.")
    if errors:
        raise Refusal(400, "\n".join(["Shipment Document Validation Error(s):", *errors]))


def _source(body: Json) -> str:
    extension = (body.get("arguments") or {}).get("extension_attributes") or {}
    return str(extension.get("source_code") or "default")


def _check_save(shop: Shop, lines: list[tuple[Json, float]], tracks: list[Json], source: str) -> None:
    if source not in SOURCES or any(not track.get("title") or not track.get("carrier_code") for track in tracks):
        raise Refusal(400, NOT_SAVED)
    parts = [(item["sku"], quantity) for item, quantity in lines if item["product_type"] != "bundle"]
    if any(shop.on_hand(source, sku) < quantity for sku, quantity in parts):
        if source == "default":
            raise Refusal(400, "Not all of your products are available in the requested quantity.")
        raise Refusal(400, NOT_SAVED)


def _store(call: Call, order: Json, lines: list[tuple[Json, float]], tracks: list[Json], source: str) -> Json:
    shop = call.shop
    now = shop.stamp()
    shipment_id = shop.next("shipment")
    address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
    ids = {"parent_id": shipment_id, "order_id": order["entity_id"]}
    shipment: Json = {
        "billing_address_id": order["billing_address_id"],
        "created_at": now,
        **({"customer_id": order["customer_id"]} if "customer_id" in order else {}),
        "entity_id": shipment_id,
        "increment_id": f"{shop.next('increment/shipment'):09d}",
        "order_id": order["entity_id"],
        "packages": [],
        "shipping_address_id": address["entity_id"],
        "store_id": order["store_id"],
        "total_qty": number(sum(quantity for item, quantity in lines if "parent_item_id" not in item)),
        "updated_at": now,
        "items": [_line(shop, shipment_id, item, quantity) for item, quantity in lines],
        "tracks": [_track(shop, {**track, **ids}) for track in tracks],
        "comments": [],
        "extension_attributes": {"source_code": source},
    }
    notify = bool(camel(call.body, "notify"))
    comment = call.body.get("comment") or {}
    if comment.get("comment"):
        told = int(notify and bool(camel(call.body, "appendComment")))
        shipment["comments"].append(_comment(shop, shipment_id, {**comment, "is_customer_notified": told}))
    if notify:
        shipment["email_sent"] = 1
        shown = comment.get("comment") if camel(call.body, "appendComment") else None
        numbers = [track["track_number"] for track in shipment["tracks"]]
        shop.mail("shipment_new", order, shipment_id=shipment_id, comment=shown, tracks=numbers)
    shop.add_shipment(shipment)
    return shipment


def _line(shop: Shop, shipment_id: int, item: Json, quantity: float) -> Json:
    return {
        "entity_id": shop.next("shipment_item"),
        "name": item["name"],
        "parent_id": shipment_id,
        "price": item["price"],
        "product_id": item["product_id"],
        "sku": item["sku"],
        **({"weight": item["weight"]} if "weight" in item else {}),
        "order_item_id": item["item_id"],
        "qty": number(quantity),
    }


def _track(shop: Shop, given: Json) -> Json:
    now = shop.stamp()
    return {
        "order_id": given["order_id"],
        "created_at": now,
        "entity_id": shop.next("track"),
        "parent_id": given["parent_id"],
        "updated_at": now,
        "weight": given.get("weight"),
        "qty": given.get("qty"),
        "description": given.get("description"),
        "track_number": given.get("track_number"),
        "title": given.get("title"),
        "carrier_code": given.get("carrier_code"),
    }


def _comment(shop: Shop, shipment_id: int, given: Json) -> Json:
    return {
        "is_customer_notified": whole(given, "is_customer_notified"),
        "parent_id": shipment_id,
        "comment": given.get("comment"),
        "is_visible_on_front": whole(given, "is_visible_on_front"),
        "created_at": shop.stamp(),
        "entity_id": shop.next("shipment_comment"),
    }


def _shipment(shop: Shop, shipment_id: int) -> Json:
    shipment = shop.shipments.get(shipment_id)
    if shipment is None:
        raise no_entity()
    return shipment


def get_shipment(call: Call) -> Json:
    return _shipment(call.shop, call.number("id"))


def search_shipments(call: Call) -> Json:
    shop = call.shop
    table = Table(shop.shipments, columns=columns.SHIPMENT, indexes={"order_id": shop.shipments_of})
    return table.find(parse(call.query))


def add_track(call: Call) -> Json:
    """Adds a track. The order's `updated_at` does not move."""
    entity = call.member("entity")
    shipment = call.shop.shipments.get(whole(entity, "parent_id"))
    needed = ("order_id", "track_number", "title", "carrier_code")
    if shipment is None or any(not entity.get(name) for name in needed):
        raise Refusal(400, "Could not save the shipment tracking.")
    track = _track(call.shop, entity)
    shipment["tracks"].append(track)
    return track


def remove_track(call: Call) -> bool:
    track_id = call.number("id")
    for shipment in call.shop.shipments.values():
        for track in shipment["tracks"]:
            if track["entity_id"] == track_id:
                shipment["tracks"].remove(track)
                return True
    raise no_entity()


def add_comment(call: Call) -> Json:
    """Stores a comment; it is never mailed."""
    entity = call.member("entity")
    shipment = _shipment(call.shop, call.number("id"))
    comment = _comment(call.shop, shipment["entity_id"], entity)
    shipment["comments"].append(comment)
    return comment


def list_comments(call: Call) -> Json:
    shipment_id = call.number("id")
    shipment = call.shop.shipments.get(shipment_id)
    return listing(shipment["comments"] if shipment else [], "parent_id", shipment_id)


def send_email(call: Call) -> bool:
    shipment = _shipment(call.shop, call.number("id"))
    order = call.shop.order(shipment["order_id"])
    call.shop.mail("shipment_new", order, shipment_id=shipment["entity_id"])
    return True


ROUTES = [
    Route(method="POST", path="order/:id/ship", resource=SHIP, serve=ship),
    Route(method="GET", path="shipments", resource=SHIPMENT, serve=search_shipments),
    Route(method="POST", path="shipment/track", resource=SHIPMENT, serve=add_track),
    Route(method="DELETE", path="shipment/track/:id", resource=SHIPMENT, serve=remove_track),
    Route(method="GET", path="shipment/:id", resource=SHIPMENT, serve=get_shipment),
    Route(method="GET", path="shipment/:id/comments", resource=SHIPMENT, serve=list_comments),
    Route(method="POST", path="shipment/:id/comments", resource=SHIPMENT, serve=add_comment),
    Route(method="POST", path="shipment/:id/emails", resource=SHIPMENT, serve=send_email),
]
