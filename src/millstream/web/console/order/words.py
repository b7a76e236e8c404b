"""An order's life in plain words: facts, tries, numbers."""

from typing import Any, Final

LANES: Final = (
    ("store", "Store"),
    ("hub", "Hub"),
    ("erp", "ERP"),
    ("plant", "Plant"),
    ("warehouse", "Warehouse"),
    ("crm", "CRM"),
)
LANE_NAMES: Final = dict(LANES)
FACTS: Final = {
    "order.hinted": "The store said: look at this order",
    "order.placed": "Placed by the customer",
    "order.cancelled": "Cancelled in the store",
    "order.address_changed": "Address changed in the store",
    "order.confirmed": "Confirmed by the ERP",
    "order.incomplete_in_crm": "A draft in the CRM, which lacks a product",
    "order.cancellation_confirmed": "Cancellation confirmed by the ERP",
    "order.cancelled_by_erp": "Cancelled by the ERP",
    "order.rest_cancelled_by_erp": "A part cancelled by the ERP",
    "order.rest_cancelled": "A part will not come",
    "order.hold_wanted": "Somebody wants it on hold in the store",
    "order.unhold_wanted": "Somebody wants it off hold in the store",
    "order.rescheduled": "Plan changed in the ERP",
    "order.promise_reported": "A planner named another date",
    "order.promise_changed": "Promised date changed",
    "order.shipment_reported": "Shipment reported by the ERP",
    "order.packed": "Packed",
    "order.shipped": "Shipped",
    "order.tracked": "Tracking numbers came later",
    "order.delivered": "Delivered",
    "order.delivery_reported": "Delivery reported by the carrier",
}
"""By type of event: a test holds it complete."""

SUBSCRIBERS: Final = {
    "erp": "told to the ERP",
    "store": "told to the store",
    "crm": "told to the CRM",
    "inbox": "order read from the store",
    "book": "put on the books",
    "promise": "compared with the promise",
}
"""What a delivery to each of them does: a test holds it complete."""

NUMBERS: Final = {
    "store": "Store",
    "store_id": "Store id",
    "erp": "ERP",
    "erp_id": "ERP id",
    "po": "PO",
    "work_order": "Work order",
    "shipment": "Shipment",
    "tracking": "Tracking",
    "email": "E-mail",
    "hub": "Hub key",
}
TROUBLES: Final = frozenset({"held", "dead", "retrying"})


def fact_words(event_type: str) -> str:
    """A fact; a type this page does not know, as it is called."""
    return FACTS.get(event_type, event_type)


def delivery_words(event_type: str, subscriber: str) -> str:
    """A fact on its way to a subscriber."""
    return f"{fact_words(event_type)}: {SUBSCRIBERS.get(subscriber, f'to {subscriber}')}"


def moment_words(moment: dict[str, Any]) -> str:
    """A moment of the story: a fact, or a try at a delivery ("order.placed to erp")."""
    event_type, is_try, subscriber = moment["what"].partition(" to ")
    return delivery_words(event_type, subscriber) if is_try else fact_words(event_type)


def number_name(kind: str | None) -> str:
    """What kind of number it is."""
    return NUMBERS.get(kind or "", kind or "")


def days(count: int) -> str:
    """1 day, 2 days."""
    return f"{count} day" if count == 1 else f"{count} days"
