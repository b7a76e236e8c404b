"""`millstream migrate`: where the schema stands, and the steps that wait until every process is new."""

import asyncio
from typing import Annotated

import typer

from millstream.bootstrap import open_database
from millstream.cli.session import actor, console
from millstream.settings import read_settings


def migrate(
    post: Annotated[
        bool, typer.Option("--post", help="Also clean up what the version before needed; it cannot start afterwards.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show where each step stands.")] = False,
) -> None:
    """Brings the schema up to date and shows where each step stands. `serve` and `work` do it, too, save for --post."""
    raise typer.Exit(asyncio.run(_migrate(post=post, dry_run=dry_run)))


async def _migrate(*, post: bool, dry_run: bool) -> int:
    opened = await open_database(read_settings(), migrate=False, make=not dry_run)
    try:
        applied = [] if dry_run else await opened.database.migrate(post=post, actor=actor())
        told = await opened.database.conditions()
    finally:
        await opened.database.close()
        opened.stop()
    for condition in told:
        new = " (now)" if condition.name in applied else ""
        console.print(f"  {condition.name:<32} {condition.state}{new}")
    if dry_run:
        console.print("nothing was changed")
    elif any("--post" in condition.state for condition in told):
        console.print("When every process runs this version: millstream migrate --post")
    return 0
