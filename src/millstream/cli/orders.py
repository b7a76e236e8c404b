"""`millstream orders`: any number finds the order and its whole history."""

from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.session import Session, console, run
from millstream.cli.stories import print_order

app = typer.Typer(help="Find an order and read its story.", no_args_is_help=True)


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="Store, ERP, PO, work order, shipment or tracking number, or e-mail.")],
) -> None:
    """The whole history of an order: every event, attempt, outward call and promise."""

    async def work(session: Session) -> int:
        keys = await session.records.find_orders(number)
        if not keys:
            console.print(f"No order has the number {number}. Orders appear here once a store reported them.")
            return 1
        if len(keys) > 1:
            console.print(f"{len(keys)} orders carry {number}: {', '.join(keys)}. Showing the newest.")
        story = await session.desk.order_story(keys[0])
        if story is None:
            console.print(f"Nothing is known of {keys[0]} yet.")
            return 1
        print_order(console, story)
        return 0

    run(work)


@app.command("list")
def list_orders(limit: Annotated[int, typer.Option(min=1, max=500)] = 30) -> None:
    """The newest orders and where they stand."""

    async def work(session: Session) -> int:
        table = Table("number", "ERP number", "total", "placed", "confirmed", "ships on", "stands at", box=None)
        for row in await session.desk.list_orders(limit=limit):
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
        return 0

    run(work)
