"""`millstream backup` and `millstream restore`: the whole state in one file, and back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from millstream.bootstrap import open_database
from millstream.cli.session import actor, console
from millstream.settings import read_settings
from millstream.store.backup import Manifest, write_backup
from millstream.store.restore import mark_restored, restore_backup, verdict_of


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it holds everything, so keep it safe.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Writes the whole database into one file, as of one moment, while everything works on."""

    async def work(url: str) -> int:
        manifest = await write_backup(url, file, force=force, actor=actor())
        _describe(manifest)
        if manifest.audit.broken_seal is not None:
            console.print(f"The audit trail in it is ALTERED: {manifest.audit.detail}.", style="red")
            return 1
        console.print(f"{file}: whole. Keep it on another machine; `millstream restore {file}` brings it back.")
        return 0

    raise typer.Exit(asyncio.run(_with_database(work, make=False)))


def restore(
    file: Annotated[Path | None, typer.Argument(help="A file that `millstream backup` wrote.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away what the database holds.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    mark_only: Annotated[
        bool, typer.Option("--mark-only", help="The database was brought back by other means: only tell Millstream.")
    ] = False,
) -> None:
    """Brings a backup back into an empty database; stop every process first."""
    if (file is None) != mark_only:
        raise typer.BadParameter("say which FILE to restore, or --mark-only after restoring by other means; not both")
    if replace and not yes and not typer.confirm("Throw away everything the database holds now?"):
        raise typer.Exit(1)

    async def work(url: str) -> int:
        if file is None:
            await mark_restored(url, actor=actor())
        else:
            manifest = await restore_backup(url, file, replace=replace, actor=actor())
            _describe(manifest)
            console.print("restored: every table has as many rows as the backup counted")
        verdict = await verdict_of(url)
        if verdict.broken_seal is not None:
            console.print(f"The audit trail is ALTERED: {verdict.detail}.", style="red")
            return 1
        console.print(f"the audit trail verifies: {verdict.rows} rows under {verdict.seals} seals")
        console.print("What happened since the backup is looked up before it is done again. Start Millstream.")
        return 0

    raise typer.Exit(asyncio.run(_with_database(work, make=not mark_only)))


async def _with_database(work: Callable[[str], Awaitable[int]], *, make: bool) -> int:
    """The schema stays as it is: a backup before an upgrade is of the version before."""
    opened = await open_database(read_settings(), migrate=False, make=make)
    try:
        return await work(opened.database.url)
    finally:
        await opened.database.close()
        opened.stop()


def _describe(manifest: Manifest) -> None:
    newest = f", the newest of {manifest.newest_received_at:%Y-%m-%d %H:%M:%S} UTC" if manifest.newest_event else ""
    console.print(
        f"backup of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC by Millstream {manifest.version}, "
        f"PostgreSQL {manifest.server}, {manifest.dump_bytes / 1_000_000:.1f} MB"
    )
    console.print(f"  {manifest.tables.get('event', 0)} events{newest}")
    console.print(f"  {manifest.tables.get('delivery', 0)} deliveries, {manifest.tables.get('sales_order', 0)} orders")
