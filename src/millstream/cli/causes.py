"""`millstream deliveries causes`: what fails, by cause, in plain words."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from millstream.cli.choice import PAGE_SIZE_MAX
from millstream.cli.paging import After, place_after, tell_more
from millstream.cli.screen import plain
from millstream.cli.session import Session, console, run
from millstream.domain.faults import explain
from millstream.engine.world import SystemWorld
from millstream.ports.overview import Cause, CausePlace, FailureView, Total, ViewCount
from millstream.ports.places import place_text
from millstream.store.overview import PostgresOverview


class View(StrEnum):
    """See `ports.overview.FailureView`."""

    ALL = "all"
    MINE = "mine"
    UNASSIGNED = "unassigned"
    AT_RISK = "at_risk"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


def causes(
    view: Annotated[View, typer.Option(help="Which of them.", case_sensitive=False)] = View.ALL,
    assignee: Annotated[str | None, typer.Option(help="Whose, for the view mine.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE_MAX)] = 50,
    after: After = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What fails, by cause, in plain words, the one with most orders first; its fingerprint is what `--cause` takes."""
    if (view is View.MINE) != (assignee is not None):
        raise typer.BadParameter("--view mine and --assignee NAME go together: the command line has no user of its own")
    place, wanted = place_after(after, CausePlace), msgspec.convert(view.value, FailureView)

    async def work(session: Session) -> int:
        overview = PostgresOverview(session.database, clock=SystemWorld().clock)
        found = await overview.causes(limit=limit + 1, view=wanted, viewer=assignee or "", after=place)
        shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
        more = None if last is None else CausePlace(last.orders, last.fingerprint)
        (all_there,) = [one for one in await overview.views(assignee or "") if one.view == wanted]
        if as_json:
            items = [{**msgspec.structs.asdict(one), "explained": explain(one.code)} for one in shown]
            told = {"view": all_there, "items": items, "next": place_text(more)}
            console.print_json(msgspec.json.encode(told).decode())
            return 0
        if shown:
            console.print(_table(shown))
        console.print(plain(_in_all(all_there)))
        tell_more(more)
        return 0

    run(work)


def worth_words(totals: Sequence[Total], unknown: int) -> str:
    """Money by currency, and how much of it is not known."""
    words = [f"{total.currency} {total.amount:,.2f}" for total in totals]
    if unknown:
        words.append(f"{unknown} whose money is not known")
    return ", ".join(words) or "none"


def _in_all(one: ViewCount) -> str:
    worth = worth_words(one.money, one.orders_without_total)
    return f"{one.view}: {one.causes} causes, {one.deliveries} deliveries, {one.orders} orders: {worth}"


def _table(found: Sequence[Cause]) -> Table:
    table = Table("cause", "what fails", "code", "class", "to", "deliveries", "orders", "money", box=None)
    for name in ("first seen", "last seen", "looked after by"):
        table.add_column(name)
    table.columns[0].no_wrap = True  # it is copied
    for one in found:
        explained = explain(one.code)
        table.add_row(
            one.fingerprint,
            explained.means if explained else one.says or "",
            one.code or "",
            one.fault_class or "",
            one.subscriber,
            str(one.held + one.dead + one.retrying + one.resolved),
            str(one.orders),
            worth_words(one.money, one.orders_without_total),
            _time(one.first_seen),
            _time(one.last_seen),
            ", ".join(one.assignees),
        )
    return table


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
