"""`millstream deliveries`: see what is stuck and mend it."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import convert
from rich.table import Table

from millstream.cli import care
from millstream.cli.choice import (
    PAGE_SIZE_MAX,
    Cause,
    Code,
    EventType,
    Ids,
    Order,
    Reason,
    State,
    Subscriber,
    Yes,
    agreed,
    chosen,
)
from millstream.cli.session import Session, actor, console, run
from millstream.cli.stories import print_delivery
from millstream.ports.desk import DeliveryRow, Resolution


class Closing(StrEnum):
    """Why a delivery is closed without its happening: see `ports.desk.Resolution`."""

    FIXED_IN_SOURCE = "fixed_in_source"
    DUPLICATE = "duplicate"
    LOSS_ACCEPTED = "loss_accepted"
    TEST = "test"
    OTHER = "other"


app = typer.Typer(help="See what is stuck, mend it, close it, say who looks after it.", no_args_is_help=True)
app.command()(care.assign)
app.command()(care.tag)
app.command()(care.snooze)

Category = Annotated[Closing, typer.Option("--category", help="Why it is closed.", case_sensitive=False)]


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
    wanted = chosen(
        state=state or ["held", "dead", "retrying"],
        subscriber=subscriber,
        event_type=event_type,
        code=code,
        cause=cause,
        order=order,
    )

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
    todays_data: Annotated[
        bool, typer.Option("--todays-data", help="Drop what was amended: the event as it came, read anew.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Tries again now, with today's data: the systems are asked anew, nothing stale is sent."""
    wanted = chosen(
        ids=ids, state=state, subscriber=subscriber, event_type=event_type, code=code, cause=cause, order=order
    )

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, "retry", yes=yes):
            return 1
        console.print(f"{await session.desk.retry(wanted, actor=actor(), as_it_came=todays_data)} due now")
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
    wanted = chosen(ids=ids, state=["held"], code=code, cause=cause, order=order)

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, "release", yes=yes):
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
    wanted = chosen(
        ids=ids, state=state, subscriber=subscriber, event_type=event_type, code=code, cause=cause, order=order
    )

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, "discard", yes=yes):
            return 1
        console.print(f"{await session.desk.discard(wanted, actor=actor(), reason=reason)} discarded")
        return 0

    run(work)


@app.command()
def resolve(
    reason: Reason,
    category: Category,
    ids: Ids = None,
    state: State = None,
    subscriber: Subscriber = None,
    event_type: EventType = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Closes deliveries and says why: they do not happen any more; what waits behind them goes on."""
    wanted = chosen(
        ids=ids, state=state, subscriber=subscriber, event_type=event_type, code=code, cause=cause, order=order
    )

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, "resolve", yes=yes):
            return 1
        resolution = convert(category.value, Resolution)
        done = await session.desk.resolve(wanted, resolution, actor=actor(), reason=reason)
        console.print(f"{done} resolved")
        return 0

    run(work)


@app.command()
def reopen(
    reason: Reason,
    ids: Ids = None,
    code: Code = None,
    cause: Cause = None,
    order: Order = None,
    yes: Yes = False,
) -> None:
    """Puts closed deliveries into review again, each in its old place in its lane."""
    wanted = chosen(ids=ids, state=["discarded"], code=code, cause=cause, order=order)

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, "reopen", yes=yes):
            return 1
        console.print(f"{await session.desk.reopen(wanted, actor=actor(), reason=reason)} in review again")
        return 0

    run(work)


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
