"""What SAP sells, at which list price, and how long it takes."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from millstream.connectors.sap_s4hana import odata
from millstream.connectors.sap_s4hana.client import PRICES, PRODUCTS, UNREADABLE, S4HanaClient
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.order import OrderLine
from millstream.domain.values import Money
from millstream.ports.erp import ErpItem
from millstream.ports.world import Clock
from millstream.wire.misread import reading

SKUS_MAX: Final = 20  # in one filter; more go in one batch of several
MATERIAL_MAX: Final = 40  # a longer SKU can be no material
EXPANDED: Final = "to_Description,to_SalesDelivery,to_Plant,to_Plant/to_ProductSupplyPlanning"

Row = dict[str, Any]


class Products:
    """Looks materials up."""

    def __init__(self, client: S4HanaClient, settings: S4HanaSettings, *, clock: Clock) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock

    async def find_items(self, skus: Iterable[str], *, currency: str) -> Mapping[str, ErpItem]:
        """Those that exist, by SKU."""
        wanted = sorted({sku for sku in skus if 0 < len(sku) <= MATERIAL_MAX})
        rows = await self._products(wanted)
        prices = await self._prices([sku for sku in wanted if sku in rows])
        with reading(self._client.system, "A_Product", code=UNREADABLE):
            return {sku: self._item(row, prices.get(sku, ()), currency) for sku, row in rows.items()}

    async def materials(self, lines: Sequence[OrderLine]) -> dict[str, str]:
        """The material of every line, by line id: its own SKU, else the catalogue SKU behind its options."""
        unsure = [line for line in lines if len(line.skus) > 1]
        rows = await self._products(sorted({sku for line in unsure for sku in line.skus if len(sku) <= MATERIAL_MAX}))
        with reading(self._client.system, "A_Product", code=UNREADABLE):
            sold = {sku for sku, row in rows.items() if self._is_sold(row)}
        return {line.id: next((sku for sku in line.skus if sku in sold), line.skus[0]) for line in lines}

    async def _products(self, skus: Sequence[str]) -> dict[str, Row]:
        queries = [
            {"$filter": odata.any_of("Product", part), "$expand": EXPANDED} for part in odata.chunks(skus, SKUS_MAX)
        ]
        rows = await self._client.read_all(PRODUCTS, "A_Product", queries)
        with reading(self._client.system, "A_Product", code=UNREADABLE):
            return {str(row["Product"]): row for row in rows}

    async def _prices(self, skus: Sequence[str]) -> dict[str, list[Money]]:
        """List prices of today, one for each currency. Prices agreed with one customer are none of these."""
        kind = self._settings.list_price_condition
        if kind is None:
            return {}
        today = self._clock.now().astimezone(self._settings.zone).date()
        area = (
            f"ConditionType eq {odata.text(kind)} and "
            f"SalesOrganization eq {odata.text(self._settings.sales_organization)} and "
            f"DistributionChannel eq {odata.text(self._settings.distribution_channel)} and "
            f"ConditionValidityStartDate le {odata.day_literal(today)} and "
            f"ConditionValidityEndDate ge {odata.day_literal(today)}"
        )
        queries = [
            {"$filter": f"{odata.any_of('Material', part)} and {area}", "$expand": "to_SlsPrcgConditionRecord"}
            for part in odata.chunks(skus, SKUS_MAX)
        ]
        rows = await self._client.read_all(PRICES, "A_SlsPrcgCndnRecdValidity", queries)
        with reading(self._client.system, "A_SlsPrcgCndnRecdValidity", code=UNREADABLE):
            return _list_prices(rows)

    def _item(self, row: Row, prices: Sequence[Money], currency: str) -> ErpItem:
        names = {str(one["Language"]): str(one["ProductDescription"]) for one in row["to_Description"]}
        return ErpItem(
            sku=str(row["Product"]),
            name=names.get(self._settings.language) or next(iter(names.values()), ""),
            salable=self._is_sold(row),
            price=next((price for price in prices if price.currency == currency), None),
            other_prices=tuple(price for price in prices if price.currency != currency),
            lead_time_days=self._lead_time(row),
        )

    def _is_sold(self, row: Row) -> bool:
        """In our sales area, without a status that stops it and not on its way out."""
        ours = (self._settings.sales_organization, self._settings.distribution_channel)
        areas = [
            one
            for one in row["to_SalesDelivery"]
            if (one["ProductSalesOrg"], one["ProductDistributionChnl"]) == ours
            and not (one["ProductSalesStatus"] or one["IsMarkedForDeletion"])
        ]
        return bool(areas) and not (row["IsMarkedForDeletion"] or row["CrossPlantStatus"])

    def _lead_time(self, row: Row) -> int | None:
        """The total replenishment lead time in our plant; None when nobody keeps it."""
        for plant in row["to_Plant"]:
            supply = plant.get("to_ProductSupplyPlanning")
            if plant["Plant"] == self._settings.plant and isinstance(supply, dict):
                days = supply.get("TotalReplenishmentLeadTime") or supply.get("PlannedDeliveryDurationInDays")
                return int(Decimal(days)) if days else None
        return None


def _list_prices(rows: Iterable[Row]) -> dict[str, list[Money]]:
    found: dict[str, dict[str, Money]] = {}
    for row in rows:
        record = row["to_SlsPrcgConditionRecord"]
        if row.get("Customer") or record["ConditionIsDeleted"]:
            continue
        currency, quantity = str(record["ConditionRateValueUnit"]), Decimal(record["ConditionQuantity"] or 1)
        price = Money(Decimal(record["ConditionRateValue"]) / (quantity or Decimal(1)), currency)
        found.setdefault(str(row["Material"]), {})[currency] = price
    return {sku: list(prices.values()) for sku, prices in found.items()}
