"""`millstream deliveries`: see what is stuck and mend it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from millstream.cli import care
from millstream.cli.amending import amend
from millstream.cli.causes import causes
from millstream.cli.choice import FAILING, PAGE_SIZE_MAX, Reason, ResolvedAs, Yes, agreed, choosing
from millstream.cli.session import Session, actor, console, run
from millstream.cli.stories import print_delivery
from millstream.ports.desk import DeliveryRow, Filter, Resolution, Verb

app = typer.Typer(help="See what is stuck, mend it, resolve it, say who looks after it.", no_args_is_help=True)

Category = Annotated[ResolvedAs, typer.Option("--category", help="Why it is resolved.", case_sensitive=False)]


@app.command("list")
@choosing(without=("ids",), all_if_none=True)
def list_deliveries(
    wanted: Filter,
    *,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE_MAX)] = 50,
    after: Annotated[int, typer.Option(help="Continue behind this id.")] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Deliveries by filter; without a state, what waits for somebody: held, dead, retrying."""
    those = wanted if wanted.states else msgspec.structs.replace(wanted, states=FAILING)

    async def work(session: Session) -> int:
        rows = await session.desk.list_deliveries(those, limit=limit, after=after)
        if as_json:
            console.print_json(json.dumps([msgspec.structs.asdict(row) for row in rows], default=str))
        else:
            console.print(_table(rows) if rows else _none(wanted))
            if len(rows) == limit:
                console.print(f"more: --after {rows[-1].id}")
        return 0

    run(work)


app.command()(causes)


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
@choosing()
def retry(
    wanted: Filter,
    *,
    todays_data: Annotated[
        bool, typer.Option("--todays-data", help="Drop what was amended: the event as it came, read anew.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Tries again now, with today's data: the systems are asked anew, nothing stale is sent."""

    def act(session: Session) -> Awaitable[int]:
        return session.desk.retry(wanted, actor=actor(), as_it_came=todays_data)

    _do("retry", wanted, act, "due now", yes=yes)


app.command()(amend)


@app.command()
@choosing(without=("state",))
def release(wanted: Filter, *, reason: Reason, yes: Yes = False) -> None:
    """Lets held deliveries go on although a rule holds them, waived for these only; or agrees to their credit."""
    _do("release", wanted, lambda it: it.desk.release(wanted, actor=actor(), reason=reason), "released", yes=yes)


@app.command()
@choosing()
def discard(wanted: Filter, *, reason: Reason, yes: Yes = False) -> None:
    """Decides that deliveries shall not happen; what waits behind them goes on."""
    _do("discard", wanted, lambda it: it.desk.discard(wanted, actor=actor(), reason=reason), "discarded", yes=yes)


@app.command()
@choosing()
def resolve(wanted: Filter, *, reason: Reason, category: Category, yes: Yes = False) -> None:
    """Resolves deliveries and says why: they do not happen any more; what waits behind them goes on."""
    resolution = msgspec.convert(category.value, Resolution)

    def act(session: Session) -> Awaitable[int]:
        return session.desk.resolve(wanted, resolution, actor=actor(), reason=reason)

    _do("resolve", wanted, act, "resolved", yes=yes)


@app.command()
@choosing(without=("state",))
def reopen(wanted: Filter, *, reason: Reason, yes: Yes = False) -> None:
    """Puts resolved deliveries into review again, each in its old place in its lane."""
    _do("reopen", wanted, lambda it: it.desk.reopen(wanted, actor=actor(), reason=reason), "in review again", yes=yes)


app.command()(care.assign)
app.command()(care.tag)
app.command()(care.snooze)


def _do(verb: Verb, wanted: Filter, act: Callable[[Session], Awaitable[int]], became: str, *, yes: bool) -> None:
    """Does it to what the filter means, after the estimate and the question."""

    async def work(session: Session) -> int:
        if not await agreed(session, wanted, verb, yes=yes):
            return 1
        console.print(f"{await act(session)} {became}")
        return 0

    run(work)


def _none(wanted: Filter) -> str:
    """Why the list is empty."""
    return "Nothing waits for anybody." if wanted == Filter() else "No delivery is like that."


def _table(rows: Sequence[DeliveryRow]) -> Table:
    table = Table("id", "order", "event", "to", "state", "tries", "since", "code", "what is wrong", box=None)
    for row in rows:
        table.add_row(
            str(row.id),
            row.subject,
            row.event_type,
            row.subscriber,
            row.state,
            str(row.tries),
            f"{row.updated_at:%Y-%m-%d %H:%M:%S}",
            row.code or "",
            row.message or row.note or "",
        )
    return table
