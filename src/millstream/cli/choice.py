"""How a command is told which deliveries it is about, and the question before it does something to them.

The options stand here once: `chosen` names them, `choosing` gives them to a command.
"""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any, Final

import typer

from millstream.cli.screen import plain
from millstream.cli.session import Session, console
from millstream.domain.states import DeliveryState
from millstream.ports.desk import Filter, Verb

PAGE_SIZE_MAX: Final = 500
FAILING: Final = ("held", "dead", "retrying")


class ResolvedAs(StrEnum):
    """Why a delivery is resolved without its happening: see `ports.desk.Resolution`."""

    FIXED_IN_SOURCE = "fixed_in_source"
    DUPLICATE = "duplicate"
    LOSS_ACCEPTED = "loss_accepted"
    TEST = "test"
    OTHER = "other"


def reason_said(words: str) -> str:
    """The reason, in a few words: one that says nothing is none."""
    if not words.strip():
        raise typer.BadParameter("it says nothing; a few words are enough")
    return words.strip()


Ids = Annotated[list[int] | None, typer.Argument(help="Delivery ids; none = choose by the options.")]
State = Annotated[list[DeliveryState] | None, typer.Option("--state", help="In this state; several times for several.")]
Subscriber = Annotated[str | None, typer.Option("--to", help="Subscriber: erp, store, crm, book, promise, inbox.")]
EventType = Annotated[str | None, typer.Option("--type", help="Event type, e.g. order.placed.")]
Code = Annotated[str | None, typer.Option("--code", help="Fault code, e.g. price.stale.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Fingerprint: all failures of one cause.")]
Order = Annotated[str | None, typer.Option("--order", help="Order key.")]
Assignee = Annotated[str | None, typer.Option("--assignee", help="Who looks after them.")]
Tag = Annotated[str | None, typer.Option("--tag", help="A word that is on them.")]
Snoozed = Annotated[bool | None, typer.Option("--snoozed/--no-snoozed", help="Out of sight until later, or in sight.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; goes into the audit trail.", prompt=True, callback=reason_said)
]
Category = Annotated[ResolvedAs | None, typer.Option("--category", help="Why, for resolve.", case_sensitive=False)]


def chosen(
    *,
    ids: Ids = None,
    state: State = None,
    subscriber: Subscriber = None,
    event_type: EventType = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    assignee: Assignee = None,
    tag: Tag = None,
    snoozed: Snoozed = None,
) -> Filter:
    """The filter the options mean."""
    return Filter(
        ids=tuple(ids or ()),
        states=tuple(one.value for one in state or ()),
        subscriber=subscriber,
        event_type=event_type,
        code=code,
        fingerprint=cause,
        subject=order,
        assignee=assignee,
        tag=tag,
        snoozed=snoozed,
    )


def choosing(*, without: tuple[str, ...] = (), all_if_none: bool = False) -> Callable[..., Callable[..., None]]:
    """Gives a command the options of `chosen`, save for some, and hands it the filter they mean as `wanted`.

    A command that does something refuses to do it to everything: without a choice it is not run, unless `all_if_none`.
    """
    options = [one for name, one in inspect.signature(chosen).parameters.items() if name not in without]

    def give(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, one in signature.parameters.items()
            if name != "wanted"
        ]

        @wraps(command)
        def asked(**given: Any) -> None:
            wanted = chosen(**{one.name: given.pop(one.name) for one in options})
            if not all_if_none and _says_nothing(wanted):
                raise typer.BadParameter("say which: ids, or a filter such as --state held or --code sku.unknown")
            command(wanted=wanted, **given)

        parameters = [*own, *options]
        asked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
        asked.__annotations__ = {one.name: one.annotation for one in parameters}
        return asked

    return give


def _says_nothing(wanted: Filter) -> bool:
    """Whether it means everything, or everything that is in sight."""
    return wanted in {Filter(), Filter(snoozed=False)}


async def agreed(session: Session, wanted: Filter, verb: Verb, *, yes: bool) -> bool:
    """The estimate first, of what is in a state the verb can be done in, then the question."""
    shares = await session.desk.shares(verb, wanted)
    number = sum(share.deliveries for share in shares)
    console.print(f"{number} deliveries match" + (":" if shares else f" that one can {verb}."))
    for share in shares:
        refused = "  (cannot be done to these)" if share.refused else ""
        console.print(plain(f"  {share.deliveries:>5} {share.state:<9} {share.code or '-'}{refused}"))
    return number > 0 and (yes or typer.confirm(f"{verb} them?"))
