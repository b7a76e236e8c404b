"""The rows of every entity set, and how the few that are asked for by name are found without looking at all."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from millstream.sandbox.sap_s4hana import seed
from millstream.sandbox.sap_s4hana.plant import Plant

Row = dict[str, Any]
Equals = dict[str, frozenset[Any]]


def rows_of(plant: Plant, entity: str, equals: Equals) -> list[Row]:
    """Rows that may fit; the caller tests them."""
    return list(_SOURCES[entity](plant, equals))


def _orders(plant: Plant, equals: Equals) -> Iterable[Row]:
    if "SalesOrder" in equals:
        return [plant.orders[one] for one in sorted(equals["SalesOrder"]) if one in plant.orders]
    if "PurchaseOrderByCustomer" in equals:
        numbers = [n for one in equals["PurchaseOrderByCustomer"] for n in plant.orders_by_reference.get(one, [])]
        return [plant.orders[number] for number in sorted(numbers, key=int)]
    return plant.orders.values()


def _below(source: Callable[[Plant, Equals], Iterable[Row]], link: str) -> Callable[[Plant, Equals], Iterable[Row]]:
    def rows(plant: Plant, equals: Equals) -> Iterable[Row]:
        for row in source(plant, equals):
            inner = row[link]
            yield from inner if isinstance(inner, list) else [inner]

    return rows


def _production(plant: Plant, equals: Equals) -> Iterable[Row]:
    if "ManufacturingOrder" in equals:
        return [plant.production[one] for one in sorted(equals["ManufacturingOrder"]) if one in plant.production]
    if "SalesOrder" in equals:
        numbers = [n for one in sorted(equals["SalesOrder"]) for n in plant.production_of.get(one, [])]
        return [plant.production[number] for number in numbers]
    return plant.production.values()


def _deliveries(plant: Plant, equals: Equals) -> Iterable[Row]:
    if "DeliveryDocument" in equals:
        return [plant.deliveries[one] for one in sorted(equals["DeliveryDocument"]) if one in plant.deliveries]
    if "ReferenceSDDocument" in equals:
        numbers = [n for one in sorted(equals["ReferenceSDDocument"]) for n in plant.deliveries_of.get(one, [])]
        return [plant.deliveries[number] for number in numbers]
    return plant.deliveries.values()


def _products(plant: Plant, equals: Equals) -> Iterable[Row]:
    named = equals.get("Product")
    codes = plant.products if named is None else [one for one in sorted(named) if one in plant.products]
    return [_product(plant.products[code]) for code in codes]


def _product(product: Row) -> Row:
    code, days = product["code"], product["replenishment_days"]
    supply = {
        "Product": code,
        "Plant": seed.MAIN_PLANT,
        "PlannedDeliveryDurationInDays": Decimal(days or 0),
        "GoodsReceiptDuration": Decimal(0),
        "TotalReplenishmentLeadTime": Decimal(days or 0),
        "ProcurementType": "F" if product["kind"] == "supplier" else "E",
    }
    sales = {
        "Product": code,
        "ProductSalesOrg": seed.SALES_ORGANIZATION,
        "ProductDistributionChnl": seed.CHANNEL,
        "ProductSalesStatus": product.get("sales_status", ""),
        "IsMarkedForDeletion": False,
        "ItemCategoryGroup": "NORM",
    }
    return {
        "Product": code,
        "ProductType": "SERV" if product["kind"] == "service" else "FERT",
        "BaseUnit": "PC",
        "CrossPlantStatus": "",
        "IsMarkedForDeletion": bool(product.get("deleted")),
        "LastChangeDateTime": None,
        "to_Description": [{"Product": code, "Language": "EN", "ProductDescription": product["name"]}],
        "to_Plant": [
            {
                "Product": code,
                "Plant": seed.MAIN_PLANT,
                "IsMarkedForDeletion": False,
                "GoodsReceiptDuration": Decimal(0),
                "to_ProductSupplyPlanning": supply,
            }
        ],
        "to_SalesDelivery": [sales] if product["salable"] else [],
    }


def _prices(plant: Plant, equals: Equals) -> Iterable[Row]:
    named = equals.get("Material")
    codes = plant.products if named is None else [one for one in sorted(named) if one in plant.products]
    for n, code in enumerate(codes, 1):
        price = plant.products[code]["price"]
        if price is not None:
            yield _price(str(n).zfill(10), code, price)


def _price(record: str, code: str, price: Decimal) -> Row:
    return {
        "ConditionRecord": record,
        "ConditionValidityStartDate": seed.VALID_FROM,
        "ConditionValidityEndDate": seed.VALID_TO,
        "ConditionType": "PPR0",
        "SalesOrganization": seed.SALES_ORGANIZATION,
        "DistributionChannel": seed.CHANNEL,
        "Material": code,
        "Customer": "",
        "to_SlsPrcgConditionRecord": {
            "ConditionRecord": record,
            "ConditionType": "PPR0",
            "ConditionRateValue": price,
            "ConditionRateValueUnit": seed.CURRENCY,
            "ConditionQuantity": Decimal(1),
            "ConditionQuantityUnit": "PC",
            "ConditionIsDeleted": False,
        },
    }


def _stock(plant: Plant, equals: Equals) -> Iterable[Row]:
    for (material, place), quantity in plant.stock.items():
        if "Material" not in equals or material in equals["Material"]:
            yield {
                "Material": material,
                "Plant": place,
                "StorageLocation": "171A",
                "InventoryStockType": "01",
                "MaterialBaseUnit": "PC",
                "MatlWrhsStkQtyInMatlBaseUnit": quantity,
            }


def _partners(plant: Plant, equals: Equals) -> Iterable[Row]:
    named = equals.get("BusinessPartner") or equals.get("Customer")
    numbers = plant.customers if named is None else [one for one in sorted(named) if one in plant.customers]
    return [_partner(plant, number) for number in numbers]


def _partner(plant: Plant, number: str) -> Row:
    one = plant.customers[number]
    address = {
        "BusinessPartner": number,
        "AddressID": "1",
        "StreetName": one["street"],
        "HouseNumber": "",
        "PostalCode": one["postcode"],
        "CityName": one["city"],
        "Country": one["country"],
    }
    return {
        "BusinessPartner": number,
        "Customer": number,
        "BusinessPartnerFullName": one["name"],
        "SearchTerm1": one["external"][:20],
        "BusinessPartnerIsBlocked": bool(one.get("blocked")),
        "to_BusinessPartnerAddress": [address],
        "to_BuPaIdentification": [row for row in _identifications(plant, {}) if row["BusinessPartner"] == number],
    }


def _identifications(plant: Plant, _equals: Equals) -> Iterable[Row]:
    for (kind, number), partner in plant.identifications.items():
        yield {
            "BusinessPartner": partner,
            "BPIdentificationType": kind,
            "BPIdentificationNumber": number,
            "Country": "",
        }


_ITEMS = _below(_orders, "to_Item")
_SOURCES: dict[str, Callable[[Plant, Equals], Iterable[Row]]] = {
    "A_SalesOrder": _orders,
    "A_SalesOrderItem": _ITEMS,
    "A_SalesOrderScheduleLine": _below(_ITEMS, "to_ScheduleLine"),
    "A_SalesOrderHeaderPartner": _below(_orders, "to_Partner"),
    "A_SalesOrderPartnerAddress": _below(_below(_orders, "to_Partner"), "to_Address"),
    "A_SalesOrderHeaderPrElement": _below(_orders, "to_PricingElement"),
    "A_SalesOrderItemPrElement": _below(_ITEMS, "to_PricingElement"),
    "A_SalesOrderText": _below(_orders, "to_Text"),
    "A_SalesOrderItemText": _below(_ITEMS, "to_Text"),
    "A_SalesOrderItmSubsqntProcFlow": _below(_ITEMS, "to_SubsequentProcFlowDocItem"),
    "A_Product": _products,
    "A_ProductDescription": _below(_products, "to_Description"),
    "A_ProductPlant": _below(_products, "to_Plant"),
    "A_ProductSupplyPlanning": _below(_below(_products, "to_Plant"), "to_ProductSupplyPlanning"),
    "A_ProductSalesDelivery": _below(_products, "to_SalesDelivery"),
    "A_MatlStkInAcctMod": _stock,
    "A_SlsPrcgCndnRecdValidity": _prices,
    "A_SlsPrcgConditionRecord": _below(_prices, "to_SlsPrcgConditionRecord"),
    "A_ProductionOrder_2": _production,
    "A_OutbDeliveryHeader": _deliveries,
    "A_OutbDeliveryItem": _below(_deliveries, "to_DeliveryDocumentItem"),
    "A_HandlingUnitHeaderDelivery": _below(_deliveries, "to_HandlingUnitHeaderDelivery"),
    "A_BusinessPartner": _partners,
    "A_BusinessPartnerAddress": _below(_partners, "to_BusinessPartnerAddress"),
    "A_BuPaIdentification": _identifications,
}
