"""`millstream doctor`: is every connection well, and if not, what to change."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import typer

from millstream.bootstrap import Runtime, open_database
from millstream.cli.screen import plain
from millstream.cli.session import actor, console
from millstream.credentials import read_credentials
from millstream.domain.errors import Reject, Retry
from millstream.engine.connections import tried
from millstream.ports.finding import Finding
from millstream.settings import Settings, read_settings, refuse_without_systems
from millstream.store.check import findings as postgres_findings


class Checked(Protocol):
    """A connection that can be tried."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    async def check(self) -> Sequence[Finding]:
        """What is well and what is not."""
        ...


TOO_OLD: Final = "store.too_old"


def doctor() -> None:
    """Checks the database and every connection; exit code 1 if something is red."""
    settings = read_settings()
    refuse_without_systems(settings)
    raise typer.Exit(asyncio.run(_examine(settings)))


async def _examine(settings: Settings) -> int:
    try:
        opened = await open_database(settings)
    except Retry as failure:
        _show(
            "database",
            [Finding(what="PostgreSQL answers", ok=False, detail=failure.log, fix=_way_to(settings, failure))],
        )
        return 1
    except Reject as failure:
        if failure.code != TOO_OLD:
            raise
        _show("database", [Finding(what="version of PostgreSQL", ok=False, detail="too old", fix=failure.message)])
        return 1
    try:
        secrets = await read_credentials(settings, opened.database)
        return await _ask(Runtime(settings, database=opened.database, secrets=secrets))
    finally:
        await opened.database.close()
        opened.stop()


def _way_to(settings: Settings, failure: Retry) -> str:
    """What to look at when PostgreSQL does not answer."""
    if settings.database_url is None:
        return failure.message
    return "start it, or correct database_url (MILLSTREAM_DATABASE_URL); left out, an embedded one is used"


async def _ask(runtime: Runtime) -> int:
    try:
        await runtime.calibrate_clock()
        found = await postgres_findings(runtime.database)
        _show("database", found)
        well = all(finding.ok for finding in found)
        for name, port in (("store", runtime.hub.store), ("erp", runtime.hub.erp), ("crm", runtime.hub.crm)):
            well = await examined(runtime, port, title=f"{name} · {port.name}") and well
        return 0 if well else 1
    finally:
        await runtime.close()


async def examined(runtime: Runtime, port: Checked, *, title: str) -> bool:
    """Whether a connection is well: tried, for a minute at most, kept as its last test, shown."""
    findings = await tried(port.check)
    await runtime.operating.board.examined(port.name, findings, actor=actor())
    _show(title, findings)
    return all(finding.ok for finding in findings)


def _show(title: str, findings: Sequence[Finding]) -> None:
    console.print(title, style="bold")
    for finding in findings:
        console.print(f"  {'✓' if finding.ok else '✗'} ", style="green" if finding.ok else "red", end="")
        console.print(plain(f"{finding.what}: {finding.detail}"))
        if not finding.ok and finding.fix:
            console.print(plain(f"      → {finding.fix}"))
