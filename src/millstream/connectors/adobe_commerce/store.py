"""The store connection: what the hub's `CommercePort` promises, kept with the calls of `client`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from millstream.connectors.adobe_commerce.catalogue import Catalogue
from millstream.connectors.adobe_commerce.check import findings
from millstream.connectors.adobe_commerce.client import Client, id_number
from millstream.connectors.adobe_commerce.comments import comment_text, has_comment
from millstream.connectors.adobe_commerce.dispatch import Dispatch
from millstream.connectors.adobe_commerce.feed import (
    Cursor,
    cursor_from_json,
    first_cursor,
    groups_after,
    read_page,
    rewound,
    store_time,
)
from millstream.connectors.adobe_commerce.mapping import CATALOGUE_SKUS, sales_order, sighting
from millstream.connectors.adobe_commerce.members import dicts_in, read_number, store_view_id
from millstream.connectors.adobe_commerce.overlay import inbound, outbound, with_attributes, with_custom
from millstream.connectors.adobe_commerce.settings import AdobeCommerceSettings
from millstream.domain.errors import Reject, Retry
from millstream.domain.fulfilment import Shipment
from millstream.domain.order import SalesOrder
from millstream.ports.commerce import OrderPage, StoreOrder
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewound
from millstream.wire.kit import WireKit

ERP_NUMBER_MAX: Final = 32  # ext_order_id
OPEN_STATES: Final = frozenset({"new", "processing"})


def open_store(name: str, settings: AdobeCommerceSettings, kit: WireKit) -> "AdobeCommerce":
    """The port over one governed connection."""
    auth = settings.credentials(name, kit.world)
    connection = kit.connect(name, auth=auth, limits=settings.limits())
    client = Client(connection, settings.endpoint(), clock=kit.world.clock, timeout_s=settings.timeout_s)
    return AdobeCommerce(name, client, settings, kit)


class AdobeCommerce:
    """See CommercePort."""

    def __init__(self, name: str, client: Client, settings: AdobeCommerceSettings, kit: WireKit) -> None:
        self.name = name
        self.client = client
        self.settings = settings
        self._kit = kit
        self._dispatch = Dispatch(client, sources=settings.sources, carriers=settings.carriers, tap=kit.tap)
        self._inbound = kit.overlays.lay_over(inbound(name))
        self._outbound = kit.overlays.lay_over(outbound(name, settings))
        self._catalogue = Catalogue(client, clock=kit.world.clock, tap=kit.tap)

    # --- orders in ---

    async def changed_orders(self, cursor: dict[str, Any] | None) -> OrderPage:
        """See OrderFeed."""
        position = self._start() if cursor is None else cursor_from_json(cursor)
        page_size = self.settings.page_size
        answer = await self.client.search_orders(groups_after(position, self.settings.store_ids), page_size=page_size)
        await self._add_catalogue_skus(dicts_in(answer.get("items")))
        return read_page(position, answer, page_size=page_size, overlap_s=self.settings.overlap_s, sight=self._sighting)

    async def read_order(self, store_order_id: str) -> StoreOrder:
        """See OrderFeed."""
        try:
            raw = await self.client.order(store_order_id)
        except Reject as refusal:
            if refusal.code != "commerce.not_found":
                raise
            text = f"{self.name} does not show order {store_order_id} yet; events may run ahead of the database"
            raise Retry("order.not_visible", text) from refusal
        await self._add_catalogue_skus([raw])
        return self._sighting(raw)

    def wants(self, order: StoreOrder, cursor: dict[str, Any] | None) -> bool:
        """See OrderFeed."""
        start = (self._start() if cursor is None else cursor_from_json(cursor)).since
        chosen = {str(store_id) for store_id in self.settings.store_ids}
        return store_time(order.placed_at) >= start and (not chosen or store_view_id(order.raw) in chosen)

    def rewound(self, cursor: dict[str, Any], to: datetime) -> Rewound:
        """See Rewindable. Orders placed before `since` stay out."""
        return rewound(cursor, to, since=self._since())

    def interpret(self, raw: dict[str, Any], *, overlaid: bool = True) -> SalesOrder:
        """See OrderFeed."""
        order = sales_order(raw, self.name)
        return with_custom(order, raw, self._inbound) if overlaid else order

    def _start(self) -> Cursor:
        return first_cursor(self._since() or self._kit.world.clock.now() - timedelta(days=1))

    def _since(self) -> datetime | None:
        return None if self.settings.since is None else datetime.combine(self.settings.since, time(), UTC)

    def _sighting(self, raw: dict[str, Any]) -> StoreOrder:
        return sighting(
            raw,
            self.name,
            exportable_states=self.settings.exportable_states,
            held_statuses=self.settings.held_statuses,
        )

    async def _add_catalogue_skus(self, orders: list[dict[str, Any]]) -> None:
        """Notes on the orders which SKU stands behind one with option suffixes.

        Raises Retry where that is not to be had now: an order without it would be held for a SKU nobody knows.
        """
        if not self.settings.find_catalogue_skus:
            return
        rows = [row for raw in orders for row in dicts_in(raw.get("items"))]
        needed = {str(row["product_id"]) for row in rows if _has_custom_options(row) and row.get("product_id")}
        skus = await self._catalogue.skus(needed)
        for raw in orders:
            extensions = raw.get("extension_attributes")
            ids = {str(row.get("product_id")) for row in dicts_in(raw.get("items"))}
            known = {each: skus[each] for each in sorted(ids & skus.keys())}
            if known:
                raw["extension_attributes"] = {
                    **(extensions if isinstance(extensions, dict) else {}),
                    CATALOGUE_SKUS: known,
                }

    # --- answers out ---

    async def acknowledge(
        self,
        store_order_id: str,
        number: str,
        *,
        erp_number: str,
        status: str | None,
        key: str,
        ship_date: date | None = None,
    ) -> None:
        """See OrderBook. A status is written only while the order is new or processing."""
        if len(erp_number) > ERP_NUMBER_MAX:
            raise Reject(
                "order.erp_number_too_long",
                f"The ERP number {erp_number} has {len(erp_number)} characters; the store keeps {ERP_NUMBER_MAX}.",
                field="erp_number",
            )
        # The increment id goes along: older servers lose it otherwise.
        entity: dict[str, Any] = {
            "entity_id": int(id_number(store_order_id)),
            "increment_id": number,
            "ext_order_id": erp_number,
            **self._promised(ship_date),
        }
        entity = with_attributes(entity, ship_date, self._outbound)
        wanted = self._status(status)
        if wanted is not None:
            now = await self.client.order(store_order_id)
            if now.get("state") in OPEN_STATES:
                entity["status"] = wanted
            else:
                self._kit.tap.note("status.too_late", system=self.name, order=number, state=now.get("state"))
        await self.client.update_order(entity, key=key)

    async def promise(self, store_order_id: str, number: str, *, ship_date: date | None, key: str) -> None:
        """See OrderBook. Custom order attributes exist in SaaS, and in PaaS with Adobe's module.

        Their values are text: a date that is no longer known leaves an empty one.
        """
        code = self.settings.promise_attribute
        if code:
            promised = self._attribute(code, "" if ship_date is None else ship_date.isoformat())
            entity = {"entity_id": int(id_number(store_order_id)), "increment_id": number, **promised}
            await self.client.update_order(entity, key=key)

    def _promised(self, ship_date: date | None) -> dict[str, Any]:
        """What an acknowledgement says of the date: nothing where there is none yet."""
        code = self.settings.promise_attribute
        return self._attribute(code, ship_date.isoformat()) if code and ship_date is not None else {}

    @staticmethod
    def _attribute(code: str, value: str) -> dict[str, Any]:
        return {"custom_attributes": [{"attribute_code": code, "value": value}]}

    async def tell_customer(
        self, store_order_id: str, text: str, *, notify: bool, key: str, again: bool, status: str | None = None
    ) -> None:
        """See OrderBook. A status that does not fit the order's state is left out, the comment is still made."""
        if again and has_comment(await self.client.comments(store_order_id), key):
            return
        history: dict[str, Any] = {
            "comment": comment_text(text, key),
            "is_customer_notified": int(notify),
            "is_visible_on_front": 1,
        }
        wanted = self._status(status)
        if wanted is not None:
            try:
                await self.client.add_comment(store_order_id, {**history, "status": wanted}, key=key)
            except Reject as refusal:
                if refusal.code != "commerce.refused":
                    raise
                self._kit.tap.note("status.refused", system=self.name, order=store_order_id, status=wanted)
            else:
                return
        await self.client.add_comment(store_order_id, history, key=key)

    async def ship(
        self, order: SalesOrder, shipment: Shipment, *, notify: bool, key: str, again: bool, tracks_only: bool = False
    ) -> str:
        """See OrderBook. Always looks first, so `again` makes no difference."""
        del again
        if tracks_only:
            return await self._dispatch.add_tracks(order, shipment, key=key)
        return await self._dispatch.ship(order, shipment, notify=notify, key=key)

    async def hold(self, store_order_id: str, *, key: str) -> None:
        """See OrderBook."""
        try:
            await self.client.hold(store_order_id, key=key)
        except Reject as refusal:
            now = await self.client.order(store_order_id)
            if now.get("state") != "holded":
                text = f"The store cannot hold an order that is {now.get('state')}."
                raise Reject("order.not_holdable", text, log=refusal.log) from refusal

    async def unhold(self, store_order_id: str, *, key: str) -> None:
        """See OrderBook."""
        try:
            await self.client.unhold(store_order_id, key=key)
        except Reject as refusal:
            now = await self.client.order(store_order_id)
            if now.get("state") == "holded":
                raise Reject("order.not_releasable", refusal.message, log=refusal.log) from refusal

    async def cancel(self, store_order_id: str, *, key: str) -> None:
        """See OrderBook. The store itself would cancel an order that was shipped but not invoiced."""
        now = await self.client.order(store_order_id)
        if now.get("state") == "canceled":
            return
        self._refuse_if_under_way(now)
        if await self.client.cancel(store_order_id, key=key):
            return
        now = await self.client.order(store_order_id)
        if now.get("state") != "canceled":
            raise _not_cancellable(now, f"the store will not cancel an order that is {now.get('state')}")

    def _refuse_if_under_way(self, now: dict[str, Any]) -> None:
        rows = dicts_in(now.get("items"))
        if any(_has(row, "qty_shipped") for row in rows):
            raise _not_cancellable(now, "something was shipped already: make a return instead")
        if any(_has(row, "qty_invoiced") for row in rows):
            raise _not_cancellable(now, "something was invoiced already: make a credit memo instead")
        if now.get("state") == "holded":
            raise _not_cancellable(now, "it is on hold: take it off hold first")

    # --- beside ---

    async def check(self) -> Sequence[Finding]:
        """See CommercePort."""
        return await findings(self.client, self.settings)

    def _status(self, status: str | None) -> str | None:
        return None if status is None else self.settings.statuses.get(status, status)


def _has_custom_options(row: dict[str, Any]) -> bool:
    option = row.get("product_option")
    chosen = option.get("extension_attributes") if isinstance(option, dict) else None
    return isinstance(chosen, dict) and bool(chosen.get("custom_options"))


def _has(row: dict[str, Any], name: str) -> bool:
    return read_number(row, name, "items") > 0


def _not_cancellable(order: dict[str, Any], why: str) -> Reject:
    return Reject("order.not_cancellable", f"Order {order.get('increment_id')} cannot be cancelled: {why}.")
