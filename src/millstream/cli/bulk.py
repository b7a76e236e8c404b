"""`millstream bulk`: one action on everything a filter means, done by the workers batch by batch."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from msgspec import convert
from rich.table import Table

from millstream.bootstrap import Runtime
from millstream.cli.causes import worth_words
from millstream.cli.choice import PAGE_SIZE_MAX, Category, Reason, ResolvedAs, Yes, choosing
from millstream.cli.hub import run_hub
from millstream.cli.paging import After, place_after, tell_more
from millstream.cli.screen import plain
from millstream.cli.session import Session, actor, console, run
from millstream.engine.world import SystemWorld
from millstream.flows.dry_run import Rehearsal, Tries
from millstream.flows.order_to_erp import WAIVABLE
from millstream.ports import bulk as ports
from millstream.ports.desk import Filter, Resolution
from millstream.ports.places import place_text
from millstream.store.bulk import PostgresBulk

app = typer.Typer(help="Estimate, try out, start, watch, pause, resume, cancel.", no_args_is_help=True)


class Doing(StrEnum):
    """What can be done to many, see `ports.bulk.Action`."""

    RETRY = "retry"
    RELEASE = "release"
    DISCARD = "discard"
    RESOLVE = "resolve"


Action = Annotated[Doing, typer.Argument(help="What shall be done.", case_sensitive=False)]
TRYING = (Doing.RETRY, Doing.RELEASE)
FORECASTS = {
    "would_be_sent": "would be sent",
    "already_there": "are there already, and would be found",
    "nothing_to_send": "would send nothing",
    "would_fail": "would not go through",
    "cannot_be_read": "cannot be read",
}
BulkId = Annotated[UUID, typer.Argument(help="As `bulk list` shows it.")]


def _desk(session: Session) -> PostgresBulk:
    return PostgresBulk(session.database, world=SystemWorld(), waivable=WAIVABLE)


@app.command()
@choosing()
def estimate(wanted: Filter, *, action: Action) -> None:
    """Says what it would come to now, and changes nothing."""

    async def work(session: Session) -> int:
        _print_estimate(await _desk(session).estimate(convert(action.value, ports.Action), wanted), action)
        return 0

    run(work)


@app.command("dry-run")
@choosing()
def dry_run(wanted: Filter, *, action: Action) -> None:
    """Works out what would become of the newest of them, and sends nothing."""
    if action not in TRYING:
        raise typer.BadParameter(f"{action.value} sends nothing; `millstream bulk estimate` says what it comes to")

    async def work(runtime: Runtime) -> int:
        await runtime.operating.overlay_keeper.begin()
        rehearsal = Rehearsal(runtime.hub, runtime.desk, runtime.operating.previews)
        found = await rehearsal.of(convert(action.value, Tries), wanted)
        console.print(f"looked at {found.looked_at}; nothing was sent")
        for one in found.outcomes:
            why = f": {one.why}" if one.why else ""
            console.print(plain(f"  {one.deliveries:>5} {FORECASTS[one.forecast]}{why} (as delivery {one.example})"))
        return 0

    run_hub(work)


@app.command()
@choosing()
def start(wanted: Filter, *, action: Action, reason: Reason, category: Category = None, yes: Yes = False) -> None:
    """Shows the estimate, asks, and starts it: the workers do it, 200 deliveries at a time."""
    if action is Doing.RESOLVE and category is None:
        raise typer.BadParameter(f"resolve needs --category: {', '.join(ResolvedAs)}")
    if action is not Doing.RESOLVE and category is not None:
        raise typer.BadParameter(f"--category goes with resolve alone, not with {action.value}")
    resolution = None if category is None else convert(category.value, Resolution)

    async def work(session: Session) -> int:
        desk, doing = _desk(session), convert(action.value, ports.Action)
        _print_estimate(await desk.estimate(doing, wanted), action)
        if not (yes or typer.confirm(f"{action.value} them?")):
            return 1
        made = await desk.prepare(doing, wanted, actor=actor(), reason=reason, resolution=resolution)
        await desk.order(made.id, "start", actor=actor())
        console.print(f"started; watch it with `millstream bulk show {made.id}`")
        return 0

    run(work)


@app.command("list")
def list_bulks(
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE_MAX)] = 20,
    after: After = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Bulk actions, the newest first, and how far they are."""
    place = place_after(after, ports.BulkPlace)

    async def work(session: Session) -> int:
        found, more = await _desk(session).newest(limit=limit, after=place)
        if as_json:
            console.print_json(msgspec.json.encode({"items": found, "next": place_text(more)}).decode())
            return 0
        console.print(_table(found) if found else "There was no bulk action yet." if place is None else "No more.")
        tell_more(more)
        return 0

    run(work)


@app.command()
def show(bulk_id: Annotated[UUID | None, typer.Argument(help="One; left out: the newest.")] = None) -> None:
    """How far one is, and where its deliveries are now; without an id, the list."""
    if bulk_id is None:
        list_bulks()
        return

    async def work(session: Session) -> int:
        desk = _desk(session)
        found = await desk.find(bulk_id)
        if found is None:
            console.print(f"There is no bulk action {bulk_id}. `millstream bulk list` lists the newest.")
            return 1
        console.print(_table([found]))
        for became in await desk.outcome(found):
            console.print(plain(f"  {became.deliveries:>5} are {became.state} now {became.code or ''}"))
        return 0

    run(work)


@app.command()
def pause(bulk_id: BulkId) -> None:
    """Stops it after the batch under way."""
    _order(bulk_id, "pause")


@app.command()
def resume(bulk_id: BulkId) -> None:
    """Goes on where it was paused, or starts what was made ready."""
    _order(bulk_id, "resume")


@app.command()
def cancel(bulk_id: BulkId) -> None:
    """Ends it after the batch under way; what is done stays done."""
    _order(bulk_id, "cancel")


def _order(bulk_id: UUID, order: ports.Order) -> None:
    async def work(session: Session) -> int:
        desk = _desk(session)
        found = await desk.find(bulk_id)
        wanted: ports.Order = "start" if order == "resume" and found and found.state == "ready" else order
        done = await desk.order(bulk_id, wanted, actor=actor())
        console.print(f"bulk {done.id} is {done.state}: {done.done} done, {done.refused} refused of {done.estimate}")
        return 0

    run(work)


def _print_estimate(estimate: ports.Estimate, action: Doing) -> None:
    console.print(f"{action.value}: {estimate.deliveries} deliveries now")
    for share in estimate.shares:
        refused = "  (cannot be done to these)" if share.refused else ""
        console.print(plain(f"  {share.deliveries:>5} {share.state:<9} {share.code or '-'}{refused}"))
    worth = worth_words(estimate.money, estimate.orders_without_total)
    console.print(f"  {estimate.orders} orders: {worth}")
    for row in estimate.sample[:5]:
        console.print(plain(f"    e.g. {row.id} {row.event_type} of {row.subject}"))


def _table(found: Sequence[ports.Bulk]) -> Table:
    table = Table("id", "action", "state", "done", "refused", "of about", "by", "reason", "since", box=None)
    for one in found:
        since = f"{one.created_at:%Y-%m-%d %H:%M:%S}"
        what = f"{one.action} ({one.resolution})" if one.resolution else one.action
        counts = (str(one.done), str(one.refused), str(one.estimate))
        table.add_row(str(one.id), what, one.state, *counts, one.actor, one.reason, since)
    return table
