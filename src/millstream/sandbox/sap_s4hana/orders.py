"""Sales orders: created whole, changed under a version, rejected item by item."""

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from millstream.sandbox.sap_s4hana import making, pricing, promising, seed
from millstream.sandbox.sap_s4hana.plant import Plant
from millstream.sandbox.sap_s4hana.problems import Problem, bad_property, not_found
from millstream.sandbox.sap_s4hana.schema import CREATABLE, LENGTHS
from millstream.sandbox.sap_s4hana.values import decimal, moment_of

Row = dict[str, Any]
DATES = {"RequestedDeliveryDate", "CustomerPurchaseOrderDate", "SalesOrderDate", "PricingDate"}
DECIMALS = {"RequestedQuantity", "ConditionRateValue", "ConditionQuantity"}
ORDER_TYPES = {"OR"}
REASONS = {"", "00", "01", "50", "51", "61", "62"}  # reasons for rejection that customizing knows
BLOCKS = {"", "01", "02", "Z1"}


def create(plant: Plant, body: Row) -> Row:
    children = {name: _many(body, name) for name in ("to_Item", "to_Partner", "to_PricingElement", "to_Text")}
    given = _given("A_SalesOrder", body, children)
    _check_header(plant, given)
    number = plant.number("order")
    stamp = plant.stamp()
    order: Row = {
        "SalesOrder": number,
        "SalesOrderType": "OR",
        "SalesOrderDate": plant.today(),
        "RequestedDeliveryDate": plant.today(),
        "PricingDate": plant.today(),
        "TransactionCurrency": seed.CURRENCY,
        "CreationDate": plant.today(),
        "CreatedByUser": "HUB",
        "LastChangeDateTime": stamp,
        "LastChangeDate": None,
        "DeliveryBlockReason": "",
        "TotalCreditCheckStatus": "",
        "to_Partner": [],
        "to_Item": [],
        **dict.fromkeys(("PurchaseOrderByCustomer", "PurchaseOrderByShipToParty", "CustomerPurchaseOrderType"), ""),
        **given,
    }
    order["to_PricingElement"] = [
        _element(order, n, one, header=True) for n, one in enumerate(children["to_PricingElement"], 1)
    ]
    order["to_Text"] = [{"SalesOrder": number, **_given("A_SalesOrderText", one)} for one in children["to_Text"]]
    order["to_Partner"] = _partners(plant, order, children["to_Partner"])
    order["to_Item"] = [_item(plant, order, n, one) for n, one in enumerate(children["to_Item"], 1)]
    if not order["to_Item"]:
        raise Problem(400, "V1/480", "An order needs at least one item")
    plant.orders[number] = order
    plant.orders_by_reference[order["PurchaseOrderByCustomer"]].append(number)
    for item in order["to_Item"]:
        promising.confirm(plant, order, item)
    settle(plant, order, changed=False)
    return order


def _check_header(plant: Plant, given: Row) -> None:
    area = tuple(given.get(name) for name in ("SalesOrganization", "DistributionChannel", "OrganizationDivision"))
    if area != (seed.SALES_ORGANIZATION, seed.CHANNEL, seed.DIVISION):
        raise Problem(400, "V1/314", f"Sales area {' '.join(str(part) for part in area)} does not exist")
    if given.get("SalesOrderType", "OR") not in ORDER_TYPES:
        raise Problem(400, "V1/312", f"Sales document type {given['SalesOrderType']} is not defined")
    if given.get("SoldToParty") not in plant.customers:
        text = f"Customer {given.get('SoldToParty')} does not exist"
        raise Problem(400, "VP/204", text, details=(("VP/204", text), ("V4/219", "Sales document was not changed")))
    _check_codes(given)


def _check_codes(given: Row) -> None:
    if given.get("DeliveryBlockReason", "") not in BLOCKS:
        raise Problem(400, "V1/104", f"Delivery block {given['DeliveryBlockReason']} is not defined")
    if given.get("SalesDocumentRjcnReason", "") not in REASONS:
        raise Problem(400, "V1/105", f"Reason for rejection {given['SalesDocumentRjcnReason']} is not defined")


def _item(plant: Plant, order: Row, n: int, body: Row) -> Row:
    children = {name: _many(body, name) for name in ("to_PricingElement", "to_Text")}
    given = _given("A_SalesOrderItem", body, children)
    product = plant.products.get(str(given.get("Material")))
    if product is None or not product["salable"]:
        text = f"Material {given.get('Material')} is not defined for sales org. {seed.SALES_ORGANIZATION}"
        raise Problem(400, "V1/382", text)
    _check_codes(given)
    if given.get("ProductionPlant", seed.MAIN_PLANT) not in seed.PLANTS.values():
        raise Problem(400, "V1/327", f"Plant {given['ProductionPlant']} does not exist")
    item: Row = {
        "SalesOrder": order["SalesOrder"],
        "SalesOrderItem": str(n * 10),
        "SalesOrderItemCategory": seed.CATEGORIES.get(product["kind"], "TAN"),
        "SalesOrderItemText": product["name"],
        "RequestedQuantityUnit": "PC",
        "ProductionPlant": seed.MAIN_PLANT,
        "TransactionCurrency": order["TransactionCurrency"],
        "SalesDocumentRjcnReason": "",
        "UnderlyingPurchaseOrderItem": "",
        "DeliveryStatus": "",
        "SDProcessStatus": "A",
        "to_SubsequentProcFlowDocItem": [],
        **given,
    }
    item["SalesOrderItem"] = str(int(item["SalesOrderItem"]))
    if item["RequestedQuantity"] <= 0:
        raise Problem(400, "V1/118", f"Item {item['SalesOrderItem']} has no quantity")
    keys = {"SalesOrder": item["SalesOrder"], "SalesOrderItem": item["SalesOrderItem"]}
    item["to_Text"] = [{**keys, **_given("A_SalesOrderItemText", one)} for one in children["to_Text"]]
    item["to_PricingElement"] = [
        {**keys, **_element(order, n, one, header=False)} for n, one in enumerate(children["to_PricingElement"], 1)
    ]
    return item


def _element(order: Row, n: int, body: Row, *, header: bool) -> Row:
    given = _given(f"A_SalesOrder{'Header' if header else 'Item'}PrElement", body)
    pricing.check_type(str(given.get("ConditionType", "")), header=header)
    currency = given.get("ConditionCurrency") or order["TransactionCurrency"]
    if currency != order["TransactionCurrency"]:
        raise Problem(400, "VK/021", f"Currency {currency} does not fit the document's")
    step = {"PricingProcedureStep": str(900 + n), "PricingProcedureCounter": "1"}
    return {
        "SalesOrder": order["SalesOrder"],
        "ConditionQuantity": Decimal(1),
        "ConditionAmount": Decimal(0),
        "TransactionCurrency": order["TransactionCurrency"],
        **given,
        "ConditionCurrency": currency,
        **step,
    }


def _partners(plant: Plant, order: Row, bodies: list[Row]) -> list[Row]:
    """Sold-to, ship-to, bill-to and payer are the customer with its own address, unless the order says otherwise."""
    home = plant.customers[order["SoldToParty"]]
    found = {}
    for function in ("SP", "SH", "BP", "PY"):
        given = next((one for one in bodies if one.get("PartnerFunction") == function), {})
        address = given.get("to_Address") or {}
        address = (address.get("results") or [{}])[0] if "results" in address else address
        keys = {"SalesOrder": order["SalesOrder"], "PartnerFunction": function}
        found[function] = {
            **keys,
            "Customer": order["SoldToParty"],
            "AddressID": "",
            **_given("A_SalesOrderHeaderPartner", given, ("to_Address",)),
            "to_Address": {
                **keys,
                "AddressRepresentationCode": "",
                **dict.fromkeys(CREATABLE["A_SalesOrderPartnerAddress"], ""),
                "OrganizationName1": home["name"],
                "StreetName": home["street"],
                "PostalCode": home["postcode"],
                "CityName": home["city"],
                "Country": home["country"],
                **_given("A_SalesOrderPartnerAddress", address),
            },
        }
    unknown = [one.get("PartnerFunction") for one in bodies if one.get("PartnerFunction") not in found]
    if unknown:
        raise Problem(400, "VP/199", f"Partner function {unknown[0]} is not allowed")
    return list(found.values())


def change(plant: Plant, order: Row, body: Row) -> None:
    given = _given("A_SalesOrder", body)
    _check_codes(given)
    _refuse_locked(plant, order)
    order |= given
    settle(plant, order)


def change_item(plant: Plant, order: Row, number: str, body: Row) -> None:
    given = _given("A_SalesOrderItem", body)
    _check_codes(given)
    _refuse_locked(plant, order)
    item = next((one for one in order["to_Item"] if one["SalesOrderItem"] == number), None)
    if item is None:
        raise not_found("A_SalesOrderItem")
    if given.get("SalesDocumentRjcnReason"):
        _refuse_delivered(plant, item)
    item |= given
    promising.confirm(plant, order, item)
    settle(plant, order)


def _refuse_delivered(plant: Plant, item: Row) -> None:
    """The rest of an item is rejected once what was delivered of it has left; not while a delivery is on its way."""
    documents = [one for one in item["to_SubsequentProcFlowDocItem"] if one["SubsequentDocumentCategory"] == "J"]
    deliveries = [plant.deliveries[one["SubsequentDocument"]] for one in documents]
    on_its_way = any(one["OverallGoodsMovementStatus"] != "C" for one in deliveries)
    if on_its_way or item["DeliveryStatus"] == "C":
        raise Problem(400, "V1/488", f"Item {item['SalesOrderItem']} has a delivery and cannot be rejected")


def change_address(plant: Plant, order: Row, function: str, body: Row) -> None:
    given = _given("A_SalesOrderPartnerAddress", body)
    _refuse_locked(plant, order)
    partner = next((one for one in order["to_Partner"] if one["PartnerFunction"] == function), None)
    if partner is None:
        raise not_found("A_SalesOrderPartnerAddress")
    partner["to_Address"] |= given
    settle(plant, order)


def add_element(plant: Plant, order: Row, body: Row) -> Row:
    _refuse_locked(plant, order)
    element = _element(order, len(order["to_PricingElement"]) + 1, body, header=True)
    order["to_PricingElement"].append(element)
    settle(plant, order)
    return element


def change_element(plant: Plant, order: Row, step: str, body: Row) -> None:
    given = _given("A_SalesOrderHeaderPrElement", body)
    _refuse_locked(plant, order)
    found = [one for one in order["to_PricingElement"] if one["PricingProcedureStep"] == step]
    if not found:
        raise not_found("A_SalesOrderHeaderPrElement")
    found[0].update(given)
    settle(plant, order)


def flow(item: Row, document: str, document_item: str, category: str) -> Row:
    """A later document of an item."""
    n = len(item["to_SubsequentProcFlowDocItem"]) + 1
    return {
        "SalesOrder": item["SalesOrder"],
        "SalesOrderItem": item["SalesOrderItem"],
        "DocRelationshipUUID": str(UUID(int=int(item["SalesOrder"]) * 10**8 + int(item["SalesOrderItem"]) * 100 + n)),
        "SubsequentDocument": document,
        "SubsequentDocumentItem": document_item,
        "SubsequentDocumentCategory": category,
    }


def settle(plant: Plant, order: Row, *, changed: bool = True) -> None:
    pricing.compute(plant, order)
    restate(order)
    _check_credit(plant, order)
    if changed:
        order |= {"LastChangeDateTime": plant.stamp(), "LastChangeDate": plant.today()}
    if plant.plans_by_itself:
        making.plan(plant, order)
    plant.tell(order["SalesOrder"])


def restate(order: Row) -> None:
    """The states of items and header, as far as they follow from what happened."""
    rejected = [item for item in order["to_Item"] if item["SalesDocumentRjcnReason"]]
    for item in order["to_Item"]:
        done = item["SalesDocumentRjcnReason"] or item["DeliveryStatus"] == "C"
        item["SDProcessStatus"] = "C" if done else "B" if item["DeliveryStatus"] == "B" else "A"
    states = {item["SDProcessStatus"] for item in order["to_Item"]}
    order["OverallSDProcessStatus"] = states.pop() if len(states) == 1 else "B"
    delivered = {item["DeliveryStatus"] for item in order["to_Item"] if not item["SalesDocumentRjcnReason"]} - {""}
    order["OverallTotalDeliveryStatus"] = delivered.pop() if len(delivered) == 1 else ("B" if delivered else "A")
    everything = len(rejected) == len(order["to_Item"])
    order["OverallSDDocumentRejectionSts"] = "C" if everything else "B" if rejected else "A"


def _check_credit(plant: Plant, order: Row) -> None:
    limit = plant.customers[order["SoldToParty"]]["limit"]
    if limit is None or order["TotalCreditCheckStatus"] == "D":
        return
    order["TotalCreditCheckStatus"] = "B" if pricing.gross(order) > limit else "A"


def _refuse_locked(plant: Plant, order: Row) -> None:
    """Somebody has the document open on a screen."""
    left = plant.locks.get(order["SalesOrder"], plant.locks.get("*", 0))
    if left:
        plant.locks["*" if "*" in plant.locks else order["SalesOrder"]] = left - 1
        text = f"Sales document {order['SalesOrder']} is currently being processed (by user MEYER)"
        raise Problem(400, "V1/042", text)


def _many(body: Row, name: str) -> list[Row]:
    value = body.get(name) or []
    return list(value.get("results", [])) if isinstance(value, dict) else list(value)


def _given(entity: str, body: Row, links: Any = ()) -> Row:
    """What a client may write, as values."""
    given: Row = {}
    for name, value in body.items():
        if name in links or name == "__metadata":
            continue
        if name not in CREATABLE[entity]:
            raise bad_property(name, entity)
        if name in LENGTHS and len(str(value or "")) > LENGTHS[name]:
            raise Problem(
                400, "005056A509B11EE1B9A8FEC11C21578E", f"Property {name} has more than {LENGTHS[name]} characters"
            )
        try:
            given[name] = moment_of(value) if name in DATES else decimal(value) if name in DECIMALS else value
        except (InvalidOperation, ValueError, TypeError):
            raise Problem(400, "/IWBEP/CM_MGW_RT/176", f"Property {name} has invalid value {value!r}") from None
        if name not in DATES | DECIMALS and not isinstance(given[name], str | bool):
            raise Problem(400, "/IWBEP/CM_MGW_RT/176", f"Property {name} has invalid value {value!r}")
    return given
