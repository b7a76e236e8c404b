"""Orders no recording has: bundles, tax in prices, gift cards, other currencies, B2B, edits, hostile members."""

from decimal import Decimal

import msgspec
import pytest

from fakes.adobe import made_order, open_store, recorded_body, row
from millstream.connectors.adobe_commerce.mapping import CATALOGUE_SKUS, sighting, trim_order
from millstream.domain.errors import Reject
from millstream.domain.order import order_gaps
from millstream.domain.values import Money


def order_of(*rows, grand_total, **changes):
    """An order of these rows without shipping and tax, unless changed. It says no subtotal and nothing of a base."""
    plain = {"discount_amount": 0, "shipping_amount": 0, "shipping_discount_amount": 0, "tax_amount": 0}
    plain |= {name: None for name in made_order() if name.startswith("base_")}
    plain |= {"subtotal": None, "base_currency_code": "USD"}
    return made_order(items=list(rows), grand_total=grand_total, **plain | changes)


def interpret(raw):
    order = open_store(None).interpret(raw)
    assert order_gaps(order) == ()
    return order


def amounts(order):
    return [(line.sku, line.quantity.amount, line.unit_price.amount, line.net.amount) for line in order.lines]


# --- lines ---


def test_trap_3_a_bundle_priced_by_its_parts_gives_the_parts():
    bundle = row(14, product_type="bundle", sku="KIT-A-B", qty_ordered=2, price=25.5, row_total=51)
    a = row(15, parent_item_id=14, sku="A", qty_ordered=4, price=10, row_total=40)
    b = row(16, parent_item_id=14, sku="B", qty_ordered=2, price=5.5, row_total=11)
    order = interpret(order_of(bundle, a, b, grand_total=51))
    assert amounts(order) == [("A", 4, 10, 40), ("B", 2, Decimal("5.5"), 11)]
    assert [(line.ship_item_id, line.per_ship_item) for line in order.lines] == [("14", 2), ("14", 1)]


def test_trap_3_a_bundle_with_a_price_of_its_own_is_one_line():
    chosen = [{"option_id": 1, "option_qty": 1, "option_selections": [3, 4]}]
    options = {"extension_attributes": {"bundle_options": chosen}}
    bundle = row(14, product_type="bundle", sku="KIT", qty_ordered=2, price=25, row_total=50, product_option=options)
    a = row(15, parent_item_id=14, sku="A", qty_ordered=4, price=0, row_total=0)
    order = interpret(order_of(bundle, a, grand_total=50))
    assert amounts(order) == [("KIT", 2, 25, 50)]
    assert [(o.kind, o.option_id, o.value) for o in order.lines[0].options] == [("bundle", "1", "3,4")]


def test_trap_3_a_configurable_counts_once_whatever_price_its_child_shows():
    parent = row(4, product_type="configurable", sku="TEE-RED", price=69, qty_ordered=2, row_total=138)
    child = row(5, parent_item_id=4, sku="TEE-RED", price=69, qty_ordered=2, row_total=0, name="Tee red")
    order = interpret(order_of(parent, child, grand_total=138))
    assert amounts(order) == [("TEE-RED", 2, 69, 138)]
    assert order.lines[0].product_id == "105"


def test_a_grouped_product_is_a_line_like_any_other():
    order = interpret(order_of(row(1, product_type="grouped"), row(2), grand_total=20))
    assert amounts(order) == [("SKU-1", 1, 10, 10), ("SKU-2", 1, 10, 10)]


def test_a_child_whose_parent_is_not_there_is_a_line():
    assert len(interpret(order_of(row(2, parent_item_id=99), grand_total=10)).lines) == 1


def test_trap_4_the_catalogue_sku_is_known_when_the_child_or_the_client_tells_it():
    parent = row(4, product_type="configurable", sku="TEE-RED-ENGR")
    child = row(5, parent_item_id=4, sku="TEE-RED", price=0, row_total=0)
    assert interpret(order_of(parent, child, grand_total=10)).lines[0].base_sku == "TEE-RED"
    mug = order_of(row(6, product_id=13, sku="MUG-ENGR"), grand_total=10)
    assert interpret(mug).lines[0].base_sku is None
    mug["extension_attributes"] = mug["extension_attributes"] | {CATALOGUE_SKUS: {"13": "MUG"}}
    assert interpret(mug).lines[0].base_sku == "MUG"
    assert interpret(mug).lines[0].sku == "MUG-ENGR"


def test_an_unsuffixed_sku_has_no_base_sku():
    mug = order_of(row(6, product_id=13, sku="MUG"), grand_total=10)
    mug["extension_attributes"] = mug["extension_attributes"] | {CATALOGUE_SKUS: {"13": "MUG"}}
    assert interpret(mug).lines[0].base_sku is None


# --- money ---


def test_trap_5_row_total_after_or_before_discount_gives_the_same_net():
    after = row(1, price=69, qty_ordered=1, discount_amount=13.8, row_total=55.2)
    before = after | {"row_total": 69}
    for item in (after, before):
        order = interpret(order_of(item, grand_total=55.2, discount_amount=-13.8))
        assert order.lines[0].net.amount == Decimal("55.2")
        assert order.lines[0].discount.amount == Decimal("13.8")


def test_trap_7_a_discount_that_contains_tax_is_taken_apart():
    # 11.90 with 19 % tax inside, 10 % off: the customer pays 9.00 net and 1.71 tax
    item = row(
        1,
        price=10,
        price_incl_tax=11.9,
        discount_amount=1.19,
        discount_tax_compensation_amount=0.19,
        row_total=8.81,
        tax_amount=1.71,
        tax_percent=19,
    )
    order = interpret(
        order_of(item, grand_total=10.71, discount_amount=-1.19, discount_tax_compensation_amount=0.19, tax_amount=1.71)
    )
    line = order.lines[0]
    assert (line.net.amount, line.tax.amount, line.discount.amount) == (9, Decimal("1.71"), 1)
    assert order.totals.tax.amount == Decimal("1.71")
    assert order.totals.discount.amount == -1


def test_trap_7_a_gift_for_a_hundred_percent_off_with_tax_inside_is_worth_nothing():
    item = row(
        1, price=8.4, discount_amount=10, discount_tax_compensation_amount=1.6, row_total=0, tax_amount=0
    )  # the server shows no negative row
    order = interpret(order_of(item, grand_total=0, discount_amount=-10, discount_tax_compensation_amount=1.6))
    assert order.lines[0].net.amount == 0


def test_trap_7_a_unit_price_the_store_rounded_follows_the_row():
    # 3 x 10.00 with 19 % inside is 25.21 net, but 3 x 8.40 is 25.20
    item = row(1, qty_ordered=3, price=8.4, row_total=25.21, tax_amount=4.79)
    order = interpret(order_of(item, grand_total=30, tax_amount=4.79))
    assert order.lines[0].net.amount == Decimal("25.21")


def test_a_row_that_does_not_add_up_stays_visible_as_a_gap():
    order = open_store(None).interpret(order_of(row(1, price=10, row_total=12), grand_total=10))
    assert len(order_gaps(order)) == 2


def test_shipping_is_net_of_its_own_discount_and_its_tax_is_in_the_tax():
    order = interpret(
        order_of(
            row(1, discount_amount=1, row_total=9, tax_amount=0.9),
            grand_total=9 + 3 + 1.2,
            shipping_amount=5,
            shipping_discount_amount=2,
            discount_amount=-3,
            tax_amount=1.2,
        )
    )
    assert order.totals.shipping.amount == 3
    assert order.totals.tax.amount == Decimal("1.2")


def test_trap_3_a_discount_on_a_bundle_stands_on_its_parts_where_they_carry_the_price():
    bundle = row(14, product_type="bundle", sku="KIT-A-B", qty_ordered=2, price=25.5, row_total=51)
    a = row(15, parent_item_id=14, sku="A", qty_ordered=4, price=10, row_total=36, discount_amount=4, tax_amount=6.84)
    b = row(
        16, parent_item_id=14, sku="B", qty_ordered=2, price=5.5, row_total=9.9, discount_amount=1.1, tax_amount=1.88
    )
    totals = {"subtotal": 51, "discount_amount": -5.1, "tax_amount": 8.72, "grand_total": 54.62}
    order = interpret(order_of(bundle, a, b, **totals))
    assert [(line.sku, line.discount.amount, line.net.amount) for line in order.lines] == [
        ("A", 4, 36),
        ("B", Decimal("1.1"), Decimal("9.9")),
    ]


def test_trap_3_a_discount_on_a_bundle_with_a_price_of_its_own_stands_on_it():
    bundle = row(14, product_type="bundle", sku="KIT", qty_ordered=2, price=25, row_total=45, discount_amount=5)
    part = row(15, parent_item_id=14, sku="A", qty_ordered=4, price=0, row_total=0)
    order = interpret(order_of(bundle, part, subtotal=50, discount_amount=-5, grand_total=45))
    assert [(line.sku, line.discount.amount, line.net.amount) for line in order.lines] == [("KIT", 5, 45)]


def foreign_order(**changes):
    """2 x 10.00 USD at 0.9 EUR, 10 % off, 5.00 USD shipping, 19 % tax on goods; each currency counted by itself."""
    said = {"qty_ordered": 2, "price": 9, "discount_amount": 1.8, "row_total": 16.2, "tax_amount": 3.08}
    said |= {"base_price": 10, "base_discount_amount": 2, "base_row_total": 18, "base_tax_amount": 3.42}
    item = row(1, **said)
    own = {"subtotal": 18, "discount_amount": -1.8, "tax_amount": 3.08, "shipping_amount": 4.5, "grand_total": 23.78}
    base = {"base_subtotal": 20, "base_discount_amount": -2, "base_tax_amount": 3.42, "base_shipping_amount": 5}
    base |= {"base_grand_total": 26.42, "base_currency_code": "USD", "base_to_order_rate": 0.9}
    return order_of(item, order_currency_code="EUR", **own | base | changes)


def test_trap_6_a_foreign_order_with_discount_and_tax_closes_in_both_currencies():
    order = interpret(foreign_order())
    (line,) = order.lines
    assert (line.discount.amount, line.net.amount, line.tax.amount) == (
        Decimal("1.8"),
        Decimal("16.2"),
        Decimal("3.08"),
    )
    assert {line.net.currency, line.tax.currency, order.totals.subtotal.currency} == {"EUR"}
    assert order.base_sum == order.base_total == Money(Decimal("26.42"), "USD")


def test_trap_6_a_gap_in_the_base_currency_alone_is_a_gap():
    (gap,) = order_gaps(open_store(None).interpret(foreign_order(base_grand_total=26.43)))
    assert gap == "in base currency they sum to 26.42 USD, the order says 26.43 USD"


@pytest.mark.parametrize("lost", ["base_shipping_amount", "base_tax_amount", "base_currency_code", "base_grand_total"])
def test_what_the_store_does_not_say_in_base_currency_is_not_held_against_the_order(lost):
    order = interpret(foreign_order(**{lost: None}))
    assert (order.base_sum is None) or (order.base_total is None)


def test_trap_6_adjustments_have_twins_in_the_base_currency():
    extras = {"gift_cards_amount": 2.7, "base_gift_cards_amount": 3}
    extras["custom_fees"] = [{"custom_fee_code": "cod", "custom_fee_amount": 0.9, "base_custom_fee_amount": 1}]
    raw = foreign_order(grand_total=23.78 - 2.7 + 0.9 + 0.45, base_grand_total=26.42 - 3 + 1 + 0.5)
    raw["items"][0] |= {"weee_tax_applied_row_amount": 0.45, "base_weee_tax_applied_row_amnt": 0.5}
    raw["extension_attributes"] = raw["extension_attributes"] | extras
    assert interpret(raw).base_sum == Money(Decimal("24.92"), "USD")
    del extras["base_gift_cards_amount"]
    raw["extension_attributes"] = {**raw["extension_attributes"], **extras, "base_gift_cards_amount": None}
    assert interpret(raw).base_sum is None


def test_a_subtotal_that_is_not_the_sum_of_the_lines_is_a_gap():
    (gap,) = order_gaps(open_store(None).interpret(order_of(row(1), row(2), subtotal=19, grand_total=20)))
    assert gap == "lines before discount sum to 20.00 USD, the order says 19.00 USD"


def test_a_store_that_counts_fixed_product_taxes_into_the_subtotal_closes_too():
    fixed = row(1, weee_tax_applied_row_amount=0.5)
    for subtotal in (10, 10.5):
        assert interpret(order_of(fixed, subtotal=subtotal, grand_total=10.5)).totals.subtotal.amount == 10


def test_trap_6_the_customers_currency_is_used_throughout_and_the_base_rate_kept():
    item = row(1, price=9.2, row_total=9.2, base_price=10, base_row_total=10)
    order = interpret(
        order_of(
            item,
            grand_total=9.2,
            base_grand_total=10,
            order_currency_code="EUR",
            base_currency_code="USD",
            base_to_order_rate=0.92,
        )
    )
    assert order.currency == order.lines[0].net.currency == order.totals.grand_total.currency == "EUR"
    assert (order.base_currency, order.base_rate) == ("USD", Decimal("0.92"))


def test_trap_26_gift_cards_credit_points_wrapping_and_fees_are_part_of_the_total():
    extras = {
        "gift_cards_amount": 3,
        "customer_balance_amount": 2,
        "reward_currency_amount": 1,
        "gw_price": "1.5000",
        "custom_fees": [{"custom_fee_code": "cod", "custom_fee_label": "Cash on delivery", "custom_fee_amount": 4}],
    }
    raw = order_of(row(1), grand_total=9.5)
    raw["extension_attributes"] = raw["extension_attributes"] | extras
    adjustments = {a.code: a.amount.amount for a in interpret(raw).totals.adjustments}
    assert adjustments == {
        "gift_cards_amount": -3,
        "customer_balance_amount": -2,
        "reward_currency_amount": -1,
        "gw_price": Decimal("1.5"),
        "cod": 4,
    }


def test_a_fixed_product_tax_is_an_adjustment():
    order = interpret(order_of(row(1, weee_tax_applied_row_amount=0.5), grand_total=10.5))
    assert [(a.code, a.amount.amount) for a in order.totals.adjustments] == [("weee", Decimal("0.5"))]


# --- who, where, which ---


def test_trap_1_and_2_the_same_number_in_two_store_views_is_two_orders():
    first, second = made_order(increment_id="000000007", store_id=1), made_order(increment_id="000000007", store_id=2)
    store = open_store(None)
    assert store.interpret(first).key != store.interpret(second).key
    assert store.interpret(first).number == "000000007"


def test_an_edited_order_says_which_one_it_replaces():
    raw = made_order(increment_id="000000013-1", original_increment_id="000000013", relation_parent_real_id="000000013")
    order = open_store(None).interpret(raw)
    assert (order.number, order.replaces) == ("000000013-1", "000000013")


def test_trap_10_the_store_view_is_kept():
    assert open_store(None).interpret(made_order(store_id=2)).store_view_id == "2"
    assert open_store(None).interpret(made_order(store_id=None)).store_view_id == "0"


def test_a_business_order_carries_purchase_order_number_and_company():
    raw = made_order(payment={"method": "purchaseorder", "po_number": "PO-77/a"})
    raw["extension_attributes"] = raw["extension_attributes"] | {
        "company_order_attributes": {"order_id": 1, "company_id": 5, "company_name": "Mill & Co"}
    }
    order = open_store(None).interpret(raw)
    assert (order.po_number, order.customer.company, order.payment_method) == ("PO-77/a", "Mill & Co", "purchaseorder")


def test_trap_9_a_customer_account_has_its_id_and_may_use_another_address_mail():
    raw = made_order(customer_is_guest=0, customer_id=7, customer_email="a@x.example", customer_firstname="Ann")
    customer = open_store(None).interpret(raw).customer
    assert (customer.external_id, customer.email) == ("7", "a@x.example")


def test_trap_30_an_order_outlives_its_customers_account():
    raw = made_order(customer_is_guest=0, customer_email="a@x.example", customer_firstname="A", customer_lastname="B")
    raw["customer_id"] = None
    customer = open_store(None).interpret(raw).customer
    assert (customer.store_customer_id, customer.email, customer.name) == (None, "a@x.example", "A B")


@pytest.mark.parametrize("sent", [{"email_sent": 1}, {"email_sent": None}, {}], ids=["sent", "null", "left out"])
def test_trap_24_whether_the_stores_own_mail_has_gone_out_yet_makes_no_difference(sent):
    raw = {name: value for name, value in made_order().items() if name != "email_sent"}
    mailed, now = (
        sighting(each, "shop", exportable_states=("new",)) for each in (made_order(email_sent=1), raw | sent)
    )
    assert msgspec.structs.replace(mailed, raw={}) == msgspec.structs.replace(now, raw={})
    assert open_store(None).interpret(raw | sent) == open_store(None).interpret(made_order(email_sent=1))


def test_trap_25_the_pickup_location_is_kept():
    raw = made_order()
    raw["extension_attributes"] = raw["extension_attributes"] | {"pickup_location_code": "shop_1"}
    assert open_store(None).interpret(raw).pickup_location == "shop_1"


def test_trap_8_times_are_utc_without_saying_so():
    order = open_store(None).interpret(made_order(created_at="2026-11-23 23:59:59"))
    assert order.placed_at.isoformat() == "2026-11-23T23:59:59+00:00"


def test_trap_11_members_that_are_left_out_are_tolerated():
    raw = {
        "entity_id": 5,
        "increment_id": "5",
        "state": "new",
        "created_at": "2026-11-23 08:00:00",
        "updated_at": "2026-11-23 08:00:00",
        "customer_email": "a@example.com",
        "order_currency_code": "USD",
        "grand_total": 10,
        "billing_address": {"firstname": "A", "lastname": "B"},
        "items": [{"item_id": 1, "sku": "X", "qty_ordered": 1, "price": 10, "is_virtual": 1}],
    }
    assert interpret(raw).lines[0].net.amount == 10
    assert sighting(raw, "shop", exportable_states=("new",)).ready


# --- what cannot be mapped is refused, and the field is named ---


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_currency_code": None}, "order_currency_code"),
        ({"increment_id": None}, "increment_id"),
        ({"entity_id": None}, "entity_id"),
        ({"grand_total": None}, "grand_total"),
        ({"grand_total": "a lot"}, "grand_total"),
        ({"grand_total": True}, "grand_total"),
        ({"grand_total": "NaN"}, "grand_total"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"items": []}, "items"),
        ({"items": None}, "items"),
        ({"items": ["x"]}, "items"),
        ({"items": [row(1, sku=None)]}, "items.sku"),
        ({"items": [row(1, qty_ordered=None)]}, "items.qty_ordered"),
        ({"items": [row(1, qty_ordered=0)]}, "items.qty_ordered"),
        ({"items": [row(1, price=[])]}, "items.price"),
        ({"items": [{"sku": "X"}]}, "items.item_id"),
        ({"billing_address": None}, "billing_address"),
        ({"customer_email": None, "billing_address": {"firstname": "A"}}, "customer_email"),
        ({"extension_attributes": {}}, "extension_attributes.shipping_assignments"),
    ],
)
def test_an_unmappable_order_is_refused_naming_the_field(changes, field):
    with pytest.raises(Reject) as refused:
        open_store(None).interpret(made_order(**changes))
    assert (refused.value.code, refused.value.field) == ("order.unmappable", field)


# --- the facts that decide ---


@pytest.mark.parametrize(
    ("state", "status", "ready", "cancelled"),
    [
        ("new", "pending", True, False),
        ("processing", "processing", True, False),
        ("complete", "complete", True, False),
        ("pending_payment", "pending_payment", False, False),
        ("payment_review", "payment_review", False, False),
        ("payment_review", "fraud", False, False),
        ("processing", "fraud", False, False),
        ("holded", "holded", False, False),
        ("canceled", "canceled", False, True),
    ],
)
def test_trap_23_only_orders_the_store_has_finished_with_are_ready(state, status, ready, cancelled):
    seen = open_store(None)._sighting(made_order(state=state, status=status))
    assert (seen.ready, seen.cancelled) == (ready, cancelled)


def test_an_order_refunded_before_anything_shipped_counts_as_cancelled():
    closed = made_order(state="closed", status="closed")
    assert open_store(None)._sighting(closed).cancelled
    closed["items"] = [row(1, qty_shipped=1)]
    assert not open_store(None)._sighting(closed).cancelled


def test_the_ship_to_fingerprint_changes_with_the_address_only():
    raw = recorded_body("order-get-configurable")
    store = open_store(None)
    first = store._sighting(raw).ship_to_fingerprint
    assert first == store.interpret(raw).ship_to.fingerprint()
    assert store._sighting(raw | {"status": "other"}).ship_to_fingerprint == first
    raw["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]["street"] = ["9 New St"]
    assert store._sighting(raw).ship_to_fingerprint != first
    assert store._sighting(recorded_body("order-get-virtual")).ship_to_fingerprint is None


def test_trimming_keeps_a_parent_copy_that_is_the_only_one():
    raw = order_of(row(2, parent_item_id=99, parent_item={"item_id": 99}), grand_total=10)
    assert trim_order(raw)["items"][0]["parent_item"] == {"item_id": 99}
