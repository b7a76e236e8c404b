"""Histories for the terminal."""

import json
from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table
from rich.tree import Tree

from millstream.cli.screen import Screen, plain
from millstream.domain.faults import explain
from millstream.flows.order_lines import LineStanding
from millstream.ports.desk import AttemptRow, CallRow, DeliveryStory, EventRow, OrderStory, PromiseRow


def print_delivery(console: Screen, story: DeliveryStory, *, payload: bool = False) -> None:
    """One delivery as a tree of attempts and calls."""
    console.print(_delivery_tree(story))
    if payload:
        console.print("payload as received:")
        console.print_json(json.dumps(story.data))
        if story.amended is not None:
            console.print("payload as amended:")
            console.print_json(json.dumps(story.amended))


def _delivery_tree(story: DeliveryStory) -> Tree:
    row = story.row
    waived = (f" waived: {', '.join(story.waived)}" if story.waived else "", "yellow")
    tree = Tree(
        plain(
            (f"#{row.id}", "bold"),
            f" {row.event_type} → {row.subscriber}  ",
            (row.state, "bold"),
            f"  tries {row.tries}",
            waived,
        )
    )
    if row.note:
        tree.add(plain(row.note, style="dim"))
    if row.message and row.state not in {"done", "discarded"}:
        failed = tree.add(plain((row.code or "", "red"), f" {row.message}"))
        explained = explain(row.code)
        if explained is not None:
            failed.add(plain(f"{explained.means} {explained.fix} By {explained.who}.", style="dim"))
    told = 0
    for attempt in story.attempts:
        if attempt.n > told + 1:
            tree.add(plain(f"… {attempt.n - told - 1:,} more tries are left out", style="dim"))
        _add_attempt(tree, attempt)
        told = attempt.n
    return tree


def _add_attempt(tree: Tree, attempt: AttemptRow) -> None:
    ms = (attempt.ended_at - attempt.started_at).total_seconds() * 1000
    text = f"try {attempt.n}  {attempt.started_at:%Y-%m-%d %H:%M:%S}  {attempt.outcome}  {ms:,.0f} ms  "
    branch = tree.add(plain(text, (attempt.code or "", "red")))
    for call in attempt.calls:
        branch.add(plain(_call_line(call), (f"  {call.key}" if call.key else "", "dim")))


def _call_line(call: CallRow) -> str:
    status = call.status if call.status is not None else "no answer"
    return f"{call.system}: {call.operation}  {status}  {call.outcome}  {call.ms:,.0f} ms"


def print_order(console: Screen, story: OrderStory, lines: Sequence[LineStanding] = ()) -> None:
    """An order's whole history: numbers, promises, facts, deliveries. `lines`, where it is shipped in part."""
    console.print(_summary(story, lines))
    console.print(plain("numbers: " + ", ".join(f"{kind} {value}" for kind, value in story.aliases)))
    for promise in story.promises:
        if promise.line_id is None:
            _print_promise(console, promise)
    by_event: dict[object, list[DeliveryStory]] = {}
    for delivery in story.deliveries:
        by_event.setdefault(delivery.row.event_id, []).append(delivery)
    for event in story.events:
        console.print(_event_tree(event, by_event.get(event.id, [])))


def _print_promise(console: Screen, promise: PromiseRow) -> None:
    kept = {True: "kept", False: "broken", None: "open"}[promise.kept]
    day = promise.ship_date.isoformat() if promise.ship_date else "date unknown"
    text = f"promise {promise.promised_at:%Y-%m-%d %H:%M:%S}  {day}  by {promise.promised_by}  {promise.reason}  "
    console.print(plain(text, (kept, "bold")))


def _event_tree(event: EventRow, deliveries: list[DeliveryStory]) -> Tree:
    received = (f"{event.received_at:%Y-%m-%d %H:%M:%S.%f}", "cyan")
    tree = Tree(plain(received, " ", (event.type, "bold"), f" from {event.source}"))
    tree.children.extend(map(_delivery_tree, deliveries))
    return tree


def _summary(story: OrderStory, lines: Sequence[LineStanding]) -> Table:
    summary = story.summary
    left = [f"{_plain(line.shipped)} of {_plain(line.ordered)} {line.sku}" for line in lines if not line.is_virtual]
    table = Table(show_header=False, box=None)
    money = f"{summary.grand_total:,.2f} {summary.currency}" if summary.grand_total is not None else "not known yet"
    erp_money = f"{summary.erp_total:,.2f}" if summary.erp_total is not None else "-"
    rows = [
        ("order", summary.order_key),
        ("store number", summary.number),
        ("ERP number", summary.erp_number),
        ("replaces", story.replaces and (story.replaces.number or story.replaces.order_key)),
        ("replaced by", ", ".join(one.number or one.order_key for one in story.replaced_by) or None),
        ("customer", summary.customer_id),
        ("total (ERP)", f"{money} ({erp_money})"),
        ("placed", summary.placed_at),
        ("confirmed", summary.confirmed_at),
        ("ships on", summary.ship_date),
        ("packed", summary.packed_at),
        ("partly shipped", ", ".join(left) or None),
        ("shipped", summary.shipped_at),
        ("delivered", summary.delivered_at),
        ("cancelled", summary.cancelled_at),
    ]
    for name, value in rows:
        if value is not None:
            table.add_row(name, str(value))
    return table


def _plain(amount: Decimal | None) -> str:
    return "?" if amount is None else f"{amount.normalize():f}"
