"""One event on its way to one subscriber, and what came of it."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.crosswalk import Alias, Link
from millstream.domain.events import Event, NewEvent
from millstream.domain.order import SalesOrder
from millstream.domain.promise import Promise
from millstream.domain.states import DeliveryState


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed delivery: what to do, and what is known of earlier tries.

    `tries` counts every claim, `attempts` only those that count towards the dead letters. `amended` is what a human
    put in place of the event's data. `waived` names the rules a human released this delivery from.
    """

    id: int
    subscriber: str
    lane: str
    event: Event
    tries: int
    attempts: int
    priority: int = 50  # lower goes first
    amended: dict[str, Any] | None = None
    waived: frozenset[str] = frozenset()

    @property
    def payload(self) -> Mapping[str, Any]:
        """The event's data, or what a human amended it to."""
        return self.amended if self.amended is not None else self.event.data

    @property
    def again(self) -> bool:
        """Whether an earlier try may already have had an outward effect."""
        return self.tries > 1


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An order the ERP acknowledged, for the hub's own books."""

    order: SalesOrder
    customer_id: str
    erp: str
    acknowledgement: Acknowledgement
    confirmed_at: datetime
    base_total: Decimal  # grand total in the store's base currency, to the cent
    base_currency: str
    ship_to_fingerprint: str | None  # of the address in the store; `order` has another one where a human amended it


class OrderMark(msgspec.Struct, frozen=True, kw_only=True):
    """A step an order took. None leaves a mark alone; the first time of each is kept.

    `shipped_at` is when the last part left, `delivered_at` when the last parcel arrived. `ship_date` is the newest date
    promised: unset leaves it alone, None is one that is no longer known. `shipped_on` is the day of the part that left
    last, as the ERP says it, and settles what was promised. `cancelled` is what will not come, in all, of the lines it
    names.
    """

    order_key: str
    packed_at: datetime | None = None
    shipped_at: datetime | None = None
    shipped_on: date | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    ship_date: date | msgspec.UnsetType | None = msgspec.UNSET
    acknowledgement: Acknowledgement | None = None  # replaces the one on record, with its dates and work orders
    order: SalesOrder | None = None  # replaces the one on record (new address)
    cancelled: Mapping[str, Decimal] | None = None  # by line id


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow changed, written together with its delivery's new state in one transaction."""

    events: tuple[NewEvent, ...] = ()
    links: tuple[Link, ...] = ()
    aliases: tuple[Alias, ...] = ()
    promises: tuple[Promise, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    marks: tuple[OrderMark, ...] = ()
    note: str = ""  # why nothing was to be done, for the history


NOTHING = Settlement()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The new state of a delivery. `due_at` is set for RETRYING only; `counts` = False takes the attempt back."""

    state: DeliveryState
    settlement: Settlement = NOTHING
    due_at: datetime | None = None
    counts: bool = True
    fault_class: str | None = None
    fault_code: str | None = None
    fault_message: str | None = None
    fingerprint: str | None = None
