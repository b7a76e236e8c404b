"""What the hub needs of an ERP."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.fulfilment import CancelledLine, Shipment
from millstream.domain.order import Address, SalesOrder
from millstream.domain.values import Money
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewindable


class ErpItem(msgspec.Struct, frozen=True, kw_only=True):
    """A sellable item. `price` is the ERP's current unit price without tax in the currency asked for.

    None = the ERP has none in that currency; those it has in others are `other_prices`, and it converts none of them.
    """

    sku: str
    name: str
    salable: bool
    price: Money | None = None
    other_prices: tuple[Money, ...] = ()
    lead_time_days: int | None = None


class ErpOrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed reports about one of our orders.

    `kind` is "packed", "shipped", "schedule" (dates or work orders moved), "cancelled" or "rest_cancelled": the order
    goes on or is over without what `cancelled` names, line by line and in all. `change_id` is the same every time the
    same change is reported, and different for every other change.
    """

    order_key: str
    kind: str
    change_id: str
    occurred_at: datetime
    shipment: Shipment | None = None
    acknowledgement: Acknowledgement | None = None
    cancelled: tuple[CancelledLine, ...] = ()


class ErpChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the feed. `cursor` is opaque JSON, stored after the page was accepted."""

    changes: tuple[ErpOrderChange, ...]
    cursor: dict[str, Any]
    more: bool


class OrderDesk(Protocol):
    """Orders in, answers out."""

    async def find_items(
        self, skus: Sequence[str], *, currency: str, quantities: Mapping[str, Decimal]
    ) -> Mapping[str, ErpItem]:
        """The items that exist, by SKU; an absent SKU is unknown. Never raises for one SKU."""
        ...

    async def place_order(self, order: SalesOrder, *, customer_id: str, key: str) -> Acknowledgement:
        """Makes the order, reserves stock and returns number, dates and work orders.

        `order.key` identifies it in the ERP: an order that is there already is completed and returned, however far
        an earlier attempt got. Before it is confirmed it is made to say what `order` says now, and its total is
        checked: Reject("erp.total_differs"). One that was confirmed earlier is told as the ERP has it, not created.
        Raises Retry, Unknown (call again: it looks first), Reject, Conflict.
        """
        ...

    async def read_order(self, order_key: str) -> Acknowledgement | None:
        """The order as it is now, None if the ERP has none under this key."""
        ...

    async def cancel_order(self, order_key: str, *, reason: str, key: str) -> bool:
        """True: cancelled (or had been). False: the ERP never had it. Reject("order.too_late") once it is under way."""
        ...

    async def change_address(self, order_key: str, ship_to: Address, *, key: str) -> None:
        """Ships to the new address; repeating is harmless. Reject("order.too_late") once a shipment was packed."""
        ...


class ErpFeed(Rewindable, Protocol):
    """What happened in the plant and the warehouse."""

    async def changes(self, cursor: dict[str, Any] | None) -> ErpChangePage:
        """The next page of changes to orders placed through the hub. Never skips one, may repeat some."""
        ...


class ErpPort(OrderDesk, ErpFeed, Protocol):
    """An ERP connection, both ways."""

    name: str
    one_writer: bool  # True: the ERP wants one order writer at a time over all workers

    async def check(self) -> Sequence[Finding]:
        """What `millstream doctor` shows. Never raises."""
        ...
