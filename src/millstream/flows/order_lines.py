"""Where the quantity of each line of an order is."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import LineSchedule
from millstream.domain.fulfilment import Shipment, still_to_leave
from millstream.domain.order import OrderLine, SalesOrder
from millstream.flows.order_timeline import facts_with_data
from millstream.ports.desk import OrderStory
from millstream.ports.records import BookedOrder

NONE: Final = Decimal(0)


class LineStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where the quantity of one line is. None is unknown, never zero.

    `confirmed` is what the ERP confirmed of it. `reserved` is set aside and still here, `in_production` what work
    orders cover and has not left. `unaccounted` is `ordered` less reserved, in production, shipped and cancelled:
    nought if the sum closes, above nought for what nothing covers yet, below for what is too many. `is_virtual`:
    nothing ever ships.
    """

    line_id: str
    sku: str
    name: str
    unit: str
    ordered: Decimal
    confirmed: Decimal | None
    reserved: Decimal | None
    in_production: Decimal | None
    shipped: Decimal | None
    cancelled: Decimal | None
    unaccounted: Decimal | None
    ship_date: date | None
    work_orders: tuple[str, ...]
    reason: str
    is_virtual: bool


def lines_of(story: OrderStory, order: SalesOrder, booked: BookedOrder | None) -> tuple[LineStanding, ...]:
    """Each line, as far as books and reports know."""
    schedules = {line.line_id: line for line in booked.acknowledgement.lines} if booked else {}
    off = booked.cancelled if booked else {}
    shipped = _shipped(story) if booked else None
    is_off = story.summary.cancelled_at is not None
    return tuple(
        _standing(
            line,
            schedules.get(line.id),
            None if shipped is None else shipped.get(line.id, Decimal(0)),
            off=line.quantity.amount if is_off else off.get(line.id, NONE),
        )
        for line in order.lines
    )


def is_partly_shipped(story: OrderStory, booked: BookedOrder | None) -> bool:
    """Something has left, and something is still to leave; as far as the books and what was reported can say."""
    if booked is None or booked.cancelled_at is not None:
        return False
    left = _shipped(story)
    return bool(left and still_to_leave(booked.order, booked.acknowledgement, left, booked.cancelled))


def _shipped(story: OrderStory) -> dict[str, Decimal] | None:
    """By line, over every shipment that left; None if one of them cannot be read."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for fact in facts_with_data(story, events.ORDER_SHIPPED):
        try:
            shipment = msgspec.convert(fact.data.get("shipment"), Shipment)
        except msgspec.ValidationError:
            return None
        for line in shipment.lines:
            total[line.line_id] += line.quantity.amount
    return total


def _standing(line: OrderLine, schedule: LineSchedule | None, shipped: Decimal | None, *, off: Decimal) -> LineStanding:
    """`off` was cancelled, as far as it has not left all the same."""
    ordered = line.quantity.amount
    gone = shipped or NONE
    cancelled = min(off, max(ordered - gone, NONE))
    reserved, in_production = _covered(schedule, gone, left=max(ordered - gone - cancelled, NONE))
    parts = (in_production, shipped)
    return LineStanding(
        line_id=line.id,
        sku=line.sku,
        name=line.name,
        unit=line.quantity.unit,
        ordered=ordered,
        confirmed=schedule.quantity.amount if schedule else None,
        reserved=reserved,
        in_production=in_production,
        shipped=shipped,
        cancelled=cancelled,
        unaccounted=(
            None
            if line.is_virtual or None in parts
            else ordered - cancelled - (reserved or NONE) - sum(filter(None, parts), NONE)
        ),
        ship_date=schedule.ship_date if schedule else None,
        work_orders=schedule.work_orders if schedule else (),
        reason=schedule.reason if schedule else "",
        is_virtual=line.is_virtual,
    )


def _covered(schedule: LineSchedule | None, gone: Decimal, *, left: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """What of the part that is still here is set aside, and what work orders cover: all the rest, if there are any.

    What the ERP reports as reserved holds what has left since.
    """
    if schedule is None:
        return None, None
    reserved = None if schedule.reserved is None else min(max(schedule.reserved.amount - gone, NONE), left)
    if schedule.work_orders:
        return reserved, left - (reserved or NONE)
    return reserved, None if reserved is None else NONE
