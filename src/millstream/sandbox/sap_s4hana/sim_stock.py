"""The part of the control surface that is about stock: see `sim`."""

from collections.abc import Callable
from datetime import date
from typing import Any

from starlette.requests import Request

from millstream.sandbox.sap_s4hana import goods, storeroom
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem
from millstream.sandbox.sap_s4hana.seed import MAIN_PLANT
from millstream.sandbox.sap_s4hana.values import decimal

Row = dict[str, Any]


def acts(plant: Plant) -> dict[tuple[str, str], Callable[[Request, Row], Any]]:
    def books(_request: Request, _plan: Row) -> Any:
        """What is on hand, what is on its way, and every movement."""
        on_hand = [
            {"Material": material, "Plant": at, "Quantity": quantity, "Promised": plant.promised[material, at]}
            for (material, at), quantity in plant.stock.items()
        ]
        return {"on_hand": on_hand, "receipts": list(plant.receipts.values()), "movements": plant.movements}

    def count(_request: Request, plan: Row) -> Any:
        """`{"VALVE-050": 3}` on hand in the main plant, as after counting."""
        for material, quantity in plan.items():
            found = decimal(quantity) - plant.on_hand(material, MAIN_PLANT)
            goods.move(plant, goods.COUNTED, material, MAIN_PLANT, found)

    def movement(_request: Request, plan: Row) -> Any:
        return _move(plant, plan)

    def expect(_request: Request, plan: Row) -> Any:
        """`{"material": …, "quantity": 20, "day": "2026-12-01"}`: a receipt that orders may be promised."""
        day, quantity = date.fromisoformat(plan["day"]), decimal(plan["quantity"])
        return goods.plan_receipt(plant, str(plan["material"]), MAIN_PLANT, day, quantity)

    def receive(request: Request, _plan: Row) -> Any:
        return storeroom.receive(plant, request.path_params["number"])

    def backorders(_request: Request, plan: Row) -> Any:
        """`{"material": …}`: what no delivery holds is promised anew, first come first served; the orders changed."""
        return storeroom.promise_again(plant, str(plan["material"]), MAIN_PLANT)

    return {
        ("GET", "stock"): books,
        ("POST", "stock"): count,
        ("POST", "movements"): movement,
        ("POST", "receipts"): expect,
        ("POST", "receipts/{number}/receive"): receive,
        ("POST", "backorders"): backorders,
    }


def _move(plant: Plant, plan: Row) -> Row:
    """`{"type": "101" or "551", "material": …, "quantity": 5, "plant": "1010"}`; 301 also says `to`."""
    material, at = str(plan["material"]), str(plan.get("plant", MAIN_PLANT))
    quantity = decimal(plan["quantity"])
    match str(plan["type"]):
        case goods.RECEIPT:
            return storeroom.take_in(plant, material, at, quantity)
        case goods.SCRAP:
            return storeroom.scrap(plant, material, at, quantity)
        case goods.TRANSFER:
            return storeroom.transfer(plant, material, at, str(plan["to"]), quantity)
        case kind:
            raise Problem(400, "M7/062", f"Movement type {kind} is not possible here")
