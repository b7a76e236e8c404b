"""Which services there are, their entity sets, keys, properties and links."""

from typing import NamedTuple

SALES = "API_SALES_ORDER_SRV"
PRODUCT = "API_PRODUCT_SRV"
STOCK = "API_MATERIAL_STOCK_SRV"
PRICES = "API_SLSPRICINGCONDITIONRECORD_SRV"
AVAILABILITY = "API_PRODUCT_AVAILY_INFO_BASIC"
PRODUCTION = "API_PRODUCTION_ORDER_2_SRV"
DELIVERY = "API_OUTBOUND_DELIVERY_SRV;v=0002"
PARTNER = "API_BUSINESS_PARTNER"


class EntitySet(NamedTuple):
    name: str
    keys: tuple[str, ...]
    fields: frozenset[str]
    links: dict[str, str]
    versioned: bool = False


def _set(name: str, keys: str, fields: str, links: str = "", *, versioned: bool = False) -> EntitySet:
    names = frozenset(keys.split()) | frozenset(fields.split())
    pairs = (link.partition(":") for link in links.split())
    return EntitySet(name, tuple(keys.split()), names, {nav: target for nav, _, target in pairs}, versioned)


_SALES = (
    _set(
        "A_SalesOrder",
        "SalesOrder",
        """SalesOrderType SalesOrganization DistributionChannel OrganizationDivision SoldToParty CreationDate
        CreatedByUser LastChangeDate LastChangeDateTime PurchaseOrderByCustomer PurchaseOrderByShipToParty
        CustomerPurchaseOrderType
        CustomerPurchaseOrderDate SalesOrderDate TotalNetAmount TransactionCurrency PricingDate RequestedDeliveryDate
        CompleteDeliveryIsDefined DeliveryBlockReason CustomerPaymentTerms OverallSDProcessStatus TotalCreditCheckStatus
        OverallTotalDeliveryStatus OverallSDDocumentRejectionSts""",
        """to_Item:A_SalesOrderItem to_Partner:A_SalesOrderHeaderPartner to_PricingElement:A_SalesOrderHeaderPrElement
        to_Text:A_SalesOrderText""",
        versioned=True,
    ),
    _set(
        "A_SalesOrderItem",
        "SalesOrder SalesOrderItem",
        """SalesOrderItemCategory SalesOrderItemText Material RequestedQuantity RequestedQuantityUnit
        ConfdDelivQtyInOrderQtyUnit TransactionCurrency NetAmount TaxAmount ProductionPlant SalesDocumentRjcnReason
        SDProcessStatus DeliveryStatus UnderlyingPurchaseOrderItem""",
        """to_ScheduleLine:A_SalesOrderScheduleLine to_PricingElement:A_SalesOrderItemPrElement
        to_Text:A_SalesOrderItemText to_SubsequentProcFlowDocItem:A_SalesOrderItmSubsqntProcFlow""",
        versioned=True,
    ),
    _set(
        "A_SalesOrderScheduleLine",
        "SalesOrder SalesOrderItem ScheduleLine",
        """RequestedDeliveryDate ConfirmedDeliveryDate OrderQuantityUnit ScheduleLineOrderQuantity
        ConfdOrderQtyByMatlAvailCheck DeliveredQtyInOrderQtyUnit OpenConfdDelivQtyInOrdQtyUnit
        DelivBlockReasonForSchedLine""",
        versioned=True,
    ),
    _set(
        "A_SalesOrderHeaderPartner",
        "SalesOrder PartnerFunction",
        "Customer AddressID",
        "to_Address:A_SalesOrderPartnerAddress",
        versioned=True,
    ),
    _set(
        "A_SalesOrderPartnerAddress",
        "SalesOrder PartnerFunction AddressRepresentationCode",
        """CorrespondenceLanguage AddresseeFullName OrganizationName1 OrganizationName2 OrganizationName3
        OrganizationName4 CityName DistrictName PostalCode
        StreetPrefixName1 StreetPrefixName2 StreetName StreetSuffixName1 StreetSuffixName2 HouseNumber Country Region
        EmailAddress PhoneNumber""",
        versioned=True,
    ),
    _set(
        "A_SalesOrderHeaderPrElement",
        "SalesOrder PricingProcedureStep PricingProcedureCounter",
        "ConditionType ConditionRateValue ConditionCurrency ConditionQuantity ConditionAmount TransactionCurrency",
        versioned=True,
    ),
    _set(
        "A_SalesOrderItemPrElement",
        "SalesOrder SalesOrderItem PricingProcedureStep PricingProcedureCounter",
        "ConditionType ConditionRateValue ConditionCurrency ConditionQuantity ConditionAmount TransactionCurrency",
        versioned=True,
    ),
    _set("A_SalesOrderText", "SalesOrder Language LongTextID", "LongText", versioned=True),
    _set("A_SalesOrderItemText", "SalesOrder SalesOrderItem Language LongTextID", "LongText", versioned=True),
    _set(
        "A_SalesOrderItmSubsqntProcFlow",
        "SalesOrder SalesOrderItem DocRelationshipUUID",
        "SubsequentDocument SubsequentDocumentItem SubsequentDocumentCategory CreationDate",
    ),
)
_PRODUCT = (
    _set(
        "A_Product",
        "Product",
        "ProductType BaseUnit CrossPlantStatus IsMarkedForDeletion LastChangeDateTime",
        "to_Description:A_ProductDescription to_Plant:A_ProductPlant to_SalesDelivery:A_ProductSalesDelivery",
    ),
    _set("A_ProductDescription", "Product Language", "ProductDescription"),
    _set(
        "A_ProductPlant",
        "Product Plant",
        "IsMarkedForDeletion GoodsReceiptDuration",
        "to_ProductSupplyPlanning:A_ProductSupplyPlanning",
    ),
    _set(
        "A_ProductSupplyPlanning",
        "Product Plant",
        "PlannedDeliveryDurationInDays GoodsReceiptDuration TotalReplenishmentLeadTime ProcurementType",
    ),
    _set(
        "A_ProductSalesDelivery",
        "Product ProductSalesOrg ProductDistributionChnl",
        "ProductSalesStatus IsMarkedForDeletion ItemCategoryGroup",
    ),
)
_STOCK = (
    _set(
        "A_MatlStkInAcctMod",
        "Material Plant StorageLocation InventoryStockType",
        "MaterialBaseUnit MatlWrhsStkQtyInMatlBaseUnit",
    ),
)
_PRICES = (
    _set(
        "A_SlsPrcgCndnRecdValidity",
        "ConditionRecord ConditionValidityEndDate",
        "ConditionValidityStartDate ConditionType SalesOrganization DistributionChannel Material Customer",
        "to_SlsPrcgConditionRecord:A_SlsPrcgConditionRecord",
    ),
    _set(
        "A_SlsPrcgConditionRecord",
        "ConditionRecord",
        """ConditionType ConditionRateValue ConditionRateValueUnit ConditionQuantity ConditionQuantityUnit
        ConditionIsDeleted""",
    ),
)
_PRODUCTION = (
    _set(
        "A_ProductionOrder_2",
        "ManufacturingOrder",
        """ManufacturingOrderType Material ProductionPlant SalesOrder SalesOrderItem TotalQuantity ProductionUnit
        MfgOrderPlannedStartDate MfgOrderPlannedEndDate MfgOrderScheduledEndDate MfgOrderConfirmedYieldQty
        OrderIsCreated OrderIsReleased OrderIsConfirmed OrderIsPartiallyConfirmed OrderIsDelivered
        OrderIsTechnicallyCompleted OrderIsClosed OrderIsMarkedForDeletion LastChangeDateTime""",
        versioned=True,
    ),
)
_DELIVERY = (
    _set(
        "A_OutbDeliveryHeader",
        "DeliveryDocument",
        """SalesOrganization ShipToParty SoldToParty ShippingPoint CreationDate CreationTime LastChangeDate DeliveryDate
        PlannedGoodsIssueDate ActualGoodsMovementDate ActualGoodsMovementTime BillOfLading OverallPickingStatus
        OverallPackingStatus OverallGoodsMovementStatus TotalNumberOfPackage""",
        """to_DeliveryDocumentItem:A_OutbDeliveryItem to_HandlingUnitHeaderDelivery:A_HandlingUnitHeaderDelivery""",
        versioned=True,
    ),
    _set(
        "A_OutbDeliveryItem",
        "DeliveryDocument DeliveryDocumentItem",
        """Material ActualDeliveryQuantity DeliveryQuantityUnit Plant ReferenceSDDocument ReferenceSDDocumentItem
        PickingStatus PackingStatus GoodsMovementStatus""",
        versioned=True,
    ),
    _set(
        "A_HandlingUnitHeaderDelivery",
        "HandlingUnitInternalID",
        """DeliveryDocument HandlingUnitExternalID HandlingUnitSecondExternalID PackagingMaterial GrossWeight WeightUnit
        CreationDate CreationTime""",
    ),
)
_PARTNER = (
    _set(
        "A_BusinessPartner",
        "BusinessPartner",
        "Customer BusinessPartnerFullName SearchTerm1 BusinessPartnerIsBlocked",
        "to_BusinessPartnerAddress:A_BusinessPartnerAddress to_BuPaIdentification:A_BuPaIdentification",
    ),
    _set("A_BusinessPartnerAddress", "BusinessPartner AddressID", "StreetName HouseNumber PostalCode CityName Country"),
    _set("A_BuPaIdentification", "BusinessPartner BPIdentificationType BPIdentificationNumber", "Country"),
)
SERVICES: dict[str, dict[str, EntitySet]] = {
    service: {one.name: one for one in sets}
    for service, sets in (
        (SALES, _SALES),
        (PRODUCT, _PRODUCT),
        (STOCK, _STOCK),
        (PRICES, _PRICES),
        (AVAILABILITY, ()),
        (PRODUCTION, _PRODUCTION),
        (DELIVERY, _DELIVERY),
        (PARTNER, _PARTNER),
    )
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a client may write; everything else it names is refused.
_ELEMENT = _names(
    """ConditionType ConditionRateValue ConditionCurrency ConditionQuantity PricingProcedureStep
    PricingProcedureCounter"""
)
_TEXT = _names("Language LongTextID LongText")
CREATABLE: dict[str, frozenset[str]] = {
    "A_SalesOrder": _names(
        """SalesOrderType SalesOrganization DistributionChannel OrganizationDivision SoldToParty PurchaseOrderByCustomer
        PurchaseOrderByShipToParty CustomerPurchaseOrderType CustomerPurchaseOrderDate SalesOrderDate
        TransactionCurrency PricingDate RequestedDeliveryDate CompleteDeliveryIsDefined DeliveryBlockReason
        CustomerPaymentTerms"""
    ),
    "A_SalesOrderItem": _names(
        """SalesOrderItem SalesOrderItemText Material RequestedQuantity RequestedQuantityUnit ProductionPlant
        SalesDocumentRjcnReason UnderlyingPurchaseOrderItem"""
    ),
    "A_SalesOrderHeaderPartner": _names("PartnerFunction Customer"),
    "A_SalesOrderPartnerAddress": SERVICES[SALES]["A_SalesOrderPartnerAddress"].fields
    - {"SalesOrder", "PartnerFunction"},
    "A_SalesOrderHeaderPrElement": _ELEMENT,
    "A_SalesOrderItemPrElement": _ELEMENT,
    "A_SalesOrderText": _TEXT,
    "A_SalesOrderItemText": _TEXT,
}
LENGTHS = {"PurchaseOrderByCustomer": 35, "PurchaseOrderByShipToParty": 35, "SalesOrderItemText": 40}
