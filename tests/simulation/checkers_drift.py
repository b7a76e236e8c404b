"""The judge of agreement: each order as store, ERP and CRM show it, field by field. See `checkers`."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from simulation.evidence import Evidence, Row
from simulation.reading import CENT, confirmed_keys, goods_of, is_cancelled, key_of, let_go, planned_dates, purchases_of

Complaints = Iterator[str]


def three_systems_agree(evidence: Evidence) -> Complaints:
    """Zero drift: number, state, currency, total, quantities, parcels and date are the same wherever they are shown."""
    undone = let_go(evidence, "order.cancelled_by_erp", "book")
    late = let_go(evidence, "order.cancelled", "erp")
    unshipped = let_go(evidence, "order.shipped", "store")
    items: dict[str, Counter[str]] = {}
    for item in evidence.crm["OrderItem"]:
        line = item["Hub_Line_Id__c"].rpartition("-")[2]
        items.setdefault(item["OrderId"], Counter())[line] += Decimal(item["Quantity"])
    purchases, planned = purchases_of(evidence), planned_dates(evidence)
    for shown in evidence.store:
        key = key_of(shown["order"])
        if key not in evidence.erp or key not in confirmed_keys(evidence):
            continue
        views = {"store": _in_store(shown), "ERP": _in_erp(evidence.erp[key])}
        for purchase in purchases.get(key, []):
            views["CRM"] = _in_crm(purchase, items.get(purchase["Id"], Counter()))
        excused = {"cancelled"} if key in undone | late else set()
        if key in planned:
            excused.add("date")  # see `dates_are_those_said_last`
        if key in unshipped:
            excused.add("tracking")
        yield from _differences(key, views, excused)


def _differences(key: str, views: dict[str, Row], excused: set[str]) -> Complaints:
    for field in sorted({name for view in views.values() for name in view} - excused):
        found = {system: view[field] for system, view in views.items() if field in view}
        first, *others = found.values()
        if any(other != first for other in others):
            yield f"{key}: {field} is {found}"


def _in_store(shown: Row) -> Row:
    order = shown["order"]
    return {
        "number": order.get("ext_order_id"),
        "cancelled": is_cancelled(order),
        "currency": order["order_currency_code"],
        "total": Decimal(order["grand_total"]).quantize(CENT),
        "quantities": {line: row["quantity"] for line, row in goods_of(order).items()},
        "tracking": sorted(track["track_number"] for shipment in shown["shipments"] for track in shipment["tracks"]),
    }


def _in_erp(erp: Row) -> Row:
    return {
        "number": erp["number"],
        "cancelled": erp["state"] == "cancelled",
        "currency": erp["currency"],
        "total": erp["total"].quantize(CENT),
        "quantities": {line: row["quantity"] for line, row in erp["lines"].items()},
        "tracking": sorted(number for shipment in erp["shipments"] for number in shipment["tracking"]),
        **({"date": erp["date"]} if erp["state"] == "open" and not erp["shipments"] else {}),
    }


def _in_crm(purchase: Row, quantities: Counter[str]) -> Row:
    return {
        "number": purchase.get("ERP_Order_Number__c"),
        "cancelled": purchase.get("Hub_Status__c") == "cancelled",
        "total": Decimal(purchase["Order_Total__c"]).quantize(CENT),
        "quantities": dict(quantities),
        "tracking": sorted(filter(None, (purchase.get("Tracking_Numbers__c") or "").split(", "))),
        "date": purchase.get("Expected_Ship_Date__c"),
    }
