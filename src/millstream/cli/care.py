"""`millstream deliveries assign|tag|snooze`: who looks after what, and what may wait."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer

from millstream.cli.choice import FAILING, Reason, Yes, agreed, choosing
from millstream.cli.session import Session, actor, console, run
from millstream.ports.desk import Filter, Verb

Words = Annotated[list[str] | None, typer.Option(help="A word; several times for several.")]


@choosing(without=("assignee",))
def assign(
    wanted: Filter,
    *,
    assignee: Annotated[str | None, typer.Option("--assignee", help="Who; leave out for nobody.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody looks after them.")] = False,
    yes: Yes = False,
) -> None:
    """Says who looks after deliveries."""
    if (assignee is None) != nobody:
        raise typer.BadParameter("say --assignee NAME or --nobody")
    those = _failing(wanted)
    _care(those, "assign", lambda session: session.desk.assign(those, assignee, actor=actor()), yes=yes)


@choosing()
def tag(wanted: Filter, *, add: Words = None, remove: Words = None, yes: Yes = False) -> None:
    """Puts words on deliveries and takes others off."""
    if not (add or remove):
        raise typer.BadParameter("say --add WORD or --remove WORD")
    those, more, less = _failing(wanted), add or [], remove or []
    _care(those, "tag", lambda session: session.desk.tag(those, add=more, remove=less, actor=actor()), yes=yes)


@choosing()
def snooze(
    wanted: Filter,
    *,
    reason: Reason,
    hours: Annotated[float | None, typer.Option("--hours", min=0.1, max=8760, help="Out of sight for so long.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Or until then: 2026-11-25T08:00+01:00.")] = None,
    wake: Annotated[bool, typer.Option("--wake", help="In sight again.")] = False,
    yes: Yes = False,
) -> None:
    """Puts deliveries out of sight until later. It changes nothing about when they are tried again."""
    moment = _moment(hours, until, wake=wake)
    those = _failing(wanted)
    _care(those, "snooze", lambda session: session.desk.snooze(those, moment, actor=actor(), reason=reason), yes=yes)


def _failing(wanted: Filter) -> Filter:
    """Ids mean these, whatever they came to; a filter without a state means what fails now."""
    return wanted if wanted.ids or wanted.states else msgspec.structs.replace(wanted, states=FAILING)


def _moment(hours: float | None, until: str | None, *, wake: bool) -> datetime | None:
    if [hours is not None, until is not None, wake].count(True) != 1:
        raise typer.BadParameter("say one of --hours N, --until TIME, --wake")
    if wake:
        return None
    if hours is not None:
        return datetime.now(UTC) + timedelta(hours=hours)
    try:
        moment = datetime.fromisoformat(until or "")
    except ValueError:
        raise typer.BadParameter(f"{until} is no time; write it like 2026-11-25T08:00+01:00") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{until} says no time zone; write it like 2026-11-25T08:00+01:00")
    return moment


def _care(wanted: Filter, verb: Verb, act: Callable[[Session], Awaitable[int]], *, yes: bool) -> None:
    async def work(session: Session) -> int:
        if not await agreed(session, wanted, verb, yes=yes):
            return 1
        console.print(f"{verb}: {await act(session)} deliveries")
        return 0

    run(work)
