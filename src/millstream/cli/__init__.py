"""The command line: everything an operator does, with a line that teaches for everything that goes wrong."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final

import typer

from millstream.domain.errors import Failure
from millstream.settings import SettingsError

# Where each command lives: a function, or an app with commands of its own. A process loads the one it was started for.
COMMANDS: Final = {
    "deliveries": "deliveries:app",
    "bulk": "bulk:app",
    "orders": "orders:app",
    "reviews": "reviews:app",
    "audit": "audit:app",
    "connections": "connections:app",
    "mappings": "mappings:app",
    "access": "access:app",
    "alerts": "alerts:app",
    "secrets": "secrets:app",
    "serve": "serve:serve",
    "work": "serve:work",
    "doctor": "doctor:doctor",
    "migrate": "migrate:migrate",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "demo": "demo:demo",
}


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line with the command these words begin with, or with every command if they begin with none."""
    app = typer.Typer(
        name="millstream",
        help="Keeps a store, an ERP and a CRM in step. Times are UTC.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_millstream)
    wanted = words[:1] if set(words[:1]) <= COMMANDS.keys() else []
    for name in wanted or COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"millstream.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name=name)(command)
    return app


def _tell_version(wanted: bool) -> None:
    if wanted:
        from millstream.cli.screen import Screen  # noqa: PLC0415 - only where something is said

        Screen().print(f"millstream {version('millstream')}")
        raise typer.Exit


def _millstream(
    which: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and end.")
    ] = False,
) -> None:
    """Keeps a store, an ERP and a CRM in step. Times are UTC."""


def main() -> None:
    """Runs the command line; an error becomes one line on stderr and exit code 2."""
    try:
        app_for(sys.argv[1:])()
    except SettingsError as error:
        _refuse("settings", str(error))
    except Failure as failure:
        _refuse(failure.code, failure.message)


def _refuse(code: str, message: str) -> None:
    from millstream.cli.screen import Screen  # noqa: PLC0415 - only where something is said

    Screen(stderr=True).print(f"error {code}: {message}", style="red", soft_wrap=True)
    sys.exit(2)
