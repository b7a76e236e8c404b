"""What the sandbox store holds: orders, shipments and invoices as the JSON that REST shows, changed in place."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from millstream.sandbox.adobe_commerce.catalog import default_products
from millstream.sandbox.adobe_commerce.customers import default_customers
from millstream.sandbox.adobe_commerce.errors import no_entity
from millstream.sandbox.adobe_commerce.stores import VIEWS

Json = dict[str, Any]
Now = Callable[[], datetime]
CENT = Decimal("0.01")
ON_HAND = 1_000_000
SOURCES = ("default", "wh_east", "wh_west")
STATUSES = {
    "new": ["pending"],
    "pending_payment": ["pending_payment"],
    "payment_review": ["payment_review", "fraud"],
    "processing": ["processing", "fraud"],
    "complete": ["complete"],
    "closed": ["closed"],
    "canceled": ["canceled"],
    "holded": ["holded"],
}


def money(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def number(amount: Decimal | float) -> int | float:
    """As PHP writes a float in JSON: 15, not 15.0."""
    value = float(amount)
    return int(value) if value.is_integer() else value


def exact(amount: float | str) -> Decimal:
    return Decimal(str(amount))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Shop:
    """The store's memory."""

    def __init__(self, now: Now = utc_now) -> None:
        self.now = now
        self.counters: Counter[str] = Counter()
        self.orders: dict[int, Json] = {}
        self.items: dict[int, Json] = {}
        self.shipments: dict[int, Json] = {}
        self.shipments_by_order: dict[str, list[Json]] = {}
        self.invoices: dict[int, Json] = {}
        self.creditmemos: dict[int, Json] = {}
        self.emails: list[Json] = []
        self.views = list(VIEWS)
        self.statuses = {state: list(names) for state, names in STATUSES.items()}
        self.products: dict[str, Json] = {}
        self.products_by_id: dict[int, Json] = {}
        self.customers = default_customers()
        self.stock: dict[tuple[str, str], float] = {}
        self.stock_status: dict[tuple[str, str], int] = {}
        self.listeners: list[Callable[[str, Json], None]] = []
        self.increments: dict[tuple[int, str], int] = {}
        self._recent: dict[int, None] = {}
        for product in default_products():
            self.add_product(product)

    def stamp(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def next(self, kind: str) -> int:
        self.counters[kind] += 1
        return self.counters[kind]

    def add_product(self, product: Json) -> Json:
        product.setdefault("id", max(self.products_by_id, default=0) + 1)
        self.products[product["sku"]] = product
        self.products_by_id[product["id"]] = product
        return product

    def store_name(self, store_id: int) -> str:
        view = next((view for view in self.views if view["id"] == store_id), self.views[0])
        return f"Main Website\nMain Website Store\n{view['name']}"

    def is_scope(self, code: str) -> bool:
        return code == "all" or any(view["code"] == code for view in self.views)

    def order(self, entity_id: int) -> Json:
        """Raises the 404 that Magento gives."""
        order = self.orders.get(entity_id)
        if order is None:
            raise no_entity()
        return order

    def add_order(self, order: Json) -> None:
        self.orders[order["entity_id"]] = order
        self.increments[order["store_id"], order["increment_id"]] = order["entity_id"]
        for item in order["items"]:
            self.items[item["item_id"]] = item
        self._recent[order["entity_id"]] = None

    def touch(self, order: Json, *, tell: bool = True) -> None:
        """The row was written: a new `updated_at`, and whoever listens is told."""
        order["updated_at"] = self.stamp()
        self._recent.pop(order["entity_id"], None)
        self._recent[order["entity_id"]] = None
        if tell:
            self.tell("order.saved", order)

    def recent(self) -> Iterator[Json]:
        """Orders, the newest change first."""
        return (self.orders[entity_id] for entity_id in reversed(self._recent))

    def orders_numbered(self, increment_id: str) -> list[Json]:
        """The same number may exist once per store view."""
        keys = [(int(view["id"]), increment_id) for view in self.views]
        return [self.orders[self.increments[key]] for key in keys if key in self.increments]

    def shipments_of(self, order_id: str) -> list[Json]:
        return self.shipments_by_order.get(order_id, [])

    def add_shipment(self, shipment: Json) -> None:
        self.shipments[shipment["entity_id"]] = shipment
        self.shipments_by_order.setdefault(str(shipment["order_id"]), []).append(shipment)

    def tell(self, what: str, entity: Json) -> None:
        for listener in self.listeners:
            listener(what, entity)

    def on_hand(self, source: str, sku: str) -> float:
        return self.stock.get((source, sku), ON_HAND)

    def take(self, source: str, sku: str, quantity: float) -> None:
        self.stock[source, sku] = self.on_hand(source, sku) - quantity

    def mail(self, template: str, order: Json, **details: Any) -> None:
        self.emails.append(
            {
                "template": template,
                "to": order.get("customer_email"),
                "order_id": order["entity_id"],
                "increment_id": order["increment_id"],
                "sent_at": self.stamp(),
                **details,
            }
        )
