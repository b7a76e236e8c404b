"""A store's order as Tryton's sale, and Tryton's sale as an answer."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from fakes.real_tryton import address, order
from fakes.tryton_answers import connector, rows
from millstream.connectors.tryton.mapping import (
    Item,
    Masters,
    Parties,
    address_values,
    items_by_sku,
    line_id_of,
    line_mark,
    net_price,
    party_code,
    sale_lines,
    sale_values,
    same_address,
)
from millstream.connectors.tryton.reading import acknowledgement, is_cancelled, shipments
from millstream.domain.errors import Reject
from millstream.domain.order import LineOption
from millstream.domain.values import Quantity

MASTERS = Masters(
    web_shop=1,
    warehouse=5,
    warehouse_code="EAST",
    payment_term=None,
    services={"SHIPPING": (21, 1), "ROUNDING": (22, 1), "ADJUSTMENT": (23, 1), "TAX": (24, 1)},
    taxes={"19": 1, "8.25": 2},
)
ITEMS = {"VALVE-050": Item(product=5, unit=1), "GASKET-10": Item(product=7, unit=1)}
SETTINGS = connector()[0]._settings
WITH_TAX_PRODUCT = connector(tax_product="TAX")[0]._settings


def lines_of(wanted, settings=SETTINGS):
    return sale_lines(wanted, ITEMS, MASTERS, settings)


def total_of(lines):
    """What Tryton makes of the lines, tax aside."""
    cent = Decimal("0.01")
    return sum((line["unit_price"] * Decimal(str(line["quantity"]))).quantize(cent) for line in lines)


def test_a_discounted_line_has_a_net_price_that_multiplies_back():
    line = order("k", ("VALVE-050", 3, "89.90", "10.01")).lines[0]
    price, missing = net_price(line)
    assert price == Decimal("86.5633")
    assert missing == 0


def test_what_four_decimals_cannot_say_becomes_a_rounding_line():
    wanted = order("k", ("GASKET-10", 1000, "12.50", "0.33"), shipping="0")
    lines = lines_of(wanted)
    assert [line["product"] for line in lines] == [7, 22]
    assert total_of(lines) == wanted.totals.grand_total.amount


@pytest.mark.parametrize("quantity", [1, 3, 7, 999, 12345])
@pytest.mark.parametrize("discount", ["0", "0.01", "3.33", "11.11"])
def test_lines_always_sum_to_the_stores_net(quantity, discount):
    wanted = order("k", ("VALVE-050", quantity, "89.90", discount), adjustments=[("gift", "-5.00")])
    assert total_of(lines_of(wanted)) == wanted.totals.grand_total.amount


def test_goods_shipping_and_adjustments_are_lines_of_their_own_in_that_order():
    wanted = order("k", ("VALVE-050", 2), ("GASKET-10", 1), shipping="7.50", adjustments=[("gift", "-20")])
    lines = lines_of(wanted)
    assert [line["product"] for line in lines] == [5, 7, 21, 23]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4]
    assert [line["note"] for line in lines] == ["Store line 101", "Store line 201", None, None]


def test_quantities_are_rounded_to_the_units_digits():
    wanted = order("k", ("VALVE-050", 2))
    line = msgspec.structs.replace(wanted.lines[0], quantity=Quantity(Decimal("2.0000")))
    made = lines_of(msgspec.structs.replace(wanted, lines=(line,)))
    assert (made[0]["quantity"], type(made[0]["quantity"])) == (2.0, float)


def test_percents_find_their_tax_on_goods_and_on_shipping():
    lines = lines_of(order("k", ("VALVE-050", 2), tax_percent="19"))
    assert [line["taxes"] for line in lines] == [[["add", [1]]], [["add", [1]]]]


def test_a_percent_without_a_name_is_refused_where_it_stands():
    with pytest.raises(Reject) as refused:
        lines_of(order("k", ("VALVE-050", 2), tax_percent="7"))
    assert (refused.value.code, refused.value.field) == ("erp.tax_unknown", "lines[101].tax_percent")


def test_a_tax_product_carries_what_no_tax_computes():
    wanted = order("k", ("VALVE-050", 2), tax_percent="7")
    lines = lines_of(wanted, WITH_TAX_PRODUCT)
    assert [line["product"] for line in lines] == [5, 21, 24]
    assert total_of(lines) == wanted.totals.grand_total.amount


def test_a_sku_with_option_suffixes_falls_back_to_the_catalogues_and_says_the_options():
    wanted = order("k", ("VALVE-050", 1))
    line = msgspec.structs.replace(
        wanted.lines[0],
        sku="VALVE-050-RED",
        base_sku="VALVE-050",
        options=(LineOption(kind="custom", option_id="1", value="Red"),),
    )
    made = lines_of(msgspec.structs.replace(wanted, lines=(line,)))[0]
    assert (made["product"], made["description"]) == (5, "Valve-050; Red")


def test_an_unknown_sku_is_refused_where_it_stands():
    with pytest.raises(Reject) as refused:
        lines_of(order("k", ("NOPE", 1, "5.00")))
    assert (refused.value.code, refused.value.field) == ("erp.sku_unknown", "lines[101].sku")


def test_two_salable_products_of_one_code_are_refused_and_an_inactive_one_is_ignored():
    row = {"id": 5, "code": "A", "active": 1, "salable": True, "sale_uom.": {"id": 1, "digits": 0}}
    assert items_by_sku([row, row | {"id": 6, "active": 0}])["A"].product == 5
    with pytest.raises(Reject) as refused:
        items_by_sku([row, row | {"id": 6}])
    assert refused.value.code == "erp.sku_ambiguous"


def test_a_sale_says_everything_and_carries_the_orders_key():
    wanted = order("store-1-42", ("VALVE-050", 1), po_number="PO 7", note="Dock 4")
    parties = Parties(party=6, bill_to=6, ship_to=9, payment_term=10)
    values = sale_values(
        wanted, parties=parties, currency=1, lines=lines_of(wanted), masters=MASTERS, settings=SETTINGS
    )
    assert (values["web_shop"], values["web_id"]) == (1, "store-1-42")
    assert (values["invoice_address"], values["shipment_address"], values["payment_term"]) == (6, 9, 10)
    assert values["description"] == "store order store-1-42, PO PO 7"
    assert values["comment"] == "Dock 4"
    assert values["sale_date"] == wanted.placed_at.date()


def test_a_line_id_survives_in_the_note_whatever_people_write_below():
    assert line_id_of(line_mark("42") + "\nserial number on the label") == "42"
    assert line_id_of(None) is None
    assert line_id_of("call before delivery") is None


def test_addresses_match_apart_from_spaces_and_capitals():
    wanted = address_values(address(), {"US": 26})
    row = wanted | {"id": 1, "street": "100  MAIN st", "attn": ""}
    assert same_address(row, wanted)
    assert not same_address(row | {"postal_code": "78702"}, wanted)
    assert not same_address(row | {"country": 9}, wanted)


def test_the_region_is_named_where_addresses_have_one():
    assert address_values(address(), {"US": 26})["city"] == "Austin, TX"
    assert address_values(address(country="DE", region_code="BY"), {"DE": 9})["city"] == "Austin"


def test_a_company_receives_and_its_person_is_the_contact():
    values = address_values(address(company="Globe"), {"US": 26})
    assert (values["party_name"], values["attn"]) == ("Globe", "Jane Miller")


def test_party_codes_are_short_and_without_spaces():
    assert party_code(" guest: jane ") == "guest:-jane"
    assert len(party_code("x" * 200)) == 64


def test_a_recorded_order_reads_as_lines_with_dates_reasons_and_work_orders():
    sale = rows("order_processing")[0]
    answer = acknowledgement(sale, created=True)
    assert answer.created
    assert (answer.number, answer.state, answer.warehouse) == ("1", "processing", "EAST")
    assert answer.gross == answer.net + answer.tax
    stock, made, bought = answer.lines
    assert (stock.line_id, stock.reserved, stock.reason) == ("101", Quantity(Decimal(3)), "in stock")
    assert (made.work_orders, made.reason) == (("WO-1",), "made to order, lead time 10 days")
    assert (bought.reserved, bought.reason) == (Quantity(Decimal(0)), "bought for this order, lead time 7 days")
    assert answer.ship_date == max(line.ship_date for line in answer.lines)


def test_an_open_work_order_that_ends_later_moves_the_line_and_the_order():
    sale = rows("order_processing")[0]
    sale["lines."][1]["productions."][0]["planned_date"] = date(2027, 3, 1)
    answer = acknowledgement(sale)
    assert answer.lines[1].ship_date == answer.ship_date == date(2027, 3, 2)


def test_of_a_service_nothing_is_waited_for():
    sale = rows("order_processing")[0]
    sale["lines."][0]["product."]["type"] = "service"
    answer = acknowledgement(sale)
    assert [(line.ships, line.reason) for line in answer.lines[:1]] == [(False, "service, nothing ships")]
    assert all(line.ships for line in answer.lines[1:])


def test_a_purchase_without_any_date_makes_the_date_unknown_and_never_today():
    sale = rows("order_processing")[0]
    sale["lines."][2]["product."]["template."]["product_suppliers."] = []
    answer = acknowledgement(sale)
    assert answer.lines[2].ship_date is None
    assert answer.ship_date is None


def test_a_suppliers_confirmed_delivery_replaces_the_estimate():
    sale = rows("order_processing")[0]
    sale["lines."][2]["purchase_request."]["purchase_line."] = {"id": 1, "delivery_date": date(2027, 2, 3)}
    assert acknowledgement(sale).lines[2].ship_date == date(2027, 2, 3)


def test_what_the_erp_holds_differently_is_told_line_by_line():
    sale = rows("order_processing")[0]
    wanted = order("k", ("VALVE-050", 4), ("PUMP-CFG", 1), ("SENSOR-P", 2), ("GASKET-10", 1), tax_percent="19")
    changes = {change.path: change for change in acknowledgement(sale, order=wanted).changes}
    assert (changes["lines[101].quantity"].requested, changes["lines[101].quantity"].confirmed) == ("4", "3")
    assert changes["lines[201].ship_date"].text == "PUMP-CFG: made to order, lead time 10 days"
    assert changes["lines[401]"].text == "GASKET-10 is no longer on the order"
    assert "totals.grand_total" in changes


def test_partly_reserved_lines_say_how_much_is_there():
    sale = rows("order_processing")[0]
    picking = sale["shipments."][0]["inventory_moves."]
    valve = next(move for move in picking if move["quantity"] == 3)
    valve["quantity"] = Decimal(1)
    line = acknowledgement(sale).lines[0]
    assert (line.reserved, line.reason) == (Quantity(Decimal(1)), "1 of 3 in stock")


def test_a_recorded_shipment_carries_our_lines_and_its_tracking_number():
    sale = rows("order_shipped")[0]
    shipment = shipments(sale)[0]
    assert (shipment.state, shipment.order_key, shipment.warehouse) == ("shipped", "store-1-000000043", "EAST")
    assert [parcel.tracking_number for parcel in shipment.parcels] == ["1Z999AA10123456784"]
    assert {line.line_id: line.quantity for line in shipment.lines} == {
        "101": Quantity(Decimal(2)),
        "201": Quantity(Decimal(10)),
    }
    assert shipment.shipped_on is not None


def test_an_order_undone_after_processing_reads_as_cancelled():
    sale = rows("order_cancelled")[0]
    assert is_cancelled(sale)
    assert acknowledgement(sale).state == "cancelled"
    assert acknowledgement(sale).ship_date is None


def test_a_cancelled_shipment_that_waits_for_a_decision_is_not_yet_a_cancelled_order():
    sale = rows("order_cancelled")[0] | {"state": "processing", "shipment_state": "exception"}
    assert not is_cancelled(sale)


def test_nor_is_one_whose_exception_the_worker_has_not_set_yet():
    sale = rows("order_cancelled")[0] | {"state": "processing", "shipment_state": "waiting"}
    for line in sale["lines."]:
        line["moves_ignored"] = []
    assert not is_cancelled(sale)
