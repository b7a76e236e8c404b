"""The batch on its way, as a table that keeps itself up to date."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from millstream.store.database import Database

_QUERY: Final = """
select e.subject as order_key, e.data ->> 'number' as number, o.erp_number, o.ship_date, o.packed_at, o.shipped_at,
    o.delivered_at, o.cancelled_at, o.confirmed_at, o.grand_total, o.currency, e.received_at,
    (select jsonb_agg(jsonb_build_object('subscriber', d.subscriber, 'type', v.type, 'state', d.state, 'tries', d.tries,
                                         'code', d.fault_code, 'message', d.fault_message, 'note', d.note,
                                         'id', d.id, 'updated_at', d.updated_at))
     from event v join delivery d on d.event_id = v.id where v.subject = e.subject) as deliveries
from event e left join sales_order o on o.order_key = e.subject
where e.type = 'order.placed'
order by e.received_at, e.id
"""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of an order."""

    id: int
    subscriber: str
    type: str
    state: str
    tries: int
    updated_at: datetime
    code: str | None = None
    message: str | None = None
    note: str | None = None


class Traveller(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the hub's books have it."""

    order_key: str
    number: str
    received_at: datetime
    erp_number: str | None
    ship_date: object
    confirmed_at: datetime | None
    packed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None
    grand_total: object
    currency: str | None
    steps: tuple[Step, ...]

    def step(self, event_type: str, subscriber: str) -> Step | None:
        """The delivery of that event to that subscriber."""
        return next((step for step in self.steps if (step.type, step.subscriber) == (event_type, subscriber)), None)

    @property
    def confirmed_to_shopper(self) -> bool:
        """Whether the store and the CRM both know."""
        steps = [self.step("order.confirmed", subscriber) for subscriber in ("store", "crm")]
        return all(step is not None and step.state == "done" for step in steps)

    @property
    def stuck(self) -> Step | None:
        """The delivery a human has to look at, if any."""
        return next((step for step in self.steps if step.state in {"held", "dead"}), None)

    @property
    def working(self) -> bool:
        """Whether something still runs or waits to be run."""
        return any(step.state in {"waiting", "running", "retrying"} for step in self.steps) and self.stuck is None


async def read_travellers(database: Database) -> list[Traveller]:
    """Every order of the batch."""
    async with database.connection() as connection:
        rows = await connection.fetch(_QUERY)
    found = []
    for row in rows:
        fields = dict(row)
        steps = msgspec.json.decode(fields.pop("deliveries") or "[]", type=tuple[Step, ...])
        found.append(Traveller(**fields, steps=tuple(sorted(steps, key=lambda step: step.id))))
    return found


def table_of(titles: dict[str, str], travellers: list[Traveller], *, act: str) -> Group:
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
