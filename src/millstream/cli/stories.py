"""Histories for the terminal."""

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from millstream.domain.faults import explain
from millstream.ports.desk import DeliveryStory, OrderStory, OrderSummary


def print_delivery(console: Console, story: DeliveryStory, *, payload: bool = False) -> None:
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
    waived = f" [yellow]waived: {', '.join(story.waived)}[/]" if story.waived else ""
    tree = Tree(
        f"[bold]#{row.id}[/] {escape(row.event_type)} → {row.subscriber}  [bold]{row.state}[/]"
        f"  tries {row.tries}{waived}"
    )
    if row.note:
        tree.add(f"[dim]{escape(row.note)}[/]")
    if row.message and row.state not in {"done", "discarded"}:
        failed = tree.add(f"[red]{escape(row.code or '')}[/] {escape(row.message)}")
        explained = explain(row.code)
        if explained is not None:
            failed.add(f"[dim]{escape(explained.means)} {escape(explained.fix)} By {escape(explained.who)}.[/]")
    for attempt in story.attempts:
        ms = (attempt.ended_at - attempt.started_at).total_seconds() * 1000
        text = f"try {attempt.n}  {attempt.started_at:%Y-%m-%d %H:%M:%S}  {attempt.outcome}  {ms:,.0f} ms"
        branch = tree.add(f"{text}  [red]{escape(attempt.code or '')}[/]")
        for call in attempt.calls:
            key = f"  [dim]{escape(call.key)}[/]" if call.key else ""
            status = call.status if call.status is not None else "no answer"
            branch.add(f"{call.system}: {escape(call.operation)}  {status}  {call.outcome}  {call.ms:,.0f} ms{key}")
    return tree


def print_order(console: Console, story: OrderStory) -> None:
    """An order's whole history: numbers, promises, facts, deliveries."""
    console.print(_summary(story.summary))
    console.print("numbers: " + ", ".join(f"{kind} {value}" for kind, value in story.aliases))
    for promise in story.promises:
        if promise.line_id is None:
            kept = {True: "kept", False: "broken", None: "open"}[promise.kept]
            day = promise.ship_date.isoformat() if promise.ship_date else "date unknown"
            console.print(
                f"promise {promise.promised_at:%Y-%m-%d %H:%M:%S}  {day}  by {promise.promised_by}"
                f"  {escape(promise.reason)}  [bold]{kept}[/]"
            )
    by_event: dict[object, list[DeliveryStory]] = {}
    for delivery in story.deliveries:
        by_event.setdefault(delivery.row.event_id, []).append(delivery)
    for event in story.events:
        tree = Tree(f"[cyan]{event.received_at:%Y-%m-%d %H:%M:%S.%f}[/] [bold]{event.type}[/] from {event.source}")
        for delivery in by_event.get(event.id, ()):
            tree.children.append(_delivery_tree(delivery))
        console.print(tree)


def _summary(summary: OrderSummary) -> Table:
    table = Table(show_header=False, box=None)
    money = f"{summary.grand_total:,.2f} {summary.currency}" if summary.grand_total is not None else "not known yet"
    erp_money = f"{summary.erp_total:,.2f}" if summary.erp_total is not None else "-"
    rows = [
        ("order", summary.order_key),
        ("store number", summary.number),
        ("ERP number", summary.erp_number),
        ("customer", summary.customer_id),
        ("total (ERP)", f"{money} ({erp_money})"),
        ("placed", summary.placed_at),
        ("confirmed", summary.confirmed_at),
        ("ships on", summary.ship_date),
        ("packed", summary.packed_at),
        ("shipped", summary.shipped_at),
        ("delivered", summary.delivered_at),
        ("cancelled", summary.cancelled_at),
    ]
    for name, value in rows:
        if value is not None:
            table.add_row(name, escape(str(value)))
    return table
