"""Facts, in CloudEvents 1.0 attribute names."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypedDict
from uuid import UUID

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.order import SalesOrder

ORDER_HINTED: Final = "order.hinted"  # a store says "look at this order"; the order itself is read back
ORDER_PLACED: Final = "order.placed"
ORDER_CANCELLED: Final = "order.cancelled"  # cancelled in the store
ORDER_ADDRESS_CHANGED: Final = "order.address_changed"
ORDER_CONFIRMED: Final = "order.confirmed"  # the ERP acknowledged it: number, reservation, dates
ORDER_INCOMPLETE_IN_CRM: Final = "order.incomplete_in_crm"  # recorded as a draft: the CRM lacks a product of it
ORDER_CANCELLATION_CONFIRMED: Final = "order.cancellation_confirmed"  # the ERP let it go
ORDER_PROMISE_CHANGED: Final = "order.promise_changed"
ORDER_SHIPMENT_REPORTED: Final = "order.shipment_reported"  # the ERP's word on a shipment, before the books have it
ORDER_PACKED: Final = "order.packed"
ORDER_SHIPPED: Final = "order.shipped"
ORDER_TRACKED: Final = "order.tracked"  # numbers of parcels that had left without them, or under others
ORDER_DELIVERED: Final = "order.delivered"
ORDER_DELIVERY_REPORTED: Final = "order.delivery_reported"  # a carrier's word, before we know which order it means
ORDER_PROMISE_REPORTED: Final = "order.promise_reported"  # a planner's word, likewise
ORDER_RESCHEDULED: Final = "order.rescheduled"  # the ERP moved dates or work orders; may equal what was promised
ORDER_CANCELLED_BY_ERP: Final = "order.cancelled_by_erp"
ORDER_REST_CANCELLED_BY_ERP: Final = "order.rest_cancelled_by_erp"  # the ERP's word on a part that will not come
ORDER_REST_CANCELLED: Final = "order.rest_cancelled"  # the books have it: what will not come, line by line
ORDER_HOLD_WANTED: Final = "order.hold_wanted"  # a person wants it on hold in the store
ORDER_UNHOLD_WANTED: Final = "order.unhold_wanted"  # and off hold

EVENT_TYPES: Final = frozenset(
    {
        ORDER_HINTED,
        ORDER_PLACED,
        ORDER_CANCELLED,
        ORDER_ADDRESS_CHANGED,
        ORDER_CONFIRMED,
        ORDER_INCOMPLETE_IN_CRM,
        ORDER_CANCELLATION_CONFIRMED,
        ORDER_PROMISE_CHANGED,
        ORDER_SHIPMENT_REPORTED,
        ORDER_PACKED,
        ORDER_SHIPPED,
        ORDER_TRACKED,
        ORDER_DELIVERED,
        ORDER_DELIVERY_REPORTED,
        ORDER_PROMISE_REPORTED,
        ORDER_RESCHEDULED,
        ORDER_CANCELLED_BY_ERP,
        ORDER_REST_CANCELLED_BY_ERP,
        ORDER_REST_CANCELLED,
        ORDER_HOLD_WANTED,
        ORDER_UNHOLD_WANTED,
    }
)


class Confirmed(TypedDict):
    """What `order.confirmed` carries, and `order.incomplete_in_crm` after it."""

    customer_id: str
    order: SalesOrder
    acknowledgement: Acknowledgement


DATA: Final[dict[str, Any]] = {ORDER_CONFIRMED: Confirmed, ORDER_INCOMPLETE_IN_CRM: Confirmed}
"""How the data of a type is read back in one go. What an older version wrote differently stays plain JSON."""


def read_data(event_type: str, text: str | bytes) -> dict[str, Any]:
    """The data of an event from the JSON it is kept as."""
    shape = DATA.get(event_type)
    if shape is not None:
        with suppress(msgspec.ValidationError):  # the flow says what is wrong with it
            typed: dict[str, Any] = msgspec.json.decode(text, type=shape)
            return typed
    plain: dict[str, Any] = msgspec.json.decode(text)
    return plain


CONTEXT: Final = "traceparent"
"""Where the data of an event keeps the W3C Trace Context its sender gave along."""


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A fact on its way into the inbox. `(source, source_id)` identifies it for ever: a second copy is a no-op.

    `subject` is the business key (the order key) that lanes are cut by. `data` is JSON, or values of this domain that
    are written as JSON: whoever reads it takes either (see `order_from_json`).
    """

    source: str
    source_id: str
    type: str
    subject: str
    occurred_at: datetime
    data: dict[str, Any]
    correlation_id: UUID | None = None  # None: this event starts a chain
    causation_id: UUID | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored fact. Never altered, never dropped."""

    id: UUID
    source: str
    source_id: str
    type: str
    subject: str
    occurred_at: datetime
    received_at: datetime
    correlation_id: UUID
    causation_id: UUID | None
    data: dict[str, Any]
