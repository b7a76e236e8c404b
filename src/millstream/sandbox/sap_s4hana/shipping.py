"""Outbound deliveries: made from what is confirmed, picked, packed into handling units, issued."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana import goods, making, orders, seed
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem, not_found

Row = dict[str, Any]
STATUSES = ("OverallPickingStatus", "OverallPackingStatus", "OverallGoodsMovementStatus")
NOTHING = Decimal(0)
ITEM_STATUSES = ("PickingStatus", "PackingStatus", "GoodsMovementStatus")


def deliver(plant: Plant, order: Row, quantities: Mapping[str, Decimal] | None = None) -> Row:
    """A delivery of what is open, or of the given quantities by item. Raises Problem 409 with the reason."""
    if order["DeliveryBlockReason"] or order["TotalCreditCheckStatus"] == "B":
        raise Problem(409, "VL/347", f"Order {order['SalesOrder']} is blocked for delivery")
    items = []
    for item in order["to_Item"]:
        wanted = open_quantity(plant, item)
        if quantities is not None:
            wanted = min(wanted, Decimal(str(quantities.get(item["SalesOrderItem"], 0))))
        if wanted > 0:
            items.append((item, wanted))
    if not items:
        raise Problem(409, "VL/248", f"Order {order['SalesOrder']} has nothing to deliver now")
    number = plant.number("delivery")
    delivery = _header(plant, order, number)
    plant.deliveries[number] = delivery
    plant.deliveries_of[order["SalesOrder"]].append(number)
    for n, (item, wanted) in enumerate(items, 1):
        delivery["to_DeliveryDocumentItem"].append(_line(delivery, n * 10, item, wanted))
        item["to_SubsequentProcFlowDocItem"].append(orders.flow(item, number, str(n * 10), "J"))
        _restate_item(plant, item)
    orders.restate(order)
    plant.tell(order["SalesOrder"])
    return delivery


def open_quantity(plant: Plant, item: Row) -> Decimal:
    if item["SalesDocumentRjcnReason"] or item["SalesOrderItemCategory"] == seed.CATEGORIES["service"]:
        return Decimal(0)
    if item["SalesOrderItemCategory"] == making.MADE_TO_ORDER and not making.finished(plant, item):
        return Decimal(0)
    lines = _lines_of(plant, item)
    left: Decimal = item["ConfdDelivQtyInOrderQtyUnit"] - sum((one["ActualDeliveryQuantity"] for one in lines), NOTHING)
    if "_promised" not in item:  # made or bought for this order
        return left
    held = sum((one["ActualDeliveryQuantity"] for one in lines if one["GoodsMovementStatus"] != "C"), NOTHING)
    here: Decimal = item["_promised"] - held
    return min(left, here)


def _lines_of(plant: Plant, item: Row) -> list[Row]:
    return [
        line
        for number in plant.deliveries_of[item["SalesOrder"]]
        for line in plant.deliveries[number]["to_DeliveryDocumentItem"]
        if line["ReferenceSDDocumentItem"].lstrip("0") == item["SalesOrderItem"]
    ]


def _header(plant: Plant, order: Row, number: str) -> Row:
    return {
        "DeliveryDocument": number,
        "SalesOrganization": order["SalesOrganization"],
        "ShipToParty": order["SoldToParty"],
        "SoldToParty": order["SoldToParty"],
        "ShippingPoint": order["to_Item"][0]["ProductionPlant"],
        "CreationDate": plant.today(),
        "CreationTime": plant.now().strftime("PT%HH%MM%SS"),
        "LastChangeDate": None,
        "DeliveryDate": plant.today(),
        "PlannedGoodsIssueDate": plant.today(),
        "ActualGoodsMovementDate": None,
        "ActualGoodsMovementTime": "PT00H00M00S",
        "BillOfLading": "",
        "TotalNumberOfPackage": "0",
        **dict.fromkeys(STATUSES, "A"),
        "to_DeliveryDocumentItem": [],
        "to_HandlingUnitHeaderDelivery": [],
        "_changed": plant.stamp(),
    }


def _line(delivery: Row, n: int, item: Row, quantity: Decimal) -> Row:
    return {
        "DeliveryDocument": delivery["DeliveryDocument"],
        "DeliveryDocumentItem": str(n),
        "Material": item["Material"],
        "ActualDeliveryQuantity": quantity,
        "DeliveryQuantityUnit": item["RequestedQuantityUnit"],
        "Plant": item["ProductionPlant"],
        "ReferenceSDDocument": item["SalesOrder"],
        "ReferenceSDDocumentItem": item["SalesOrderItem"].zfill(6),  # deliveries write it out, orders do not
        **dict.fromkeys(ITEM_STATUSES, "A"),
    }


def pick(plant: Plant, number: str) -> Row:
    return _step(plant, number, 0, "VL/619")


def pack(plant: Plant, number: str, tracking: str | None = None) -> Row:
    """Everything into one handling unit; its external number is what the carrier tracks."""
    delivery = find(plant, number)
    if delivery["OverallPickingStatus"] != "C":
        raise Problem(409, "VL/621", f"Delivery {number} is not picked yet")
    unit = plant.number("unit")
    delivery["to_HandlingUnitHeaderDelivery"].append(
        {
            "HandlingUnitInternalID": unit.zfill(10),
            "DeliveryDocument": number,
            "HandlingUnitExternalID": tracking or "",
            "HandlingUnitSecondExternalID": "",
            "PackagingMaterial": "CARTON",
            "GrossWeight": Decimal("1.000"),
            "WeightUnit": "KG",
            "CreationDate": plant.today(),
            "CreationTime": plant.now().strftime("PT%HH%MM%SS"),
        }
    )
    delivery["TotalNumberOfPackage"] = str(len(delivery["to_HandlingUnitHeaderDelivery"]))
    return _step(plant, number, 1, "VL/622")


def label(plant: Plant, number: str, tracking: list[str]) -> Row:
    """The carrier's numbers, one for each parcel; a parcel more than was packed is one more handling unit."""
    delivery = find(plant, number)
    units = delivery["to_HandlingUnitHeaderDelivery"]
    if not units or delivery["OverallGoodsMovementStatus"] == "C":
        raise Problem(409, "VL/623", f"Delivery {number} is not packed, or has left already")
    units += [
        units[0] | {"HandlingUnitInternalID": plant.number("unit").zfill(10)} for _ in range(len(tracking) - len(units))
    ]
    for unit, one in zip(units, tracking, strict=True):
        unit["HandlingUnitExternalID"] = one
    delivery |= {"TotalNumberOfPackage": str(len(units)), "LastChangeDate": plant.today(), "_changed": plant.stamp()}
    return delivery


def bill(plant: Plant, number: str, bill_of_lading: str) -> Row:
    """The carrier's number on the delivery itself; unlike what is on its packages it may come after goods issue."""
    delivery = find(plant, number)
    delivery |= {"BillOfLading": bill_of_lading, "LastChangeDate": plant.today(), "_changed": plant.stamp()}
    return delivery


def issue(plant: Plant, number: str) -> Row:
    """Goods issue: the goods leave, and the stock with them."""
    delivery = find(plant, number)
    if delivery["OverallPickingStatus"] != "C":
        raise Problem(409, "VL/609", f"Delivery {number} is not picked completely")
    if delivery["OverallGoodsMovementStatus"] == "C":
        raise Problem(409, "VL/610", f"Delivery {number} has left already")
    for line in delivery["to_DeliveryDocumentItem"]:
        _leave(plant, line)
    delivery |= {
        "ActualGoodsMovementDate": plant.today(),
        "ActualGoodsMovementTime": plant.now().strftime("PT%HH%MM%SS"),
    }
    return _step(plant, number, 2, "VL/610")


def _leave(plant: Plant, line: Row) -> None:
    key, quantity = (line["Material"], line["Plant"]), line["ActualDeliveryQuantity"]
    order = plant.orders[line["ReferenceSDDocument"]]
    item = next(one for one in order["to_Item"] if one["SalesOrderItem"] == line["ReferenceSDDocumentItem"].lstrip("0"))
    if item["SalesOrderItemCategory"] == seed.CATEGORIES["supplier"]:  # bought for this order, and never put away
        goods.move(plant, goods.RECEIPT, *key, quantity, line["DeliveryDocument"])
    goods.move(plant, goods.ISSUE, *key, -quantity, line["DeliveryDocument"])
    if "_promised" in item:
        item["_promised"] -= quantity
        plant.promised[key] -= quantity


def delete(plant: Plant, number: str) -> None:
    """Takes back a delivery nobody has begun to pick."""
    delivery = find(plant, number)
    if delivery["OverallPickingStatus"] != "A":
        raise Problem(400, "VL/046", f"Delivery {number} is being picked and cannot be deleted")
    del plant.deliveries[number]
    for line in delivery["to_DeliveryDocumentItem"]:
        order = plant.orders[line["ReferenceSDDocument"]]
        if number in plant.deliveries_of[order["SalesOrder"]]:
            plant.deliveries_of[order["SalesOrder"]].remove(number)
        for item in order["to_Item"]:
            item["to_SubsequentProcFlowDocItem"] = [
                one for one in item["to_SubsequentProcFlowDocItem"] if one["SubsequentDocument"] != number
            ]
            _restate_item(plant, item)
        orders.restate(order)
        plant.tell(order["SalesOrder"])


def find(plant: Plant, number: str) -> Row:
    delivery = plant.deliveries.get(number)
    if delivery is None:
        raise not_found(f"A_OutbDeliveryHeader('{number}')")
    return delivery


def _step(plant: Plant, number: str, which: int, code: str) -> Row:
    delivery = find(plant, number)
    if delivery[STATUSES[which]] == "C":
        raise Problem(409, code, f"Delivery {number}: {STATUSES[which]} is complete already")
    delivery[STATUSES[which]] = "C"
    for line in delivery["to_DeliveryDocumentItem"]:
        line[ITEM_STATUSES[which]] = "C"
    day: date = plant.today()
    delivery |= {"LastChangeDate": day, "_changed": plant.stamp()}
    for order in dict.fromkeys(line["ReferenceSDDocument"] for line in delivery["to_DeliveryDocumentItem"]):
        plant.tell(order)
    return delivery


def _restate_item(plant: Plant, item: Row) -> None:
    if item["SalesOrderItemCategory"] == seed.CATEGORIES["service"]:
        return
    documents = {one["SubsequentDocument"] for one in item["to_SubsequentProcFlowDocItem"]}
    lines = [line for line in _lines_of(plant, item) if line["DeliveryDocument"] in documents]
    delivered = sum((line["ActualDeliveryQuantity"] for line in lines), Decimal(0))
    item["DeliveryStatus"] = "" if not documents else "C" if delivered >= item["RequestedQuantity"] else "B"
