"""The batch on its way, as a table that keeps itself up to date."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from millstream.ports.travellers import Step, Traveller


def table_of(titles: dict[str, str], travellers: Sequence[Traveller], *, act: str) -> Group:
    """The table: one line per order, one mark per station."""
    table = Table("order", "what", "total", "ERP", "ships on", "store", "CRM", "stands at", "tries", box=None)
    for traveller in travellers:
        stuck = traveller.stuck
        total = f"{traveller.grand_total:,.2f} {traveller.currency}" if traveller.grand_total is not None else ""
        table.add_row(
            traveller.number,
            titles.get(traveller.order_key, ""),
            total,
            traveller.erp_number or _mark(traveller.step("order.placed", "erp")),
            str(traveller.ship_date or ""),
            _mark(traveller.step("order.confirmed", "store")),
            _mark(traveller.step("order.confirmed", "crm")),
            Text(f"review: {stuck.code}", style="yellow") if stuck else _stands_at(traveller),
            str(sum(step.tries for step in traveller.steps)),
        )
    done = sum(1 for traveller in travellers if not traveller.working)
    bar = ProgressBar(total=max(len(titles), 1), completed=done, width=40)
    return Group(Text(act, style="bold"), bar, table)


def _mark(step: Step | None) -> Text:
    if step is None:
        return Text("")
    marks = {"done": ("✓", "green"), "held": ("?", "yellow"), "dead": ("✗", "red"), "retrying": ("↻", "magenta")}
    sign, style = marks.get(step.state, ("…", "dim"))
    return Text(sign, style=style)


def _stands_at(traveller: Traveller) -> Text:
    stations = (
        ("cancelled", traveller.cancelled_at),
        ("delivered", traveller.delivered_at),
        ("shipped", traveller.shipped_at),
        ("packed", traveller.packed_at),
        ("confirmed", traveller.confirmed_at),
    )
    for name, at in stations:
        if at is not None:
            return Text(name, style="green" if name != "confirmed" else "")
    waited = (datetime.now(UTC) - traveller.received_at).total_seconds()
    return Text(f"on its way, {waited:.0f} s", style="dim")
