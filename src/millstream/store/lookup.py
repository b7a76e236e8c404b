"""Orders by any number, page by page."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from millstream.ports.lookup import HitPlace, NewestPlace, OrderHit, OrderState, WayPlace
from millstream.store import sql
from millstream.store.database import Database

_PARTS: Final = sql.load("lookup")
_SQL: Final = {
    name: text.replace("{hit}", _PARTS["hit"])
    .replace("{standing}", _PARTS["standing"])
    .replace("{state}", _PARTS["state"])
    for name, text in _PARTS.items()
}
LOOKED_AT_MAX: Final = 5000  # orders that one page of a state looks at where no index knows the state
ON_THE_WAY: Final[dict[OrderState, tuple[str, ...]]] = {
    "placed": ("waiting", "running"),
    "retrying": ("retrying",),
    "review": ("held", "dead"),
}
"""State of an order that the ERP does not have yet -> the states of its delivery to the ERP."""
_NEWEST_ID: Final = 2**63 - 1


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
        next_place = None if last is None else _place(last, "event_id")
        return [_hit(row) for row in rows[:limit]], next_place

    async def on_the_way(
        self, state: OrderState, *, limit: int, after: WayPlace | None = None
    ) -> tuple[Sequence[OrderHit], WayPlace | None]:
        """See OrderLookup."""
        before = _NEWEST_ID if after is None else after.delivery_id
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["on_the_way"], list(ON_THE_WAY[state]), before, limit + 1)
        place = WayPlace(rows[limit - 1]["delivery_id"]) if len(rows) > limit else None
        return [_hit(row) for row in rows[:limit]], place

    async def in_state(
        self, state: OrderState, *, limit: int, after: NewestPlace | None = None
    ) -> tuple[Sequence[OrderHit], NewestPlace | None]:
        """See OrderLookup."""
        place = (None, None) if after is None else (after.received_at, after.event_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["in_state"], *place, state, LOOKED_AT_MAX, limit + 1)
            if len(rows) > limit:
                return [_hit(row) for row in rows[:limit]], _place(rows[limit - 1], "event_id")
            last = await connection.fetchrow(_SQL["looked_to"], *place, LOOKED_AT_MAX)
        return [_hit(row) for row in rows], None if last is None else _place(last, "id")


def _place(row: Any, event: str) -> NewestPlace:
    return NewestPlace(row["received_at"], UUID(bytes=row[event].bytes))


def _hit(row: Any) -> OrderHit:
    return OrderHit(**{name: row[name] for name in OrderHit.__struct_fields__})
