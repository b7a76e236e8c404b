"""What flows read of the hub's own books."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.fulfilment import Delivered, Shipment
from millstream.domain.order import SalesOrder


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub remembers of an order a store reports again.

    The fingerprint is of the ship-to address that the hub was told of last, whether the ERP has it yet or refused it.
    """

    ship_to_fingerprint: str | None
    cancelled: bool


class BookedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the books have it.

    `left_at` is when the newest part left, `shipped_at` when the last part did, `delivered_at` when the last parcel
    arrived. `cancelled` is what the ERP will not deliver any more, by line id.
    """

    order: SalesOrder
    customer_id: str
    acknowledgement: Acknowledgement
    ship_date: date | None
    left_at: datetime | None = None
    left_on: date | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled: Mapping[str, Decimal] = {}

    @property
    def has_left(self) -> bool:
        """A part is gone."""
        return self.left_at is not None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """How an order that was placed through the hub fares at the ERP.

    `placing` and `cancelling` are the states of the deliveries that make it and take it back there; None: no such
    thing was asked for. `replaces` is the key of the order it was made from by an edit, if any.
    """

    number: str
    replaces: str | None
    is_booked: bool
    is_cancelled: bool
    placing: str | None
    cancelling: str | None


class LifetimeValue(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's orders so far, cancelled ones left out."""

    amount: Decimal
    currency: str
    orders: int


class Records(Protocol):
    """Reads, each one query."""

    async def known_orders(self, store: str, store_order_ids: Sequence[str]) -> Mapping[str, KnownOrder]:
        """By store order id: those that were placed through this hub already."""
        ...

    async def restored_until(self) -> datetime | None:
        """Until when things may have happened that the books have forgotten; None if no backup was ever restored."""
        ...

    async def poll_cursor(self, task: str) -> dict[str, Any] | None:
        """Where a recurring question stands, as its connector wrote it; None before the first answer."""
        ...

    async def find_link(self, kind: str, system: str, external_id: str) -> str | None:
        """The hub id, or None."""
        ...

    async def external_id(self, kind: str, system: str, hub_id: str) -> str | None:
        """The one name a system has for this hub id, or None. Not for "login": there are many."""
        ...

    async def booked_order(self, order_key: str) -> BookedOrder | None:
        """The order, or None while the ERP has not acknowledged it."""
        ...

    async def placement(self, order_key: str) -> Placement | None:
        """How it fares, or None: the hub was never told to place this order."""
        ...

    async def find_orders(self, value: str) -> Sequence[str]:
        """Order keys that carry this number, of any kind, newest first, at most 50."""
        ...

    async def steps_on_the_way(self, order_key: str) -> Sequence[Shipment | Delivered]:
        """Every shipment of the order that left, and every carrier's word about it, in the order they were booked."""
        ...

    async def tracking_numbers(self, order_key: str) -> Sequence[str]:
        """Of every parcel of the order that has left, in the order they left."""
        ...

    async def lifetime_value(self, customer_id: str) -> Sequence[LifetimeValue]:
        """The customer's total per base currency."""
        ...
