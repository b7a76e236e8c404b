"""`millstream deliveries assign|tag|snooze`: who looks after what, and what may wait."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from millstream.cli.choice import Cause, Code, Ids, Order, Reason, State, Subscriber, Yes, agreed, chosen
from millstream.cli.session import Session, actor, console, run
from millstream.ports.desk import Filter

FAILING = ["held", "dead", "retrying"]
Words = Annotated[list[str] | None, typer.Option(help="A word; several times for several.")]


def assign(
    ids: Ids = None,
    *,
    assignee: Annotated[str | None, typer.Option("--assignee", help="Who; leave out for nobody.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody looks after them.")] = False,
    state: State = None,
    subscriber: Subscriber = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Says who looks after deliveries."""
    if (assignee is None) != nobody:
        raise typer.BadParameter("say --assignee NAME or --nobody")
    wanted = _failing(chosen(ids=ids, state=state, subscriber=subscriber, code=code, cause=cause, order=order))
    _care(wanted, "assign", lambda session: session.desk.assign(wanted, assignee, actor=actor()), yes=yes)


def tag(
    ids: Ids = None,
    *,
    add: Words = None,
    remove: Words = None,
    state: State = None,
    subscriber: Subscriber = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Puts words on deliveries and takes others off."""
    if not (add or remove):
        raise typer.BadParameter("say --add WORD or --remove WORD")
    wanted = _failing(chosen(ids=ids, state=state, subscriber=subscriber, code=code, cause=cause, order=order))
    words = (add or [], remove or [])
    _care(
        wanted,
        "tag",
        lambda session: session.desk.tag(wanted, add=words[0], remove=words[1], actor=actor()),
        yes=yes,
    )


def snooze(
    reason: Reason,
    ids: Ids = None,
    *,
    hours: Annotated[float | None, typer.Option("--hours", min=0.1, max=8760, help="Out of sight for so long.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Or until then: 2026-11-25T08:00+01:00.")] = None,
    wake: Annotated[bool, typer.Option("--wake", help="In sight again.")] = False,
    state: State = None,
    subscriber: Subscriber = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Puts deliveries out of sight until later. It changes nothing about when they are tried again."""
    moment = _moment(hours, until, wake=wake)
    wanted = _failing(chosen(ids=ids, state=state, subscriber=subscriber, code=code, cause=cause, order=order))
    _care(
        wanted,
        "snooze",
        lambda session: session.desk.snooze(wanted, moment, actor=actor(), reason=reason),
        yes=yes,
    )


def _failing(wanted: Filter) -> Filter:
    """Ids mean these, whatever they came to; a filter without a state means what fails now."""
    if wanted.ids or wanted.states or wanted == Filter():
        return wanted
    return Filter(
        states=tuple(FAILING),
        subscriber=wanted.subscriber,
        code=wanted.code,
        fingerprint=wanted.fingerprint,
        subject=wanted.subject,
    )


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


def _care(wanted: Filter, verb: str, act: Callable[[Session], Awaitable[int]], *, yes: bool) -> None:
    async def work(session: Session) -> int:
        if not await agreed(session, wanted, verb, yes=yes):
            return 1
        console.print(f"{verb}: {await act(session)} deliveries")
        return 0

    run(work)
