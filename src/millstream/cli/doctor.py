"""`millstream doctor`: is every connection well, and if not, what to change."""

import asyncio
from collections.abc import Sequence

import typer

from millstream.bootstrap import Runtime, open_database
from millstream.cli.session import actor, console
from millstream.credentials import read_credentials
from millstream.domain.errors import Retry
from millstream.ports.finding import Finding
from millstream.settings import Settings, read_settings


def doctor() -> None:
    """Checks the database and every connection; exit code 1 if something is red."""
    raise typer.Exit(asyncio.run(_examine(read_settings())))


async def _examine(settings: Settings) -> int:
    try:
        opened = await open_database(settings)
    except Retry as failure:
        _show("database", [Finding(what="PostgreSQL answers", ok=False, detail=failure.log, fix=failure.message)])
        return 1
    try:
        secrets = await read_credentials(settings, opened.database)
        return await _ask(Runtime(settings, database=opened.database, secrets=secrets))
    finally:
        await opened.database.close()
        opened.stop()


async def _ask(runtime: Runtime) -> int:
    try:
        await runtime.calibrate_clock()
        _show("database", [Finding(what="PostgreSQL answers", ok=True, detail="schema is up to date")])
        well = True
        for name, port in (("store", runtime.hub.store), ("erp", runtime.hub.erp), ("crm", runtime.hub.crm)):
            findings = await port.check()
            await runtime.operating.board.examined(port.name, findings, actor=actor())
            _show(f"{name} · {port.name}", findings)
            well = well and all(finding.ok for finding in findings)
        return 0 if well else 1
    finally:
        await runtime.close()


def _show(title: str, findings: Sequence[Finding]) -> None:
    console.print(title, style="bold")
    for finding in findings:
        console.print(f"  {'✓' if finding.ok else '✗'} ", style="green" if finding.ok else "red", end="")
        console.print(f"{finding.what}: {finding.detail}", markup=False)
        if not finding.ok and finding.fix:
            console.print(f"      → {finding.fix}", markup=False)
