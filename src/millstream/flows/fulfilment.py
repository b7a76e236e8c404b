"""Packed, shipped, delivered: the books first, then the store and the CRM, each on its own.

An order may leave in parts. It is shipped when the last part left, and delivered when the last parcel arrived.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from millstream.domain import events
from millstream.domain.crosswalk import Alias
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.errors import Reject, Retry
from millstream.domain.events import NewEvent
from millstream.domain.fulfilment import Delivered, Shipment, Way, still_to_leave, way_of
from millstream.flows.booked import booked, reported_on
from millstream.flows.hub import Hub
from millstream.flows.words import delivered_text, packed_text
from millstream.ports.records import BookedOrder

REPORTS_BEFORE_REVIEW = 5
"""A carrier may be quicker than our own feed; after so many looks a human is asked which order is meant."""


def shipment_of(delivery: Delivery) -> Shipment:
    """The shipment an `order.packed` or `order.shipped` event carries."""
    return msgspec.convert(delivery.payload["shipment"], Shipment)


async def book_reported_shipment(delivery: Delivery, hub: Hub) -> Settlement:
    """The ERP's word on a shipment: the step is marked, its numbers are filed, and our own fact tells the others."""
    shipment = shipment_of(delivery)
    order_key = shipment.order_key
    order = await reported_on(delivery, order_key, hub)
    at = delivery.event.occurred_at
    packed = delivery.payload["kind"] == "packed"
    if packed:
        mark = OrderMark(order_key=order_key, packed_at=at)
    else:
        steps = await hub.records.steps_on_the_way(order_key)
        if earlier := _earlier(shipment, steps):
            return _tracked(delivery, earlier, order, way_of((*steps, shipment)), hub)
        mark = _left(shipment, order, at, way_of((*steps, shipment)))
    carried = {line.line_id: line.quantity.amount for line in shipment.lines}
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/{delivery.payload['kind']}/{shipment.erp_id}",
        type=events.ORDER_PACKED if packed else events.ORDER_SHIPPED,
        subject=order_key,
        occurred_at=at,
        data={
            "customer_id": order.customer_id,
            "shipment": msgspec.to_builtins(shipment),
            "part": bool(waited_for(order, carried)),
        },
    )
    return Settlement(
        events=(fact,),
        marks=(mark,),
        aliases=_aliases(shipment),
    )


def _earlier(shipment: Shipment, steps: Iterable[Shipment | Delivered]) -> list[Shipment]:
    """The same shipment as it was told before."""
    return [step for step in steps if isinstance(step, Shipment) and step.erp_id == shipment.erp_id]


def _aliases(shipment: Shipment) -> tuple[Alias, ...]:
    numbers = [("shipment", shipment.number), *(("tracking", number) for number in shipment.tracking_numbers)]
    return tuple(Alias(order_key=shipment.order_key, kind=kind, value=value) for kind, value in numbers if value)


def _tracked(delivery: Delivery, earlier: list[Shipment], order: BookedOrder, way: Way, hub: Hub) -> Settlement:
    """A shipment that had left is told again: with numbers it did not have then, or as before."""
    shipment = shipment_of(delivery)
    if shipment.tracking_numbers == earlier[-1].tracking_numbers:
        return Settlement(note="its tracking numbers are known")
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{shipment.order_key}/tracked/{delivery.event.source}/{delivery.event.source_id}",
        type=events.ORDER_TRACKED,
        subject=shipment.order_key,
        occurred_at=hub.world.clock.now(),
        data={"customer_id": order.customer_id, "shipment": msgspec.to_builtins(shipment)},
    )
    is_over = order.shipped_at is not None and not waited_for(order, way.left)
    mark = OrderMark(order_key=shipment.order_key, delivered_at=way.arrived_at if is_over else None)
    return Settlement(events=(fact,), marks=(mark,), aliases=_aliases(shipment))


def waited_for(order: BookedOrder, left: Mapping[str, Decimal]) -> tuple[str, ...]:
    """The ids of lines of which something is still to leave, as the books have it now."""
    return still_to_leave(order.order, order.acknowledgement, left, order.cancelled)


def _left(shipment: Shipment, order: BookedOrder, at: datetime, way: Way) -> OrderMark:
    """Shipped once nothing is left to leave, on the newest day of its parts: the ERP tells them in any order.

    The ERP's day, not ours: in the evening of New York it is the next one in UTC already. A carrier may have reported
    the last parcel before.
    """
    if waited_for(order, way.left):
        return OrderMark(order_key=shipment.order_key)
    day = shipment.shipped_on or at.astimezone(UTC).date()
    return OrderMark(
        order_key=shipment.order_key,
        shipped_at=at,
        shipped_on=max(day, order.left_on or day),
        delivered_at=way.arrived_at,
    )


async def packed_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """A comment, no e-mail: the e-mail comes with the tracking number."""
    shipment = shipment_of(delivery)
    order = (await booked(shipment.order_key, hub)).order
    key = f"order/{order.key}/packed/{shipment.erp_id}"
    text = packed_text(hub.policy.language_of(order), part=bool(delivery.payload.get("part")))
    await hub.store.tell_customer(order.store_order_id, text, notify=False, key=key, again=delivery.again)
    return NOTHING


def standing_in_crm(order: BookedOrder) -> str | None:
    """Where goods of the order are as the books have it now, which may be further than the fact that is told.

    None: none has left; or the order is cancelled, and another fact says so.
    """
    if order.cancelled_at is not None:
        return None
    if order.delivered_at is not None:
        return "delivered"
    if order.shipped_at is not None:
        return "shipped"
    return "partly shipped" if order.has_left else None


async def packed_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """The CRM sees where the order stands, which may be further already: another part of it has left."""
    shipment = shipment_of(delivery)
    order = await booked(shipment.order_key, hub)
    if order.cancelled_at is not None:
        return Settlement(note="cancelled meanwhile")
    await hub.crm.record_progress(
        shipment.order_key,
        key=f"order/{shipment.order_key}/packed/{shipment.erp_id}",
        status=standing_in_crm(order) or "packed",
    )
    return NOTHING


async def ship_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The store's own shipment, line by line, with tracks; the store e-mails it. Later numbers: tracks only."""
    shipment = shipment_of(delivery)
    order = (await booked(shipment.order_key, hub)).order
    await hub.store.ship(
        order,
        shipment,
        notify=hub.policy.notify_customer,
        key=f"order/{order.key}/ship/{shipment.erp_id}",
        again=delivery.again,
        tracks_only=delivery.event.type == events.ORDER_TRACKED,
    )
    return NOTHING


async def shipped_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """Every tracking number so far on the purchase; with the last part the shipping date.

    A carrier may have reported delivery before.
    """
    shipment = shipment_of(delivery)
    order = await booked(shipment.order_key, hub)
    day = order.left_on  # of the last part, whichever is told now
    await hub.crm.record_progress(
        shipment.order_key,
        key=f"order/{shipment.order_key}/ship/{shipment.erp_id}",
        status=standing_in_crm(order),
        shipped_at=datetime.combine(day, time(), UTC) if order.shipped_at and day else None,
        tracking_numbers=await hub.records.tracking_numbers(shipment.order_key),
        delivered_at=order.delivered_at,
    )
    return NOTHING


async def find_reported_order(delivery: Delivery, hub: Hub) -> str:
    """The one order a partner's report is about, by any number it gives."""
    payload: Any = delivery.payload
    numbers = [payload.get(name) for name in ("tracking_number", "shipment_number", "order_number")]
    for number in filter(None, numbers):
        found = await hub.records.find_orders(str(number))
        if len(found) == 1:
            return found[0]
        if found:
            raise Reject(
                "order.ambiguous",
                f"{number} belongs to {len(found)} orders. Amend the payload with a tracking number or an ERP number.",
                field="order_number",
            )
    message = f"No order has the number {next(filter(None, numbers), '(none given)')}."
    if delivery.attempts < REPORTS_BEFORE_REVIEW:
        raise Retry("order.not_found", message, after_s=5.0 * delivery.attempts)
    raise Reject("order.not_found", f"{message} Amend the payload with the right number, or discard it.")


def handed_on(delivery: Delivery, order_key: str, name: str) -> Settlement:
    """A partner's report goes on in the lane of the order it turned out to be about.

    Partners name parcels and numbers, and each number has a lane of its own. What is booked from two reports about one
    order must not be decided side by side.
    """
    report = NewEvent(
        source=delivery.event.source,
        source_id=f"order/{order_key}/{name}",
        type=delivery.event.type,
        subject=order_key,
        occurred_at=delivery.event.occurred_at,
        data={**delivery.payload, "order_key": order_key},
    )
    return Settlement(events=(report,), note=f"it is about {order_key}")


async def book_reported_delivery(delivery: Delivery, hub: Hub) -> Settlement:
    """A carrier's report, turned into our own fact about the order it belongs to."""
    report = msgspec.convert(dict(delivery.payload), Delivered)
    what = report.tracking_number or report.shipment_number or f"order/{report.delivered_at:%Y%m%dT%H%M%S}"
    name = f"delivered/{what}"
    order_key = delivery.payload.get("order_key")
    if order_key is None:
        return handed_on(delivery, await find_reported_order(delivery, hub), name)
    order = await reported_on(delivery, order_key, hub)
    way = way_of((*await hub.records.steps_on_the_way(order_key), report))
    is_gone = order.shipped_at is not None and not waited_for(order, way.left)
    is_over = is_gone and way.arrived_at is not None
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/{name}",
        type=events.ORDER_DELIVERED,
        subject=order_key,
        occurred_at=report.delivered_at,
        data={
            "customer_id": order.customer_id,
            "delivered": msgspec.to_builtins(report),
            "part": order.has_left and not is_over,
        },
    )
    mark = OrderMark(order_key=order_key, delivered_at=way.arrived_at if is_over else None)
    return Settlement(events=(fact,), marks=(mark,))


async def delivered_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The shopper sees that it arrived."""
    report = msgspec.convert(delivery.payload["delivered"], Delivered)
    order = (await booked(delivery.event.subject, hub)).order
    part = bool(delivery.payload.get("part"))
    await hub.store.tell_customer(
        order.store_order_id,
        delivered_text(report.received_by, hub.policy.language_of(order), part=part),
        notify=False,
        key=delivery.event.source_id,
        again=delivery.again,
    )
    return NOTHING


async def delivered_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """Delivery time on the purchase once everything arrived: the CRM's follow-up starts here."""
    order = await booked(delivery.event.subject, hub)
    if order.delivered_at is None:
        return Settlement(note="a part arrived; more is on its way or still to leave")
    await hub.crm.record_progress(
        delivery.event.subject,
        key=delivery.event.source_id,
        status=standing_in_crm(order),
        delivered_at=order.delivered_at,
    )
    return NOTHING
