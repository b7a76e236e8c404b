"""How a command is told which deliveries it is about, and the question before it does something to them."""

from collections import Counter
from typing import Annotated, Final

import typer

from millstream.cli.session import Session, console
from millstream.ports.desk import Filter

PAGE_SIZE_MAX: Final = 500

Ids = Annotated[list[int] | None, typer.Argument(help="Delivery ids; none = choose by the options.")]
State = Annotated[list[str] | None, typer.Option("--state", help="waiting, running, retrying, held, dead, done …")]
Subscriber = Annotated[str | None, typer.Option("--to", help="Subscriber: erp, store, crm, book, promise, inbox.")]
EventType = Annotated[str | None, typer.Option("--type", help="Event type, e.g. order.placed.")]
Code = Annotated[str | None, typer.Option("--code", help="Fault code, e.g. price.stale.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Fingerprint: all failures of one cause.")]
Order = Annotated[str | None, typer.Option("--order", help="Order key.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the audit trail.", prompt=True)]


def chosen(
    *,
    ids: list[int] | None = None,
    state: list[str] | None = None,
    subscriber: str | None = None,
    event_type: str | None = None,
    code: str | None = None,
    cause: str | None = None,
    order: str | None = None,
) -> Filter:
    """The filter the options mean."""
    return Filter(
        ids=tuple(ids or ()),
        states=tuple(state or ()),
        subscriber=subscriber,
        event_type=event_type,
        code=code,
        fingerprint=cause,
        subject=order,
    )


async def agreed(session: Session, wanted: Filter, verb: str, *, yes: bool) -> bool:
    """The estimate first, then the question."""
    if wanted == Filter():
        console.print(f"Say which: ids, or a filter such as --state held or --code sku.unknown. Nothing to {verb}.")
        return False
    number = await session.desk.count(wanted)
    rows = await session.desk.list_deliveries(wanted, limit=PAGE_SIZE_MAX)
    causes = Counter((row.state, row.code or "-") for row in rows)
    console.print(f"{number} deliveries match" + (":" if causes else "."))
    for (state, code), times in causes.most_common():
        console.print(f"  {times:>5} {state:<9} {code}")
    return number > 0 and (yes or typer.confirm(f"{verb} them?"))
