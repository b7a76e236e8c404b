"""Where the quantity of a line is, and whether it adds up."""

from decimal import Decimal
from uuid import UUID

import pytest

from fakes.world import START
from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.order import Address, Customer, OrderLine, SalesOrder, Totals
from millstream.domain.values import Money, Quantity
from millstream.flows.order_lines import lines_of
from millstream.ports.desk import DeliveryRow, DeliveryStory, EventRow, OrderStory, OrderSummary
from millstream.ports.records import BookedOrder

ZERO = Money.zero("EUR")


def order(ordered, *, is_virtual=False):
    line = OrderLine(
        id="1", sku="PUMP", name="Pump", quantity=Quantity(Decimal(ordered)), unit_price=ZERO, discount=ZERO, net=ZERO,
        tax=ZERO, ship_item_id="1", is_virtual=is_virtual,
    )  # fmt: skip
    return SalesOrder(
        key="S", store="shop", store_view_id="1", store_order_id="1", number="1", state="new", status="new",
        placed_at=START, currency="EUR", bill_to=Address(name="A"), ship_to=None, lines=(line,),
        customer=Customer(store_customer_id=None, email="a@b.example", name="A"),
        totals=Totals(subtotal=ZERO, discount=ZERO, shipping=ZERO, tax=ZERO, grand_total=ZERO),
    )  # fmt: skip


def shipped(number, *quantities):
    """A fact about one shipment; two subscribers were told of it."""
    shipment = {
        "erp_id": str(number), "number": str(number), "order_key": "S", "state": "shipped", "warehouse": None,
        "lines": [{"line_id": "1", "sku": "PUMP", "quantity": {"amount": one, "unit": "u"}} for one in quantities],
    }  # fmt: skip
    for subscriber in ("store", "crm"):
        row = DeliveryRow(
            id=number, event_id=UUID(int=number), event_type="order.shipped", subject="S", subscriber=subscriber,
            state="done", tries=1, attempts=1, due_at=START, created_at=START, updated_at=START, head=True,
        )  # fmt: skip
        fact = EventRow(
            id=row.event_id, type=row.event_type, source="erp", source_id=str(number), occurred_at=START,
            received_at=START,
        )  # fmt: skip
        yield DeliveryStory(row=row, event=fact, data={"shipment": shipment}, amended=None, waived=(), attempts=())


def standing(ordered="3", *, reserved=None, made=(), confirmed=None, left=(), off=False, rest=None, is_virtual=False):
    placed = order(ordered, is_virtual=is_virtual)
    schedule = LineSchedule(
        line_id="1", sku="PUMP", quantity=Quantity(Decimal(confirmed or ordered)), work_orders=tuple(made),
        reserved=None if reserved is None else Quantity(Decimal(reserved)), reason="why",
    )  # fmt: skip
    acknowledgement = Acknowledgement(
        erp_id="1", number="1", state="open", warehouse=None, lines=(schedule,), ship_date=None, net=ZERO, tax=ZERO,
        gross=ZERO,
    )  # fmt: skip
    story = OrderStory(
        summary=OrderSummary(order_key="S", cancelled_at=START if off else None), aliases=(), events=(), promises=(),
        deliveries=tuple(fact for n, one in enumerate(left, start=1) for fact in shipped(n, one)),
    )  # fmt: skip
    cancelled = {} if rest is None else {"1": Decimal(rest)}
    booked = BookedOrder(
        order=placed, customer_id="C", acknowledgement=acknowledgement, ship_date=None, cancelled=cancelled
    )
    (line,) = lines_of(story, placed, booked)
    told = (line.reserved, line.in_production, line.shipped, line.cancelled, line.unaccounted)
    return tuple(None if one is None else int(one) for one in told)


@pytest.mark.parametrize(
    ("given", "reserved_made_shipped_cancelled_left"),
    [
        ({"reserved": "3"}, (3, 0, 0, 0, 0)),
        ({"reserved": "1", "made": ("W1",)}, (1, 2, 0, 0, 0)),
        ({"made": ("W1",)}, (None, 3, 0, 0, 0)),
        ({"reserved": "1"}, (1, 0, 0, 0, 2)),
        ({"reserved": "3", "left": ("1", "1")}, (1, 0, 2, 0, 0)),
        ({"reserved": "2", "made": ("W1",), "left": ("2",)}, (0, 1, 2, 0, 0)),
        ({"reserved": "3", "left": ("3", "1")}, (0, 0, 4, 0, -1)),
        ({"reserved": "3", "left": ("1",), "off": True}, (0, 0, 1, 2, 0)),
        ({"made": ("W1",), "off": True}, (None, 0, 0, 3, 0)),
        ({"reserved": "3", "left": ("2",), "rest": "1"}, (0, 0, 2, 1, 0)),
        ({"reserved": "2", "confirmed": "2", "rest": "1"}, (2, 0, 0, 1, 0)),
        ({"reserved": "3", "left": ("3",), "rest": "1"}, (0, 0, 3, 0, 0)),
        ({}, (None, None, 0, 0, None)),
        ({"reserved": "0", "is_virtual": True}, (0, 0, 0, 0, None)),
    ],
)
def test_every_part_of_a_line_is_somewhere_or_told_to_be_missing(given, reserved_made_shipped_cancelled_left):
    assert standing(**given) == reserved_made_shipped_cancelled_left


def test_a_line_nobody_acknowledged_is_unknown():
    placed = order("3")
    story = OrderStory(summary=OrderSummary(order_key="S"), aliases=(), events=(), deliveries=(), promises=())
    (line,) = lines_of(story, placed, None)
    assert (line.confirmed, line.reserved, line.in_production, line.shipped, line.unaccounted) == (None,) * 5
    assert (line.cancelled, line.work_orders) == (0, ())
