"""Cancellation of the whole or of a rest, and a new address before production, followed through everywhere."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import acknowledgement_from_json
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.errors import Reject
from millstream.domain.events import NewEvent
from millstream.domain.fulfilment import CancelledLine, newly_cancelled, still_to_leave, way_of
from millstream.domain.values import Quantity
from millstream.flows.booked import booked, reported_on
from millstream.flows.confirmation import lifetime_value
from millstream.flows.fulfilment import standing_in_crm
from millstream.flows.hub import Hub
from millstream.flows.words import rest_cancelled_text
from millstream.ports.records import BookedOrder


async def cancel_in_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """Takes the order back while nothing is under way; otherwise a human decides (Reject "order.too_late")."""
    order_key = delivery.event.subject
    had_it = await hub.erp.cancel_order(order_key, reason="cancelled in the store", key=f"order/{order_key}/cancel")
    if not had_it:
        return Settlement(note="the ERP never had this order")
    order = await hub.records.booked_order(order_key)
    if order is None:
        return Settlement(note="cancelled in the ERP before it was confirmed to anybody")
    return booked_as_cancelled(order_key, order.customer_id, hub)


async def cancelled_by_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """The ERP dropped an order on its own: the store's order is cancelled too, or a human is asked why not."""
    order_key = delivery.event.subject
    order = await hub.records.booked_order(order_key)
    if order is None or order.cancelled_at is not None:
        return Settlement(note="our own cancellation, seen from the other side")
    await hub.store.cancel(order.order.store_order_id, key=f"order/{order_key}/cancel")
    return booked_as_cancelled(order_key, order.customer_id, hub)


def booked_as_cancelled(order_key: str, customer_id: str, hub: Hub) -> Settlement:
    """The mark in the books and the fact that tells the CRM; whichever side cancelled, it is one and the same fact."""
    now = hub.world.clock.now()
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/cancellation_confirmed",
        type=events.ORDER_CANCELLATION_CONFIRMED,
        subject=order_key,
        occurred_at=now,
        data={"customer_id": customer_id},
    )
    return Settlement(events=(fact,), marks=(OrderMark(order_key=order_key, cancelled_at=now),))


async def cancelled_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """The purchase is marked cancelled, and the customer's lifetime value is written without it."""
    order_key = delivery.event.subject
    key = f"order/{order_key}/cancelled"
    customer_id = str(delivery.payload["customer_id"])
    order = (await booked(order_key, hub)).order
    value, orders_count = await lifetime_value(customer_id, order.base_currency or order.currency, hub)
    await hub.crm.restate_lifetime_value(customer_id, lifetime_value=value, orders_count=orders_count, key=key)
    await hub.crm.record_progress(order_key, key=key, status="cancelled", cancelled_at=delivery.event.occurred_at)
    return NOTHING


async def rest_cancelled_by_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """The ERP will not deliver a part of the order any more: nobody waits for it, and our own fact tells the others.

    Once nothing is left to leave, the order is shipped as of the part that left last.
    """
    order_key = delivery.event.subject
    order = await reported_on(delivery, order_key, hub)
    if order.cancelled_at is not None:
        return Settlement(note="all of it is cancelled")
    reported = msgspec.convert(delivery.payload["cancelled"], tuple[CancelledLine, ...])
    more = newly_cancelled(order.order, reported, order.cancelled)
    if not more:
        return Settlement(note="known already")
    cancelled = {**order.cancelled, **{line: order.cancelled.get(line, Decimal(0)) + more[line] for line in more}}
    fact = NewEvent(
        source="millstream",
        # Named by what the ERP reported, not by an id of ours: told after a restore, it is recognised as told before.
        source_id=f"order/{order_key}/rest_cancelled/{delivery.event.source}/{delivery.event.source_id}",
        type=events.ORDER_REST_CANCELLED,
        subject=order_key,
        occurred_at=delivery.event.occurred_at,
        data={"customer_id": order.customer_id, "lines": _named(order, more)},
    )
    return Settlement(events=(fact,), marks=(await _without_rest(delivery, order, cancelled, hub),))


async def _without_rest(
    delivery: Delivery, order: BookedOrder, cancelled: Mapping[str, Decimal], hub: Hub
) -> OrderMark:
    """What the books have of the order now. Its dates are the schedule's to tell, as long as there are any."""
    order_key = order.order.key
    acknowledgement = acknowledgement_from_json(dict(delivery.payload["acknowledgement"]))
    way = way_of(await hub.records.steps_on_the_way(order_key))
    if still_to_leave(order.order, acknowledgement, way.left, cancelled):
        return OrderMark(order_key=order_key, cancelled=cancelled)
    return OrderMark(
        order_key=order_key,
        cancelled=cancelled,
        acknowledgement=acknowledgement,
        shipped_at=order.left_at,
        shipped_on=order.left_on,
        delivered_at=way.arrived_at,
    )


def _named(order: BookedOrder, more: Mapping[str, Decimal]) -> list[dict[str, str]]:
    """The lines as people read them."""
    return [
        {
            "line_id": line.id,
            "sku": line.sku,
            "name": line.name,
            "quantity": str(Quantity(more[line.id], line.quantity.unit)),
        }
        for line in order.order.lines
        if line.id in more
    ]


async def rest_cancelled_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The shopper is told what will not come. Its money is for people: the store has no way to cancel a part."""
    order = (await booked(delivery.event.subject, hub)).order
    await hub.store.tell_customer(
        order.store_order_id,
        rest_cancelled_text(delivery.payload["lines"], hub.policy.language_of(order)),
        notify=hub.policy.notify_customer,
        key=delivery.event.source_id,
        again=delivery.again,
    )
    return NOTHING


async def rest_cancelled_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """Where the order stands without its rest. Its worth stays what was paid until the store says otherwise."""
    order_key = delivery.event.subject
    order = await booked(order_key, hub)
    status = standing_in_crm(order)
    if status is None:
        return Settlement(note="cancelled meanwhile" if order.cancelled_at else "nothing of it has left yet")
    await hub.crm.record_progress(
        order_key,
        key=delivery.event.source_id,
        status=status,
        shipped_at=datetime.combine(order.left_on, time(), UTC) if order.shipped_at and order.left_on else None,
        delivered_at=order.delivered_at,
    )
    return NOTHING


async def change_address_in_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """Ships to the address the order has now, which may be newer than the one that triggered this."""
    order_key = delivery.event.subject
    now = await hub.store.read_order(str(delivery.event.data["store_order_id"]))
    if now.cancelled:
        return Settlement(note="cancelled meanwhile")
    order = hub.store.interpret(now.raw)
    if order.ship_to is None:
        raise Reject("address.missing", f"Order {order.number} has no ship-to address any more.", field="ship_to")
    known = await hub.records.booked_order(order_key)
    if known is None:
        return Settlement(note="not in the ERP yet: it will be placed with the new address")
    # An earlier try may have sent another address: then only the ERP knows which one it has, and is told again.
    if known.order.ship_to == order.ship_to and not delivery.again:
        return Settlement(note="the ERP has this address already")
    await hub.erp.change_address(
        order_key, order.ship_to, key=f"order/{order_key}/ship_to/{order.ship_to.fingerprint()}"
    )
    # Only the address moves: prices and lines stay as the ERP confirmed them.
    moved = msgspec.structs.replace(known.order, ship_to=order.ship_to)
    return Settlement(marks=(OrderMark(order_key=order_key, order=moved),))
