"""What the hub does by itself is in the audit trail under its own name; so is who brought a database back."""

import json
from datetime import timedelta

import msgspec
import pytest

from fakes.world import ManualClock
from millstream.ports.notifier import Condition
from millstream.store.alerts import PostgresAlertBook
from millstream.store.backup import write_backup
from millstream.store.database import Database
from millstream.store.restore import mark_restored, restore_backup

pytestmark = pytest.mark.quick_commits


async def trail(database, *actions):
    async with database.connection() as connection:
        rows = await connection.fetch("select * from audit where action = any($1) order by id", list(actions))
    return [(row["action"], row["actor"], row["subject"], json.loads(row["detail"])) for row in rows]


async def test_an_alert_that_fires_escalates_and_is_over_is_in_the_trail_and_one_that_only_goes_on_is_not(database):
    clock = ManualClock()
    book = PostgresAlertBook(database, clock=clock)
    now = clock.now()
    condition = Condition(code="dead-letters", scope="", cause="", urgent=True, effect="1 order is dead")
    alert = await book.open(condition, now=now)
    for change in (
        {"last_true_at": now},
        {"state": "firing", "fired_at": now},
        {"last_true_at": now + timedelta(seconds=15)},
        {"escalated_at": now + timedelta(seconds=900)},
        {"last_true_at": now + timedelta(seconds=915)},
        {"state": "resolved", "resolved_at": now + timedelta(seconds=1000)},
        {"state": "resolved", "resolved_at": now + timedelta(seconds=1001)},  # by another that was late
    ):
        alert = msgspec.structs.replace(alert, **change)
        await book.change(alert, now=now)
    detail = {"code": "dead-letters", "scope": "", "effect": "1 order is dead"}
    assert await trail(database, "alert.fired", "alert.escalated", "alert.resolved") == [
        (f"alert.{became}", "hub:watch", f"alert/{alert.id}", detail) for became in ("fired", "escalated", "resolved")
    ]


async def test_a_process_that_brings_a_schema_up_to_date_says_so_and_one_that_makes_it_has_nothing_to_say(database):
    assert await trail(database, "schema.migrated") == []
    async with database.connection() as connection:
        await connection.execute("drop table failed_call; delete from migration where name = '0012_pre_exchanges.sql'")
    await database.migrate()
    await database.migrate()
    detail = {"steps": ["0012_pre_exchanges.sql"], "post": False}
    assert await trail(database, "schema.migrated") == [("schema.migrated", "hub:start", "schema", detail)]


async def test_a_database_that_came_back_says_from_what_and_by_whom_however_they_are_called(database, tmp_path):
    file, actor = tmp_path / "o'neill :actor $1 \\q.tar", "cli:d'arc $2"
    manifest = await write_backup(database.url, file, actor=actor)
    await trail(database)
    subject = f"backup/{manifest.dump_sha256[:12]}"
    told = {"file": str(file), "as_of": msgspec.to_builtins(manifest.made_at), "sha256": manifest.dump_sha256}
    assert await trail(database, "backup.written") == [("backup.written", actor, subject, told)]
    await database.close()
    await restore_backup(database.url, file, replace=True, actor=actor)
    again = Database(database.url)
    thrown_away = {"events": 0, "audit_rows": 1, "last_seal": None}  # the row about the backup
    assert await trail(again, "restore.done") == [("restore.done", actor, subject, told | {"thrown_away": thrown_away})]
    await again.close()
    await mark_restored(database.url, actor=actor)
    ((_, who, subject, _),) = await trail(again, "restore.marked")
    assert (who, subject) == (actor, "restore")
    await again.close()
