"""SAP's rows, as far as the hub reads them. Checked once, at the edge; what SAP adds is left alone."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from millstream.connectors.sap_s4hana import odata


class ScheduleLine(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What is confirmed of an item for one day."""

    confirmed_delivery_date: str | None = None
    confirmed: Decimal = msgspec.field(name="ConfdOrderQtyByMatlAvailCheck", default=Decimal(0))

    @property
    def day(self) -> date | None:
        """The confirmed day."""
        return odata.day(self.confirmed_delivery_date)


class Text(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A text of a header or an item."""

    long_text: str
    long_text_id: str = msgspec.field(name="LongTextID")


class FlowDocument(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A later document of an item."""

    subsequent_document: str
    subsequent_document_category: str


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One item of a sales order."""

    sales_order_item: str
    material: str
    requested_quantity: Decimal
    net_amount: Decimal
    tax_amount: Decimal
    category: str = msgspec.field(name="SalesOrderItemCategory", default="")
    plant: str = msgspec.field(name="ProductionPlant", default="")
    rejection: str = msgspec.field(name="SalesDocumentRjcnReason", default="")
    schedule: tuple[ScheduleLine, ...] = msgspec.field(name="to_ScheduleLine")
    texts: tuple[Text, ...] = msgspec.field(name="to_Text")
    flow: tuple[FlowDocument, ...] = msgspec.field(name="to_SubsequentProcFlowDocItem")

    @property
    def number(self) -> str:
        """Without the zeros that some services write before it."""
        return plain_item(self.sales_order_item)


class Address(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Where a partner of one order is."""

    organization_name1: str | None = msgspec.field(name="OrganizationName1", default="")
    organization_name2: str | None = msgspec.field(name="OrganizationName2", default="")
    organization_name3: str | None = msgspec.field(name="OrganizationName3", default="")
    organization_name4: str | None = msgspec.field(name="OrganizationName4", default="")
    street_name: str | None = ""
    street_prefix_name1: str | None = msgspec.field(name="StreetPrefixName1", default="")
    street_suffix_name1: str | None = msgspec.field(name="StreetSuffixName1", default="")
    street_suffix_name2: str | None = msgspec.field(name="StreetSuffixName2", default="")
    city_name: str | None = ""
    postal_code: str | None = ""
    region: str | None = ""
    country: str | None = ""
    phone_number: str | None = ""


class Partner(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A partner of one order; SAP may show its address alone or in a list."""

    partner_function: str
    at: Address | tuple[Address, ...] | None = msgspec.field(name="to_Address", default=None)

    @property
    def address(self) -> Address | None:
        """Its address."""
        if isinstance(self.at, tuple):
            return self.at[0] if self.at else None
        return self.at


class PriceElement(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A condition of the header."""

    condition_type: str | None
    condition_rate_value: Decimal | None
    pricing_procedure_step: str
    pricing_procedure_counter: str


class SalesOrder(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A sales order with all that the hub wants to know of it, read in one call."""

    sales_order: str
    transaction_currency: str
    total_net_amount: Decimal
    sales_order_date: str
    last_change_date_time: str
    purchase_order_by_customer: str = ""
    delivery_block_reason: str = ""
    process_status: str = msgspec.field(name="OverallSDProcessStatus", default="")
    credit_status: str = msgspec.field(name="TotalCreditCheckStatus", default="")
    items: tuple[Item, ...] = msgspec.field(name="to_Item")
    texts: tuple[Text, ...] = msgspec.field(name="to_Text")
    partners: tuple[Partner, ...] = msgspec.field(name="to_Partner")
    pricing: tuple[PriceElement, ...] = msgspec.field(name="to_PricingElement")
    version: str = msgspec.field(name=odata.VERSION)

    @property
    def ordered_on(self) -> date:
        """The day of the order."""
        found = odata.day(self.sales_order_date)
        if found is None:
            raise ValueError("an order without a date")
        return found

    @property
    def changed_at(self) -> datetime:
        """When it was last changed, to the millisecond."""
        found = odata.moment(self.last_change_date_time)
        if found is None:
            raise ValueError("an order without the time of its last change")
        return found

    @property
    def gross(self) -> Decimal:
        """Net and tax together."""
        return self.total_net_amount + self.tax

    @property
    def tax(self) -> Decimal:
        """The tax of all items."""
        return sum((item.tax_amount for item in self.items), Decimal(0))

    @property
    def open_items(self) -> tuple[Item, ...]:
        """Items that are not rejected."""
        return tuple(item for item in self.items if not item.rejection)

    @property
    def deliveries(self) -> tuple[str, ...]:
        """Numbers of its deliveries."""
        numbers = (
            document.subsequent_document
            for item in self.items
            for document in item.flow
            if document.subsequent_document_category == DELIVERY_CATEGORY
        )
        return tuple(dict.fromkeys(numbers))


DELIVERY_CATEGORY = "J"


class ProductionOrder(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A work order for one item."""

    manufacturing_order: str
    sales_order: str
    sales_order_item: str
    end: str | None = msgspec.field(name="MfgOrderPlannedEndDate", default=None)
    last_change_date_time: str = ""
    confirmed: str = msgspec.field(name="OrderIsConfirmed", default="")
    partially_confirmed: str = msgspec.field(name="OrderIsPartiallyConfirmed", default="")
    delivered: str = msgspec.field(name="OrderIsDelivered", default="")
    completed: str = msgspec.field(name="OrderIsTechnicallyCompleted", default="")
    closed: str = msgspec.field(name="OrderIsClosed", default="")
    to_be_deleted: str = msgspec.field(name="OrderIsMarkedForDeletion", default="")

    @property
    def item(self) -> str:
        """The item it is for."""
        return plain_item(self.sales_order_item)

    @property
    def is_dropped(self) -> bool:
        """Given up before anything was made."""
        ended = self.completed or self.closed
        return bool(self.to_be_deleted or (ended and not (self.confirmed or self.delivered)))

    @property
    def is_done(self) -> bool:
        """Made."""
        return bool(self.confirmed or self.delivered or self.completed or self.closed)

    @property
    def is_under_way(self) -> bool:
        """Whether work was reported."""
        return bool(self.confirmed or self.partially_confirmed or self.delivered)

    @property
    def ends_on(self) -> date | None:
        """The day it is planned to end."""
        return odata.day(self.end)


class DeliveryItem(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What one delivery carries of one item."""

    material: str
    quantity: Decimal = msgspec.field(name="ActualDeliveryQuantity")
    sales_order: str = msgspec.field(name="ReferenceSDDocument")
    sales_order_item: str = msgspec.field(name="ReferenceSDDocumentItem")
    plant: str = ""

    @property
    def item(self) -> str:
        """The item of the sales order."""
        return plain_item(self.sales_order_item)


class HandlingUnit(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A package."""

    external_id: str | None = msgspec.field(name="HandlingUnitExternalID", default="")
    second_external_id: str | None = msgspec.field(name="HandlingUnitSecondExternalID", default="")
    creation_date: str | None = None
    creation_time: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An outbound delivery."""

    delivery_document: str
    picking: str = msgspec.field(name="OverallPickingStatus", default="")
    packing: str = msgspec.field(name="OverallPackingStatus", default="")
    movement: str = msgspec.field(name="OverallGoodsMovementStatus", default="")
    planned_goods_issue_date: str | None = None
    actual_goods_movement_date: str | None = None
    actual_goods_movement_time: str | None = None
    last_change_date: str | None = None
    bill_of_lading: str | None = ""
    items: tuple[DeliveryItem, ...] = msgspec.field(name="to_DeliveryDocumentItem")
    units: tuple[HandlingUnit, ...] = msgspec.field(name="to_HandlingUnitHeaderDelivery")
    version: str = msgspec.field(name=odata.VERSION)


def plain_item(number: str) -> str:
    """An item number without leading zeros: services differ in writing them."""
    return number.lstrip("0") or "0"


def read_as(kind: type[Any], rows: list[odata.Row]) -> list[Any]:
    """The rows as values. Raises msgspec.ValidationError naming the member that is not as it should be."""
    return [msgspec.convert(row, kind) for row in rows]
