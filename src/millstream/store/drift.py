"""What comparing the systems found, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from millstream.ports.drift import Differing, Drift, DriftPlace
from millstream.store import sql
from millstream.store.database import Database

_SQL: Final = sql.load("drift")


class PostgresDrift:
    """See `ports.drift.DriftBook`. `reading` is asked for figures."""

    def __init__(self, database: Database, *, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database

    async def next_orders(
        self, after: tuple[datetime, str] | None, *, since: datetime, until: datetime, limit: int
    ) -> Sequence[tuple[datetime, str]]:
        """See DriftBook."""
        place = after or (None, None)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["next_orders"], since, until, *place, limit)
        return [(row["placed_at"], row["order_key"]) for row in rows]

    async def differing_orders(self, *, since: datetime, limit: int) -> Sequence[str]:
        """See DriftBook."""
        async with self._database.connection() as connection:
            return [row["order_key"] for row in await connection.fetch(_SQL["differing_orders"], since, limit)]

    async def under_way(self, order_keys: Sequence[str]) -> Collection[str]:
        """See DriftBook."""
        async with self._database.connection() as connection:
            return {row["subject"] for row in await connection.fetch(_SQL["under_way"], list(order_keys))}

    async def keep(self, found: Mapping[str, Sequence[str]], *, now: datetime, forget_before: datetime) -> None:
        """See DriftBook."""
        differs = [",".join(each) for each in found.values()]
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["keep"], now, list(found), differs)
            await connection.execute(_SQL["forget"], forget_before)

    async def drift(self, *, since: datetime, limit: int, after: DriftPlace | None = None) -> Drift:
        """See DriftBook."""
        place = (None, None) if after is None else (after.since, after.order_key)
        async with self._reading.connection() as connection:
            counted = await connection.fetchrow(_SQL["count"], since)
            rows = await connection.fetch(_SQL["differing"], since, limit, *place)
        differing = tuple(Differing(**{**dict(row), "differs": tuple(row["differs"])}) for row in rows)
        return Drift(checked=counted["checked"], count=counted["differing"], differing=differing)
