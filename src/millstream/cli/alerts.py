"""`millstream alerts`: what is amiss, who was told, and that somebody is on it."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from millstream.alerting import open_channels
from millstream.cli import alert_rules
from millstream.cli.paging import After, place_after, tell_more
from millstream.cli.screen import plain
from millstream.cli.session import Session, actor, console, run, session
from millstream.credentials import filled_in, read_credentials, references
from millstream.engine.alerts.channels import unusable
from millstream.engine.alerts.life import RUNBOOKS
from millstream.engine.world import SystemWorld
from millstream.ports.drift import DriftPlace
from millstream.ports.notifier import Alert, AlertWish, Notification
from millstream.settings import Settings, read_settings
from millstream.store.alerts import PostgresAlertBook
from millstream.store.drift import PostgresDrift

app = typer.Typer(help="See what is amiss, take it on, try the channels.", no_args_is_help=True)
UNSENT_MAX = 20

app.command("rules")(alert_rules.rules)
app.command("set")(alert_rules.set_levels)
app.command("reset")(alert_rules.reset)
app.command("off")(alert_rules.off)
app.command("on")(alert_rules.on)


@app.callback()
def alerts() -> None:
    """Alerts."""


def _book(session: Session) -> PostgresAlertBook:
    return PostgresAlertBook(session.database, clock=SystemWorld().clock)


@app.command("list")
def list_alerts(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    after: Annotated[int | None, typer.Option(min=1, help="Those that are over, behind this id.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """All open alerts first, then those that are over, the newest first; below them what could not be told."""

    async def work(session: Session) -> int:
        book = _book(session)
        opened = [] if after is not None else sorted(await book.open_alerts(), key=lambda one: one.id, reverse=True)
        past = await book.page(AlertWish(open=False), limit=limit + 1, before=after)
        rows, unsent = [*opened, *past[:limit]], [] if after else await book.notifications(limit=UNSENT_MAX)
        more = past[limit - 1].id if len(past) > limit else None
        if as_json:
            told = {"alerts": [_plain(row) for row in rows], "unsent": [_told(row) for row in unsent], "next": more}
            console.print_json(json.dumps(told, default=str))
            return 0
        console.print(_table(rows) if rows else "No alert was ever raised.")
        for row in unsent:
            state = "not told, given up" if row.state == "failed" else f"not told yet, try {row.tries}"
            console.print(plain(f"{state}: {row.occasion} to {row.channel}: {row.problem}", style="red"))
        if more is not None:
            console.print(f"more: --after {more}")
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
        console.print(plain(alert.effect))
        for name, value in _plain(alert).items():
            if value is not None and name != "effect":
                console.print(plain(f"  {name}: {value}"))
        console.print(f"  what to do: {RUNBOOKS}/{alert.code}.md")
        for row in reversed(await book.notifications(alert_id=alert_id)):
            told = f"  {_time(row.created_at)} {row.occasion.rpartition('/')[2]} to {row.channel}: {row.state}"
            console.print(plain(f"{told}{f', {row.problem}' if row.problem else ''}"))
        return 0

    run(work)


@app.command()
def ack(
    alert_id: int,
    note: Annotated[str | None, typer.Option("--note", help="What the others should know.")] = None,
) -> None:
    """You are on it: nobody else is called. What was told together with it is taken on as well."""

    async def work(session: Session) -> int:
        now = await session.database.now()
        alert = await _book(session).acknowledge(alert_id, actor=actor(), now=now, note=note)
        console.print(plain(f"alert {alert.id} is yours: {alert.effect}"))
        return 0

    run(work)


@app.command("test")
def try_channels(channel: Annotated[str | None, typer.Option("--channel", help="This one alone.")] = None) -> None:
    """Sends one message to every channel now; exit code 1 if one of them did not take it."""
    settings = read_settings()
    if not settings.alerts.channels:
        console.print("No channel is set. Name one under [alerts.channels]: see docs/operate/monitoring.md.")
        raise typer.Exit(1)
    if channel is not None and channel not in settings.alerts.channels:
        raise typer.BadParameter(f"there is no channel {channel}; there are: {', '.join(settings.alerts.channels)}")
    raise typer.Exit(asyncio.run(_try_all(settings, channel)))


async def _try_all(settings: Settings, channel: str | None) -> int:
    if references(settings):  # only then is the database needed
        async with session() as opened:
            settings = filled_in(settings, await read_credentials(settings, opened.database))
    urls = {name: url for name, url in settings.alerts.urls().items() if channel in {None, name}}
    channels, tried = open_channels(settings), {}
    channels.use(urls)
    for name, url in urls.items():
        problem = "its URL is none that Apprise understands" if unusable(url) else None
        problem = problem or await channels.tell(
            name, title="Millstream: a test", body="Nothing is amiss; this channel works.", urgent=False
        )
        tried[name] = problem
        console.print(plain(f"{name}: {problem or 'took it'}", style="red" if problem else ""))
    channels.close()
    async with session() as opened:  # last: a channel can be tried while the database is away
        for name, problem in tried.items():
            await _book(opened).tested(name, problem=problem, actor=actor(), now=await opened.database.now())
    return 1 if any(tried.values()) else 0


@app.command()
def drift(limit: Annotated[int, typer.Option(min=1, max=500)] = 50, after: After = None) -> None:
    """Orders that are not the same in store, hub and ERP, of those compared within a day, the longest first."""
    place = place_after(after, DriftPlace)

    async def work(session: Session) -> int:
        since = await session.database.now() - timedelta(days=1)
        found = await PostgresDrift(session.database).drift(since=since, limit=limit + 1, after=place)
        shown, last = found.differing[:limit], found.differing[limit - 1] if len(found.differing) > limit else None
        said = f"{found.count} of {found.checked} orders compared in the last day are not the same everywhere."
        console.print(said if found.checked else "No order was compared in the last day: it is not known.")
        for one in shown:
            console.print(plain(f"  {one.order_key}: {', '.join(one.differs)}, since {_time(one.since)}"))
        tell_more(None if last is None else DriftPlace(last.since, last.order_key))
        return 0

    run(work)


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
