"""What an order costs: conditions of items and of the header, and tax on top."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem

Row = dict[str, Any]

LIST_PRICE = "PPR0"
PRICES = ("PMP0", LIST_PRICE)  # a price entered by hand comes before the one of the price list
ITEM_AMOUNTS = ("ZMSD",)
HEADER_AMOUNTS = ("ZMSF", "ZMSA", "ZMSR")
TAX = "ZMST"
CENT = Decimal("0.01")


def check_type(condition: str, *, header: bool) -> None:
    known = HEADER_AMOUNTS if header else (*PRICES, *ITEM_AMOUNTS, TAX)
    if condition not in known:
        text = f"Condition type {condition or '(none)'} is not allowed here"
        raise Problem(400, "V1/207", text)


def compute(plant: Plant, order: Row) -> None:
    """Net and tax amounts of items and header; header amounts are spread over the items by their value."""
    items = [item for item in order["to_Item"] if not item["SalesDocumentRjcnReason"]]
    for item in order["to_Item"]:
        item["NetAmount"] = item["TaxAmount"] = Decimal(0)
    for item in items:
        item["NetAmount"] = _item_amount(plant, item)
    _spread(items, sum((_amount(element) for element in order["to_PricingElement"]), Decimal(0)))
    percent = plant.tax_percent.get(_country(order), Decimal(0))
    for item in items:
        by_hand = [element for element in item["to_PricingElement"] if element["ConditionType"] == TAX]
        item["TaxAmount"] = (
            sum((_amount(one) for one in by_hand), Decimal(0)) if by_hand else _cent(item["NetAmount"] * percent / 100)
        )
    order["TotalNetAmount"] = sum((item["NetAmount"] for item in items), Decimal(0))


def gross(order: Row) -> Decimal:
    total: Decimal = order["TotalNetAmount"] + sum((item["TaxAmount"] for item in order["to_Item"]), Decimal(0))
    return total


def _item_amount(plant: Plant, item: Row) -> Decimal:
    by_type = {element["ConditionType"]: element for element in item["to_PricingElement"]}
    price = next((by_type[kind] for kind in PRICES if kind in by_type), None)
    if price is not None:
        rate = price["ConditionRateValue"] / (price["ConditionQuantity"] or Decimal(1))
    else:
        rate = plant.products[item["Material"]]["price"] or Decimal(0)
    amount = _cent(rate * item["RequestedQuantity"])
    return amount + sum((_amount(by_type[kind]) for kind in ITEM_AMOUNTS if kind in by_type), Decimal(0))


def _spread(items: list[Row], amount: Decimal) -> None:
    total, left = sum((item["NetAmount"] for item in items), Decimal(0)), amount
    for n, item in enumerate(items, 1):
        share = left if n == len(items) else _cent(amount * item["NetAmount"] / total if total else Decimal(0))
        item["NetAmount"] += share
        left -= share


def _amount(element: Row) -> Decimal:
    amount: Decimal = element["ConditionRateValue"]
    element["ConditionAmount"] = amount
    return amount


def _country(order: Row) -> str:
    ship_to = next((one for one in order["to_Partner"] if one["PartnerFunction"] == "SH"), None)
    return str(ship_to["to_Address"]["Country"]) if ship_to else ""


def _cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
