"""An order as SAP wants it, and the documents SAP shows as the hub wants them."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.real_tryton import address
from fakes.s4hana import SETTINGS, order
from millstream.connectors.sap_s4hana.mapping import (
    REFERENCE_MAX,
    address_body,
    key_and_digest,
    key_text,
    line_id_of,
    order_body,
    order_digest,
    reference_of,
    same_address,
    unit_price,
)
from millstream.connectors.sap_s4hana.reading import delivery_state
from millstream.connectors.sap_s4hana.rows import Address, Delivery, ProductionOrder, Text
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Reject

CONFIG = S4HanaSettings.model_validate(SETTINGS)


def body_of(wanted, **changed):
    settings = S4HanaSettings.model_validate(SETTINGS | changed)
    materials = {line.id: line.sku for line in wanted.lines}
    return order_body(wanted, customer="4711", materials=materials, digest="d1", settings=settings)


@given(
    st.text(alphabet="abcXYZ019_-", min_size=1, max_size=64), st.text(alphabet="abcXYZ019_-", min_size=1, max_size=64)
)
def test_a_reference_fits_and_keeps_two_keys_apart(one, two):
    assert len(reference_of(one)) <= REFERENCE_MAX
    assert (reference_of(one) == reference_of(two)) == (one == two) or len(one) > REFERENCE_MAX
    if len(one) <= REFERENCE_MAX:
        assert reference_of(one) == one


def test_the_header_text_gives_key_and_wording_back():
    texts = (
        Text(long_text="bring it round the back", long_text_id="TX02"),
        Text(long_text=key_text("k-1", "d"), long_text_id="TX01"),
    )
    assert key_and_digest(texts, "TX01") == ("k-1", "d")
    assert key_and_digest(texts[:1], "TX01") == ("", "")
    assert key_and_digest((Text(long_text="", long_text_id="TX01"),), "TX01") == ("", "")


def test_a_shoppers_note_is_never_taken_for_the_key_or_the_line():
    wanted = msgspec.structs.replace(order("k", ("VALVE-050", 1)), note="Store line 9\nother-key d")
    texts = body_of(wanted, note_text="TX02")["to_Text"]["results"]
    assert [text["LongTextID"] for text in texts] == ["TX01", "TX02"]
    read = tuple(Text(long_text=text["LongText"], long_text_id=text["LongTextID"]) for text in texts)
    assert key_and_digest(read, "TX01")[0] == "k"
    assert line_id_of(read, "0001") is None


@given(st.decimals(min_value=0, max_value=100000, places=6), st.integers(1, 500))
def test_a_price_is_told_as_finely_as_sap_takes_it(price, quantity):
    rate, pieces = unit_price(price)
    assert rate == rate.quantize(Decimal("0.01"))
    assert abs(rate / pieces - price) <= Decimal("0.0000005")
    del quantity


def test_the_conditions_of_an_order_sum_to_its_total():
    lines = (("VALVE-050", 3, "89.90", "10.00"), ("GASKET-10", 2))
    wanted = order("k", *lines, shipping="12.50", tax_percent="19", adjustments=(("gift", "-5.00"),))
    body = body_of(wanted, tax_condition="ZMST")
    amounts = Decimal(0)
    for item in body["to_Item"]["results"]:
        for one in item["to_PricingElement"]["results"]:
            per = Decimal(item["RequestedQuantity"]) if one["ConditionType"] == "PMP0" else 1
            amounts += Decimal(one["ConditionRateValue"]) * per / Decimal(one["ConditionQuantity"])
    amounts += sum(Decimal(one["ConditionRateValue"]) for one in body["to_PricingElement"]["results"])
    assert amounts == wanted.totals.grand_total.amount
    assert body["DeliveryBlockReason"] == "Z1"
    assert "CustomerPurchaseOrderType" not in body


def test_the_digest_changes_with_the_wording_and_not_with_the_stores_status():
    wanted = order("k", ("VALVE-050", 1))
    assert order_digest(wanted, "1") == order_digest(msgspec.structs.replace(wanted, status="pending"), "1")
    assert order_digest(wanted, "1") != order_digest(wanted, "2")
    assert order_digest(wanted, "1") != order_digest(msgspec.structs.replace(wanted, ship_to=address(city="Ulm")), "1")


def test_long_names_and_streets_flow_into_the_next_field_and_are_never_cut():
    long = address(name="N" * 70, company="C" * 30, street=("S" * 70, "T"))
    body = address_body(long)
    assert [body[f"OrganizationName{n}"] for n in (1, 2, 3, 4)] == ["C" * 30, "N" * 40, "N" * 30, ""]
    assert [body["StreetName"], body["StreetSuffixName1"], body["StreetSuffixName2"]] == ["S" * 60, "S" * 10, "T"]
    for changed in ({"name": "N" * 200}, {"street": tuple("ABCDE")}, {"postcode": "1" * 11}, {"phone": "1" * 31}):
        with pytest.raises(Reject) as refused:
            address_body(address(**changed))
        assert refused.value.code == "erp.address_too_long"


def test_a_region_only_the_store_knows_is_left_out():
    assert address_body(address(region_code="TX"))["Region"] == "TX"
    assert address_body(address(region_code="DE-BY"))["Region"] == ""


def test_an_address_is_compared_by_where_it_leads():
    body = address_body(address(email="a@x.example"))
    shown = msgspec.convert(body, Address)
    assert same_address(shown, address_body(address(email="b@x.example")))
    assert not same_address(shown, address_body(address(city="Dallas")))
    assert not same_address(None, body)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ("AAA", "planned"),
        ("BAA", "picked"),
        ("CAA", "picked"),
        ("CCA", "packed"),
        ("C A", "packed"),
        ("CCC", "shipped"),
        ("C C", "shipped"),
    ],
)
def test_a_delivery_is_as_far_as_its_statuses_say(statuses, state):
    picking, packing, movement = statuses
    row = Delivery(
        delivery_document="1", picking=picking, packing=packing, movement=movement, items=(), units=(), version="v"
    )
    assert delivery_state(row) == state


def test_a_work_order_that_was_given_up_is_none():
    row = ProductionOrder(manufacturing_order="1", sales_order="1", sales_order_item="000010")
    assert row.item == "10"
    assert not row.is_dropped
    assert msgspec.structs.replace(row, completed="X").is_dropped
    assert not msgspec.structs.replace(row, completed="X", delivered="X").is_dropped
