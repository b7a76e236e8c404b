"""`millstream orders`: any number finds the order and its whole history; on hold and off hold in the store."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from msgspec import convert
from rich.table import Table

from millstream.cli.holding import hold, unhold
from millstream.cli.paging import After, place_after, tell_more
from millstream.cli.screen import plain
from millstream.cli.session import Session, console, run
from millstream.cli.stories import print_order
from millstream.flows.order_lines import is_partly_shipped, lines_of
from millstream.ports.lookup import NOT_IN_ERP, HitPlace, NewestPlace, OrderHit, OrderState, WayPlace
from millstream.store.lookup import PostgresLookup

app = typer.Typer(help="Find an order and read its story.", no_args_is_help=True)


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="Store, ERP, PO, work order, shipment or tracking number, or e-mail.")],
) -> None:
    """The whole history of an order: every event, attempt, outward call and promise."""

    async def work(session: Session) -> int:
        keys = await session.records.find_orders(number)
        if not keys:
            console.print(plain(f"No order has the number {number}. Orders appear here once a store reported them."))
            return 1
        if len(keys) > 1:
            console.print(plain(f"{len(keys)} orders carry {number}: {', '.join(keys)}. Showing the newest."))
        story = await session.desk.order_story(keys[0])
        if story is None:
            console.print(plain(f"Nothing is known of {keys[0]} yet."))
            return 1
        booked = await session.records.booked_order(keys[0])
        in_part = booked is not None and is_partly_shipped(story, booked)
        print_order(console, story, lines_of(story, booked.order, booked) if booked and in_part else ())
        return 0

    run(work)


class InState(StrEnum):
    """Where an order stands: see `ports.lookup.OrderState`."""

    PLACED = "placed"
    RETRYING = "retrying"
    REVIEW = "review"
    DISCARDED = "discarded"
    CONFIRMED = "confirmed"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@app.command("list")
def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=500)] = 30,
    state: Annotated[InState | None, typer.Option(help="Only those that stand there.", case_sensitive=False)] = None,
    number: Annotated[str | None, typer.Option(help="Only those with any number that begins so.")] = None,
    after: After = None,
) -> None:
    """The newest orders and where they stand."""
    if number is not None:
        if state is not None:
            raise typer.BadParameter("say --number or --state, not both")
        _list_by_number(number, limit, after)
        return
    if state is not None:
        _list_in_state(convert(state.value, OrderState), limit, after)
        return
    place = place_after(after, NewestPlace)

    async def work(session: Session) -> int:
        table = Table("number", "ERP number", "total", "placed", "confirmed", "ships on", "stands at", box=None)
        rows, more = await session.desk.list_orders(limit=limit, after=place)
        for row in rows:
            steps = (
                ("cancelled", row.cancelled_at),
                ("delivered", row.delivered_at),
                ("shipped", row.shipped_at),
                ("packed", row.packed_at),
                ("confirmed", row.confirmed_at),
            )
            stands = next((name for name, at in steps if at is not None), "not in the ERP yet")
            total = f"{row.grand_total:,.2f} {row.currency}" if row.grand_total is not None else ""
            placed = f"{row.placed_at:%Y-%m-%d %H:%M:%S}" if row.placed_at else ""
            confirmed = f"{row.confirmed_at:%H:%M:%S}" if row.confirmed_at else ""
            table.add_row(
                row.number or row.order_key,
                row.erp_number or "",
                total,
                placed,
                confirmed,
                str(row.ship_date or ""),
                stands,
            )
        console.print(table)
        tell_more(more)
        return 0

    run(work)


def _list_in_state(state: OrderState, limit: int, after: str | None) -> None:
    way = place_after(after, WayPlace) if state in NOT_IN_ERP else None
    place = None if state in NOT_IN_ERP else place_after(after, NewestPlace)

    async def work(session: Session) -> int:
        lookup = PostgresLookup(session.database)
        if state in NOT_IN_ERP:
            on_the_way, further = await lookup.on_the_way(state, limit=limit, after=way)
            _print_hits(on_the_way)
            tell_more(further)
            return 0
        hits, more = list[OrderHit](), place
        while len(hits) < limit:
            found, more = await lookup.in_state(state, limit=limit - len(hits), after=more)
            hits += found
            if more is None:
                break
        _print_hits(hits)
        tell_more(more)
        return 0

    run(work)


def _list_by_number(number: str, limit: int, after: str | None) -> None:
    place = place_after(after, HitPlace)

    async def work(session: Session) -> int:
        hits, more = await PostgresLookup(session.database).search(number, limit=limit, after=place)
        if not hits:
            console.print(plain(f"No order carries a number that begins with {number}."))
            return 1
        _print_hits(hits)
        tell_more(more)
        return 0

    run(work)


def _print_hits(hits: Sequence[OrderHit]) -> None:
    table = Table("number", "ERP number", "total", "placed", "state", "troubles", box=None)
    for hit in hits:
        total = f"{hit.grand_total:,.2f} {hit.currency}" if hit.grand_total is not None else ""
        placed = f"{hit.placed_at:%Y-%m-%d %H:%M:%S}"
        number = plain(hit.number or hit.order_key)
        table.add_row(number, plain(hit.erp_number or ""), total, placed, hit.state, str(hit.troubles))
    console.print(table)


app.command()(hold)
app.command()(unhold)
