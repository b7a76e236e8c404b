"""What people changed of the alert rules, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from millstream.ports.alert_rules import Changes, Judge, LevelChange, LevelValue, Switch
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.text import json_text, storable

_SQL: Final = sql.load("alert_rules")


class PostgresAlertRules:
    """See `ports.alert_rules.AlertRules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(self) -> Changes:
        """See AlertRules."""
        async with self._database.connection() as connection:
            levels = await _levels(connection)
            switches = {
                row["code"]: Switch(**{name: row[name] for name in Switch.__struct_fields__})
                for row in await connection.fetch(_SQL["switches"])
            }
        return Changes(levels=levels, switches=switches)

    async def change_levels(
        self,
        values: Mapping[str, LevelValue],
        *,
        forget: Sequence[str] = (),
        judge: Judge,
        actor: str,
        reason: str,
        now: datetime,
    ) -> None:
        """See AlertRules."""
        reason = storable(reason)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"])
            before = await _levels(connection)
            after = {name: change.value for name, change in before.items() if name not in forget} | dict(values)
            judge(after)
            for name in forget:
                if name in before:
                    await connection.execute(_SQL["forget_level"], name)
                    await _note(connection, "reset", name, before.get(name), None, actor, reason, now)
            for name, value in values.items():
                await connection.execute(_SQL["keep_level"], name, json_text(value), reason, actor, now)
                await _note(connection, "changed", name, before.get(name), value, actor, reason, now)

    async def switch(self, code: str, switch: Switch) -> None:
        """See AlertRules."""
        reason, what = storable(switch.reason), "alert.rule_on" if switch.is_on else "alert.rule_off"
        detail = {"reason": reason} | ({} if switch.until is None else {"until": switch.until})
        async with self._database.transaction() as connection:
            await connection.execute(
                _SQL["switch"], code, switch.is_on, switch.until, reason, switch.actor, switch.changed_at
            )
            await audit(connection, switch.changed_at, switch.actor, what, f"alert_rule/{code}", detail)


async def _levels(connection: Any) -> dict[str, LevelChange]:
    rows = await connection.fetch(_SQL["levels"])
    return {
        row["name"]: LevelChange(
            value=msgspec.json.decode(row["value"], type=LevelValue),
            reason=row["reason"],
            actor=row["actor"],
            changed_at=row["changed_at"],
        )
        for row in rows
    }


async def _note(
    connection: Any,
    what: str,
    name: str,
    before: LevelChange | None,
    value: LevelValue,
    actor: str,
    reason: str,
    now: datetime,
) -> None:
    """The row of the trail says what it was changed to before, as far as it was, and what it is now."""
    detail: dict[str, Any] = {"reason": reason}
    if before is not None:
        detail["was"] = before.value
    if what == "changed":
        detail["is"] = value
    await audit(connection, now, actor, f"alert.level_{what}", f"alert_level/{name}", detail)
