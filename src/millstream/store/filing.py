"""Orders that wait for the ERP are filed: then their money is known, every number finds them, and whose they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec

from millstream.domain.errors import Failure
from millstream.domain.order import SalesOrder
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.text import storable

FILED_AFTER: Final = timedelta(seconds=10)  # most orders are in the ERP by then, and in the books
FILING_BATCH_MAX: Final = 500

_SQL: Final = sql.load("lookup")


class Filing:
    """`interpret` reads an order as its store sent it, see `ports.commerce.OrderFeed`."""

    def __init__(self, database: Database, *, world: World, interpret: Callable[[dict[str, Any]], SalesOrder]) -> None:
        self._database = database
        self._world = world
        self._interpret = interpret

    async def file_waiting_orders(self) -> int:
        """Files what waits and is not filed yet; returns how many. Any number of processes may do it at once."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["unfiled"], now - FILED_AFTER, FILING_BATCH_MAX)
            if rows:
                read = [(row["order_key"], self._read(row["order"])) for row in rows]
                await connection.execute(
                    _SQL["file"],
                    now,
                    [key for key, _ in read],
                    [order and storable(order.currency) for _, order in read],
                    [order and order.totals.grand_total.amount for _, order in read],
                    [alias for key, order in read if order is not None for alias in _aliases(key, order)],
                    [order and storable(order.customer.external_id) for _, order in read],
                )
        return len(rows)

    def _read(self, text: str | None) -> SalesOrder | None:
        """The order, None if nobody can read it: that is what it waits for, then."""
        try:
            return self._interpret(dict(msgspec.json.decode(text or "null")))
        except (Failure, TypeError, ValueError, msgspec.MsgspecError):
            return None


def _aliases(order_key: str, order: SalesOrder) -> list[tuple[str, str, str]]:
    numbers = [
        ("store", order.number),
        ("store_id", order.store_order_id),
        ("email", order.customer.email),
        ("po", order.po_number),
    ]
    return [(storable(value), kind, order_key) for kind, value in numbers if value]
