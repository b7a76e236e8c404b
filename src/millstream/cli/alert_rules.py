"""`millstream alerts rules`, `set`, `reset`, `off`, `on`: what counts as amiss, changed while the hub runs."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from millstream.alerting import open_rule_book
from millstream.cli.choice import Reason
from millstream.cli.session import Session, actor, console, run
from millstream.engine.alerts.rulebook import RuleBook
from millstream.engine.world import SystemWorld
from millstream.ports.alert_rules import LevelStanding, LevelValue, RuleStanding
from millstream.settings import read_settings

Code = Annotated[str, typer.Argument(help="As `alerts rules` shows it.")]
HEARD = "running processes go by it from their next look on"


def rules(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Every level and every rule in force, and where each comes from."""

    async def work(book: RuleBook) -> None:
        levels, switches = await book.standing()
        if as_json:
            console.print_json(msgspec.json.encode({"levels": levels, "rules": switches}).decode())
            return
        console.print(_rules(switches))
        console.print(_levels(levels))

    _with_rules(work)


def set_levels(
    levels: Annotated[list[str], typer.Argument(help="NAME=VALUE, several at once; none for no value.")], reason: Reason
) -> None:
    """Other levels than the settings', all of them or none."""
    values = dict(map(_value, levels))

    async def work(book: RuleBook) -> None:
        await book.change(values, actor=actor(), reason=reason)
        console.print(f"{', '.join(values)} changed; {HEARD}")

    _with_rules(work)


def reset(names: Annotated[list[str], typer.Argument(help="As `alerts rules` shows them.")], reason: Reason) -> None:
    """Goes back to the settings."""

    async def work(book: RuleBook) -> None:
        await book.reset(names, actor=actor(), reason=reason)
        console.print(f"the settings hold again for {', '.join(names)}; {HEARD}")

    _with_rules(work)


def off(
    code: Code,
    reason: Reason,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0.01, max=24 * 365, help="For so long; left out: until `on`.")
    ] = None,
) -> None:
    """Switches a rule off; whoever was told of its alerts hears that."""

    async def work(book: RuleBook) -> None:
        until = None if hours is None else SystemWorld().clock.now() + timedelta(hours=hours)
        await book.switch(code, on=False, until=until, actor=actor(), reason=reason)
        console.print(f"{code} is off{'' if until is None else f' until {until:%Y-%m-%d %H:%M}'}; {HEARD}")

    _with_rules(work)


def on(code: Code, reason: Reason) -> None:
    """Switches a rule on again."""

    async def work(book: RuleBook) -> None:
        await book.switch(code, on=True, until=None, actor=actor(), reason=reason)
        console.print(f"{code} is on; {HEARD}")

    _with_rules(work)


def _with_rules(work: Callable[[RuleBook], Awaitable[None]]) -> None:
    settings = read_settings()

    async def inside(session: Session) -> int:
        await work(open_rule_book(settings, database=session.database, clock=SystemWorld().clock))
        return 0

    run(inside, make=True)


def _value(text: str) -> tuple[str, LevelValue]:
    """NAME=VALUE: a number, a text, a list with commas for channels, none for no value."""
    name, equals, given = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text}: write NAME=VALUE")
    if given.lower() in {"none", "null", ""}:
        return name, None
    if name == "alerts.escalate_to":
        return name, tuple(given.split(","))
    try:
        read: Any = json.loads(given)
    except ValueError:
        return name, given
    return name, read if isinstance(read, int | float) and not isinstance(read, bool) else given


def _rules(rows: tuple[RuleStanding, ...]) -> Table:
    table = Table("rule", "is", "what it looks for", "switched", box=None)
    for row in rows:
        said = "" if row.switched is None else f"by {row.switched.actor}: {row.switched.reason}"
        until = f" until {row.switched.until:%Y-%m-%d %H:%M}" if row.switched and row.switched.until else ""
        table.add_row(row.code, "on" if row.on else f"off{until}", row.meaning, said)
    return table


def _levels(rows: tuple[LevelStanding, ...]) -> Table:
    table = Table("level", "value", "from", "meaning", "changed", box=None)
    for row in rows:
        said = "" if row.changed is None else f"by {row.changed.actor}: {row.changed.reason}"
        said += f" (not in force: {row.problem})" if row.problem else ""
        table.add_row(row.level.name, _shown(row.value), row.source, row.level.meaning, said)
    return table


def _shown(value: LevelValue) -> str:
    match value:
        case None:
            return "none"
        case tuple():
            return ", ".join(value)
        case float():
            return f"{value:g}"
    return str(value)
