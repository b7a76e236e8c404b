"""What the system holds: goods, customers, orders, deliveries, production orders; and its clock, which never stands."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from millstream.sandbox.sap_s4hana import seed

Row = dict[str, Any]
Now = Callable[[], datetime]

TICK = timedelta(microseconds=1)


def system_now() -> datetime:
    return datetime.now(UTC)


class Plant:
    def __init__(self, *, now: Now = system_now) -> None:
        self.now = now
        self.listeners: list[Callable[[str], None]] = []  # told the number of every sales order something happened to
        self.reset()

    def reset(self) -> None:
        self.products = seed.products()
        self.stock: dict[tuple[str, str], Decimal] = seed.stock()
        self.customers = seed.customers()
        self.identifications = {(seed.IDENTIFICATION_TYPE, one["external"]): bp for bp, one in self.customers.items()}
        self.tax_percent: dict[str, Decimal] = {}
        self.orders: dict[str, Row] = {}
        self.orders_by_reference: dict[str, list[str]] = defaultdict(list)
        self.deliveries: dict[str, Row] = {}
        self.deliveries_of: dict[str, list[str]] = defaultdict(list)
        self.production: dict[str, Row] = {}
        self.production_of: dict[str, list[str]] = defaultdict(list)
        self.promised: dict[tuple[str, str], Decimal] = defaultdict(Decimal)  # of what is on hand
        self.receipts: dict[str, Row] = {}  # planned, and how much of each is promised to nobody
        self.movements: list[Row] = []
        self.plans_by_itself = True  # production orders are made as orders are saved; else when planning runs
        self.locks: dict[str, int] = {}
        self.numbers = {
            "order": count(5000001),
            "delivery": count(80000001),
            "production": count(1000001),
            "unit": count(1),
            "receipt": count(10000001),
            "movement": count(4900000001),
        }
        self._stamped = datetime.min.replace(tzinfo=UTC)

    def number(self, kind: str) -> str:
        return str(next(self.numbers[kind]))

    def stamp(self) -> datetime:
        """The time of a change: later than that of every change before it."""
        self._stamped = max(self.now(), self._stamped + TICK)
        return self._stamped

    def tell(self, order: str) -> None:
        for listener in self.listeners:
            listener(order)

    def today(self) -> date:
        return self.now().date()

    def on_hand(self, material: str, plant: str) -> Decimal:
        return self.stock.get((material, plant), Decimal(0))

    def free(self, material: str, plant: str) -> Decimal:
        """On hand and not promised to an order yet."""
        return max(self.on_hand(material, plant) - self.promised[material, plant], Decimal(0))

    def orders_named(self, name: str) -> list[Row]:
        """By number, or by the customer's reference."""
        if name in self.orders:
            return [self.orders[name]]
        return [self.orders[number] for number in self.orders_by_reference.get(name, [])]
