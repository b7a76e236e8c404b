"""`millstream connections`: how the systems answer, and the brake."""

from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.session import Session, actor, console, run
from millstream.engine.world import SystemWorld
from millstream.settings import Settings, read_settings
from millstream.store.connections import PostgresConnections

app = typer.Typer(help="See how the systems answer; pause and resume them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As `connections list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the audit trail.", prompt=True)]


def kinds_of(settings: Settings) -> dict[str, str]:
    """The connections the settings name: name -> kind."""
    sections = {"store": settings.store, "erp": settings.erp, "crm": settings.crm}
    return {str(one.get("name") or one["kind"]): kind for kind, one in sections.items() if "kind" in one}


@app.command("list")
def list_connections(window_s: Annotated[int, typer.Option("--window-s", min=60, max=86_400)] = 900) -> None:
    """Each connection: breaker, pause, calls within the window."""
    kinds = kinds_of(read_settings())

    async def work(session: Session) -> int:
        board = PostgresConnections(session.database, clock=SystemWorld().clock)
        table = Table("name", "kind", "breaker", "calls", "failed", "refused", "last good", "paused", box=None)
        for one in await board.standings(kinds, window_s=window_s):
            good = f"{one.last_good_at:%Y-%m-%d %H:%M:%S}" if one.last_good_at else "not known"
            pause = f"by {one.pause.actor}: {one.pause.reason}" if one.pause else ""
            breaker = one.breaker or "not known"
            table.add_row(one.name, one.kind, breaker, str(one.calls), str(one.failed), str(one.refused), good, pause)
        console.print(table)
        return 0

    run(work)


@app.command()
def pause(name: Name, reason: Reason) -> None:
    """Calls it no more, in all processes, over restarts, until somebody resumes it."""
    _brake(name, reason, paused=True)


@app.command()
def resume(name: Name, reason: Reason) -> None:
    """Calls it again."""
    _brake(name, reason, paused=False)


def _brake(name: str, reason: str, *, paused: bool) -> None:
    kinds = kinds_of(read_settings())
    if name not in kinds:
        raise typer.BadParameter(f"there is no connection {name}; there are {', '.join(kinds)}")

    async def work(session: Session) -> int:
        board = PostgresConnections(session.database, clock=SystemWorld().clock)
        await board.pause(name, paused=paused, actor=actor(), reason=reason)
        console.print(f"{name} is {'paused' if paused else 'called again'}; running processes hear of it within 3 s")
        return 0

    run(work)
