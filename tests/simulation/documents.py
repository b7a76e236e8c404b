"""Reading S/4HANA documents as a person does: whose order it is, what it costs, when it leaves. Pure."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from millstream.sandbox.sap_s4hana.shipping import open_quantity

CENT = Decimal("0.01")
NOTHING = Decimal(0)
KEY_TEXT, LINE_TEXT = "TX01", "0001"
LINE_MARK = "Store line "
SET_ASIDE = "51"
PER_ORDER = {"TAK", "TAB"}
SERVICE = "TAD"
STOCKED_DAYS = 3  # confirmed for so soon means that it is on the shelf
STREETS = ("StreetName", "StreetSuffixName1", "StreetSuffixName2", "StreetPrefixName1")


class Group(NamedTuple):
    """Items that leave together: so many units can be delivered now, each with so many pieces of every item."""

    units: int
    items: dict[str, Decimal]


def key_of(order) -> str:
    """The order key in the header text."""
    return next(one["LongText"].split()[0] for one in order["to_Text"] if one["LongTextID"] == KEY_TEXT)


def line_of(item) -> str:
    """The store's line in the item text."""
    text = next(one["LongText"] for one in item["to_Text"] if one["LongTextID"] == LINE_TEXT)
    return text.removeprefix(LINE_MARK).split()[0]


def is_void(order) -> bool:
    """Set aside for another document of the same order."""
    return {item["SalesDocumentRjcnReason"] for item in order["to_Item"]} == {SET_ASIDE}


def is_open(order) -> bool:
    """Something of it is still wanted."""
    return any(not item["SalesDocumentRjcnReason"] for item in order["to_Item"])


def is_cancelled(plant, order) -> bool:
    """Nothing of it is wanted any more, and nothing was delivered before."""
    return not is_open(order) and not plant.deliveries_of[order["SalesOrder"]]


def is_given_up(plant, line) -> bool:
    """A line of a delivery whose item was rejected after it had left."""
    order, number = plant.orders[line["ReferenceSDDocument"]], line["ReferenceSDDocumentItem"].lstrip("0")
    return any(one["SalesOrderItem"] == number and one["SalesDocumentRjcnReason"] for one in order["to_Item"])


def given_up(plant, order) -> dict[str, Decimal]:
    """Pieces of each line that will not come, although others of the order have or may."""
    delivered: dict[str, Decimal] = defaultdict(Decimal)
    for number in plant.deliveries_of[order["SalesOrder"]]:
        for line in plant.deliveries[number]["to_DeliveryDocumentItem"]:
            delivered[line["ReferenceSDDocumentItem"].lstrip("0")] += line["ActualDeliveryQuantity"]
    rejected = [item for item in order["to_Item"] if item["SalesDocumentRjcnReason"]]
    return {line_of(item): item["RequestedQuantity"] - delivered[item["SalesOrderItem"]] for item in rejected}


def is_released(order) -> bool:
    """No delivery block."""
    return not order["DeliveryBlockReason"]


def is_made(order) -> bool:
    """An order to deliver, or it was one once. What was cancelled while it was held never was."""
    return not is_void(order) and (is_open(order) or is_released(order))


def state_of_delivery(delivery) -> str:
    if delivery["OverallGoodsMovementStatus"] == "C":
        return "shipped"
    if delivery["OverallPackingStatus"] == "C":
        return "packed"
    return "picked" if delivery["OverallPickingStatus"] == "C" else "planned"


def confirmed_days(item) -> list[tuple[date, Decimal]]:
    return [
        (line["ConfirmedDeliveryDate"], line["ConfdOrderQtyByMatlAvailCheck"])
        for line in item["to_ScheduleLine"]
        if line["ConfirmedDeliveryDate"] and line["ConfdOrderQtyByMatlAvailCheck"]
    ]


def planned_days(plant, order) -> dict[str | None, date | None]:
    """When each line leaves, and under None when the whole order has. Services and what is rejected never leave."""
    days: dict[str | None, date | None] = {}
    never = [
        one for one in order["to_Item"] if one["SalesDocumentRjcnReason"] or one["SalesOrderItemCategory"] == SERVICE
    ]
    for item in order["to_Item"]:
        if item in never:
            continue
        day = max((day for day, _ in confirmed_days(item)), default=None)
        for one in _made_for(plant, item):
            if not one["OrderIsConfirmed"] and day is not None:
                day = max(day, one["MfgOrderPlannedEndDate"] + timedelta(days=1))
        days[line_of(item)] = day
    whole = None if None in days.values() else max((day for day in days.values() if day), default=None)
    return {**dict.fromkeys(map(line_of, never)), **days, None: whole}


def _made_for(plant, item) -> list[dict]:
    made = [plant.production[number] for number in plant.production_of[item["SalesOrder"]]]
    mine = [one for one in made if one["SalesOrderItem"] == item["SalesOrderItem"]]
    return [one for one in mine if not one["OrderIsTechnicallyCompleted"]]


def reserved_of(plant, item, ordered_on: date) -> Decimal | None:
    """Pieces on the shelf for an item; None for what is made, bought or done for the order."""
    if item["SalesOrderItemCategory"] in {*PER_ORDER, SERVICE} or _made_for(plant, item):
        return None
    until = ordered_on + timedelta(days=STOCKED_DAYS)
    return sum((amount for day, amount in confirmed_days(item) if day <= until), NOTHING)


def amount_of(elements, kinds) -> Decimal:
    return sum((one["ConditionRateValue"] for one in elements if one["ConditionType"] in kinds), NOTHING)


def net_of(item) -> Decimal:
    """What a line costs by its own conditions."""
    price = next(one for one in item["to_PricingElement"] if one["ConditionType"] == "PMP0")
    rate = price["ConditionRateValue"] / price["ConditionQuantity"]
    return (rate * item["RequestedQuantity"]).quantize(CENT) + amount_of(item["to_PricingElement"], {"ZMSD"})


def total_of(order) -> Decimal:
    """What the document costs, whether or not it was cancelled since."""
    lines = sum((net_of(item) + amount_of(item["to_PricingElement"], {"ZMST"}) for item in order["to_Item"]), NOTHING)
    return lines + amount_of(order["to_PricingElement"], {"ZMSF", "ZMSA", "ZMSR"})


def ship_to_of(order) -> dict | None:
    """Where the goods go; None when nothing is sent."""
    if all(item["SalesOrderItemCategory"] == SERVICE for item in order["to_Item"]):
        return None
    address = next(one["to_Address"] for one in order["to_Partner"] if one["PartnerFunction"] == "SH")
    street = [address[name] for name in STREETS if address.get(name)]
    return {"street": street, "city": address["CityName"], "postcode": address["PostalCode"]}


def services_of(order) -> set[str]:
    """Lines of which nothing is ever sent."""
    return {line_of(item) for item in order["to_Item"] if item["SalesOrderItemCategory"] == SERVICE}


def shipments_of(plant, order) -> list[dict]:
    """Deliveries that are packed or have left."""
    lines = {item["SalesOrderItem"]: line_of(item) for item in order["to_Item"]}
    found = []
    for number in plant.deliveries_of[order["SalesOrder"]]:
        delivery = plant.deliveries[number]
        state = state_of_delivery(delivery)
        if state in {"packed", "shipped"}:
            found.append(
                {
                    "id": number,
                    "state": state,
                    "left_on": delivery["ActualGoodsMovementDate"],
                    "lines": {
                        lines[one["ReferenceSDDocumentItem"].lstrip("0")]: one["ActualDeliveryQuantity"]
                        for one in delivery["to_DeliveryDocumentItem"]
                    },
                    "tracking": [
                        one["HandlingUnitExternalID"]
                        for one in delivery["to_HandlingUnitHeaderDelivery"]
                        if one["HandlingUnitExternalID"]
                    ],
                }
            )
    return found


def groups_of(plant, order, unit_of) -> list[Group]:
    """What can be delivered now. The parts of a bundle leave together: the store counts bundles."""
    parts: dict[str, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for item in order["to_Item"]:
        unit, each = unit_of(line_of(item))
        parts[unit][item["SalesOrderItem"]] = (open_quantity(plant, item), each)
    groups = []
    for items in parts.values():
        units = min(int(there // each) for there, each in items.values())
        if units > 0:
            groups.append(Group(units, {number: each for number, (_, each) in items.items()}))
    return groups
