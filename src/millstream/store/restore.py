"""Bringing a backup back: refused before anything is touched, or done whole in one transaction."""

import asyncio
import re
import subprocess
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any, Final

from millstream.domain.errors import Reject
from millstream.store import sql
from millstream.store.audit import Verdict, examine
from millstream.store.backup import OURSELVES, Manifest, opened_dump, read_manifest, session, subject_of
from millstream.store.database import Database
from millstream.store.programs import Address, refused, start
from millstream.store.schema import migrations, refuse_what_does_not_fit, sessions_that_stay
from millstream.store.text import json_text

CLOCK_SKEW: Final = timedelta(hours=1)  # how far the clock of a store or an ERP may run ahead of the database's

_SQL: Final = sql.load("backup")


async def restore_backup(
    url: str, file: Path, *, replace: bool = False, at: datetime | None = None, actor: str = OURSELVES
) -> Manifest:
    """Makes the database what the backup holds, then brings it to this version's schema; returns the manifest.

    Deliveries of whatever happened up to `at` (now, by the database's clock) will look whether their effect is there
    before they act: the world went on after the backup. The audit trail that came back tells who did it, and what was
    thrown away. Raises Reject, and then the database is as it was before.
    """
    manifest = await asyncio.to_thread(read_manifest, file)
    refuse_what_does_not_fit(manifest.migrations, migrations())
    async with session(url) as connection:
        await _refuse_while_in_use(connection)
        gone = await _facts(connection)
        if gone and not replace:
            raise Reject(
                "restore.not_empty",
                "The database holds events. Restore into an empty one (another data_dir or database_url), or say "
                "--replace to throw away what is there; `millstream backup` keeps it first.",
            )
        at = at or await connection.fetchval("select clock_timestamp()")
    async with opened_dump(file) as dump:
        told = {"file": str(file), "as_of": manifest.made_at, "sha256": manifest.dump_sha256, "thrown_away": gone}
        ending = _ending(manifest, at, _telling(actor, "restore.done", subject_of(manifest), told))
        await asyncio.to_thread(_bring_in, Address(url), dump, [_SQL["make_room"]], ending)
    await _bring_up_to_date(url, actor)
    return manifest


async def mark_restored(url: str, *, at: datetime | None = None, actor: str = OURSELVES) -> None:
    """For a database that was brought back by other means: as after `restore_backup`, its past is looked up first."""
    async with session(url) as connection:
        await _refuse_while_in_use(connection)
    await _bring_up_to_date(url, actor)
    async with session(url) as connection, connection.transaction():
        at = at or await connection.fetchval("select clock_timestamp()")
        await connection.execute(_SQL["mark_restored"], at, at + CLOCK_SKEW, "other means")
        await connection.execute(_SQL["tell"], actor, "restore.marked", "restore", json_text({"at": at}))


async def _bring_up_to_date(url: str, actor: str) -> None:
    database = Database(url)
    try:
        await database.migrate(actor=actor)
    finally:
        await database.close()


async def verdict_of(url: str) -> Verdict:
    """What the audit trail of a restored database proves; tells the planner what the tables hold, too."""
    async with session(url) as connection:
        await connection.execute("analyze", timeout=None)
        return await examine(connection)


async def _refuse_while_in_use(connection: Any) -> None:
    running = await sessions_that_stay(connection)
    if running:
        raise Reject(
            "restore.in_use",
            f"Millstream works on this database ({', '.join(running)}). Stop every `millstream serve` and "
            "`millstream work` (SIGTERM, or your service's stop), then restore.",
        )


async def _facts(connection: Any) -> dict[str, Any] | None:
    """What the database holds that would be missed; None if nothing."""
    known = {row["name"] for row in await connection.fetch(_SQL["tables"])}
    if not {"event", "audit", "audit_seal"} <= known:
        return {"tables": sorted(known)} if known else None
    if not await connection.fetchval(_SQL["any_fact"]):
        return None
    return dict(await connection.fetchrow(_SQL["what_goes"]))


def _ending(manifest: Manifest, at: datetime, telling: str) -> list[str]:
    expected = ", ".join(f"('{name}', {rows}::bigint)" for name, rows in sorted(manifest.tables.items()))
    mark = _SQL["mark_restored"]
    for place, value in (("$1", at), ("$2", at + CLOCK_SKEW), ("$3", manifest.dump_sha256)):
        mark = mark.replace(place, f"'{value}'")
    return [_SQL["check_rows"].replace("{expected}", expected), mark, telling]


def _telling(actor: str, action: str, subject: str, detail: dict[str, Any]) -> str:
    """As a statement for psql: in a quoted text nothing but the quote itself means something to it."""
    quoted = ["'" + text.replace("'", "''") + "'" for text in (actor, action, subject, json_text(detail))]
    return re.sub(r"\$([1-4])", lambda place: quoted[int(place[1]) - 1], _SQL["tell"])


def _bring_in(address: Address, dump: IO[bytes], beginning: list[str], ending: Iterable[str]) -> None:
    """One transaction: make room, the dump as SQL, the checks.

    The commit is the last thing psql reads, and only after every part ended well: should this process die before, psql
    sees the end of its input, and PostgreSQL rolls back.
    """
    wishes = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={address.url}", "--file=-"]
    complaints = []
    with start("psql", wishes, address, stdin=subprocess.PIPE) as psql:
        assert psql.stdin is not None
        try:
            _feed(psql.stdin, ["begin", *beginning])
            complaints.append(_translate(address, dump, psql.stdin))
            _feed(psql.stdin, () if any(complaints) else (*ending, "commit"))
            psql.stdin.close()
        except BrokenPipeError:
            psql.stdin = None  # it has ended and says why
        complaints.insert(0, psql.stderr.read() if psql.stderr else b"")
    if psql.returncode or any(complaints):
        told = b"\n".join(complaint.strip() for complaint in complaints if complaint)
        raise refused("restore.failed", "Nothing was restored, the database is as it was before", told)


def _feed(psql: IO[bytes], statements: Iterable[str]) -> None:
    for statement in statements:
        psql.write(statement.encode() + b";\n")
    psql.flush()


def _translate(address: Address, dump: IO[bytes], psql: IO[bytes]) -> bytes:
    """The dump as SQL statements, straight to `psql`; what pg_restore complains about if it does not end well."""
    wishes = ["--no-owner", "--no-privileges", "--file=-"]
    with start("pg_restore", wishes, address, stdin=subprocess.PIPE, stdout=psql.fileno()) as program:
        assert program.stdin is not None
        try:
            copyfileobj(dump, program.stdin, 1 << 20)
            program.stdin.close()
        except BrokenPipeError:
            program.stdin = None
        complaint = program.stderr.read() if program.stderr else b""
    return complaint or b"pg_restore ended early" if program.returncode else b""
