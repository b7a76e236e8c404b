"""Packed, shipped, delivered: parcel by parcel, until nothing is left to leave and the last one arrived."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.order import SalesOrder
from millstream.domain.values import Quantity


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one shipment carries of one order line. `line_id` is the store's item id of that line."""

    line_id: str
    sku: str
    quantity: Quantity


class CancelledLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP will not deliver of one order line any more, in all. `line_id` is the store's item id of it."""

    line_id: str
    sku: str
    quantity: Quantity


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One package with its tracking number, if it has one yet."""

    tracking_number: str | None
    carrier_code: str = "custom"
    carrier_title: str = "Carrier"
    url: str | None = None


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One shipment of one order, as the ERP knows it."""

    erp_id: str
    number: str
    order_key: str
    state: str  # "planned" | "reserved" | "picked" | "packed" | "shipped" | "cancelled"
    warehouse: str | None
    lines: tuple[ShipmentLine, ...]
    parcels: tuple[Parcel, ...] = ()
    planned_on: date | None = None
    shipped_on: date | None = None

    @property
    def tracking_numbers(self) -> tuple[str, ...]:
        """Of its parcels, those that have one."""
        return tuple(parcel.tracking_number for parcel in self.parcels if parcel.tracking_number)


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A carrier's word that a parcel arrived. Any one of the numbers is enough to find the order."""

    delivered_at: datetime
    order_number: str | None = None
    shipment_number: str | None = None
    tracking_number: str | None = None
    received_by: str | None = None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How far the goods of an order are.

    `left` is what has left of each line, by line id. `arrived_at` is when the last parcel that left arrived; None while
    one is on the road, and before the first one left.
    """

    left: Mapping[str, Decimal]
    arrived_at: datetime | None


def way_of(steps: Iterable[Shipment | Delivered]) -> Way:
    """What shipments that left and carriers' words about them come to, in the order in which they were booked.

    A shipment that comes again has other numbers on its parcels than before.

    A word that names the order alone is about all that is on the road. Where nothing has left as far as we know, the
    carrier was quicker than the ERP's news: it is about the shipment that comes next.
    """
    left: dict[str, Decimal] = {}
    road = _Road()
    for step in steps:
        if isinstance(step, Delivered):
            road.arrive(step)
        elif road.leave(step):
            for line in step.lines:
                left[line.line_id] = left.get(line.line_id, Decimal(0)) + line.quantity.amount
    return Way(left=left, arrived_at=road.arrived_at)


class _Road:
    """Parcels that left and have not arrived, by shipment. Those without a number travel with the others of theirs."""

    def __init__(self) -> None:
        self._parcels: dict[str, set[str]] = {}
        self._shipments: set[str] = set()
        self._reported: set[str] = set()
        self._next_arrived = False
        self._newest: datetime | None = None

    @property
    def arrived_at(self) -> datetime | None:
        return self._newest if self._shipments and not self._parcels else None

    def leave(self, shipment: Shipment) -> bool:
        """False: it is known already."""
        number, numbers = _plain(shipment.number), {_plain(one) for one in shipment.tracking_numbers}
        waiting = numbers - self._reported
        if shipment.erp_id in self._shipments:
            self._relabel(number, numbers, waiting)
            return False
        self._shipments.add(shipment.erp_id)
        if not self._next_arrived and number not in self._reported and (waiting or not numbers):
            self._parcels[number] = waiting
        self._next_arrived = False
        return True

    def _relabel(self, shipment: str, numbers: set[str], waiting: set[str]) -> None:
        if shipment in self._parcels and numbers:
            self._parcels[shipment] = waiting
            if not waiting:
                del self._parcels[shipment]

    def arrive(self, report: Delivered) -> None:
        self._newest = max(self._newest or report.delivered_at, report.delivered_at)
        numbers = {_plain(number) for number in (report.tracking_number, report.shipment_number) if number}
        self._reported |= numbers
        if not numbers:
            self._next_arrived = not self._shipments
            self._parcels.clear()
        for shipment, waiting in list(self._parcels.items()):
            rest = waiting - numbers
            if shipment in numbers - {_plain(report.tracking_number)} or (waiting and not rest):
                del self._parcels[shipment]
            else:
                self._parcels[shipment] = rest


def _plain(number: str | None) -> str:
    """Numbers are found in any case."""
    return (number or "").lower()


def still_to_leave(
    order: SalesOrder, acknowledgement: Acknowledgement, left: Mapping[str, Decimal], cancelled: Mapping[str, Decimal]
) -> tuple[str, ...]:
    """The ids of lines of which the ERP has more to deliver than has left, in line order.

    What never ships, what the ERP took off the order, and what it cancelled of a line (by line id) is not waited for.
    """
    nothing = Decimal(0)
    planned = {line.line_id: line.quantity.amount for line in acknowledgement.lines if line.ships}
    wanted = {
        line.id: min(planned.get(line.id, nothing), line.quantity.amount - cancelled.get(line.id, nothing))
        for line in order.lines
        if not line.is_virtual
    }
    return tuple(line_id for line_id, quantity in wanted.items() if left.get(line_id, nothing) < quantity)


def newly_cancelled(
    order: SalesOrder, reported: Iterable[CancelledLine], known: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """By line id, how much more of the order will not come than was known; never more of a line than was ordered."""
    told = {line.line_id: line.quantity.amount for line in reported}
    more = {
        line.id: min(told.get(line.id, Decimal(0)), line.quantity.amount) - known.get(line.id, Decimal(0))
        for line in order.lines
    }
    return {line_id: quantity for line_id, quantity in more.items() if quantity > 0}
