"""Whether an order was sold at the ERP's prices. Amounts of two currencies are never compared."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from millstream.domain.errors import Reject
from millstream.domain.order import OrderLine, SalesOrder
from millstream.domain.values import CENT, Money
from millstream.ports.erp import ErpItem


def item_of(line: OrderLine, items: Mapping[str, ErpItem]) -> ErpItem | None:
    """The salable item a line means: by its own SKU, else by the catalogue SKU behind its options."""
    return next((items[sku] for sku in line.skus if sku in items and items[sku].salable), None)


def refuse_stale_prices(
    order: SalesOrder, items: Mapping[str, ErpItem], tolerance_percent: Decimal, *, waived: Collection[str] = ()
) -> None:
    """A price the ERP does not know is no reason to hold; one that differs beyond the tolerance is.

    So is one that it has in another currency alone, unless the store tells the rate between the two: what it sold at
    was never compared with anything; what costs nothing is a gift or a part. Lines with
    custom options are left out: their price holds surcharges that only the store knows.
    """
    for line in order.lines:
        item = item_of(line, items)
        if item is None or line.has_custom_options:
            continue
        theirs = prices_of(item)
        current = next((price for price in (in_order_currency(one, order) for one in theirs) if price), None)
        if current is None and theirs and line.unit_price.amount and "price.other_currency" not in waived:
            raise Reject(
                "price.other_currency",
                f"{line.sku} was sold at {line.unit_price}, the ERP's price is {' or '.join(map(str, theirs))}, and "
                f"the store tells no rate from there to {order.currency}: nobody knows whether it is right. Give it a "
                f"price in {order.currency} in the ERP and retry, or release the order as it is.",
                field=f"lines[{line.id}].unit_price",
            )
        if current is None:
            continue
        allowed = max(current.amount * tolerance_percent / 100, CENT)
        if abs(line.unit_price.amount - current.amount) > allowed:
            raise Reject(
                "price.stale",
                f"{line.sku} was sold at {line.unit_price}, the ERP's price is {as_told(current, theirs, order)} "
                f"(tolerance {tolerance_percent} %). Correct one of them and retry, or release the order as it is.",
                field=f"lines[{line.id}].unit_price",
            )


def prices_of(item: ErpItem) -> tuple[Money, ...]:
    """Every price the ERP has for it, that in the currency asked for first."""
    return item.other_prices if item.price is None else (item.price, *item.other_prices)


def in_order_currency(price: Money, order: SalesOrder) -> Money | None:
    """The ERP's price in the order's currency: as it is, or by the rate at which the store sold; None without one."""
    if price.currency == order.currency:
        return price
    if price.currency != order.base_currency or not order.base_rate:
        return None
    return Money(price.amount * order.base_rate, order.currency)


def as_told(current: Money, theirs: tuple[Money, ...], order: SalesOrder) -> str:
    """The price compared with, and where it comes from if the ERP does not say it so."""
    if current in theirs:
        return str(current)
    own = next(price for price in theirs if price.currency == order.base_currency)
    return f"{current.to_cent()} ({own} at the store's rate of {order.base_rate})"
