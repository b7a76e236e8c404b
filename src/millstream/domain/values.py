"""Money and quantities: no bare number stands for either."""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

CENT = Decimal("0.01")


class CurrencyMismatchError(ArithmeticError):
    """Two amounts of different currencies were combined."""


class UnitMismatchError(ArithmeticError):
    """Two quantities of different units were combined."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An exact amount in one currency (ISO 4217 code). Mixing currencies raises."""

    amount: Decimal
    currency: str

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in the given currency."""
        return cls(Decimal(0), currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be combined")

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.amount < other.amount

    def __abs__(self) -> "Money":
        return Money(abs(self.amount), self.currency)

    def to_cent(self) -> "Money":
        """The amount rounded half up to two places, as invoices show it."""
        return Money(self.amount.quantize(CENT, ROUND_HALF_UP), self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.2f} {self.currency}"


class Quantity(msgspec.Struct, frozen=True, order=False):
    """An exact quantity in one unit of measure. Mixing units raises."""

    amount: Decimal
    unit: str = "each"

    def _same(self, other: "Quantity") -> None:
        if self.unit != other.unit:
            raise UnitMismatchError(f"{self.unit} and {other.unit} cannot be combined")

    def __add__(self, other: "Quantity") -> "Quantity":
        self._same(other)
        return Quantity(self.amount + other.amount, self.unit)

    def __sub__(self, other: "Quantity") -> "Quantity":
        self._same(other)
        return Quantity(self.amount - other.amount, self.unit)

    def __lt__(self, other: "Quantity") -> bool:
        self._same(other)
        return self.amount < other.amount

    def __str__(self) -> str:
        text = f"{self.amount.normalize():f}"
        return text if self.unit == "each" else f"{text} {self.unit}"
