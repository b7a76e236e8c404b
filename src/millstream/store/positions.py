"""How far feeds were read, in PostgreSQL."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from millstream.ports.positions import COUNTED_MAX, Rewound
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.gauges import first_id
from millstream.store.text import json_text

_SQL: Final = sql.load("positions")


class PostgresPositions:
    """See `ports.positions.Positions`. `reading` is asked for the estimate."""

    def __init__(self, database: Database, *, clock: Clock, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database
        self._clock = clock

    async def look(self, feed: str, source: str, *, since: datetime) -> tuple[dict[str, Any] | None, int]:
        """See Positions."""
        async with self._reading.connection() as connection:
            cursor = await connection.fetchval(_SQL["cursor"], feed)
            orders: int = await connection.fetchval(_SQL["heard_of"], first_id(since), source, COUNTED_MAX)
        return _read(cursor), orders

    async def move(
        self,
        feed: str,
        name: str,
        judge: Callable[[dict[str, Any] | None], Rewound],
        *,
        to: datetime,
        actor: str,
        reason: str,
    ) -> Rewound:
        """See Positions."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            moved = judge(_read(await connection.fetchval(_SQL["lock_cursor"], feed)))
            await connection.execute(_SQL["move"], feed, json_text(moved.cursor), now)
            detail = msgspec.to_builtins({"feed": feed, "was": moved.was, "to": to, "reason": reason})
            await audit(connection, now, actor, "connection.rewind", f"connection/{name}", detail)
        return moved


def _read(cursor: str | None) -> dict[str, Any] | None:
    return None if cursor is None else msgspec.json.decode(cursor)
