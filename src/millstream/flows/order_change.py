"""Cancellation and a new address before production, followed through to the ERP and the CRM."""

import msgspec

from millstream.domain import events
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.errors import Reject
from millstream.domain.events import NewEvent
from millstream.flows.hub import Hub


async def cancel_in_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """Takes the order back while nothing is under way; otherwise a human decides (Reject "order.too_late")."""
    order_key = delivery.event.subject
    had_it = await hub.erp.cancel_order(order_key, reason="cancelled in the store", key=f"order/{order_key}/cancel")
    if not had_it:
        return Settlement(note="the ERP never had this order")
    order = await hub.records.booked_order(order_key)
    if order is None:
        return Settlement(note="cancelled in the ERP before it was confirmed to anybody")
    now = hub.world.clock.now()
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/cancellation_confirmed",
        type=events.ORDER_CANCELLATION_CONFIRMED,
        subject=order_key,
        occurred_at=now,
        data={"customer_id": order.customer_id},
    )
    return Settlement(events=(fact,), marks=(OrderMark(order_key=order_key, cancelled_at=now),))


async def cancelled_by_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """The ERP dropped an order on its own: the store's order is cancelled too, or a human is asked why not."""
    order_key = delivery.event.subject
    order = await hub.records.booked_order(order_key)
    if order is None or order.cancelled_at is not None:
        return Settlement(note="our own cancellation, seen from the other side")
    await hub.store.cancel(order.order.store_order_id, key=f"order/{order_key}/cancel")
    now = hub.world.clock.now()
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/cancellation_confirmed",
        type=events.ORDER_CANCELLATION_CONFIRMED,
        subject=order_key,
        occurred_at=now,
        data={"customer_id": order.customer_id},
    )
    return Settlement(events=(fact,), marks=(OrderMark(order_key=order_key, cancelled_at=now),))


async def cancelled_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """The purchase is marked cancelled; lifetime value follows with the customer's next purchase."""
    await hub.crm.record_progress(
        delivery.event.subject,
        key=f"order/{delivery.event.subject}/cancelled",
        status="cancelled",
        cancelled_at=delivery.event.occurred_at,
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
    booked = await hub.records.booked_order(order_key)
    if booked is None:
        return Settlement(note="not in the ERP yet: it will be placed with the new address")
    if booked.order.ship_to == order.ship_to:
        return Settlement(note="the ERP has this address already")
    await hub.erp.change_address(
        order_key, order.ship_to, key=f"order/{order_key}/ship_to/{order.ship_to.fingerprint()}"
    )
    # Only the address moves: prices and lines stay as the ERP confirmed them.
    moved = msgspec.structs.replace(booked.order, ship_to=order.ship_to)
    return Settlement(marks=(OrderMark(order_key=order_key, order=moved),))
