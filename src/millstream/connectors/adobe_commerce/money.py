"""The money of an order, in the customer's currency and in the website's (`base_…`). Pure.

Wire facts (Adobe Commerce and Magento Open Source 2.4): every amount stands twice, once with `base_` before its name;
a few of the older ones have it in the middle. Base amounts are counted by the store itself, not converted.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from millstream.connectors.adobe_commerce.members import (
    ZERO,
    Row,
    dicts_in,
    read_number,
    read_object,
    read_optional_number,
    read_rows,
    read_text,
    row_id,
)
from millstream.domain.order import Adjustment, OrderLine, Totals
from millstream.domain.values import CENT, Money

PRICE_STEP: Final = Decimal("0.000001")
FIXED_TAX: Final = ("weee_tax_applied_row_amount", "base_weee_tax_applied_row_amnt")

_SIGNED_EXTRAS: Final = (
    # extension attribute, its twin in base currency, label, sign it has in the grand total
    ("gift_cards_amount", "base_gift_cards_amount", "Gift cards", -1),
    ("customer_balance_amount", "base_customer_balance_amount", "Store credit", -1),
    ("reward_currency_amount", "base_reward_currency_amount", "Reward points", -1),
    ("gw_price", "gw_base_price", "Gift wrapping", 1),
    ("gw_items_price", "gw_items_base_price", "Gift wrapping of items", 1),
    ("gw_card_price", "gw_card_base_price", "Printed card", 1),
)


class Amounts(msgspec.Struct, frozen=True):
    """Of one row, all without tax: price of one before discount, discount and net of the row."""

    price: Decimal
    discount: Decimal
    net: Decimal


def amounts_of(row: Row, quantity: Decimal, base: str = "") -> Amounts:
    """What a row costs. `base` = "base_" for the website's currency.

    The store's discount contains tax where its prices do; `discount_tax_compensation_amount` is that part, and with it
    taken off, net and `tax_amount` are what the customer pays as goods and as tax. `row_total` is the store's own net
    before that compensation. Where it differs from price x quantity by rounding of the unit price, it is the truth.
    """
    price = read_number(row, f"{base}price", "items", mandatory=True)
    given = abs(read_number(row, f"{base}discount_amount", "items"))
    compensation = read_number(row, f"{base}discount_tax_compensation_amount", "items")
    discount = given - compensation
    row_total = read_optional_number(row, f"{base}row_total")
    computed = price * quantity - given
    if row_total is None or _cents(row_total) in {_cents(computed), _cents(max(computed, ZERO))}:
        return Amounts(price, discount, _cents(price * quantity - discount))
    if given and _cents(row_total) == _cents(price * quantity):  # a server that shows the row before discount
        return Amounts(price, discount, _cents(price * quantity - discount))
    net = _cents(row_total + compensation)
    if abs(row_total - computed) <= CENT * quantity / 2 + CENT:
        price = ((net + discount) / quantity).quantize(PRICE_STEP, ROUND_HALF_UP)
    return Amounts(price, discount, net)  # a larger difference stays visible as a gap of this line


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def totals_of(raw: Row, lines: Sequence[OrderLine], currency: str) -> Totals:
    """The store's totals; discounts, also the one on shipping, stand without the tax they contain."""
    shipping_compensation = read_number(raw, "shipping_discount_tax_compensation_amount")
    compensation = read_number(raw, "discount_tax_compensation_amount") + shipping_compensation
    discount = -abs(read_number(raw, "discount_amount")) + compensation
    shipping = (
        read_number(raw, "shipping_amount") - abs(read_number(raw, "shipping_discount_amount")) + shipping_compensation
    )
    fixed_tax = _fixed_tax(raw, FIXED_TAX[0])
    adjustments = [*_extras(raw, currency), *_custom_fees(raw, currency)]
    if fixed_tax:
        adjustments.append(Adjustment(code="weee", label="Fixed product tax", amount=Money(fixed_tax, currency)))
    return Totals(
        subtotal=Money(_subtotal(raw, lines, fixed_tax), currency),
        discount=Money(discount, currency),
        shipping=Money(shipping, currency),
        tax=Money(read_number(raw, "tax_amount"), currency),
        grand_total=Money(read_number(raw, "grand_total", mandatory=True), currency),
        adjustments=tuple(adjustments),
    )


def _subtotal(raw: Row, lines: Sequence[OrderLine], fixed_tax: Decimal) -> Decimal:
    """The lines before discount as the store has them; a setting of the store counts fixed product taxes in."""
    goods = sum((line.net.amount + line.discount.amount for line in lines), ZERO)
    said = read_optional_number(raw, "subtotal")
    if said is None:
        return goods
    return said - fixed_tax if _cents(said - fixed_tax) == _cents(goods) else said


def _extras(raw: Row, currency: str) -> list[Adjustment]:
    extensions = read_object(raw, "extension_attributes")
    found = []
    for code, _, label, sign in _SIGNED_EXTRAS:
        amount = read_number(extensions, code) or read_number(raw, code)
        if amount:
            found.append(Adjustment(code=code, label=label, amount=Money(abs(amount) * sign, currency)))
    return found


def _custom_fees(raw: Row, currency: str) -> list[Adjustment]:
    return [
        Adjustment(
            code=read_text(fee, "custom_fee_code") or "custom_fee",
            label=read_text(fee, "custom_fee_label") or "Fee",
            amount=Money(read_number(fee, "custom_fee_amount", "extension_attributes.custom_fees"), currency),
        )
        for fee in dicts_in(read_object(raw, "extension_attributes").get("custom_fees"))
    ]


def _fixed_tax(raw: Row, name: str) -> Decimal:
    """Fixed product taxes (environmental fees); they stand outside the row total."""
    parents = (row for row in read_rows(raw) if read_text(row, "parent_item_id") is None)
    return sum((read_number(row, name, "items") for row in parents), ZERO)


# --- the website's currency -------------------------------------------------------------------------------------------


def base_total_of(raw: Row) -> Money | None:
    """The grand total in base currency; None where the store does not say it."""
    amount, currency = read_optional_number(raw, "base_grand_total"), read_text(raw, "base_currency_code")
    return None if amount is None or currency is None else Money(amount, currency)


def base_sum_of(raw: Row, lines: Sequence[OrderLine]) -> Money | None:
    """Lines, shipping, tax and adjustments in base currency, added up; None where the store leaves one of them out."""
    currency = read_text(raw, "base_currency_code")
    rows = {row_id(row): row for row in read_rows(raw)}
    parts = [_base_net(rows[line.id], line.quantity.amount) for line in lines]
    parts += [
        _base(raw, "shipping_amount"),
        _base(raw, "shipping_discount_amount", sign=-1),
        _base(raw, "shipping_discount_tax_compensation_amount", "base_shipping_discount_tax_compensation_amnt"),
        _base(raw, "tax_amount"),
        *_base_adjustments(raw),
    ]
    known = [part for part in parts if part is not None]
    return None if currency is None or len(known) < len(parts) else Money(sum(known, ZERO), currency)


def _base_net(row: Row, quantity: Decimal) -> Decimal | None:
    said = all(row.get(name) is not None for name in ("base_price", "base_row_total"))
    return amounts_of(row, quantity, "base_").net if said else None


def _base_adjustments(raw: Row) -> list[Decimal | None]:
    extensions = read_object(raw, "extension_attributes")
    found: list[Decimal | None] = []
    for code, base_code, _, sign in _SIGNED_EXTRAS:
        place = extensions if read_number(extensions, code) else raw
        found.append(_base(place, code, base_code, sign=sign))
    found += [_base(fee, "custom_fee_amount") for fee in dicts_in(extensions.get("custom_fees"))]
    parents = (row for row in read_rows(raw) if read_text(row, "parent_item_id") is None)
    found += [_base(row, *FIXED_TAX) for row in parents]
    return found


def _base(row: Row, name: str, base_name: str = "", *, sign: int = 0) -> Decimal | None:
    """The twin in base currency of a member; None where only the twin is left out. With a sign, whatever it had."""
    amount = read_optional_number(row, base_name or f"base_{name}")
    if amount is None:
        return None if read_number(row, name) else ZERO
    return abs(amount) * sign if sign else amount
