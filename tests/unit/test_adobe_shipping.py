"""The shipment builder: right rows, right quantities, or a refusal before anything is sent."""

from decimal import Decimal

import pytest

from fakes.adobe import recorded_body, row
from millstream.connectors.adobe_commerce.comments import reference
from millstream.connectors.adobe_commerce.shipping import (
    bundles_in_doubt,
    find_shipment,
    missing_quantities,
    quantities_to_ship,
    remaining,
    ship_body,
)
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.values import Quantity

KEY = "order/shop-1-000000042/ship/9"


def shipment(*lines, parcels=(), warehouse="WH"):
    return Shipment(
        erp_id="9",
        number="CUS9",
        order_key="shop-1-000000042",
        state="shipped",
        warehouse=warehouse,
        lines=tuple(
            ShipmentLine(line_id=str(line_id), sku=f"SKU-{line_id}", quantity=Quantity(Decimal(str(quantity))))
            for line_id, quantity in lines
        ),
        parcels=parcels,
    )


def refusal(*lines, rows, **changes):
    with pytest.raises(Reject) as refused:
        quantities_to_ship(shipment(*lines), rows, **changes)
    return refused.value.code


def test_trap_18_what_is_left_is_ordered_less_cancelled_refunded_and_shipped():
    assert remaining(row(1, qty_ordered=10, qty_canceled=1, qty_refunded=2, qty_shipped=3)) == 4
    assert remaining(row(1, qty_ordered=1, qty_shipped=2)) == 0
    assert remaining({"item_id": 1, "qty_ordered": "2.0000"}) == 2


def test_quantities_are_explicit_and_lines_of_one_item_add_up():
    rows = [row(1, qty_ordered=5), row(2, qty_ordered=2)]
    assert quantities_to_ship(shipment((1, 2), (1, 1), (2, 2)), rows) == {1: 3, 2: 2}


def test_trap_16_shipping_more_than_is_left_is_refused_here_because_the_store_would_cap_it_silently():
    rows = [row(1, qty_ordered=3, qty_shipped=1)]
    assert quantities_to_ship(shipment((1, 2)), rows) == {1: 2}
    assert refusal((1, 3), rows=rows) == "shipment.over_ship"


def test_trap_16_half_a_piece_is_refused_because_the_store_would_ship_zero():
    assert refusal((1, 0.5), rows=[row(1)]) == "shipment.fractional"
    assert quantities_to_ship(shipment((1, 0.5)), [row(1, is_qty_decimal=1)]) == {1: Decimal("0.5")}


def test_trap_16_a_configurable_ships_by_its_parent_row():
    rows = recorded_body("order-get-configurable")["items"]
    assert quantities_to_ship(shipment((4, 2)), rows) == {4: 2}


def test_a_line_the_store_does_not_have_is_refused():
    assert refusal((9, 1), rows=[row(1)]) == "shipment.unknown_line"


def test_trap_25_services_are_left_out_and_nothing_else_is_nothing_to_ship():
    rows = [row(1), row(2, is_virtual=1)]
    assert quantities_to_ship(shipment((1, 1), (2, 1)), rows) == {1: 1}
    assert refusal((2, 1), rows=rows) == "shipment.nothing_to_ship"
    assert refusal((1, 0), rows=rows) == "shipment.nothing_to_ship"


def bundle_rows(**bundle):
    return [
        row(14, product_type="bundle", product_id=20, qty_ordered=2, **bundle),
        row(15, parent_item_id=14, qty_ordered=4),
        row(16, parent_item_id=14, qty_ordered=2),
    ]


def test_a_bundle_that_ships_together_is_named_by_the_bundle_row():
    assert quantities_to_ship(shipment((15, 2), (16, 1)), bundle_rows()) == {14: 1}
    assert quantities_to_ship(shipment((14, 2)), bundle_rows()) == {14: 2}
    assert refusal((15, 4), (16, 1), rows=bundle_rows()) == "shipment.bundle_split"
    assert refusal((15, 4), rows=bundle_rows()) == "shipment.bundle_split"
    assert refusal((15, 1), (16, 0.5), rows=bundle_rows()) == "shipment.fractional"
    assert refusal((15, 6), (16, 3), rows=bundle_rows()) == "shipment.over_ship"


def test_a_bundle_that_ships_in_parts_is_named_by_its_parts():
    assert quantities_to_ship(shipment((15, 3)), bundle_rows(), apart={14}) == {15: 3}
    assert quantities_to_ship(shipment((14, 1)), bundle_rows(), apart={14}) == {15: 2, 16: 1}


def test_earlier_shipments_show_how_a_bundle_ships_and_otherwise_the_product_is_asked():
    rows = bundle_rows()
    assert bundles_in_doubt(shipment((15, 2), (16, 1)), rows) == {14: 20}
    rows[1]["qty_shipped"] = 1
    assert bundles_in_doubt(shipment((15, 2)), rows) == {}
    assert quantities_to_ship(shipment((15, 2)), rows) == {15: 2}
    rows[0]["qty_shipped"] = 1
    assert quantities_to_ship(shipment((15, 2), (16, 1)), rows) == {14: 1}


def test_trap_16_the_source_is_always_named_and_stands_where_the_store_reads_it():
    parcels = (
        Parcel(tracking_number=" 1Z9 ", carrier_code="UPS", carrier_title="United Parcel"),
        Parcel(tracking_number=None),
        Parcel(tracking_number="X2", carrier_code="", carrier_title=" "),
    )
    body = ship_body(
        {16: Decimal("1.0"), 17: Decimal("0.5")},
        shipment((16, 1), parcels=parcels),
        source_code="wh_east",
        notify=True,
        key=KEY,
        carriers={"UPS": "ups"},
    )
    assert body == {
        "items": [{"order_item_id": 16, "qty": 1}, {"order_item_id": 17, "qty": 0.5}],
        "notify": True,
        "appendComment": False,
        "comment": {"comment": f"Shipment CUS9 {reference(KEY)}", "is_visible_on_front": 0},
        "tracks": [
            {"track_number": "1Z9", "title": "United Parcel", "carrier_code": "ups"},
            {"track_number": "X2", "title": "Carrier", "carrier_code": "custom"},
        ],
        "packages": [],
        "arguments": {"extension_attributes": {"source_code": "wh_east"}},
    }


def test_a_shipment_is_known_by_our_mark_or_by_goods_and_tracking_numbers_together():
    existing = recorded_body("shipments-search-by-order")["items"]
    tracked = shipment((16, 1), parcels=(Parcel(tracking_number="1Z999AA10123456784"),))
    assert find_shipment(existing, {16: Decimal(1)}, tracked, KEY)["entity_id"] == 1
    assert find_shipment(existing, {16: Decimal(2)}, tracked, KEY) is None
    assert find_shipment(existing, {16: Decimal(1)}, shipment((16, 1)), KEY) is None
    marked = [{**existing[0], "comments": [{"comment": f"x {reference(KEY)}"}]}]
    assert find_shipment(marked, {16: Decimal(5)}, shipment((16, 5)), KEY)["entity_id"] == 1


def test_a_line_the_store_booked_with_zero_is_noticed():
    odd = recorded_body("shipments-search-after-odd-requests")["items"][0]  # a real 0.5 that became 0
    assert missing_quantities(odd, {20: Decimal("0.5"), 21: Decimal(1)}) == {20: (Decimal("0.5"), 0)}
    assert missing_quantities(odd, {21: Decimal(1)}) == {}
