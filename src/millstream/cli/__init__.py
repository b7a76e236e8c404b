"""The command line: everything an operator does, with a line that teaches for everything that goes wrong."""

import sys

import typer
from rich.console import Console

from millstream.cli import audit, backup, deliveries, demo, doctor, migrate, orders, serve
from millstream.domain.errors import Failure
from millstream.settings import SettingsError

app = typer.Typer(
    name="millstream",
    help="Keeps a store, an ERP and a CRM in step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(orders.app, name="orders")
app.add_typer(audit.app, name="audit")
app.command(name="serve")(serve.serve)
app.command(name="work")(serve.work)
app.command(name="doctor")(doctor.doctor)
app.command(name="migrate")(migrate.migrate)
app.command(name="backup")(backup.backup)
app.command(name="restore")(backup.restore)
app.command(name="demo")(demo.demo)


def main() -> None:
    """Runs the command line; an error becomes one line on stderr and exit code 2."""
    try:
        app()
    except SettingsError as error:
        _refuse("settings", str(error))
    except Failure as failure:
        _refuse(failure.code, failure.message)


def _refuse(code: str, message: str) -> None:
    Console(stderr=True, highlight=False).print(f"error {code}: {message}", markup=False, style="red", soft_wrap=True)
    sys.exit(2)
