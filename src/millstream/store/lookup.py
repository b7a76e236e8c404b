"""Orders by any number, page by page."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from millstream.ports.lookup import HitPlace, NewestPlace, OrderHit
from millstream.store import sql
from millstream.store.database import Database

_PARTS: Final = sql.load("lookup")
_SQL: Final = {
    name: text.replace("{hit}", _PARTS["hit"]).replace("{standing}", _PARTS["standing"])
    for name, text in _PARTS.items()
}


class PostgresLookup:
    """See `ports.lookup.OrderLookup`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, number: str, *, limit: int, after: HitPlace | None = None
    ) -> tuple[Sequence[OrderHit], HitPlace | None]:
        """See OrderLookup."""
        place = after or HitPlace("", "")
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["search"], number, place.at, place.order_key, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        next_place = None if last is None else HitPlace(last["at"], last["order_key"])
        return [_hit(row) for row in rows[:limit]], next_place

    async def newest(
        self, *, limit: int, after: NewestPlace | None = None
    ) -> tuple[Sequence[OrderHit], NewestPlace | None]:
        """See OrderLookup."""
        at, event_id = (None, None) if after is None else (after.received_at, after.event_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["newest"], at, event_id, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        next_place = None if last is None else NewestPlace(last["received_at"], UUID(bytes=last["event_id"].bytes))
        return [_hit(row) for row in rows[:limit]], next_place


def _hit(row: Any) -> OrderHit:
    return OrderHit(**{name: row[name] for name in OrderHit.__struct_fields__})
