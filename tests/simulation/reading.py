"""Reading the evidence: what an order is called, what goods it holds, what was decided about it."""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal

from simulation.evidence import Evidence, Row

CENT = Decimal("0.01")


def key_of(order: Row) -> str:
    return f"shop-{order['store_id']}-{order['increment_id']}"


def is_cancelled(order: Row) -> bool:
    return order["state"] == "canceled"


def goods_of(order: Row) -> dict[str, Row]:
    """The rows that carry quantity and money: what has no parent, but for a bundle its parts."""
    goods = {}
    for row in order["items"]:
        parent = row.get("parent_item_id")
        kind_of_parent = next((one["product_type"] for one in order["items"] if one["item_id"] == parent), None)
        if (parent is None and row["product_type"] != "bundle") or kind_of_parent == "bundle":
            goods[str(row["item_id"])] = {
                "sku": row["sku"],
                "quantity": Decimal(row["qty_ordered"]),
                "net": Decimal(row["row_total"]).quantize(CENT),
            }
    return goods


def confirmed_keys(evidence: Evidence) -> set[str]:
    return {event["subject"] for event in evidence.events if event["type"] == "order.confirmed"}


def deliveries_of(evidence: Evidence, event_type: str, subscriber: str) -> dict[str, list[Row]]:
    """Deliveries by the subject of their event."""
    types = {event["id"]: event for event in evidence.events}
    found = defaultdict(list)
    for delivery in evidence.deliveries:
        event = types[delivery["event_id"]]
        if event["type"] == event_type and delivery["subscriber"] == subscriber:
            found[event["subject"]].append(delivery)
    return found


def let_go(evidence: Evidence, event_type: str, subscriber: str) -> set[str]:
    """Subjects of which people discarded such a delivery, or left it in review."""
    return {
        subject
        for subject, deliveries in deliveries_of(evidence, event_type, subscriber).items()
        if any(delivery["state"] in {"discarded", "held"} for delivery in deliveries)
    }


def called_off(evidence: Evidence, event_type: str, subscriber: str) -> set[str]:
    """Subjects of which such a delivery ended without what it is there for, since the order was cancelled meanwhile."""
    return {
        subject
        for subject, deliveries in deliveries_of(evidence, event_type, subscriber).items()
        if any(delivery["note"] == "cancelled meanwhile" for delivery in deliveries)
    }


def left_alone(evidence: Evidence) -> set[str]:
    """Cancelled in the store before the hub had the ERP's answer, and too late there: made, and never booked."""
    late = let_go(evidence, "order.cancelled", "erp")
    cancelled = {key_of(shown["order"]) for shown in evidence.store if is_cancelled(shown["order"])}
    return (late & cancelled & evidence.erp.keys()) - evidence.booked.keys()


def is_gone(erp: Row) -> bool:
    """Every piece that the ERP was to send has left."""
    left: Counter[str] = Counter()
    for shipment in erp["shipments"]:
        if shipment["state"] == "shipped":
            left.update(shipment["lines"])
    goods = erp["lines"].keys() - erp["services"]
    wanted = {line: erp["lines"][line]["quantity"] - erp["given_up"].get(line, 0) for line in goods}
    return bool(left) and all(left[line] >= quantity for line, quantity in wanted.items())


def planned_dates(evidence: Evidence) -> dict[str, list[str]]:
    """The dates that a planner's tool named, by the order they turned out to be about."""
    found = defaultdict(list)
    for event in evidence.events:
        if event["type"] == "order.promise_reported" and "order_key" in event["data"]:
            found[event["subject"]].append(event["data"]["ship_date"])
    return found


def comments_of(shown: Row) -> list[str]:
    return [comment["comment"] or "" for comment in shown["comments"]]


def plain_day(text: str) -> str:
    return datetime.strptime(text, "%d %B %Y").date().isoformat()  # noqa: DTZ007 - a day, no moment


def purchases_of(evidence: Evidence) -> dict[str, list[Row]]:
    found = defaultdict(list)
    for order in evidence.crm["Order"]:
        found[order["Hub_Order_Id__c"]].append(order)
    return found
