"""How far goods are: what left, what arrived, what is still to leave; from values alone."""

from datetime import timedelta
from decimal import Decimal

import pytest

from fakes.world import START
from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.fulfilment import (
    CancelledLine,
    Delivered,
    Parcel,
    Shipment,
    ShipmentLine,
    newly_cancelled,
    still_to_leave,
    way_of,
)
from millstream.domain.order import Address, Customer, OrderLine, SalesOrder, Totals
from millstream.domain.values import Money, Quantity

ZERO = Money.zero("EUR")


def left(serial, *tracking, **lines):
    """A shipment with parcels of these numbers, and so much of each line."""
    goods = (ShipmentLine(line_id=one, sku=one, quantity=Quantity(Decimal(much))) for one, much in lines.items())
    return Shipment(
        erp_id=str(serial), number=f"SH-{serial}", order_key="S", state="shipped", warehouse=None,
        lines=tuple(goods),
        parcels=tuple(Parcel(tracking_number=number) for number in tracking),
    )  # fmt: skip


def said(after_s=0, **numbers):
    return Delivered(delivered_at=START + timedelta(seconds=after_s), **numbers)


def arrived(*steps):
    return way_of(steps).arrived_at


def test_what_left_is_summed_line_by_line_and_each_shipment_counts_once():
    way = way_of([left(1, "T1", a=2), left(2, "T2", a=1, b=4), left(1, "T1", a=2)])
    assert way.left == {"a": 3, "b": 4}


def test_nothing_has_arrived_before_anything_left():
    assert arrived() is None
    assert arrived(said(order_number="1")) is None


@pytest.mark.parametrize(
    ("steps", "is_there"),
    [
        ((left(1, "T1"), said(tracking_number="T1")), True),
        ((left(1, "T1"), said(tracking_number="t1")), True),
        ((left(1, "T1", "T2"), said(tracking_number="T1")), False),
        ((left(1, "T1", "T2"), said(tracking_number="T1"), said(tracking_number="T2")), True),
        ((left(1, "T1", None), said(tracking_number="T1")), True),
        ((left(1), said(shipment_number="sh-1")), True),
        ((left(1), said(shipment_number="SH-2")), False),
        ((left(1, "T1"), said(tracking_number="elsewhere", shipment_number="SH-1")), True),
        ((left(1, "T1"), left(2, "T2"), said(tracking_number="T2")), False),
        ((left(1, "T1"), left(2, "T2"), said(order_number="1")), True),
        ((left(1, "T1"), said(order_number="1"), left(2, "T2")), False),
        ((said(tracking_number="T1"), left(1, "T1")), True),
        ((left(1), left(1, "T1"), said(tracking_number="T1")), True),
        ((left(1), left(1, "T1", "T2"), said(tracking_number="T1")), False),
        ((left(1, "T0"), left(1, "T1"), said(tracking_number="T0")), False),
        ((left(1), said(tracking_number="T1"), left(1, "T1")), True),
        ((left(1, "T1"), left(1), said(tracking_number="T1")), True),
        ((left(1, "T1"), said(tracking_number="T1"), left(1, "T2")), True),
        ((said(shipment_number="SH-1"), left(1, "T1")), True),
        ((said(order_number="1"), left(1, "T1")), True),
        ((said(order_number="1"), left(1, "T1"), left(2, "T2")), False),
        ((left(1, "T1"), said(tracking_number="T1"), said(order_number="1"), left(2, "T2")), False),
    ],
)
def test_everything_arrived_once_no_parcel_is_on_the_road(steps, is_there):
    assert (arrived(*steps) is not None) == is_there


def test_it_arrived_when_the_last_parcel_did():
    steps = (left(1, "T1", "T2"), said(50, tracking_number="T2"), said(20, tracking_number="T1"))
    assert arrived(*steps) == START + timedelta(seconds=50)


def line(line_id, *, is_virtual=False):
    return OrderLine(
        id=line_id, sku=line_id, name=line_id, quantity=Quantity(Decimal(3)), unit_price=ZERO, discount=ZERO, net=ZERO,
        tax=ZERO, ship_item_id=line_id, is_virtual=is_virtual,
    )  # fmt: skip


ORDER = SalesOrder(
    key="S", store="shop", store_view_id="1", store_order_id="1", number="1", state="new", status="new",
    placed_at=START, currency="EUR", bill_to=Address(name="A"), ship_to=None,
    lines=(line("a"), line("b"), line("c", is_virtual=True)),
    customer=Customer(store_customer_id=None, email="a@b.example", name="A"),
    totals=Totals(subtotal=ZERO, discount=ZERO, shipping=ZERO, tax=ZERO, grand_total=ZERO),
)  # fmt: skip


def planned(**lines):
    """What the ERP has to deliver of each line; None: a service."""
    schedules = tuple(
        LineSchedule(line_id=one, sku=one, quantity=Quantity(Decimal(much or 3)), ships=much is not None)
        for one, much in lines.items()
    )
    return Acknowledgement(
        erp_id="1", number="1", state="open", warehouse=None, lines=schedules, ship_date=None, net=ZERO, tax=ZERO,
        gross=ZERO,
    )  # fmt: skip


def amounts(lines):
    return {name: Decimal(much) for name, much in lines.items()}


@pytest.mark.parametrize(
    ("plan", "gone", "rest"),
    [
        ({"a": 3, "b": 3, "c": 3}, {}, ("a", "b")),
        ({"a": 3, "b": 3, "c": 3}, {"a": 3}, ("b",)),
        ({"a": 3, "b": 3}, {"a": 3, "b": 2}, ("b",)),
        ({"a": 3, "b": 3}, {"a": 3, "b": 4}, ()),
        ({"a": 3, "b": 2}, {"a": 3, "b": 2}, ()),
        ({"a": 3, "b": None}, {"a": 3}, ()),
        ({"a": 3}, {"a": 3}, ()),
        ({"b": 3, "a": 3}, {}, ("a", "b")),
    ],
    ids=["nothing left", "a line", "a part of a line", "more than asked", "the ERP has less", "a service", "taken off",
         "in line order"],
)  # fmt: skip
def test_what_the_erp_is_to_deliver_and_has_not_is_still_to_leave(plan, gone, rest):
    assert still_to_leave(ORDER, planned(**plan), amounts(gone), {}) == rest


@pytest.mark.parametrize(
    ("plan", "gone", "off", "rest"),
    [
        ({"a": 3, "b": 3}, {"a": 3, "b": 2}, {"b": 1}, ()),
        ({"a": 3, "b": 2}, {"a": 3, "b": 2}, {"b": 1}, ()),
        ({"a": 3, "b": 3}, {"a": 3}, {"b": 1}, ("b",)),
        ({"a": 3, "b": 3}, {}, {"a": 3, "b": 3}, ()),
        ({"a": 3, "b": 3}, {"a": 3, "b": 3}, {"b": 1}, ()),
    ],
    ids=["the rest of a line", "and the ERP has less", "a part of what is missing", "everything", "it left anyway"],
)
def test_what_the_erp_cancelled_of_a_line_is_not_waited_for(plan, gone, off, rest):
    assert still_to_leave(ORDER, planned(**plan), amounts(gone), amounts(off)) == rest


@pytest.mark.parametrize(
    ("told", "known", "more"),
    [
        ({"a": 2}, {}, {"a": 2}),
        ({"a": 2}, {"a": 2}, {}),
        ({"a": 3, "b": 1}, {"a": 2}, {"a": 1, "b": 1}),
        ({"a": 1}, {"a": 2}, {}),
        ({"a": 9}, {}, {"a": 3}),
        ({"elsewhere": 1}, {}, {}),
    ],
    ids=["news", "known", "more of one, some of another", "less", "never more than ordered", "no line of the order"],
)
def test_only_what_was_not_known_to_be_cancelled_is_news(told, known, more):
    reported = [CancelledLine(line_id=one, sku=one, quantity=Quantity(Decimal(much))) for one, much in told.items()]
    assert newly_cancelled(ORDER, reported, amounts(known)) == more
