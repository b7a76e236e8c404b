"""Production orders for what is made to order, and the planner who moves, releases and confirms them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana import goods
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem
from millstream.sandbox.sap_s4hana.values import long_stamp

Row = dict[str, Any]
MADE_TO_ORDER = "TAK"


def plan(plant: Plant, order: Row) -> None:
    """One production order for each item that needs one and has none; never for a blocked order."""
    if order["DeliveryBlockReason"]:
        return
    planned = {plant.production[number]["SalesOrderItem"] for number in plant.production_of[order["SalesOrder"]]}
    for item in order["to_Item"]:
        needs = item["SalesOrderItemCategory"] == MADE_TO_ORDER and not item["SalesDocumentRjcnReason"]
        if needs and item["SalesOrderItem"] not in planned:
            _make(plant, item)


def _make(plant: Plant, item: Row) -> None:
    number = plant.number("production")
    end = plant.today() + timedelta(days=plant.products[item["Material"]]["replenishment_days"] or 0)
    plant.production[number] = {
        "ManufacturingOrder": number,
        "ManufacturingOrderType": "YBM1",
        "Material": item["Material"],
        "ProductionPlant": item["ProductionPlant"],
        "SalesOrder": item["SalesOrder"],
        "SalesOrderItem": item["SalesOrderItem"],
        "TotalQuantity": item["RequestedQuantity"],
        "ProductionUnit": "PC",
        "MfgOrderPlannedStartDate": plant.today(),
        "MfgOrderPlannedEndDate": end,
        "MfgOrderScheduledEndDate": end,
        "MfgOrderConfirmedYieldQty": Decimal(0),
        "OrderIsCreated": "X",
        "OrderIsReleased": "",
        "OrderIsConfirmed": "",
        "OrderIsPartiallyConfirmed": "",
        "OrderIsDelivered": "",
        "OrderIsTechnicallyCompleted": "",
        "OrderIsClosed": "",
        "OrderIsMarkedForDeletion": "",
    }
    plant.production_of[item["SalesOrder"]].append(number)
    _changed(plant, number)


def finished(plant: Plant, item: Row) -> bool:
    """Whether what is made for this item is made."""
    own = [plant.production[number] for number in plant.production_of[item["SalesOrder"]]]
    made = [one for one in own if one["SalesOrderItem"] == item["SalesOrderItem"]]
    return bool(made) and all(one["OrderIsConfirmed"] for one in made)


def reschedule(plant: Plant, number: str, day: date) -> Row:
    row = _open(plant, number)
    move = day - row["MfgOrderPlannedEndDate"]
    row["MfgOrderPlannedEndDate"] = row["MfgOrderScheduledEndDate"] = day
    row["MfgOrderPlannedStartDate"] += move
    return _changed(plant, number)


def release(plant: Plant, number: str) -> Row:
    _open(plant, number)["OrderIsReleased"] = "X"
    return _changed(plant, number)


def confirm(plant: Plant, number: str, *, partially: bool = False) -> Row:
    row = _open(plant, number)
    row["OrderIsReleased"] = "X"
    if partially:
        row["OrderIsPartiallyConfirmed"] = "X"
    else:
        row |= {"OrderIsConfirmed": "X", "OrderIsDelivered": "X", "MfgOrderConfirmedYieldQty": row["TotalQuantity"]}
        goods.move(plant, goods.RECEIPT, row["Material"], row["ProductionPlant"], row["TotalQuantity"], number)
    return _changed(plant, number)


def complete(plant: Plant, number: str) -> Row:
    """The planner gives up an order nobody wants any more."""
    _open(plant, number)["OrderIsTechnicallyCompleted"] = "X"
    return _changed(plant, number)


def _open(plant: Plant, number: str) -> Row:
    row = plant.production.get(number)
    if row is None:
        raise Problem(404, "CO/017", f"Production order {number} does not exist")
    if row["OrderIsConfirmed"] or row["OrderIsTechnicallyCompleted"]:
        raise Problem(409, "CO/688", f"Production order {number} is finished")
    return row


def _changed(plant: Plant, number: str) -> Row:
    row = plant.production[number]
    stamp = plant.stamp()
    row |= {"LastChangeDateTime": long_stamp(stamp), "_changed": stamp}
    plant.tell(row["SalesOrder"])
    return row
