"""Cancellation and a new address before production, followed through to the ERP and the CRM."""

import msgspec

from millstream.domain import events
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.errors import Reject
from millstream.domain.events import NewEvent
from millstream.flows.confirmation import lifetime_value
from millstream.flows.fulfilment import booked
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
