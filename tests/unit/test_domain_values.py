"""Money and quantities."""

from decimal import Decimal

import msgspec
import pytest

from millstream.domain.values import CurrencyMismatchError, Money, Quantity, UnitMismatchError


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_amounts_are_exact():
    assert euro("0.10") + euro("0.20") == euro("0.30")
    assert euro("1250.00") * 3 - euro("0.01") == euro("3749.99")
    assert -euro("5") + euro("5") == Money.zero("EUR")
    assert abs(euro("-2.5")) == euro("2.5")


def test_equal_amounts_are_equal_however_many_zeros_they_are_written_with():
    assert euro("1.5") == euro("1.500")
    assert hash(euro("1.5")) == hash(euro("1.500"))


@pytest.mark.parametrize(
    "combine", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a > b, max]
)
def test_two_currencies_cannot_be_combined(combine):
    with pytest.raises(CurrencyMismatchError, match=r"(EUR and USD|USD and EUR) cannot be combined"):
        combine(euro("1"), Money(Decimal(1), "USD"))


def test_two_currencies_are_never_equal():
    assert euro("1") != Money(Decimal(1), "USD")


def test_money_is_not_multiplied_by_a_binary_fraction():
    with pytest.raises(TypeError):
        euro("1") * 1.1


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("0.005", "0.01"), ("0.015", "0.02"), ("0.025", "0.03"), ("-0.005", "-0.01"), ("2.674999", "2.67"), ("7", "7.00")],
)
def test_cents_are_rounded_half_up_as_invoices_do(exact, rounded):
    assert euro(exact).to_cent() == euro(rounded)


def test_money_survives_json_to_the_last_digit():
    money = Money(Decimal("1234567890.1234567890"), "EUR")
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money
    assert msgspec.convert(msgspec.to_builtins(money), Money) == money


def test_money_reads_as_people_write_it():
    assert str(euro("1234567.5")) == "1,234,567.50 EUR"


def test_values_cannot_be_altered():
    with pytest.raises(AttributeError):
        euro("1").amount = Decimal(2)
    with pytest.raises(AttributeError):
        Quantity(Decimal(1)).unit = "m"


@pytest.mark.parametrize("combine", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a > b])
def test_two_units_cannot_be_combined(combine):
    with pytest.raises(UnitMismatchError, match=r"(m and each|each and m) cannot be combined"):
        combine(Quantity(Decimal(1), "m"), Quantity(Decimal(1)))


def test_quantities_are_exact():
    assert Quantity(Decimal("0.1"), "m") + Quantity(Decimal("0.2"), "m") == Quantity(Decimal("0.3"), "m")
    assert Quantity(Decimal(3)) - Quantity(Decimal(5)) == Quantity(Decimal(-2))
    assert Quantity(Decimal(1)) < Quantity(Decimal(2))


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Quantity(Decimal("2.0000")), "2"),
        (Quantity(Decimal("1.50"), "m"), "1.5 m"),
        (Quantity(Decimal(100)), "100"),
        (Quantity(Decimal("0.000")), "0"),
    ],
)
def test_a_quantity_reads_without_zeros_and_names_its_unit_unless_it_counts_pieces(quantity, text):
    assert str(quantity) == text
