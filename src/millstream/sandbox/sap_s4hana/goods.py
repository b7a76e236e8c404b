"""Goods movements and planned receipts: the books of the stock. Nothing leaves that is not there."""

from datetime import date
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem

Row = dict[str, Any]

RECEIPT = "101"
TRANSFER = "301"
SCRAP = "551"
COUNTED = "561"  # entered by hand, as after counting
ISSUE = "601"


def move(plant: Plant, kind: str, material: str, at: str, quantity: Decimal, document: str = "") -> Row:
    """Books a quantity in or, negative, out. Raises Problem 409 when more would leave than there is."""
    left = plant.on_hand(material, at) + quantity
    if left < 0:
        raise Problem(409, "M7/021", f"Deficit of SL Unrestricted-use {-left} PC : {material} {at} 171A")
    plant.stock[material, at] = left
    row = {
        "MaterialDocument": plant.number("movement"),
        "GoodsMovementType": kind,
        "Material": material,
        "Plant": at,
        "Quantity": quantity,
        "Document": document,
    }
    plant.movements.append(row)
    return row


def plan_receipt(plant: Plant, material: str, at: str, day: date, quantity: Decimal, *, free: bool = True) -> Row:
    """Goods that come in on a day, from a supplier or the shop floor; `free` may be promised to any order."""
    number = plant.number("receipt")
    plant.receipts[number] = {
        "Receipt": number,
        "Material": material,
        "Plant": at,
        "Day": day,
        "Quantity": quantity,
        "Free": quantity if free else Decimal(0),
    }
    return plant.receipts[number]


def planned(plant: Plant, material: str, at: str, until: date) -> list[Row]:
    """Receipts up to a day that are not promised whole, the earliest first."""
    found = [
        one
        for one in plant.receipts.values()
        if (one["Material"], one["Plant"]) == (material, at) and one["Free"] > 0 and one["Day"] <= until
    ]
    return sorted(found, key=lambda one: (one["Day"], one["Receipt"]))
