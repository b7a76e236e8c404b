"""Reading orders with their work orders and deliveries: few round trips, however many orders."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from millstream.connectors.sap_s4hana import odata
from millstream.connectors.sap_s4hana.client import (
    AVAILABILITY,
    DELIVERIES,
    PRODUCTION,
    SALES,
    UNREADABLE,
    S4HanaClient,
)
from millstream.connectors.sap_s4hana.mapping import reference_of
from millstream.connectors.sap_s4hana.reading import View, confirmed_days, is_confirmed, order_key_of
from millstream.connectors.sap_s4hana.rows import Delivery, Item, ProductionOrder, SalesOrder, read_as
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.wire.misread import reading

NUMBERS_MAX: Final = 20  # document numbers in one filter
EXPANDED: Final = (
    "to_Item,to_Item/to_ScheduleLine,to_Item/to_Text,to_Item/to_SubsequentProcFlowDocItem,"
    "to_Text,to_Partner,to_Partner/to_Address,to_PricingElement"
)
DELIVERY_EXPANDED: Final = "to_DeliveryDocumentItem,to_HandlingUnitHeaderDelivery"


class Documents:
    """Finds orders by key or number, and completes them."""

    def __init__(self, client: S4HanaClient, settings: S4HanaSettings) -> None:
        self._client = client
        self._settings = settings

    async def find(self, order_key: str) -> list[SalesOrder]:
        """Every document of one order key, by number. The reference finds them, the header text decides."""
        area = f"SalesOrganization eq {odata.text(self._settings.sales_organization)}"
        wanted = f"PurchaseOrderByCustomer eq {odata.text(reference_of(order_key))} and {area}"
        rows = await self._client.read(SALES, "A_SalesOrder", {"$filter": wanted, "$expand": EXPANDED})
        orders = self._orders(rows)
        return [order for order in orders if order_key_of(order, self._settings) == order_key]

    async def orders(self, numbers: Sequence[str]) -> list[SalesOrder]:
        """Orders by number."""
        queries = [
            {"$filter": odata.any_of("SalesOrder", part), "$expand": EXPANDED}
            for part in odata.chunks(sorted(numbers), NUMBERS_MAX)
        ]
        return self._orders(await self._client.read_all(SALES, "A_SalesOrder", queries))

    def _orders(self, rows: list[odata.Row]) -> list[SalesOrder]:
        with reading(self._client.system, "A_SalesOrder", code=UNREADABLE):
            orders: list[SalesOrder] = read_as(SalesOrder, rows)
            return sorted(orders, key=lambda order: (len(order.sales_order), order.sales_order))

    async def views(self, orders: Sequence[SalesOrder]) -> list[View]:
        """The orders with their work orders, deliveries, and dates for what SAP did not confirm."""
        work = await self._work([order.sales_order for order in orders])
        deliveries = await self._deliveries([number for order in orders for number in order.deliveries])
        return [
            View(
                order=order,
                work=tuple(one for one in work if one.sales_order == order.sales_order),
                deliveries=tuple(one for one in deliveries if one.delivery_document in order.deliveries),
                expected=await self._expected(order, work),
            )
            for order in orders
        ]

    async def view(self, order: SalesOrder) -> View:
        """One of them."""
        return (await self.views([order]))[0]

    async def _work(self, numbers: Sequence[str]) -> list[ProductionOrder]:
        queries = [
            {"$filter": odata.any_of("SalesOrder", part), "$orderby": "ManufacturingOrder"}
            for part in odata.chunks(list(dict.fromkeys(numbers)), NUMBERS_MAX)
        ]
        rows = await self._client.read_all(PRODUCTION, "A_ProductionOrder_2", queries)
        with reading(self._client.system, "A_ProductionOrder_2", code=UNREADABLE):
            found: list[ProductionOrder] = read_as(ProductionOrder, rows)
            return found

    async def _deliveries(self, numbers: Sequence[str]) -> list[Delivery]:
        queries = [
            {"$filter": odata.any_of("DeliveryDocument", part), "$expand": DELIVERY_EXPANDED}
            for part in odata.chunks(list(dict.fromkeys(numbers)), NUMBERS_MAX)
        ]
        rows = await self._client.read_all(DELIVERIES, "A_OutbDeliveryHeader", queries)
        with reading(self._client.system, "A_OutbDeliveryHeader", code=UNREADABLE):
            found: list[Delivery] = read_as(Delivery, rows)
            return sorted(found, key=lambda one: one.delivery_document)

    async def _expected(self, order: SalesOrder, work: Sequence[ProductionOrder]) -> dict[str, date]:
        """Asks the availability check about what has neither a confirmed day nor a work order."""
        made = {one.item for one in work if one.sales_order == order.sales_order}
        found = {}
        for item in order.open_items:
            with reading(self._client.system, "A_SalesOrderItem", code=UNREADABLE):
                wanted = item.category not in self._settings.service_categories and not is_confirmed(item)
            if wanted and item.number not in made:
                day = await self._available(item)
                if day is not None:
                    found[item.number] = day
        return found

    async def _available(self, item: Item) -> date | None:
        with reading(self._client.system, "A_SalesOrderScheduleLine", code=UNREADABLE):
            confirmed = sum((amount for _, amount in confirmed_days(item)), Decimal(0))
        parameters = {
            "ATPCheckingRule": odata.text(self._settings.checking_rule),
            "Material": odata.text(item.material),
            "SupplyingPlant": odata.text(item.plant or self._settings.plant),
            "RequestedQuantityInBaseUnit": f"{item.requested_quantity - confirmed:f}m",
        }
        row = await self._client.ask(AVAILABILITY, "DetermineAvailabilityOf", parameters)
        with reading(self._client.system, "DetermineAvailabilityOf", code=UNREADABLE):
            return None if row is None else odata.day(row["PeriodStartUTCDateTime"])
