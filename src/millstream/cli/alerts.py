"""`millstream alerts`: what is amiss, who was told, and that somebody is on it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.session import Session, actor, console, run
from millstream.engine.alerts.channels import AppriseChannels, unusable
from millstream.engine.alerts.life import RUNBOOKS
from millstream.engine.world import SystemWorld
from millstream.ports.notifier import Alert, Notification
from millstream.settings import read_settings
from millstream.store.alerts import PostgresAlertBook

app = typer.Typer(help="See what is amiss, take it on, try the channels.", no_args_is_help=True)
UNSENT_MAX = 20


@app.callback()
def alerts() -> None:
    """Alerts."""


def _book(session: Session) -> PostgresAlertBook:
    return PostgresAlertBook(session.database, clock=SystemWorld().clock)


@app.command("list")
def list_alerts(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Open alerts first, then those that are over; below them what could not be told."""

    async def work(session: Session) -> int:
        book = _book(session)
        rows, unsent = await book.list_alerts(limit=limit), await book.notifications(limit=UNSENT_MAX)
        if as_json:
            told = {"alerts": [_plain(row) for row in rows], "unsent": [_told(row) for row in unsent]}
            console.print_json(json.dumps(told, default=str))
            return 0
        console.print(_table(rows) if rows else "No alert was ever raised.")
        for row in unsent:
            state = "not told, given up" if row.state == "failed" else f"not told yet, try {row.tries}"
            console.print(f"{state}: {row.occasion} to {row.channel}: {row.problem}", style="red", markup=False)
        return 0

    run(work)


@app.command()
def show(alert_id: int) -> None:
    """One alert, and who was told of it."""

    async def work(session: Session) -> int:
        book = _book(session)
        alert = await book.find(alert_id)
        if alert is None:
            console.print(f"There is no alert {alert_id}. `millstream alerts list` shows what there is.")
            return 1
        console.print(alert.effect, markup=False)
        for name, value in _plain(alert).items():
            if value is not None and name != "effect":
                console.print(f"  {name}: {value}", markup=False)
        console.print(f"  what to do: {RUNBOOKS}/{alert.code}.md")
        for row in reversed(await book.notifications(alert_id=alert_id)):
            told = f"  {_time(row.created_at)} {row.occasion.rpartition('/')[2]} to {row.channel}: {row.state}"
            console.print(f"{told}{f', {row.problem}' if row.problem else ''}", markup=False)
        return 0

    run(work)


@app.command()
def ack(alert_id: int) -> None:
    """You are on it: nobody else is called. What was told together with it is taken on as well."""

    async def work(session: Session) -> int:
        alert = await _book(session).acknowledge(alert_id, actor=actor(), now=await session.database.now())
        console.print(f"alert {alert.id} is yours: {alert.effect}", markup=False)
        return 0

    run(work)


@app.command()
def test() -> None:
    """Sends one message to every channel now; exit code 1 if one of them did not take it."""
    urls = {name: url.get_secret_value() for name, url in read_settings().alerts.channels.items()}
    if not urls:
        console.print("No channel is set. Name one under [alerts.channels]: see docs/operate/monitoring.md.")
        raise typer.Exit(1)
    raise typer.Exit(asyncio.run(_try(urls)))


async def _try(urls: dict[str, str]) -> int:
    channels, failed = AppriseChannels(urls), 0
    for name, url in urls.items():
        problem = "its URL is none that Apprise understands" if unusable(url) else None
        problem = problem or await channels.tell(
            name, title="Millstream: a test", body="Nothing is amiss; this channel works.", urgent=False
        )
        failed += problem is not None
        console.print(f"{name}: {problem or 'took it'}", style="red" if problem else None, markup=False)
    channels.close()
    return 1 if failed else 0


def _table(rows: Sequence[Alert]) -> Table:
    table = Table("id", "state", "code", "since", "what it does", box=None)
    for row in rows:
        state = f"{row.state}, with {row.told_with}" if row.told_with and row.state != "resolved" else row.state
        table.add_row(str(row.id), state, row.code, _time(row.opened_at), row.effect)
    return table


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _plain(alert: Alert) -> dict[str, object]:
    return {name: getattr(alert, name) for name in alert.__struct_fields__}


def _told(row: Notification) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("occasion", "channel", "state", "tries", "problem", "due_at")}
