"""Makes shipments in the store: looks, asks, sends, reads back."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from millstream.connectors.adobe_commerce.client import Client
from millstream.connectors.adobe_commerce.members import Row, read_rows
from millstream.connectors.adobe_commerce.shipping import (
    Quantities,
    bundles_in_doubt,
    find_shipment,
    missing_quantities,
    numbered,
    quantities_to_ship,
    ship_body,
    the_only_one_of,
    track,
    track_numbers,
)
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import Shipment
from millstream.domain.order import SalesOrder
from millstream.ports.tap import Tap

SINGLE_SOURCE: Final = "default"


class Dispatch:
    """`sources` maps ERP warehouses to inventory sources, `carriers` ERP carriers to the store's."""

    def __init__(self, client: Client, *, sources: Mapping[str, str], carriers: Mapping[str, str], tap: Tap) -> None:
        self._client = client
        self._sources = sources
        self._carriers = carriers
        self._tap = tap

    async def ship(self, order: SalesOrder, shipment: Shipment, *, notify: bool, key: str) -> str:
        """See OrderBook. Always looks first: a partial shipment made twice would be accepted by the store."""
        raw = await self._client.order(order.store_order_id)
        rows = read_rows(raw)
        existing = await self._client.shipments_of(order.store_order_id)
        found = find_shipment(existing, self._as_if_unshipped(shipment, rows), shipment, key)
        if found is not None:
            await self._add_missing_tracks(order, shipment, found, key)
            return str(found["entity_id"])
        if raw.get("state") in {"holded", "payment_review"}:
            raise Reject(
                "shipment.order_on_hold",
                f"Order {order.number} is {raw.get('state')} in the store and cannot ship; release it, then retry.",
            )
        apart = await self._bundles_apart(shipment, rows)
        wanted = quantities_to_ship(shipment, rows, apart=apart)
        body = ship_body(
            wanted,
            shipment,
            source_code=self._source(shipment),
            notify=notify,
            key=key,
            carriers=self._carriers,
        )
        try:
            shipment_id = await self._client.ship(order.store_order_id, body, key=key)
        except Reject as refusal:
            return await self._shipped_by_another(order, shipment, wanted, key, refusal)
        await self._read_back(shipment_id, wanted, shipment)
        return shipment_id

    async def add_tracks(self, order: SalesOrder, shipment: Shipment, *, key: str) -> str:
        """Adds the tracks that the store's shipment lacks; it is ours, or the only one of these goods. Makes none."""
        rows = read_rows(await self._client.order(order.store_order_id))
        existing = await self._client.shipments_of(order.store_order_id)
        goods = self._as_if_unshipped(shipment, rows)
        found = find_shipment(existing, goods, shipment, key) or the_only_one_of(existing, goods)
        if found is None:
            raise Reject(
                "shipment.not_in_store",
                f"No shipment of order {order.number} in the store is {shipment.number} of the ERP: it was made there "
                "by hand with other goods, or not at all. Enter the tracking numbers in the store and resolve this, or "
                "make the shipment there and retry.",
            )
        await self._add_missing_tracks(order, shipment, found, key)
        return str(found["entity_id"])

    def _as_if_unshipped(self, shipment: Shipment, rows: Sequence[Row]) -> Quantities:
        """What an earlier attempt at this shipment would have asked for, before anything was booked."""
        untouched = [{**row, "qty_shipped": 0, "qty_refunded": 0, "qty_canceled": 0} for row in rows]
        try:
            return quantities_to_ship(shipment, untouched)
        except Reject:
            return {0: Decimal(-1)}  # matches no shipment: only our mark counts then

    async def _shipped_by_another(
        self, order: SalesOrder, shipment: Shipment, wanted: Quantities, key: str, refusal: Reject
    ) -> str:
        """The store refused: perhaps because another worker has just made this very shipment."""
        found = find_shipment(await self._client.shipments_of(order.store_order_id), wanted, shipment, key)
        if found is None:
            raise refusal
        return str(found["entity_id"])

    async def _bundles_apart(self, shipment: Shipment, rows: Sequence[Row]) -> set[int]:
        """Which bundles ship in parts; the product says so. A product that cannot be read ships together."""
        doubtful = bundles_in_doubt(shipment, rows)
        if not doubtful:
            return set()
        try:
            products = await self._client.products(
                sorted({str(product_id) for product_id in doubtful.values()}), fields="id,custom_attributes"
            )
        except Reject as refusal:
            self._tap.note("bundle.not_read", system=self._client.system, code=refusal.code)
            return set()
        apart = {int(product["id"]) for product in products if _attribute(product, "shipment_type") == "1"}
        return {item_id for item_id, product_id in doubtful.items() if product_id in apart}

    async def _add_missing_tracks(self, order: SalesOrder, shipment: Shipment, found: Row, key: str) -> None:
        have = track_numbers(found)
        for parcel in numbered(shipment.parcels):
            missing = track(parcel, self._carriers)
            if missing["track_number"] in have:
                continue
            entity = {
                "order_id": int(order.store_order_id),
                "parent_id": int(found["entity_id"]),
                "weight": 0,
                "qty": 1,
                "description": "",
                **missing,
            }
            await self._client.add_track(entity, key=f"{key}/track/{missing['track_number']}")

    async def _read_back(self, shipment_id: str, wanted: Quantities, shipment: Shipment) -> None:
        made = await self._client.shipment(shipment_id)
        differing = missing_quantities(made, wanted)
        if differing:
            what = ", ".join(f"item {item}: asked {asked:f}, made {got:f}" for item, (asked, got) in differing.items())
            raise Reject(
                "shipment.differs",
                f"The store made shipment {shipment_id} for {shipment.number} with other quantities ({what}). "
                "Somebody shipped at the same time: correct the shipment in the store.",
                field="lines.quantity",
            )

    def _source(self, shipment: Shipment) -> str:
        """The source to take stock from. It is always named: left out, the store would take its default source."""
        if not self._sources:
            return SINGLE_SOURCE
        source = self._sources.get(shipment.warehouse or "")
        if source is not None:
            return source
        raise Reject(
            "shipment.source_unmapped",
            f"Shipment {shipment.number} leaves warehouse {shipment.warehouse}, for which the setting `sources` of "
            f"{self._client.system} names no inventory source. Add it there, then retry.",
            field="sources",
        )


def _attribute(product: dict[str, Any], code: str) -> str | None:
    for each in product.get("custom_attributes") or []:
        if isinstance(each, dict) and each.get("attribute_code") == code:
            return str(each.get("value"))
    return None
