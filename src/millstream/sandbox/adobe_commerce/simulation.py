"""The sandbox's own door, `/_sim/`: shoppers, the store's staff, and a look behind the counter. No credentials needed.

POST orders                 places an order: {customer: 1..10 | guest: {email, firstname, lastname}, lines: [{sku, qty,
                            price?, options?: {option_id: value}}], store_id?, currency?, coupon?: "SAVE10",
                            discount?: {percent | amount}, tax_percent?, shipping?: {method, amount, description},
                            address?, billing?, po_number?, payment?, note?, state?, status?}
POST orders/batch           {count, seed}: a mixed lot, the same for the same seed
POST orders/{id}/address    {type?: "shipping" | "billing", ...members}     POST orders/{id}/cancel
POST orders/{id}/edit       {lines, ...}: as the store's staff do, a new order in place of this one, which is cancelled
GET  orders | orders/{id}   summaries | one order with its comments, shipments, invoices and e-mails
GET  emails                 every e-mail the store sent
POST webhooks               {url, mode: "io_events" | "mageos", token?, client_id?, events?, delay_s?}; GET, DELETE
POST products | customers | stock | stores | statuses     more of each: see `_stock_room`
POST, GET, DELETE faults    see `millstream.sandbox.faults`
"""

from random import Random
from typing import Any

from millstream.sandbox.adobe_commerce.errors import Refusal
from millstream.sandbox.adobe_commerce.events import Hooks, Subscription
from millstream.sandbox.adobe_commerce.orders import change_address
from millstream.sandbox.adobe_commerce.placing import place
from millstream.sandbox.adobe_commerce.state import Shop
from millstream.sandbox.adobe_commerce.stores import new_view
from millstream.sandbox.adobe_commerce.transitions import can_cancel, cancel

Json = dict[str, Any]
BATCH_MAX = 10_000
GOODS = "PUMP-100 PUMP-200 PUMP-CFG SKID-01 VALVE-050 VALVE-080 GASKET-10 SEAL-KIT FILTER-5 SENSOR-P CTRL-PLC OIL-1L"
SUMMARY = (
    "entity_id",
    "increment_id",
    "store_id",
    "state",
    "status",
    "ext_order_id",
    "customer_id",
    "customer_email",
    "grand_total",
    "created_at",
    "updated_at",
)


async def answer(shop: Shop, hooks: Hooks, method: str, segments: list[str], body: Json) -> Any:
    """Serves one call below `/_sim/`. Raises Refusal 404 for a door that does not exist."""
    match [method, *segments]:
        case ["POST", "webhooks"]:
            known = {name: body[name] for name in Subscription.__dataclass_fields__ if name in body}
            await hooks.subscribe(Subscription(**{**known, "events": tuple(known.get("events") or ())}))
            return {"subscriptions": len(hooks.subscriptions)}
        case ["GET", "webhooks"]:
            return {"subscriptions": [one.url for one in hooks.subscriptions], "counts": dict(hooks.counts)}
        case ["DELETE", "webhooks"]:
            hooks.subscriptions.clear()
            return {"subscriptions": 0}
        case ["GET", "emails"]:
            return shop.emails
        case ["GET" | "POST", "orders", *rest]:
            return _orders(shop, method, rest, body)
        case ["POST", kind]:
            return _stock_room(shop, kind, body)
    raise Refusal(404, f"Nothing here: {method} /_sim/{'/'.join(segments)}")


def _orders(shop: Shop, method: str, rest: list[str], body: Json) -> Any:
    match [method, *rest]:
        case ["POST"]:
            return _receipt(place(shop, body))
        case ["POST", "batch"]:
            return [_receipt(place(shop, wish)) for wish in mixed(int(body["count"]), body.get("seed", 0))]
        case ["GET"]:
            return [summary(order) for order in shop.orders.values()]
        case ["GET", number]:
            return read_back(shop, int(number))
        case ["POST", number, deed]:
            return _change(shop, shop.order(int(number)), deed, body)
    raise Refusal(404, f"Nothing here: {method} /_sim/orders/{'/'.join(rest)}")


def _change(shop: Shop, order: Json, deed: str, body: Json) -> Any:
    """What the shopper or the staff do to a placed order."""
    if deed == "address":
        given = body.get("address") or {name: value for name, value in body.items() if name != "type"}
        address = change_address(order, body.get("type", "shipping"), given)
        shop.touch(order)
        return address
    if deed == "cancel":
        if not can_cancel(order):
            return False
        cancel(order)
        shop.touch(order)
        return True
    if deed == "edit":
        return _edit(shop, order, body)
    raise Refusal(404, f"Nothing here: POST /_sim/orders/{order['entity_id']}/{deed}")


def _edit(shop: Shop, order: Json, wish: Json) -> Json:
    """A new order for the same customer, numbered after the first one; each names the other."""
    if not can_cancel(order):
        raise Refusal(400, "This order cannot be edited")
    made = place(shop, {"customer": order.get("customer_id"), "store_id": order["store_id"], **wish}, edits=order)
    order |= {"relation_child_id": str(made["entity_id"]), "relation_child_real_id": made["increment_id"]}
    cancel(order)
    shop.touch(order)
    return _receipt(made)


def _receipt(order: Json) -> Json:
    return {name: order[name] for name in ("entity_id", "increment_id", "grand_total", "order_currency_code")}


def _stock_room(shop: Shop, kind: str, body: Json) -> Any:
    if kind == "products":
        return shop.add_product(dict(body))["id"]
    if kind == "customers":
        shop.customers[int(body["id"])] = dict(body)
        return body["id"]
    if kind == "stock":
        shop.stock[body["source"], body["sku"]] = body["quantity"]
        return body["quantity"]
    if kind == "stores":
        shop.views.append(new_view(body["id"], body["code"], body["name"]))
        return body["id"]
    if kind == "statuses":
        shop.statuses.setdefault(body["state"], []).append(body["status"])
        return shop.statuses
    raise Refusal(404, f"Nothing here: POST /_sim/{kind}")


def summary(order: Json) -> Json:
    return {name: order[name] for name in SUMMARY if name in order}


def read_back(shop: Shop, order_id: int) -> Json:
    """All that became of one order: for the judge, not for a client."""
    order = shop.order(order_id)
    return {
        "order": order,
        "comments": list(reversed(order["status_histories"])),
        "shipments": [one for one in shop.shipments.values() if one["order_id"] == order_id],
        "invoices": [one for one in shop.invoices.values() if one["order_id"] == order_id],
        "emails": [one for one in shop.emails if one["order_id"] == order_id],
    }


def mixed(count: int, seed: Any) -> list[Json]:
    """Wishes for a mixed lot of orders: accounts and guests, one to five lines, some bundles, options, discounts."""
    if count > BATCH_MAX:
        raise Refusal(400, f"A batch has at most {BATCH_MAX} orders")
    dice = Random(f"{seed}/batch")  # noqa: S311 - a seed must reproduce it
    return [_wish(dice, number) for number in range(count)]


def _wish(dice: Random, number: int) -> Json:
    wish: Json = {"lines": [_line(dice, sku) for sku in dice.sample(GOODS.split(), dice.randint(1, 5))]}
    if dice.random() < 0.2:
        who = f"guest-{number}"
        wish["guest"] = {"email": f"{who}@guest.example", "firstname": "Guest", "lastname": f"No{number}"}
    else:
        wish["customer"] = dice.randint(1, 10)
    extras = (
        (0.10, {"sku": "PUMP-KIT", "qty": 1}),
        (0.08, {"sku": "SERVICE-1", "qty": 1}),
    )
    wish["lines"] += [line for chance, line in extras if dice.random() < chance]
    if dice.random() < 0.3:
        wish["po_number"] = f"PO-{number:05d}"
    if dice.random() < 0.1:
        wish["coupon"] = "SAVE10"
    return wish


def _line(dice: Random, sku: str) -> Json:
    line: Json = {"sku": sku, "qty": dice.randint(1, 4)}
    if sku == "SENSOR-P" and dice.random() < 0.5:
        line["options"] = {"1": f"TAG {dice.randint(1, 99)}", "2": "1"}
    return line
