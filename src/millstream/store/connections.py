"""How connections stand, in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from millstream.ports.connections import BreakerState, ConnectionStanding, Pause, Seen, SeenBy
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database

FORGOTTEN_AFTER: Final = timedelta(days=1)
FRESH_FOR: Final = timedelta(seconds=30)  # a process that told nothing for longer is gone, or cannot tell

_SQL: Final = sql.load("connections")
_COLUMNS: Final = Seen.__struct_fields__


class PostgresConnections:
    """See `ports.connections.ConnectionBoard`. `reading` is asked for figures."""

    def __init__(self, database: Database, *, clock: Clock, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database
        self._clock = clock

    async def exchange(self, worker: str, seen: Mapping[str, Seen]) -> frozenset[str]:
        """See ConnectionBoard."""
        now = self._clock.now()
        columns = [[getattr(one, column) for one in seen.values()] for column in _COLUMNS]
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["tell"], worker, now, list(seen), *columns)
            await connection.execute(_SQL["forget"], now - FORGOTTEN_AFTER)
            return frozenset(row["name"] for row in await connection.fetch(_SQL["paused"]))

    async def standings(self, kinds: Mapping[str, str], *, window_s: int) -> Sequence[ConnectionStanding]:
        """See ConnectionBoard."""
        now = self._clock.now()
        async with self._reading.connection() as connection:
            calls = {
                row["system"]: row for row in await connection.fetch(_SQL["calls"], now - timedelta(seconds=window_s))
            }
            pauses = {row["name"]: row for row in await connection.fetch(_SQL["pauses"])}
            seen: dict[str, list[SeenBy]] = {name: [] for name in kinds}
            for row in await connection.fetch(_SQL["seen"], list(kinds)):
                fields = dict(row)
                seen[fields.pop("name")].append(SeenBy(**fields))
        return [
            _standing(name, kind, pauses.get(name), calls.get(name), seen[name], now) for name, kind in kinds.items()
        ]

    async def pause(self, name: str, *, paused: bool, actor: str, reason: str) -> None:
        """See ConnectionBoard."""
        now = self._clock.now()
        what = "connection.pause" if paused else "connection.resume"
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["pause"], name, paused, reason, actor, now)
            await audit(connection, now, actor, what, f"connection/{name}", {"reason": reason})


def _standing(
    name: str, kind: str, pause: Any, calls: Any, seen: Sequence[SeenBy], now: datetime
) -> ConnectionStanding:
    count, failed = (calls["calls"], calls["failed"]) if calls else (0, 0)
    good = calls["last_good_at"] if calls else None
    return ConnectionStanding(
        name=name,
        kind=kind,
        pause=None if pause is None else Pause(actor=pause["actor"], reason=pause["reason"], since=pause["since"]),
        breaker=_worst(one.breaker for one in seen if now - one.seen_at <= FRESH_FOR),
        last_good_at=good or max((one.answered_at for one in seen if one.answered_at is not None), default=None),
        calls=count,
        failed=failed,
        refused=calls["refused"] if calls else 0,
        error_share=round(failed / count, 4) if count else None,
        processes=tuple(seen),
    )


def _worst(breakers: Iterable[BreakerState]) -> BreakerState | None:
    """Of all processes that live; None if none does."""
    there = set(breakers)
    worst: tuple[BreakerState, ...] = ("open", "probing", "closed")
    return next((state for state in worst if state in there), None)
