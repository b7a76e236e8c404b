"""`millstream deliveries`: see what is stuck and mend it."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from millstream.cli.session import Session, actor, console, run
from millstream.cli.stories import print_delivery
from millstream.ports.desk import DeliveryRow, Filter

app = typer.Typer(help="List, show, retry, amend, release, discard.", no_args_is_help=True)

Ids = Annotated[list[int] | None, typer.Argument(help="Delivery ids; none = choose by the options.")]
State = Annotated[list[str] | None, typer.Option("--state", help="waiting, running, retrying, held, dead, done …")]
Subscriber = Annotated[str | None, typer.Option("--to", help="Subscriber: erp, store, crm, book, promise, inbox.")]
EventType = Annotated[str | None, typer.Option("--type", help="Event type, e.g. order.placed.")]
Code = Annotated[str | None, typer.Option("--code", help="Fault code, e.g. price.stale.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Fingerprint: all failures of one cause.")]
Order = Annotated[str | None, typer.Option("--order", help="Order key.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the audit trail.", prompt=True)]
PAGE_SIZE_MAX = 500


def _filter(
    ids: list[int] | None,
    state: list[str] | None,
    subscriber: str | None,
    event_type: str | None,
    code: str | None,
    cause: str | None,
    order: str | None,
) -> Filter:
    return Filter(
        ids=tuple(ids or ()),
        states=tuple(state or ()),
        subscriber=subscriber,
        event_type=event_type,
        code=code,
        fingerprint=cause,
        subject=order,
    )


@app.command("list")
def list_deliveries(
    state: State = None,
    subscriber: Subscriber = None,
    event_type: EventType = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE_MAX)] = 50,
    after: Annotated[int, typer.Option(help="Continue behind this id.")] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Deliveries by filter; without one, everything that waits for somebody."""
    wanted = _filter(None, state or ["held", "dead", "retrying"], subscriber, event_type, code, cause, order)

    async def work(session: Session) -> int:
        rows = await session.desk.list_deliveries(wanted, limit=limit, after=after)
        if as_json:
            console.print_json(json.dumps([_plain(row) for row in rows], default=str))
        else:
            console.print(_table(rows))
            if len(rows) == limit:
                console.print(f"more: --after {rows[-1].id}")
        return 0

    run(work)


@app.command()
def show(delivery_id: int) -> None:
    """One delivery: payload, amendment, every attempt and outward call."""

    async def work(session: Session) -> int:
        story = await session.desk.show_delivery(delivery_id)
        if story is None:
            console.print(f"There is no delivery {delivery_id}. `millstream deliveries list` shows what there is.")
            return 1
        print_delivery(console, story, payload=True)
        return 0

    run(work)


@app.command()
def retry(
    ids: Ids = None,
    state: State = None,
    subscriber: Subscriber = None,
    event_type: EventType = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Tries again now, with today's data: the systems are asked anew, nothing stale is sent."""
    wanted = _filter(ids, state, subscriber, event_type, code, cause, order)

    async def work(session: Session) -> int:
        if not await _agreed(session, wanted, "retry", yes=yes):
            return 1
        console.print(f"{await session.desk.retry(wanted, actor=actor())} due now")
        return 0

    run(work)


@app.command()
def amend(
    delivery_id: int,
    payload: Annotated[str, typer.Argument(help="JSON file with the new payload, - for standard input.")],
) -> None:
    """Puts an amended payload beside the original and tries again."""
    text = sys.stdin.read() if payload == "-" else Path(payload).read_text(encoding="utf-8")
    try:
        amended = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{payload} is no JSON: {error}") from None
    if not isinstance(amended, dict):
        raise typer.BadParameter("the payload must be a JSON object, like the one `deliveries show` prints")

    async def work(session: Session) -> int:
        await session.desk.amend(delivery_id, amended, actor=actor())
        console.print(f"delivery {delivery_id} amended; due now. The original stays beside it.")
        return 0

    run(work)


@app.command()
def release(
    reason: Reason,
    ids: Ids = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Lets held deliveries go on although a rule holds them; the rule is waived for these only."""
    wanted = _filter(ids, ["held"], None, None, code, cause, order)

    async def work(session: Session) -> int:
        if not await _agreed(session, wanted, "release", yes=yes):
            return 1
        console.print(f"{await session.desk.release(wanted, actor=actor(), reason=reason)} released")
        return 0

    run(work)


@app.command()
def discard(
    reason: Reason,
    ids: Ids = None,
    state: State = None,
    subscriber: Subscriber = None,
    event_type: EventType = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Decides that deliveries shall not happen; what waits behind them goes on."""
    wanted = _filter(ids, state, subscriber, event_type, code, cause, order)

    async def work(session: Session) -> int:
        if not await _agreed(session, wanted, "discard", yes=yes):
            return 1
        console.print(f"{await session.desk.discard(wanted, actor=actor(), reason=reason)} discarded")
        return 0

    run(work)


async def _agreed(session: Session, wanted: Filter, verb: str, *, yes: bool) -> bool:
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


def _plain(row: DeliveryRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _table(rows: Any) -> Table:
    table = Table("id", "order", "event", "to", "state", "tries", "since", "code", "what is wrong", box=None)
    for row in rows:
        table.add_row(
            str(row.id),
            row.subject,
            row.event_type,
            row.subscriber,
            row.state,
            str(row.tries),
            f"{row.updated_at:%H:%M:%S}",
            row.code or "",
            row.message or row.note or "",
        )
    return table
