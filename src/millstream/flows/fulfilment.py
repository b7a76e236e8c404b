"""Packed, shipped, delivered: the books first, then the store and the CRM, each on its own."""

from datetime import UTC, datetime, time
from typing import Any

import msgspec

from millstream.domain import events
from millstream.domain.crosswalk import Alias
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.errors import Reject, Retry
from millstream.domain.events import NewEvent
from millstream.domain.fulfilment import Delivered, Shipment
from millstream.flows.hub import Hub
from millstream.flows.words import delivered_text, packed_text
from millstream.ports.records import BookedOrder

REPORTS_BEFORE_REVIEW = 5
"""A carrier may be quicker than our own feed; after so many looks a human is asked which order is meant."""


def shipment_of(delivery: Delivery) -> Shipment:
    """The shipment an `order.packed` or `order.shipped` event carries."""
    return msgspec.convert(delivery.payload["shipment"], Shipment)


async def booked(order_key: str, hub: Hub) -> BookedOrder:
    """The order from the books; Retry while its confirmation is still being written."""
    order = await hub.records.booked_order(order_key)
    if order is None:
        raise Retry("order.not_booked", f"Order {order_key} is not confirmed by the ERP yet")
    return order


async def book_reported_shipment(delivery: Delivery, hub: Hub) -> Settlement:
    """The ERP's word on a shipment: the step is marked, its numbers are filed, and our own fact tells the others."""
    shipment = shipment_of(delivery)
    order_key = shipment.order_key
    order = await booked(order_key, hub)
    at = delivery.event.occurred_at
    packed = delivery.payload["kind"] == "packed"
    numbers = [("shipment", shipment.number), *(("tracking", parcel.tracking_number) for parcel in shipment.parcels)]
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/{delivery.payload['kind']}/{shipment.erp_id}",
        type=events.ORDER_PACKED if packed else events.ORDER_SHIPPED,
        subject=order_key,
        occurred_at=at,
        data={"customer_id": order.customer_id, "shipment": msgspec.to_builtins(shipment)},
    )
    return Settlement(
        events=(fact,),
        marks=(OrderMark(order_key=order_key, packed_at=at if packed else None, shipped_at=None if packed else at),),
        aliases=tuple(Alias(order_key=order_key, kind=kind, value=value) for kind, value in numbers if value),
    )


async def packed_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """A comment, no e-mail: the e-mail comes with the tracking number."""
    shipment = shipment_of(delivery)
    order = (await booked(shipment.order_key, hub)).order
    key = f"order/{order.key}/packed/{shipment.erp_id}"
    text = packed_text(hub.policy.language_of(order))
    await hub.store.tell_customer(order.store_order_id, text, notify=False, key=key, again=delivery.again)
    return NOTHING


async def packed_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """The CRM sees where the order stands, which may be further already: another part of it has left."""
    shipment = shipment_of(delivery)
    order = await booked(shipment.order_key, hub)
    await hub.crm.record_progress(
        shipment.order_key,
        key=f"order/{shipment.order_key}/packed/{shipment.erp_id}",
        status=None if order.shipped_at or order.delivered_at else "packed",
    )
    return NOTHING


async def ship_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The store's own shipment, line by line, with tracks; the store e-mails it."""
    shipment = shipment_of(delivery)
    order = (await booked(shipment.order_key, hub)).order
    await hub.store.ship(
        order,
        shipment,
        notify=hub.policy.notify_customer,
        key=f"order/{order.key}/ship/{shipment.erp_id}",
        again=delivery.again,
    )
    return NOTHING


async def shipped_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """Shipping date and every tracking number so far on the purchase. A carrier may have reported delivery before."""
    shipment = shipment_of(delivery)
    order = await booked(shipment.order_key, hub)
    day = shipment.shipped_on
    await hub.crm.record_progress(
        shipment.order_key,
        key=f"order/{shipment.order_key}/ship/{shipment.erp_id}",
        status=None if order.delivered_at else "shipped",
        shipped_at=datetime.combine(day, time(), UTC) if day else delivery.event.occurred_at,
        tracking_numbers=await hub.records.tracking_numbers(shipment.order_key),
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


async def book_reported_delivery(delivery: Delivery, hub: Hub) -> Settlement:
    """A carrier's report, turned into our own fact about the order it belongs to."""
    report = msgspec.convert(dict(delivery.payload), Delivered)
    order_key = await find_reported_order(delivery, hub)
    order = await booked(order_key, hub)
    fact = NewEvent(
        source="millstream",
        source_id=f"order/{order_key}/delivered/{report.tracking_number or report.shipment_number or 'order'}",
        type=events.ORDER_DELIVERED,
        subject=order_key,
        occurred_at=report.delivered_at,
        data={"customer_id": order.customer_id, "delivered": msgspec.to_builtins(report)},
    )
    return Settlement(events=(fact,), marks=(OrderMark(order_key=order_key, delivered_at=report.delivered_at),))


async def delivered_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The shopper sees that it arrived."""
    report = msgspec.convert(delivery.payload["delivered"], Delivered)
    order = (await booked(delivery.event.subject, hub)).order
    await hub.store.tell_customer(
        order.store_order_id,
        delivered_text(report.received_by, hub.policy.language_of(order)),
        notify=False,
        key=delivery.event.source_id,
        again=delivery.again,
    )
    return NOTHING


async def delivered_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """Delivery time on the purchase: the CRM's follow-up starts here."""
    report = msgspec.convert(delivery.payload["delivered"], Delivered)
    await hub.crm.record_progress(
        delivery.event.subject, key=delivery.event.source_id, status="delivered", delivered_at=report.delivered_at
    )
    return NOTHING
