"""What flows read of the hub's own books."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.order import SalesOrder


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub remembers of an order a store reports again."""

    ship_to_fingerprint: str | None
    cancelled: bool


class BookedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the books have it."""

    order: SalesOrder
    customer_id: str
    acknowledgement: Acknowledgement
    ship_date: date | None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None


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

    async def find_link(self, kind: str, system: str, external_id: str) -> str | None:
        """The hub id, or None."""
        ...

    async def external_id(self, kind: str, system: str, hub_id: str) -> str | None:
        """The one name a system has for this hub id, or None. Not for "login": there are many."""
        ...

    async def booked_order(self, order_key: str) -> BookedOrder | None:
        """The order, or None while the ERP has not acknowledged it."""
        ...

    async def find_orders(self, value: str) -> Sequence[str]:
        """Order keys that carry this number, of any kind, newest first, at most 50."""
        ...

    async def tracking_numbers(self, order_key: str) -> Sequence[str]:
        """Of every parcel of the order that has left, in the order they left."""
        ...

    async def lifetime_value(self, customer_id: str) -> Sequence[LifetimeValue]:
        """The customer's total per base currency."""
        ...
