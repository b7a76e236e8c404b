"""Alerts and notifications in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from millstream.domain.errors import Reject
from millstream.ports.notifier import LOOKING, Alert, AlertWish, Condition, Day, Message, Notification
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.text import storable

_LOADED: Final = sql.load("alerts")
_SQL: Final = {
    name: text.replace("{alert}", _LOADED["alert"]).replace("{notification}", _LOADED["notification"])
    for name, text in _LOADED.items()
}
TALLIED: Final = timedelta(days=1)
WATCH: Final = "hub:watch"  # whom the audit trail names for what an alert became by itself


class PostgresAlertBook:
    """See `ports.notifier.AlertBook`. `reading` is asked for pages."""

    def __init__(self, database: Database, *, clock: Clock, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database
        self._clock = clock

    async def open(self, condition: Condition, *, now: datetime) -> Alert:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                _SQL["open"],
                *(condition.code, condition.scope, condition.cause, condition.urgent, condition.effect, now),
            )
        return Alert(**dict(row))

    async def open_alerts(self) -> Sequence[Alert]:
        """See AlertBook."""
        async with self._database.connection() as connection:
            return [Alert(**dict(row)) for row in await connection.fetch(_SQL["open_alerts"])]

    async def page(self, wish: AlertWish, *, limit: int, before: int | None = None) -> Sequence[Alert]:
        """See AlertBook."""
        async with self._reading.connection() as connection:
            rows = await connection.fetch(_SQL["page"], before, wish.open, wish.state, wish.code, limit)
        return [Alert(**dict(row)) for row in rows]

    async def looked_at(self) -> datetime | None:
        """See AlertBook."""
        async with self._reading.connection() as connection:
            moment: datetime | None = await connection.fetchval(_SQL["looked_at"], LOOKING)
        return moment

    async def find(self, alert_id: int) -> Alert | None:
        """See AlertBook."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find"], alert_id)
        return None if row is None else Alert(**dict(row))

    async def change(self, alert: Alert, messages: Sequence[Message] = (), *, now: datetime) -> None:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            before = await connection.fetchrow(
                _SQL["change"],
                *(alert.id, alert.cause, alert.effect, alert.state, alert.last_true_at, alert.fired_at),
                *(alert.escalated_at, alert.resolved_at, alert.told_with, alert.urgent, alert.told_size),
            )
            if alert.state == "resolved":
                await connection.execute(_SQL["drop_waiting"], alert.id, now)
            if any("/grown-" in message.occasion for message in messages):
                await connection.execute(_SQL["drop_overtaken"], alert.id, now)
            await _post(connection, messages, now)
            detail = {"code": alert.code, "scope": alert.scope, "effect": alert.effect}
            for became in [] if before is None else _became(alert, was=before["state"], told=before["escalated_at"]):
                await audit(connection, now, WATCH, f"alert.{became}", f"alert/{alert.id}", detail)

    async def forget(self, alert: Alert) -> None:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["forget"], alert.id)

    async def acknowledge(self, alert_id: int, *, actor: str, now: datetime, note: str | None = None) -> Alert:
        """See AlertBook."""
        said = None if note is None else storable(note)
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["acknowledge"], alert_id, now, actor, said)
            row = next((row for row in rows if row["id"] == alert_id), None)
            if row is None:
                raise Reject(
                    "alert.not_firing",
                    f"Alert {alert_id} does not fire: there is nothing to acknowledge. `millstream alerts list` shows "
                    "what does.",
                )
            detail = {"code": row["code"], "scope": row["scope"]} | ({"note": said} if said else {})
            await audit(connection, now, actor, "alert.acknowledge", f"alert/{alert_id}", detail)
        return Alert(**dict(row))

    async def tested(self, channel: str, *, problem: str | None, actor: str, now: datetime) -> None:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            detail = {"problem": problem}
            await audit(connection, now, actor, "alert.channel_tested", f"channel/{channel}", detail)

    async def post(self, messages: Sequence[Message], *, now: datetime) -> int:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            return await _post(connection, messages, now)

    async def claim_due(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Notification]:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["claim_due"], now, now + timedelta(seconds=lease_s), limit)
        return [Notification(**dict(row)) for row in sorted(rows, key=lambda row: row["id"])]

    async def end(self, notification_id: int, *, problem: str | None, again_at: datetime | None, now: datetime) -> None:
        """See AlertBook."""
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["end"], notification_id, problem, again_at, now)

    async def notifications(self, *, alert_id: int | None = None, limit: int = 50) -> Sequence[Notification]:
        """See AlertBook."""
        async with self._database.connection() as connection:
            rows = (
                await connection.fetch(_SQL["unsent"], limit)
                if alert_id is None
                else await connection.fetch(_SQL["of_alert"], alert_id, limit)
            )
        return [Notification(**dict(row)) for row in rows]

    async def day(self, *, since: datetime) -> Day:
        """See AlertBook."""
        async with self._database.connection() as connection:
            return Day(**dict(await connection.fetchrow(_SQL["day"], since)))

    async def tally(self) -> dict[tuple[str, str, str], int]:
        """See AlertBook."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["tally"], self._clock.now() - TALLIED)
        return {(row["kind"], row["name"], row["state"]): row["n"] for row in rows}


def _became(alert: Alert, *, was: str, told: datetime | None) -> list[str]:
    """What a change makes of an alert, as the audit trail tells it."""
    fired = was == "pending" and alert.state == "firing"
    escalated = told is None and alert.escalated_at is not None
    resolved = alert.state == "resolved"
    return [name for name, so in (("fired", fired), ("escalated", escalated), ("resolved", resolved)) if so]


async def _post(connection: Any, messages: Sequence[Message], now: datetime) -> int:
    if not messages:
        return 0
    rows = await connection.fetch(
        _SQL["post"],
        now,
        [message.occasion for message in messages],
        [message.channel for message in messages],
        [message.alert_id for message in messages],
        [message.title for message in messages],
        [message.body for message in messages],
        [message.urgent for message in messages],
        [message.due_at for message in messages],
    )
    return len(rows)
