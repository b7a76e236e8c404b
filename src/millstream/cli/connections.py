"""`millstream connections`: how the systems answer, and the brake."""

import json
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from millstream.bootstrap import Runtime
from millstream.cli.choice import Reason, Yes
from millstream.cli.doctor import examined
from millstream.cli.hub import run_hub
from millstream.cli.screen import plain
from millstream.cli.session import Session, actor, console, run
from millstream.engine.connections import EXCHANGE_EVERY_S
from millstream.engine.world import SystemWorld
from millstream.flows.rewinding import said_of
from millstream.ports.connections import Brake, ConnectionStanding
from millstream.settings import Settings, read_settings, refuse_without_systems
from millstream.store.connections import PostgresConnections

app = typer.Typer(
    help="See how the systems answer; pause, drain and resume them; read them again from a moment on.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="As `connections list` shows it.")]
Window = Annotated[int, typer.Option("--window-s", min=60, max=86_400, help="Over how long calls are counted.")]
NOT_KNOWN = "not known"
DONE: dict[Brake, str] = {
    "pause": "is called no more",
    "drain": "begins nothing more; what runs may finish",
    "off": "is called again",
}


def kinds_of(settings: Settings) -> dict[str, str]:
    """The connections the settings name: name -> kind."""
    sections = {"store": settings.store, "erp": settings.erp, "crm": settings.crm}
    return {str(one.get("name") or one["kind"]): kind for kind, one in sections.items() if "kind" in one}


@app.command("list")
def list_connections(window_s: Window = 900) -> None:
    """Each connection: state, breaker, calls within the window."""
    kinds = _kinds()

    async def work(session: Session) -> int:
        table = Table(
            "name",
            "kind",
            "state",
            "breaker",
            "calls by deliveries",
            "failed",
            "refused",
            "last answer",
            "why",
            box=None,
        )
        for one in await _board(session).standings(kinds, window_s=window_s):
            good = f"{one.last_good_at:%Y-%m-%d %H:%M:%S}" if one.last_good_at else NOT_KNOWN
            pause = f"by {one.pause.actor}: {one.pause.reason}" if one.pause else ""
            counts = (str(one.calls), str(one.failed), str(one.refused))
            table.add_row(one.name, one.kind, _state(one), one.breaker or NOT_KNOWN, *counts, good, pause)
        console.print(table)
        return 0

    run(work)


@app.command()
def show(
    name: Name, window_s: Window = 900, *, as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False
) -> None:
    """One connection: budget, token, what the last test found, which processes use it."""
    kind = _kind(name)

    async def work(session: Session) -> int:
        (one,) = await _board(session).standings({name: kind}, window_s=window_s)
        if as_json:
            console.print_json(json.dumps(msgspec.to_builtins(one)))
            return 0
        table = Table("what", "now", box=None)
        for row in _facts(one):
            table.add_row(*row)
        console.print(table)
        return 0

    run(work)


@app.command()
def pause(name: Name, reason: Reason) -> None:
    """Calls it no more, in all processes, over restarts, until somebody resumes it."""
    _brake(name, reason, "pause")


@app.command()
def drain(name: Name, reason: Reason) -> None:
    """Begins nothing more with it and lets finish what runs; then it is paused, until somebody resumes it."""
    _brake(name, reason, "drain")


@app.command()
def resume(name: Name, reason: Reason) -> None:
    """Calls it again."""
    _brake(name, reason, "off")


@app.command("test")
def examine(name: Name) -> None:
    """Tries it now, as `doctor` tries all; exit code 1 if something is red."""
    _kind(name)

    async def work(runtime: Runtime) -> int:
        hub = runtime.hub
        port = next(port for port in (hub.store, hub.erp, hub.crm) if port.name == name)
        return 0 if await examined(runtime, port, title=name) else 1

    run_hub(work)


@app.command()
def rewind(
    name: Name,
    to: Annotated[str, typer.Option("--to", help="Back to when: 2026-11-01T00:00Z.")],
    reason: Reason,
    *,
    yes: Yes = False,
) -> None:
    """Reads what changed in a system again from an earlier moment on; what is known already changes nothing."""
    _kind(name)
    moment = _moment(to)

    async def work(runtime: Runtime) -> int:
        rewinder = runtime.operating.rewinder
        console.print(plain(said_of(await rewinder.estimate(name, moment))))
        if not (yes or typer.confirm("rewind it?")):
            return 1
        await rewinder.rewind(name, moment, actor=actor(), reason=reason)
        console.print(plain(f"{name} is read from {moment:%Y-%m-%d %H:%M:%S%z} on at its next poll"))
        return 0

    run_hub(work)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no moment; write 2026-11-01T00:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text} is in which time zone? Write {text}Z for UTC, or {text}+01:00")
    return moment


def _board(session: Session) -> PostgresConnections:
    return PostgresConnections(session.database, clock=SystemWorld().clock)


def _kinds() -> dict[str, str]:
    settings = read_settings()
    refuse_without_systems(settings)
    return kinds_of(settings)


def _kind(name: str) -> str:
    kinds = _kinds()
    if name not in kinds:
        raise typer.BadParameter(f"there is no connection {name}; there are {', '.join(kinds)}")
    return kinds[name]


def _brake(name: str, reason: str, brake: Brake) -> None:
    kind = _kind(name)

    async def work(session: Session) -> int:
        board = _board(session)
        await board.pull(name, brake, actor=actor(), reason=reason)
        console.print(f"{name} {DONE[brake]}; running processes hear of it within {EXCHANGE_EVERY_S:g} s")
        (one,) = await board.standings({name: kind}, window_s=60)
        if one.state == "draining":
            console.print(f"now: {_state(one)}; look again with `millstream connections list`")
        return 0

    run(work)


def _state(one: ConnectionStanding) -> str:
    if one.state != "draining":
        return one.state
    return "draining" if one.still_running is None else f"draining, {one.still_running} still running"


def _facts(one: ConnectionStanding) -> list[tuple[str, str]]:
    """What a person asks of one connection, unknown where nobody knows."""
    budget, token, test = one.budget, one.token, one.last_test
    rate = NOT_KNOWN if budget.rate_per_s is None else f"{budget.rate_per_s:g}/s" if budget.rate_per_s else "no limit"
    system = f"{budget.system.used} of {budget.system.limit}" if budget.system else NOT_KNOWN
    fetched = f"{token.fetched_at:%Y-%m-%d %H:%M:%S}" if token else "no token, or not known"
    ends = f"{token.ends_at:%Y-%m-%d %H:%M:%S}" if token and token.ends_at else NOT_KNOWN
    facts = [
        ("state", _state(one)),
        ("breaker", one.breaker or NOT_KNOWN),
        ("calls at once", f"{_or_not(budget.in_use)} of {_or_not(budget.concurrency)}"),
        ("rate limit", rate),
        ("all calls, polls too, in the last minute", _or_not(budget.calls_per_min)),
        ("all calls today (UTC)", _or_not(budget.calls_today)),
        ("the system's own count", system),
        ("token fetched", fetched),
        ("token ends", ends),
        ("last answer", f"{one.last_good_at:%Y-%m-%d %H:%M:%S}" if one.last_good_at else NOT_KNOWN),
        ("processes", ", ".join(one.shared_by) or "none tells"),
        ("last test", "never" if test is None else f"{test.at:%Y-%m-%d %H:%M} by {test.actor}"),
    ]
    if test is not None:
        facts.append(("missing", ", ".join(test.missing) or "nothing by name"))
        facts += [
            (f"not well: {found.what}", f"{found.detail} → {found.fix}") for found in test.findings if not found.ok
        ]
    return facts


def _or_not(number: int | None) -> str:
    return NOT_KNOWN if number is None else str(number)
