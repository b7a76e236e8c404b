"""`millstream secrets`: credentials that are kept sealed, and changed while the hub runs."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.session import Session, actor, console, run
from millstream.credentials import open_secrets, references
from millstream.domain.errors import Reject
from millstream.engine.world import SystemWorld
from millstream.settings import Settings, read_settings
from millstream.store.secrets import PostgresSecrets

app = typer.Typer(help="Credentials, kept sealed and changed without a restart.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What a setting names as secret:NAME.")]


def _with_secrets(work: Callable[[Settings, PostgresSecrets], Awaitable[None]]) -> None:
    settings = read_settings()

    async def inside(session: Session) -> int:
        await work(settings, open_secrets(settings, session.database, SystemWorld()))
        return 0

    run(inside, make=True)


@app.command("set")
def set_secret(
    name: Name,
    from_stdin: Annotated[bool, typer.Option("--stdin", help="Read the whole value from standard input.")] = False,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=720, help="How long doors honour the value before.")
    ] = 0.0,
) -> None:
    """Sets a value; asks for it. Running processes use it within seconds."""
    value = _value(from_stdin=from_stdin)

    async def work(_settings: Settings, secrets: PostgresSecrets) -> None:
        version = await secrets.set_secret(name, value, overlap=timedelta(hours=overlap_hours), actor=actor())
        console.print(f"{name} is set (version {version}); running processes use it within seconds")

    _with_secrets(work)


def _value(*, from_stdin: bool) -> str:
    """Never an argument: those are in the shell's history and in the list of processes."""
    if from_stdin or not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")  # a key in PEM form has many lines
    return str(typer.prompt("Value", hide_input=True, confirmation_prompt=True))


@app.command("list")
def list_secrets() -> None:
    """Every secret: when it was set, by whom, which settings use it. Never a value."""

    async def work(settings: Settings, secrets: PostgresSecrets) -> None:
        used, table = references(settings), Table("name", "version", "set", "by", "used by", "remarks", box=None)
        there = await secrets.list_secrets()
        for one in there:
            remarks = [] if one.readable else ["its key is not in the file"]
            remarks += [f"the value before is honoured until {_time(one.old_until)}"] if one.old_until else []
            places = ", ".join(used.get(one.name, ("nothing here",)))
            table.add_row(one.name, str(one.version), _time(one.set_at), one.set_by, places, "; ".join(remarks))
        for name in sorted(used.keys() - {one.name for one in there}):
            table.add_row(name, "", "", "", ", ".join(used[name]), "not set")
        console.print(table)

    _with_secrets(work)


@app.command()
def remove(name: Name) -> None:
    """Removes one that no setting here uses."""

    async def work(settings: Settings, secrets: PostgresSecrets) -> None:
        places = references(settings).get(name)
        if places:
            raise Reject("secret.refused", f"{name} is used by {', '.join(places)}. Take it out of the settings first.")
        await secrets.remove_secret(name, actor=actor())
        console.print(f"{name} is gone")

    _with_secrets(work)


@app.command("rotate-key")
def rotate_key(
    given: Annotated[
        bool, typer.Option("--given", help="Take the first key of the file, put there by you, instead of a new one.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Put the older keys away for good.")] = False,
) -> None:
    """Seals every secret by a new key. The values stay what they are."""

    async def work(_settings: Settings, secrets: PostgresSecrets) -> None:
        done = await secrets.rotate_key(actor=actor(), given=given, forget=forget)
        console.print(f"{done.resealed} secrets are sealed by another key; {done.forgotten} older keys are put away")

    _with_secrets(work)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
