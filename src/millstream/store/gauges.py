"""How the hub stands, read from the ledger; and where workers say that they live."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.ports.gauges import Announced, Fault, FlowShare, Heartbeat, Kept, Queue, Reached, Reading
from millstream.store import sql
from millstream.store.database import Database

_LOADED: Final = sql.load("gauges")
_SQL: Final = {
    name: text.replace("{failing}", _LOADED["failing"]).replace("{waiting}", _LOADED["waiting"])
    for name, text in _LOADED.items()
}
OPEN_MAX: Final = 200_000  # open deliveries that are counted; more is "many" to anybody
ANNOUNCED_MAX: Final = 20  # orders that the canary looks at
SHIPPED_MAX: Final = 2000  # shipments that promises are judged by
FORGOTTEN_AFTER: Final = timedelta(days=1)


def first_id(moment: datetime) -> UUID:
    """Where ids of this moment begin: version 7 ids sort by the millisecond they were made in."""
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)


class PostgresGauges:
    """See `ports.gauges.Gauges` and `ports.gauges.Pulse`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, *, at: datetime, window_s: float) -> Reading:
        """See Gauges."""
        since = first_id(at - timedelta(seconds=window_s))
        async with self._database.connection() as connection:
            queues = await connection.fetch(_SQL["queues"], OPEN_MAX)
            faults = await connection.fetch(_SQL["faults"], at, window_s, OPEN_MAX)
            reached = await connection.fetchrow(_SQL["reached"], since)
            heartbeats = await connection.fetch(_SQL["heartbeats"])
        return Reading(
            at=at,
            queues=tuple(Queue(**dict(row)) for row in queues),
            faults=tuple(Fault(**dict(row)) for row in faults),
            reached=Reached(**dict(reached)),
            heartbeats=tuple(_heartbeat(row) for row in heartbeats),
        )

    async def flows(self, *, at: datetime, window_s: float) -> tuple[FlowShare, ...]:
        """See Gauges."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["flows"], first_id(at - timedelta(seconds=window_s)))
        return tuple(FlowShare(**dict(row)) for row in rows)

    async def announced(self, store: str, *, since: datetime, until: datetime) -> Announced:
        """See Gauges."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["announced"], store, since, until, ANNOUNCED_MAX)
        came = [row["announced"] for row in rows]
        in_a_row = len(list(takewhile(bool, came)))
        return Announced(orders=len(came), announced=sum(came), in_a_row=in_a_row)

    async def kept(self, *, since: datetime) -> Kept:
        """See Gauges."""
        async with self._database.connection() as connection:
            return Kept(**dict(await connection.fetchrow(_SQL["kept"], first_id(since), SHIPPED_MAX)))

    async def waiting_orders(self, subscribers: Sequence[str], *, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """See Gauges."""
        async with self._database.connection() as connection:
            count: int = await connection.fetchval(_SQL["count_waiting_orders"], list(subscribers), OPEN_MAX)
            rows = await connection.fetch(_SQL["waiting_orders"], list(subscribers), limit) if count else []
        return count, [msgspec.json.decode(row["data"]) for row in rows]

    async def failing_orders(self, *, at: datetime, window_s: float, limit: int) -> list[dict[str, Any]]:
        """See Gauges."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["failing_orders"], at, window_s, limit)
        return [msgspec.json.decode(row["data"]) for row in rows]

    async def beat(self, heartbeat: Heartbeat) -> None:
        """See Pulse."""
        breakers = msgspec.json.encode(heartbeat.breakers).decode()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["beat"], heartbeat.worker, heartbeat.started_at, heartbeat.seen_at, breakers)
            await connection.execute(_SQL["forget_workers"], heartbeat.seen_at - FORGOTTEN_AFTER)


def _heartbeat(row: Any) -> Heartbeat:
    return msgspec.convert({**dict(row), "breakers": msgspec.json.decode(row["breakers"])}, Heartbeat)
