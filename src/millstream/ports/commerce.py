"""What the hub needs of a store."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from millstream.domain.fulfilment import Shipment
from millstream.domain.order import SalesOrder
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewindable


class StoreOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The few facts about an order that decide which events it gives rise to, plus the order as the store sent it.

    `ready` is False while the store has not finished with it (payment pending, on hold): it comes again later.
    """

    key: str
    store_order_id: str
    number: str
    placed_at: datetime
    updated_at: datetime
    ready: bool
    cancelled: bool
    ship_to_fingerprint: str | None
    raw: dict[str, Any]
    replaces: str | None = None  # key of the order that an edit replaced by this one


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of changed orders. `cursor` is opaque JSON, stored after the page was accepted; `more` = ask again."""

    orders: tuple[StoreOrder, ...]
    unreadable: tuple[dict[str, Any], ...] = ()  # rows without an id: shown to a human, never dropped
    cursor: dict[str, Any]
    more: bool


class OrderFeed(Rewindable, Protocol):
    """Orders in."""

    async def changed_orders(self, cursor: dict[str, Any] | None) -> OrderPage:
        """The next page of orders changed since the cursor (None = from the beginning the settings allow).

        Never skips an order, may repeat one. Raises Retry or Reject.
        """
        ...

    async def read_order(self, store_order_id: str) -> StoreOrder:
        """The order as it is now. Raises Retry if it is not visible yet (404 just after an event)."""
        ...

    def wants(self, order: StoreOrder, cursor: dict[str, Any] | None) -> bool:
        """Whether the settings ask for this order: of a wanted store view, not placed before the start.

        Polling from the cursor reports no others, but whoever points at one order may point at any. The start stands
        in the cursor once there is one; None: nothing was polled yet. Raises Reject for a cursor of another making.
        """
        ...

    def interpret(self, raw: dict[str, Any], *, overlaid: bool = True) -> SalesOrder:
        """Mapping of one order as the store sent it; asks nobody. Raises Reject("order.…") naming the field.

        `overlaid` False: without what people lay over it, for those who only want to know what it is about.
        """
        ...


class OrderBook(Protocol):
    """Answers out. `store_order_id` is the id the store's API wants; `key` is the idempotency key of the effect.

    `again` is True when an earlier attempt may have had the effect: then the connector looks before it repeats.
    """

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
        """Puts the ERP's number, a status and the promised ship date on the order, as far as given and possible.

        Absolute, so repeating is harmless. A store without a field for the date says it in its comment only.
        """
        ...

    async def promise(self, store_order_id: str, number: str, *, ship_date: date | None, key: str) -> None:
        """Puts a new ship date on the order where the store has a field for it; elsewhere does nothing.

        None: the date is no longer known, and the one on the order is taken off.
        """
        ...

    async def tell_customer(
        self, store_order_id: str, text: str, *, notify: bool, key: str, again: bool, status: str | None = None
    ) -> None:
        """Adds a comment the shopper sees; with `notify` the store e-mails it. One comment per key."""
        ...

    async def ship(
        self, order: SalesOrder, shipment: Shipment, *, notify: bool, key: str, again: bool, tracks_only: bool = False
    ) -> str:
        """Makes the store's shipment with explicit quantities and tracks, reads it back, returns its id.

        Refuses to ship more than remains: Reject("shipment.over_ship"). One shipment per key. `tracks_only`: the
        shipment was made before and gets the tracks that it lacks; none is made: Reject("shipment.not_in_store").
        """
        ...

    async def hold(self, store_order_id: str, *, key: str) -> None:
        """Puts the order on hold; already on hold is fine."""
        ...

    async def unhold(self, store_order_id: str, *, key: str) -> None:
        """Takes the order off hold; not on hold is fine."""
        ...

    async def cancel(self, store_order_id: str, *, key: str) -> None:
        """Cancels; already cancelled is fine. Reject("order.not_cancellable") when shipped or the store says no."""
        ...


class CommercePort(OrderFeed, OrderBook, Protocol):
    """A store connection, both ways."""

    name: str

    async def check(self) -> Sequence[Finding]:
        """What `millstream doctor` shows. Never raises: a failure is a finding."""
        ...
