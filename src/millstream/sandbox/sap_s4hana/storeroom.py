"""What people do with the stock: take in, scrap, move between plants, and promise anew what is no longer there."""

from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana import goods, orders, promising
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem, not_found

Row = dict[str, Any]
NOTHING = Decimal(0)


def receive(plant: Plant, number: str) -> Row:
    """A planned receipt arrives; the orders it was promised to now hold what is on hand."""
    receipt = plant.receipts.pop(number, None)
    if receipt is None:
        raise not_found(f"receipt {number}")
    key = receipt["Material"], receipt["Plant"]
    movement = goods.move(plant, goods.RECEIPT, *key, receipt["Quantity"], number)
    for item in _items(plant, *key):
        part = item.get("_expected", {}).pop(number, NOTHING)
        if part:
            item["_promised"] = item.get("_promised", NOTHING) + part
            plant.promised[key] += part
    return movement


def take_in(plant: Plant, material: str, at: str, quantity: Decimal) -> Row:
    """Goods nobody planned."""
    _check(plant, material, quantity)
    return goods.move(plant, goods.RECEIPT, material, at, quantity)


def scrap(plant: Plant, material: str, at: str, quantity: Decimal) -> Row:
    """Throws away what is in no delivery; orders whose goods are gone are promised anew."""
    _check(plant, material, quantity)
    fixed = sum((item.get("_promised", NOTHING) for item in _items(plant, material, at) if _in_delivery(item)), NOTHING)
    if quantity > plant.on_hand(material, at) - fixed:
        raise Problem(409, "M7/021", f"Deficit of SL Unrestricted-use : {material} {at}, {fixed} PC are in deliveries")
    movement = goods.move(plant, goods.SCRAP, material, at, -quantity)
    if plant.on_hand(material, at) < plant.promised[material, at]:
        promise_again(plant, material, at)
    return movement


def transfer(plant: Plant, material: str, start: str, end: str, quantity: Decimal) -> Row:
    """From one plant to the other, only what is promised to nobody."""
    _check(plant, material, quantity)
    if quantity > plant.free(material, start):
        raise Problem(409, "M7/021", f"Deficit of SL Unrestricted-use : {material} {start}")
    movement = goods.move(plant, goods.TRANSFER, material, start, -quantity)
    goods.move(plant, goods.TRANSFER, material, end, quantity, movement["MaterialDocument"])
    return movement


def promise_again(plant: Plant, material: str, at: str) -> list[str]:
    """Backorder processing: gives out anew what no delivery holds, first come first served. The orders that changed."""
    waiting = [
        (order, item)
        for order in plant.orders.values()
        for item in order["to_Item"]
        if _is(item, material, at) and not item["SalesDocumentRjcnReason"] and not _in_delivery(item)
    ]
    for _, item in waiting:
        promising.give_back(plant, item)
    changed: dict[str, Row] = {}
    for order, item in waiting:
        before = item["to_ScheduleLine"]
        promising.confirm(plant, order, item)
        if item["to_ScheduleLine"] != before:
            changed[order["SalesOrder"]] = order
    for order in changed.values():
        orders.settle(plant, order)
    return list(changed)


def _check(plant: Plant, material: str, quantity: Decimal) -> None:
    if material not in plant.products or quantity <= 0:
        raise Problem(400, "M7/001", f"Check the material {material} and the quantity {quantity}")


def _items(plant: Plant, material: str, at: str) -> list[Row]:
    return [item for order in plant.orders.values() for item in order["to_Item"] if _is(item, material, at)]


def _is(item: Row, material: str, at: str) -> bool:
    return (item["Material"], item["ProductionPlant"]) == (material, at)


def _in_delivery(item: Row) -> bool:
    return bool(item["to_SubsequentProcFlowDocItem"])
