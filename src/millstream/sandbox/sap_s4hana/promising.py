"""The availability check: which quantity of an item is confirmed for which day.

What is free on hand goes first, then planned receipts. What is missing after the replenishment lead time is planned to
come in then, so nothing is ever confirmed that is neither there nor on its way.
"""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana import goods
from millstream.sandbox.sap_s4hana.plant import Plant

Row = dict[str, Any]

DISPATCH_DAYS = 1  # what is on hand leaves the day after
NOTHING = Decimal(0)


def confirm(plant: Plant, order: Row, item: Row) -> None:
    """Writes the schedule lines of an item; what was promised to it before is given back first.

    An item in a delivery keeps what it has.
    """
    if item.get("to_SubsequentProcFlowDocItem") and not item["SalesDocumentRjcnReason"]:
        return
    give_back(plant, item)
    wanted: Decimal = NOTHING if item["SalesDocumentRjcnReason"] else item["RequestedQuantity"]
    product = plant.products[item["Material"]]
    asked = order["RequestedDeliveryDate"]
    days = product["replenishment_days"]
    later = None if days is None else max(asked, plant.today() + timedelta(days=days + DISPATCH_DAYS))
    match product["kind"]:
        case "service":
            parts = [(asked, wanted)]
        case "made_to_order" | "supplier":
            parts = [(later, wanted)]
        case _:
            parts = _from_stock(plant, order, item, wanted)
    item["to_ScheduleLine"] = _lines(item, asked, wanted, [(day, amount) for day, amount in parts if day and amount])
    item["ConfdDelivQtyInOrderQtyUnit"] = sum(
        (line["ConfdOrderQtyByMatlAvailCheck"] for line in item["to_ScheduleLine"]), NOTHING
    )


def _from_stock(plant: Plant, order: Row, item: Row, wanted: Decimal) -> list[tuple[date | None, Decimal]]:
    key = item["Material"], item["ProductionPlant"]
    asked, today = order["RequestedDeliveryDate"], plant.today()
    confirmed: dict[date, Decimal] = defaultdict(Decimal)

    def confirm_for(day: date, amount: Decimal) -> None:
        confirmed[max(asked, day + timedelta(days=DISPATCH_DAYS))] += amount

    now = min(wanted, plant.free(*key))
    plant.promised[key] += now
    item |= {"_promised": now, "_expected": {}}
    confirm_for(today, now)
    left = wanted - now
    days = plant.products[item["Material"]]["replenishment_days"]
    horizon = date.max if days is None else today + timedelta(days=days)
    for receipt in goods.planned(plant, *key, horizon):
        part = min(left, receipt["Free"])
        if part:
            receipt["Free"] -= part
            item["_expected"][receipt["Receipt"]] = part
            confirm_for(receipt["Day"], part)
            left -= part
    if left and days is not None:
        receipt = goods.plan_receipt(plant, *key, horizon, left, free=False)
        item["_expected"][receipt["Receipt"]] = left
        confirm_for(horizon, left)
    return sorted(confirmed.items())


def give_back(plant: Plant, item: Row) -> None:
    held = item.pop("_promised", NOTHING)
    if held:
        plant.promised[item["Material"], item["ProductionPlant"]] -= held
    for number, part in item.pop("_expected", {}).items():
        plant.receipts[number]["Free"] += part


def _lines(item: Row, asked: date, wanted: Decimal, parts: list[tuple[date, Decimal]]) -> list[Row]:
    """The first line carries what was asked for and when; what cannot be had then is confirmed by further lines."""
    on_time = next((part for part in parts if part[0] == asked), None)
    lines = [_line(item, 1, asked, asked if on_time else None, wanted, on_time[1] if on_time else NOTHING)]
    for day, amount in parts:
        if day != asked:
            lines.append(_line(item, len(lines) + 1, asked, day, NOTHING, amount))
    return lines


def _line(item: Row, n: int, asked: date, day: date | None, ordered: Decimal, confirmed: Decimal) -> Row:
    return {
        "SalesOrder": item["SalesOrder"],
        "SalesOrderItem": item["SalesOrderItem"],
        "ScheduleLine": str(n),
        "RequestedDeliveryDate": day or asked,
        "ConfirmedDeliveryDate": day if confirmed else None,
        "OrderQuantityUnit": "PC",
        "ScheduleLineOrderQuantity": ordered,
        "ConfdOrderQtyByMatlAvailCheck": confirmed,
        "DeliveredQtyInOrderQtyUnit": NOTHING,
        "OpenConfdDelivQtyInOrdQtyUnit": confirmed,
        "DelivBlockReasonForSchedLine": "",
    }


def availability(plant: Plant, material: str, at: str, quantity: Decimal | None = None) -> list[tuple[date, Decimal]]:
    """When how much can be had: what is free now, and everything after the replenishment lead time."""
    product = plant.products[material]
    rows = [(plant.today() + timedelta(days=DISPATCH_DAYS), plant.free(material, at))]
    if product["replenishment_days"] is not None:
        rows.append(
            (
                plant.today() + timedelta(days=product["replenishment_days"] + DISPATCH_DAYS),
                max(quantity or NOTHING, Decimal(999999)),
            )
        )
    if quantity is not None:
        rows = [row for row in rows if row[1] >= quantity][:1]
    return rows
