"""Is an amended payload one that its flow can read? Asked before it is taken."""

from typing import Any

import msgspec

from millstream.domain import events
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import Delivered, Shipment
from millstream.domain.order import order_gaps
from millstream.flows.order_story import Interpret

_PARTS = {
    events.ORDER_PACKED: ("shipment", Shipment),
    events.ORDER_SHIPPED: ("shipment", Shipment),
    events.ORDER_SHIPMENT_REPORTED: ("shipment", Shipment),
    events.ORDER_DELIVERED: ("delivered", Delivered),
}
"""Event type -> the member of its data that has a shape, and that shape."""


def refuse_unreadable(event_type: str, payload: dict[str, Any], interpret: Interpret) -> None:
    """Raises Reject("payload.invalid") naming the place, if the flow of this event could not read the payload.

    Orders as placed are read by the store's connector and must close to the cent, what has a shape of its own is read
    by that; the rest is up to its flow.
    """
    try:
        match event_type:
            case events.ORDER_PLACED:
                _read_order(payload, interpret)
            case events.ORDER_DELIVERY_REPORTED:
                msgspec.convert(payload, Delivered)
            case _ if event_type in _PARTS:
                member, shape = _PARTS[event_type]
                msgspec.convert({member: payload.get(member)}, msgspec.defstruct("Payload", [(member, shape)]))
            case _ if event_type in events.DATA:
                msgspec.convert(payload, events.DATA[event_type])
    except msgspec.ValidationError as error:
        raise Reject("payload.invalid", f"The payload is not one of {event_type}: {error}") from None


def _read_order(payload: dict[str, Any], interpret: Interpret) -> None:
    order = payload.get("order")
    if not isinstance(order, dict):
        raise Reject("payload.invalid", "`order` must be the order as the store sent it.", field="order")
    try:
        gaps = order_gaps(interpret(order))
    except Reject as refusal:
        field = "order" if refusal.field is None else f"order.{refusal.field}"
        raise Reject(
            "payload.invalid", f"The store's connector cannot read it: {refusal.message}", field=field
        ) from None
    if gaps:
        raise Reject("payload.invalid", f"Its money does not close to the cent: {'; '.join(gaps)}", field="order")
