"""The availability check: which quantity of an item is confirmed for which day."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana.plant import Plant

Row = dict[str, Any]

DISPATCH_DAYS = 1  # what is on hand leaves the day after
NOTHING = Decimal(0)


def confirm(plant: Plant, order: Row, item: Row) -> None:
    """Writes the schedule lines of an item; what was promised to it before is given back first."""
    give_back(plant, item)
    wanted: Decimal = NOTHING if item["SalesDocumentRjcnReason"] else item["RequestedQuantity"]
    product = plant.products[item["Material"]]
    asked = order["RequestedDeliveryDate"]
    soon = max(asked, plant.today() + timedelta(days=DISPATCH_DAYS))
    days = product["replenishment_days"]
    later = None if days is None else max(asked, plant.today() + timedelta(days=days + DISPATCH_DAYS))
    match product["kind"]:
        case "service":
            parts = [(asked, wanted)]
        case "made_to_order" | "supplier":
            parts = [(later, wanted)]
        case _:
            now = min(wanted, plant.free(item["Material"], item["ProductionPlant"]))
            plant.promised[item["Material"], item["ProductionPlant"]] += now
            item["_promised"] = now
            parts = [(soon, now), (later, wanted - now)]
    item["to_ScheduleLine"] = _lines(item, asked, wanted, [(day, amount) for day, amount in parts if day and amount])
    item["ConfdDelivQtyInOrderQtyUnit"] = sum(
        (line["ConfdOrderQtyByMatlAvailCheck"] for line in item["to_ScheduleLine"]), NOTHING
    )


def give_back(plant: Plant, item: Row) -> None:
    held = item.pop("_promised", NOTHING)
    if held:
        plant.promised[item["Material"], item["ProductionPlant"]] -= held


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
