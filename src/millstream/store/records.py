"""What flows read of the books."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.fulfilment import Delivered, Shipment
from millstream.domain.order import SalesOrder
from millstream.ports.records import BookedOrder, KnownOrder, LifetimeValue, Placement
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.together import Together

_SQL: Final = sql.load("books")
ExternalName = tuple[str, str, str]  # kind, system, external id


class PostgresRecords:
    """See `ports.records.Records`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links: Together[ExternalName, str] = Together(self._find_links)
        self._lifetime_values: Together[str, list[LifetimeValue]] = Together(self._read_lifetime_values)

    async def known_orders(self, store: str, store_order_ids: Sequence[str]) -> Mapping[str, KnownOrder]:
        """See Records."""
        if not store_order_ids:
            return {}
        placed = [f"order/{store_order_id}/placed" for store_order_id in store_order_ids]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["known_orders"], store, placed)
        return {
            row["store_order_id"]: KnownOrder(
                ship_to_fingerprint=row["ship_to_fingerprint"], cancelled=row["cancelled"]
            )
            for row in rows
        }

    async def restored_until(self) -> datetime | None:
        """See Records."""
        async with self._database.connection() as connection:
            until: datetime | None = await connection.fetchval(_SQL["restored_until"])
            return until

    async def poll_cursor(self, task: str) -> dict[str, Any] | None:
        """See Records."""
        async with self._database.connection() as connection:
            cursor: str | None = await connection.fetchval(_SQL["poll_cursor"], task)
        return None if cursor is None else msgspec.json.decode(cursor)

    async def find_link(self, kind: str, system: str, external_id: str) -> str | None:
        """See Records."""
        return await self._links.get((kind, system, external_id))

    async def _find_links(self, names: Sequence[ExternalName]) -> Mapping[ExternalName, str]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["find_links"], *(list(column) for column in zip(*names, strict=True)))
        return {names[row["n"] - 1]: row["hub_id"] for row in rows}

    async def external_id(self, kind: str, system: str, hub_id: str) -> str | None:
        """See Records."""
        async with self._database.connection() as connection:
            name: str | None = await connection.fetchval(_SQL["external_id"], kind, system, hub_id)
            return name

    async def booked_order(self, order_key: str) -> BookedOrder | None:
        """See Records."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["booked_order"], order_key)
        if row is None:
            return None
        return BookedOrder(
            order=msgspec.json.decode(row["order"], type=SalesOrder),
            acknowledgement=msgspec.json.decode(row["acknowledgement"], type=Acknowledgement),
            customer_id=row["customer_id"],
            ship_date=row["ship_date"],
            left_at=row["left_at"],
            left_on=row["left_on"],
            shipped_at=row["shipped_at"],
            delivered_at=row["delivered_at"],
            cancelled_at=row["cancelled_at"],
            cancelled=msgspec.json.decode(row["cancelled"] or "{}", type=dict[str, Decimal]),
        )

    async def placement(self, order_key: str) -> Placement | None:
        """See Records."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["placement"], order_key)
        return None if row is None else Placement(**dict(row))

    async def find_orders(self, value: str) -> Sequence[str]:
        """See Records."""
        async with self._database.connection() as connection:
            return [row["order_key"] for row in await connection.fetch(_SQL["find_orders"], value)]

    async def steps_on_the_way(self, order_key: str) -> Sequence[Shipment | Delivered]:
        """See Records."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["steps_on_the_way"], order_key)
        return [
            msgspec.json.decode(row["delivered"], type=Delivered)
            if row["shipment"] is None
            else msgspec.json.decode(row["shipment"], type=Shipment)
            for row in rows
        ]

    async def tracking_numbers(self, order_key: str) -> Sequence[str]:
        """See Records."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["tracking_numbers"], order_key)
        return [row["tracking_number"] for row in rows]

    async def lifetime_value(self, customer_id: str) -> Sequence[LifetimeValue]:
        """See Records."""
        return await self._lifetime_values.get(customer_id) or ()

    async def _read_lifetime_values(self, customers: Sequence[str]) -> Mapping[str, list[LifetimeValue]]:
        values: dict[str, list[LifetimeValue]] = {}
        async with self._database.connection() as connection:
            for row in await connection.fetch(_SQL["lifetime_values"], customers):
                value = LifetimeValue(amount=row["amount"], currency=row["currency"], orders=row["orders"])
                values.setdefault(row["customer_id"], []).append(value)
        return values
