"""The rules that hold an order, and what is booked of one: pure, without any system."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.errors import Reject
from millstream.domain.order import Address, Customer, LineOption, OrderLine, SalesOrder, Totals
from millstream.domain.values import Money, Quantity
from millstream.flows.made_earlier import differences
from millstream.flows.order_to_erp import (
    aliases_of,
    base_total,
    main_reason,
    refuse_unless_money_closes,
)
from millstream.flows.prices import item_of, refuse_stale_prices
from millstream.ports.erp import ErpItem

ONE_PERCENT = Decimal(1)


def euro(amount, currency="EUR") -> Money:
    return Money(Decimal(amount), currency)


def line(price="100", sku="PUMP-100", **other) -> OrderLine:
    return OrderLine(
        id="1",
        sku=sku,
        name=sku,
        quantity=Quantity(Decimal(1)),
        unit_price=euro(price),
        discount=euro(0),
        net=euro(price).to_cent(),
        tax=euro(0),
        ship_item_id="1",
        **other,
    )


def order(*lines, total=None, **other) -> SalesOrder:
    lines = lines or (line(),)
    total = euro(total or sum(one.net.amount for one in lines))
    return SalesOrder(
        key="shop-1-7",
        store="shop",
        store_view_id="1",
        store_order_id="17",
        number="7",
        state="new",
        status="pending",
        placed_at=datetime(2026, 11, 23, tzinfo=UTC),
        currency="EUR",
        customer=Customer(store_customer_id="5", email="mia@miller.example", name="Mia Miller"),
        bill_to=Address(name="Mia Miller"),
        ship_to=None,
        lines=lines,
        totals=Totals(subtotal=total, discount=euro(0), shipping=euro(0), tax=euro(0), grand_total=total),
        **other,
    )


def item(price="100", sku="PUMP-100", *, currency="EUR", salable=True) -> ErpItem:
    return ErpItem(sku=sku, name=sku, salable=salable, price=None if price is None else euro(price, currency))


def held_for(order, *items, tolerance=ONE_PERCENT) -> Reject | None:
    try:
        refuse_stale_prices(order, {one.sku: one for one in items}, tolerance)
    except Reject as refused:
        return refused
    return None


@pytest.mark.parametrize("sold", ["100", "99", "101", "100.5"])
def test_a_price_within_the_tolerance_passes(sold):
    assert held_for(order(line(sold)), item("100")) is None


@pytest.mark.parametrize("sold", ["98.99", "101.01", "1"])
def test_a_price_beyond_the_tolerance_is_held_either_way_and_both_prices_are_named(sold):
    held = held_for(order(line(sold)), item("100"))
    assert (held.code, held.field) == ("price.stale", "lines[1].unit_price")
    assert str(euro(sold)) in held.message
    assert "100.00 EUR" in held.message


def test_a_cent_is_always_allowed_so_that_cheap_things_may_round():
    assert held_for(order(line("0.06")), item("0.05"), tolerance=Decimal(0)) is None
    assert held_for(order(line("0.07")), item("0.05"), tolerance=Decimal(0)).code == "price.stale"


def test_a_price_the_erp_does_not_know_is_no_reason_to_hold():
    assert held_for(order(line("1")), item(None)) is None


def in_dollars(price="110") -> ErpItem:
    return msgspec.structs.replace(item(None), other_prices=(euro("7", "CHF"), euro(price, "USD")))


def test_a_price_in_the_websites_currency_is_compared_at_the_rate_the_store_sold_at():
    sold = {"base_currency": "USD", "base_rate": Decimal("0.9")}  # 100 USD are 90 EUR
    assert held_for(order(line("99"), **sold), in_dollars()) is None
    held = held_for(order(line("110"), **sold), in_dollars())  # the number is theirs, the currency is not
    assert held.code == "price.stale"
    assert "the ERP's price is 99.00 EUR (110.00 USD at the store's rate of 0.9)" in held.message
    both = msgspec.structs.replace(in_dollars("7"), price=euro("100"))
    assert held_for(order(line("100"), **sold), both) is None


@pytest.mark.parametrize(
    "sold", [{}, {"base_currency": "USD"}, {"base_currency": "GBP", "base_rate": Decimal(2)}], ids=str
)
def test_a_price_in_a_currency_the_store_tells_no_rate_for_holds_the_order_until_somebody_says_it_is_right(sold):
    held = held_for(order(line("110"), **sold), in_dollars())
    assert (held.code, held.field) == ("price.other_currency", "lines[1].unit_price")
    assert "PUMP-100 was sold at 110.00 EUR, the ERP's price is 7.00 CHF or 110.00 USD" in held.message
    refuse_stale_prices(order(line("110"), **sold), {"PUMP-100": in_dollars()}, ONE_PERCENT, waived={held.code})


def test_surcharges_of_custom_options_are_no_reason_to_hold():
    engraved = line("150", options=(LineOption(kind="custom", option_id="1", value="engraved"),))
    assert held_for(order(engraved), item("100")) is None


def test_a_line_means_the_salable_item_of_its_own_sku_or_else_of_the_catalogues():
    both = {"PUMP-RED": item(sku="PUMP-RED"), "PUMP": item(sku="PUMP")}
    red = line(sku="PUMP-RED", base_sku="PUMP")
    assert item_of(red, both).sku == "PUMP-RED"
    assert item_of(red, {"PUMP": both["PUMP"]}).sku == "PUMP"
    assert item_of(red, {"PUMP-RED": item(sku="PUMP-RED", salable=False), "PUMP": both["PUMP"]}).sku == "PUMP"
    assert item_of(red, {}) is None


def test_an_order_that_does_not_close_to_the_cent_is_held_and_told_by_how_much():
    refuse_unless_money_closes(order())
    with pytest.raises(Reject) as held:
        refuse_unless_money_closes(order(total="100.01"))
    assert (held.value.code, held.value.field) == ("totals.gap", "totals")
    assert "Order 7 does not close to the cent" in held.value.message


@pytest.mark.parametrize(
    ("said", "booked"),
    [
        ({}, "100.00 EUR"),
        ({"base_currency": "USD"}, "100.00 EUR"),
        ({"base_total": Money(Decimal("91.115"), "CHF")}, "91.12 CHF"),
        ({"base_currency": "USD", "base_rate": Decimal("0.8")}, "125.00 USD"),
        ({"base_currency": "USD", "base_rate": Decimal("0.9")}, "111.11 USD"),
    ],
)
def test_the_total_in_base_currency_is_the_stores_own_or_by_the_rate_of_the_day(said, booked):
    assert str(base_total(order(**said))) == booked


def acknowledgement(*schedules) -> Acknowledgement:
    lines = tuple(
        LineSchedule(
            line_id=str(n),
            sku="X",
            quantity=Quantity(Decimal(1)),
            ship_date=day,
            reason=reason,
            work_orders=work_orders,
        )
        for n, (day, reason, work_orders) in enumerate(schedules, 1)
    )
    zero = euro(0)
    return Acknowledgement(
        erp_id="9",
        number="SO9",
        state="confirmed",
        warehouse=None,
        lines=lines,
        ship_date=None,
        net=zero,
        tax=zero,
        gross=zero,
    )


def test_an_order_ships_when_its_slowest_line_does_and_that_lines_reason_is_told():
    told = acknowledgement((date(2026, 12, 1), "in stock", ()), (date(2026, 12, 9), "made to order", ()))
    assert main_reason(told) == "made to order"
    assert main_reason(acknowledgement((None, "nobody knows", ()))) == ""


def test_an_order_can_be_asked_for_by_every_number_it_has():
    told = acknowledgement((None, "", ("WO1", "WO2")))
    numbers = {(alias.kind, alias.value) for alias in aliases_of(order(po_number="PO-5"), told)}
    assert numbers == {
        ("store", "7"),
        ("store_id", "17"),
        ("erp", "SO9"),
        ("erp_id", "9"),
        ("po", "PO-5"),
        ("email", "mia@miller.example"),
        ("work_order", "WO1"),
        ("work_order", "WO2"),
    }
    assert "po" not in {alias.kind for alias in aliases_of(order(), told)}


def made(*lines, gross="100") -> Acknowledgement:
    """What the ERP has: of each line its id, SKU and quantity, and what all comes to."""
    schedules = tuple(
        LineSchedule(line_id=line_id, sku=sku, quantity=Quantity(Decimal(quantity))) for line_id, sku, quantity in lines
    )
    return msgspec.structs.replace(acknowledgement(), lines=schedules, gross=euro(gross))


@pytest.mark.parametrize(
    "lines", [[("1", "PUMP-100", 1)], [("1", "pump", "1.0")], [("1", "PUMP", 1), ("2", "GONE", 0)]]
)
def test_an_order_that_the_erp_made_in_the_same_goods_and_total_does_not_differ(lines):
    assert tuple(differences(order(line(base_sku="PUMP")), made(*lines))) == ()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (made(("1", "PUMP-100", 2), gross="200"), ["2 of PUMP-100 in place of 1", "comes to 200.00 EUR"]),
        (made(("1", "VALVE", 1)), ["VALVE in place of PUMP-100"]),
        (made(("1", "PUMP-100", 1), ("2", "OIL", 3)), ["OIL is on it, too"]),
        (made(("7", "PUMP-100", 1)), ["PUMP-100 is not on it", "PUMP-100 is on it, too"]),
        (made(("1", "PUMP-100", 1), gross="100.01"), ["comes to 100.01 EUR in place of 100.00 EUR"]),
    ],
)
def test_what_the_erp_made_otherwise_is_told_one_by_one(there, told):
    found = tuple(differences(order(), there))
    assert len(found) == len(told)
    assert all(part in whole for part, whole in zip(told, found, strict=True))
