"""Arithmetic of money and quantities, whatever the amounts."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.domain.values import CENT, CurrencyMismatchError, Money, Quantity, UnitMismatchError

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False, allow_infinity=False)
CURRENCIES = st.sampled_from(["EUR", "USD", "CHF", "JPY"])
EUROS = st.builds(Money, AMOUNTS, st.just("EUR"))


@given(a=EUROS, b=EUROS, c=EUROS)
def test_the_order_of_adding_does_not_matter(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)


@given(a=EUROS, b=EUROS)
def test_what_is_added_can_be_taken_away_again(a, b):
    assert a + b - b == a
    assert a - a == Money.zero("EUR")
    assert Money.zero("EUR") - (Money.zero("EUR") - a) == a


@given(parts=st.lists(EUROS, max_size=50))
def test_a_sum_is_exact_to_the_last_digit(parts):
    total = sum(parts, Money.zero("EUR"))
    assert Fraction(total.amount) == sum((Fraction(part.amount) for part in parts), Fraction(0))


@given(price=EUROS, count=st.integers(0, 10_000))
def test_a_price_times_a_count_is_the_price_added_up(price, count):
    assert Fraction((price * count).amount) == Fraction(price.amount) * count


@given(money=EUROS)
def test_rounding_to_the_cent_moves_by_half_a_cent_at_most_and_twice_is_once(money):
    rounded = money.to_cent()
    assert abs(rounded.amount - money.amount) <= CENT / 2
    assert rounded.amount == rounded.amount.quantize(CENT)
    assert rounded.to_cent() == rounded


@given(cents=st.integers(-(10**11), 10**11))
def test_half_a_cent_goes_away_from_zero(cents):
    half = Decimal(cents) / 100 + (Decimal("0.005") if cents >= 0 else Decimal("-0.005"))
    away = Decimal(cents) / 100 + (CENT if cents >= 0 else -CENT)
    assert Money(half, "EUR").to_cent().amount == away


@given(money=EUROS)
def test_rounding_is_what_an_invoice_program_does(money):
    assert money.to_cent().amount == money.amount.quantize(CENT, ROUND_HALF_UP)
    assert (-money).to_cent() == -(money.to_cent())


@given(a=AMOUNTS, b=AMOUNTS, first=CURRENCIES, second=CURRENCIES)
def test_two_amounts_combine_exactly_if_they_share_a_currency(a, b, first, second):
    if first == second:
        assert (Money(a, first) + Money(b, second)).currency == first
        return
    for combine in (Money.__add__, Money.__sub__, Money.__lt__):
        with pytest.raises(CurrencyMismatchError):
            combine(Money(a, first), Money(b, second))


@given(a=EUROS, b=EUROS)
def test_amounts_are_ordered_as_numbers_are(a, b):
    assert (a < b) is (a.amount < b.amount)
    assert (a > b) is (a.amount > b.amount)
    assert max(a, b).amount == max(a.amount, b.amount)


@given(money=st.builds(Money, AMOUNTS, CURRENCIES))
def test_money_survives_storage_and_transport(money):
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money
    assert msgspec.convert(msgspec.to_builtins(money), Money) == money


@given(a=AMOUNTS, b=AMOUNTS, first=st.sampled_from(["each", "m"]), second=st.sampled_from(["each", "m"]))
def test_two_quantities_combine_exactly_if_they_share_a_unit(a, b, first, second):
    if first == second:
        total = Quantity(a, first) + Quantity(b, second)
        assert total - Quantity(b, second) == Quantity(a, first)
        return
    for combine in (Quantity.__add__, Quantity.__sub__, Quantity.__lt__):
        with pytest.raises(UnitMismatchError):
            combine(Quantity(a, first), Quantity(b, second))


@given(amount=AMOUNTS)
def test_a_quantity_is_printed_in_full_and_never_as_a_power_of_ten(amount):
    assert Decimal(str(Quantity(amount))) == amount
    assert "E" not in str(Quantity(amount))
