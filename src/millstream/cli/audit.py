"""`millstream audit`: who did what to what, and proof that nobody altered it."""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from millstream.cli.screen import plain
from millstream.cli.session import Session, console, run
from millstream.ports.audit import AuditWish
from millstream.store.audit_log import PostgresAuditLog

app = typer.Typer(help="The audit trail.", no_args_is_help=True)

Subject = Annotated[str | None, typer.Option(help="To what: an order's key, user/NAME, connection/NAME.")]
Actor = Annotated[str | None, typer.Option(help="Who.")]
Action = Annotated[str | None, typer.Option(help="What, as delivery.retry.")]
Since = Annotated[str | None, typer.Option(help="From then on, as 2026-11-24T08:30; UTC unless it says otherwise.")]
Until = Annotated[str | None, typer.Option(help="Before then.")]
People = Annotated[bool, typer.Option("--people", help="Leave out what the hub did itself.")]


@app.callback()
def audit() -> None:
    """The audit trail."""


def _with_log(work: Callable[[PostgresAuditLog], Awaitable[None]]) -> None:
    async def inside(session: Session) -> int:
        await work(PostgresAuditLog(session.database, trail=session.audit))
        return 0

    run(inside)


def _wish(
    subject: str | None, actor: str | None, action: str | None, since: str | None, until: str | None, *, people: bool
) -> AuditWish:
    return AuditWish(
        subject=subject, actor=actor, action=action, since=_moment(since), until=_moment(until), people=people
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-11-24T08:30") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


@app.command("list")
def list_rows(
    subject: Subject = None,
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    people: People = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    after: Annotated[int | None, typer.Option(min=1, help="Continue behind this row.")] = None,
) -> None:
    """The newest rows first."""
    wish = _wish(subject, actor, action, since, until, people=people)

    async def work(log: PostgresAuditLog) -> None:
        table = Table("at", "who", "what", "to what", "details", box=None)
        rows = await log.page(wish, limit=limit + 1, before=after)
        for row in rows[:limit]:
            details = msgspec.json.encode(row.detail).decode()
            table.add_row(f"{row.at:%Y-%m-%d %H:%M:%S}", row.actor, row.action, row.subject, details)
        console.print(table)
        if len(rows) > limit:
            console.print(f"more: --after {rows[limit - 1].id}")

    _with_log(work)


@app.command()
def export(
    subject: Subject = None,
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    people: People = False,
) -> None:
    """Every row as a line of JSON, the oldest first."""
    wish = _wish(subject, actor, action, since, until, people=people)

    async def work(log: PostgresAuditLog) -> None:
        async for lines in log.lines(wish, payloads=True):
            sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()

    _with_log(work)


@app.command()
def verify() -> None:
    """Recomputes the hash chain from the rows as they are now; exit code 1 if a row was altered."""

    async def work(session: Session) -> int:
        await session.audit.seal()
        verdict = await session.audit.verify()
        if verdict.broken_seal is not None:
            console.print(plain(f"ALTERED: {verdict.detail}. Compare with a backup from before.", style="red"))
            return 1
        console.print(f"untouched: {verdict.rows} rows under {verdict.seals} seals, {verdict.unsealed} not sealed yet")
        return 0

    run(work)
