"""What the ERP answered: the order acknowledgement."""

from datetime import date
from typing import Any

import msgspec

from millstream.domain.values import Money, Quantity


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something the ERP confirmed differently from what was asked, in words a person can be shown."""

    path: str  # "lines[42].ship_date", "lines[42].quantity"
    requested: str
    confirmed: str
    text: str


class LineSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """When one line ships and why then. None means the ERP does not know, never zero or today."""

    line_id: str
    sku: str
    quantity: Quantity
    reserved: Quantity | None = None
    ship_date: date | None = None
    work_orders: tuple[str, ...] = ()
    reason: str = ""  # "in stock", "made to order, lead time 10 days"
    ships: bool = True  # False: a service, or taken off the order; nothing of it leaves


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """The ERP's order. `number` is what people call it, `erp_id` what its API wants."""

    erp_id: str
    number: str
    state: str
    warehouse: str | None
    lines: tuple[LineSchedule, ...]
    ship_date: date | None
    net: Money
    tax: Money
    gross: Money
    changes: tuple[Change, ...] = ()
    created: bool = True  # False: the order had been there already, this call found it

    @property
    def work_orders(self) -> tuple[str, ...]:
        """Every work order of the order, each once, in line order."""
        return tuple(dict.fromkeys(number for line in self.lines for number in line.work_orders))


def acknowledgement_from_json(raw: dict[str, Any] | Acknowledgement) -> Acknowledgement:
    """Reads back what was written as JSON; one as it is. Raises msgspec.ValidationError naming the path."""
    return raw if isinstance(raw, Acknowledgement) else msgspec.convert(raw, Acknowledgement)
