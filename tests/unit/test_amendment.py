"""Is an amended payload one that its flow can read?"""

import pytest
from test_domain_order import order

from millstream.domain import events
from millstream.domain.errors import Reject
from millstream.flows.amendment import refuse_unreadable

SHIPMENT = {
    "erp_id": "1", "number": "S1", "order_key": "k", "state": "shipped", "warehouse": None,
    "lines": [{"line_id": "1", "sku": "A", "quantity": {"amount": "1", "unit": "pcs"}}],
}  # fmt: skip


def nothing_to_say(raw):
    return order()


def refuses(raw):
    raise Reject("order.items_missing", "there are no items", field="items")


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        (events.ORDER_PLACED, {"order": {"any": 1}}),
        (events.ORDER_SHIPPED, {"shipment": SHIPMENT, "customer_id": "C"}),
        (events.ORDER_SHIPMENT_REPORTED, {"kind": "packed", "shipment": SHIPMENT}),
        (events.ORDER_DELIVERY_REPORTED, {"delivered_at": "2026-11-23T10:00:00Z", "tracking_number": "1Z"}),
        (events.ORDER_DELIVERED, {"delivered": {"delivered_at": "2026-11-23T10:00:00Z"}}),
        (events.ORDER_HINTED, {"whatever": None}),
    ],
)
def test_what_can_be_read_is_let_through(event_type, payload):
    assert refuse_unreadable(event_type, payload, nothing_to_say) is None


@pytest.mark.parametrize(
    ("event_type", "payload", "place"),
    [
        (events.ORDER_PLACED, {}, "order"),
        (events.ORDER_SHIPPED, {}, "shipment"),
        (events.ORDER_SHIPPED, {"shipment": {**SHIPMENT, "lines": [{"line_id": 1}]}}, "shipment.lines"),
        (events.ORDER_DELIVERY_REPORTED, {"tracking_number": "1Z"}, "delivered_at"),
        (events.ORDER_CONFIRMED, {"customer_id": "C"}, "order"),
    ],
)
def test_what_cannot_is_refused_with_the_place(event_type, payload, place):
    with pytest.raises(Reject) as refusal:
        refuse_unreadable(event_type, payload, nothing_to_say)
    assert refusal.value.code == "payload.invalid"
    assert place in refusal.value.message


def test_an_order_is_read_by_the_connector_and_its_place_is_named():
    with pytest.raises(Reject) as refusal:
        refuse_unreadable(events.ORDER_PLACED, {"order": {}}, refuses)
    assert (refusal.value.code, refusal.value.field) == ("payload.invalid", "order.items")
