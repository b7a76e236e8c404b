"""Order keys, customers, addresses, and orders that close to the cent."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.order import (
    KEY_LENGTH_MAX,
    Address,
    Adjustment,
    Customer,
    LineOption,
    OrderLine,
    SalesOrder,
    Totals,
    order_from_json,
    order_gaps,
    order_key,
    order_to_json,
)
from millstream.domain.values import Money, Quantity

ADDRESS = Address(
    name="Mia Miller",
    company="Miller GmbH",
    street=("Main Street 1", "2nd floor"),
    city="Berlin",
    region="Berlin",
    region_code="BE",
    postcode="10115",
    country="DE",
    phone="+49 30 1",
    email="mia@miller.example",
    vat_id="DE123",
)
NAMES = st.text(max_size=80)


def euro(amount) -> Money:
    return Money(Decimal(amount), "EUR")


def line(sku="PUMP-100", *, price="100", quantity="2", discount="0", net=None, **other) -> OrderLine:
    net = net or str((Decimal(price) * Decimal(quantity) - Decimal(discount)).quantize(Decimal("0.01")))
    return OrderLine(
        id="1",
        sku=sku,
        name=sku,
        quantity=Quantity(Decimal(quantity)),
        unit_price=euro(price),
        discount=euro(discount),
        net=euro(net),
        tax=euro("0"),
        ship_item_id="1",
        **other,
    )


def order(*lines, shipping="0", tax="0", total=None, adjustments=()) -> SalesOrder:
    lines = lines or (line(),)
    nets = sum((one.net.amount for one in lines), Decimal(0))
    closing = nets + Decimal(shipping) + Decimal(tax) + sum((a.amount.amount for a in adjustments), Decimal(0))
    return SalesOrder(
        key="shop-1-000000001",
        store="shop",
        store_view_id="1",
        store_order_id="17",
        number="000000001",
        state="new",
        status="pending",
        placed_at=datetime(2026, 11, 23, tzinfo=UTC),
        currency="EUR",
        customer=Customer(store_customer_id="5", email="mia@miller.example", name="Mia Miller"),
        bill_to=ADDRESS,
        ship_to=ADDRESS,
        lines=lines,
        totals=Totals(
            subtotal=euro(nets + sum(one.discount.amount for one in lines)),
            discount=euro("0"),
            shipping=euro(shipping),
            tax=euro(tax),
            grand_total=euro(total or closing),
            adjustments=adjustments,
        ),
    )


@given(store=NAMES, view=NAMES, number=NAMES)
def test_a_key_has_only_characters_that_every_system_takes(store, view, number):
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{KEY_LENGTH_MAX}}}", order_key(store, view, number))


@given(first=st.tuples(NAMES, NAMES, NAMES), second=st.tuples(NAMES, NAMES, NAMES))
@example(("shop", "1", "2-3"), ("shop-1", "2", "3"))
@example(("shop", "1-2", "3"), ("shop", "1", "2-3"))
@example(("shop", "1", "A/1"), ("shop", "1", "A_1"))
@example(("shop", "1", "A/1"), ("shop", "1", "A.1"))
@example(("shop", "1", "9" * 100), ("shop", "1", "9" * 101))
def test_two_orders_never_share_a_key(first, second):
    assert (order_key(*first) == order_key(*second)) is (first == second)


@given(parts=st.lists(st.text("ab-/", max_size=3), min_size=6, max_size=6))
def test_two_orders_with_much_alike_names_never_share_a_key(parts):
    first, second = tuple(parts[:3]), tuple(parts[3:])
    assert (order_key(*first) == order_key(*second)) is (first == second)


def test_an_ordinary_key_is_what_people_know_the_order_by():
    assert order_key("shop", "1", "000000042-1") == "shop-1-000000042-1"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Max Miller"},
        {"company": None},
        {"street": ("Main Street 1",)},
        {"street": ("Main Street 1 2nd floor",)},
        {"city": "Bonn"},
        {"region": "Bavaria"},
        {"region_code": "BY"},
        {"postcode": "10116"},
        {"country": "AT"},
        {"phone": "+49 30 2"},
    ],
)
def test_a_fingerprint_changes_when_a_parcel_would_go_elsewhere(change):
    assert msgspec.structs.replace(ADDRESS, **change).fingerprint() != ADDRESS.fingerprint()


@pytest.mark.parametrize("change", [{"email": "other@miller.example"}, {"vat_id": None}])
def test_a_fingerprint_stays_when_only_the_paperwork_changes(change):
    assert msgspec.structs.replace(ADDRESS, **change).fingerprint() == ADDRESS.fingerprint()


def test_a_fingerprint_is_the_same_in_every_process():
    assert Address(name="Mia Miller", city="Berlin").fingerprint() == "0405e1d8ad8b94ec"


def test_a_customer_is_known_by_account_and_a_guest_by_mail_whatever_its_case():
    account = Customer(store_customer_id="5", email="Mia@Miller.example", name="Mia")
    guest = Customer(store_customer_id=None, email=" Mia@Miller.Example ", name="Mia")
    assert (account.external_id, guest.external_id) == ("5", "guest:mia@miller.example")


def test_an_account_with_the_number_of_a_mail_address_is_not_that_guest():
    account = Customer(store_customer_id="mia@miller.example", email="x@y.example", name="Mia")
    guest = Customer(store_customer_id=None, email="mia@miller.example", name="Mia")
    assert account.external_id != guest.external_id


def test_an_order_whose_parts_sum_up_has_no_gap():
    card = Adjustment(code="gift_card", label="Gift card", amount=euro("-20"))
    lines = (line(price="89.90", quantity="3", discount="26.97"), line("GASKET", price="0.333", quantity="3"))
    assert order_gaps(order(*lines, shipping="9.90", tax="48.95", adjustments=(card,))) == ()


def test_a_total_that_is_off_by_a_cent_is_a_gap_and_the_text_names_both():
    (gap,) = order_gaps(order(line(price="100", quantity="1"), total="100.01"))
    assert "100.00 EUR" in gap
    assert "100.01 EUR" in gap


def test_a_line_that_does_not_compute_is_a_gap_and_is_named():
    (gap,) = order_gaps(order(line("VALVE-050", price="10", quantity="2", net="20.01")))
    assert gap == "line VALVE-050: 2 x 10.00 EUR - 0.00 EUR is not 20.01 EUR"


def test_every_gap_is_told_not_only_the_first():
    wrong = order(line("A", net="1"), line("B", net="2"), total="99")
    assert len(order_gaps(wrong)) == 3


def test_fractions_of_a_cent_in_unit_prices_are_no_gap():
    assert order_gaps(order(line(price="0.3333", quantity="3", net="1.00"))) == ()


def test_an_order_survives_json_unchanged():
    options = (LineOption(kind="custom", option_id="7", value="engraved"),)
    original = order(line(base_sku="PUMP", options=options), tax="38.00")
    assert order_from_json(json.loads(json.dumps(order_to_json(original)))) == original


def test_a_broken_order_is_refused_with_the_place():
    raw = order_to_json(order())
    raw["lines"][0]["quantity"]["amount"] = "many"
    with pytest.raises(msgspec.ValidationError, match=r"\$\.lines\[0\]\.quantity\.amount"):
        order_from_json(raw)


def test_a_line_is_known_by_its_own_sku_first_and_the_catalogues_after():
    assert line("PUMP-RED", base_sku="PUMP").skus == ("PUMP-RED", "PUMP")
    assert line("PUMP", base_sku="PUMP").skus == ("PUMP",)
    assert line("PUMP").skus == ("PUMP",)


def test_only_custom_options_may_hold_surcharges():
    assert line(options=(LineOption(kind="custom", option_id="1", value="x"),)).has_custom_options
    assert not line(options=(LineOption(kind="configurable", option_id="1", value="x"),)).has_custom_options


def test_an_acknowledgement_names_each_work_order_once_in_line_order():
    def schedule(line_id, *work_orders):
        return LineSchedule(line_id=line_id, sku="X", quantity=Quantity(Decimal(1)), work_orders=work_orders)

    zero = euro("0")
    told = Acknowledgement(
        erp_id="1",
        number="SO1",
        state="confirmed",
        warehouse=None,
        lines=(schedule("1", "W2", "W1"), schedule("2", "W1", "W3")),
        ship_date=None,
        net=zero,
        tax=zero,
        gross=zero,
    )
    assert told.work_orders == ("W2", "W1", "W3")
