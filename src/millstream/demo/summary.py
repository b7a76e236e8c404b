"""What the batch came to, as figures and as a page for the terminal."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from millstream.demo.proof import Check
from millstream.ports.travellers import Traveller


def quantiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Count, median, 95th percentile and largest; None where nothing was measured."""
    if not seconds:
        return {"n": 0, "p50_s": None, "p95_s": None, "max_s": None}
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {
        "n": len(ordered),
        "p50_s": round(statistics.median(ordered), 2),
        "p95_s": round(p95, 2),
        "max_s": round(ordered[-1], 2),
    }


def figures(travellers: Sequence[Traveller], placed_at: dict[str, datetime], checks: Sequence[Check]) -> dict[str, Any]:
    """Everything measured, as plain JSON. Orders that waited for a human count separately in the latencies."""
    helped = {t.order_key for t in travellers if any(step.tries > 1 and step.subscriber == "erp" for step in t.steps)}
    to_erp, to_shopper, after_review = [], [], []
    for traveller in travellers:
        placed = placed_at.get(traveller.order_key)
        told = traveller.step("order.confirmed", "store")
        if placed is None or traveller.confirmed_at is None:
            continue
        seconds = (traveller.confirmed_at - placed).total_seconds()
        if traveller.order_key in helped:
            after_review.append(seconds)
            continue
        to_erp.append(seconds)
        if told is not None and told.state == "done":
            to_shopper.append((told.updated_at - placed).total_seconds())
    steps = [step for traveller in travellers for step in traveller.steps]
    return {
        "orders": len(placed_at),
        "by_state": dict(Counter(state_of(traveller) for traveller in travellers)),
        "placed_to_confirmed_by_erp": quantiles(to_erp),
        "placed_to_told_to_shopper": quantiles(to_shopper),
        "with_retry_or_review": quantiles(after_review),
        "deliveries": len(steps),
        "retries": sum(max(step.tries - 1, 0) for step in steps),
        "held": sum(1 for step in steps if step.state == "held"),
        "dead": sum(1 for step in steps if step.state == "dead"),
        "checks": [{"name": check.name, "holds": check.holds, "detail": check.detail} for check in checks],
        "all_checks_hold": all(check.holds for check in checks),
    }


def first_confirmed(
    travellers: Sequence[Traveller], *, started_at: datetime, max_s: float, installed: bool
) -> dict[str, Any]:
    """How long after the start the ERP had its first order; None where it had none.

    `in_time` holds that against what is promised once everything is `installed`; None where something was installed
    on the way, or where there is no first order.
    """
    first = min((t.confirmed_at for t in travellers if t.confirmed_at), default=None)
    seconds = None if first is None else round((first - started_at).total_seconds(), 1)
    in_time = None if seconds is None or not installed else seconds <= max_s
    return {"first_confirmed_s": seconds, "first_confirmed_max_s": max_s, "first_confirmed_in_time": in_time}


def state_of(traveller: Traveller) -> str:
    """Where an order stands, in one word or two."""
    if traveller.stuck is not None:
        return "in review"
    for name, at in (
        ("cancelled", traveller.cancelled_at),
        ("delivered", traveller.delivered_at),
        ("shipped", traveller.shipped_at),
        ("confirmed", traveller.confirmed_at),
    ):
        if at is not None:
            return name
    return "on its way"


def print_summary(console: Console, found: dict[str, Any]) -> None:
    """The last page."""
    states = " · ".join(f"{number} {state}" for state, number in sorted(found["by_state"].items()))
    console.rule("what became of the batch")
    console.print(f"{found['orders']} orders placed: {states}")
    table = Table("from placed to …", "orders", "p50", "p95", "longest", box=None)
    for name, label in (
        ("placed_to_confirmed_by_erp", "confirmed by the ERP"),
        ("placed_to_told_to_shopper", "told to the shopper"),
        ("with_retry_or_review", "confirmed, after a retry or a review"),
    ):
        row = found[name]
        table.add_row(label, str(row["n"]), *(_seconds(row[key]) for key in ("p50_s", "p95_s", "max_s")))
    console.print(table)
    console.print(_punctuality(found))
    console.print(
        f"{found['deliveries']} deliveries, {found['retries']} retries, {found['held']} held for review, "
        f"{found['dead']} dead"
    )
    for check in found["checks"]:
        sign, style = ("✓", "green") if check["holds"] else ("✗", "red")
        console.print(f"[{style}]{sign}[/] {check['name']}: {check['detail']}")


def _punctuality(found: dict[str, Any]) -> str:
    """The first order against its promise. A time is no check: a busy machine is slow, and nothing breaks by it."""
    seconds, promised = found["first_confirmed_s"], f"within {found['first_confirmed_max_s']:.0f} s"
    if seconds is None:
        return f"the ERP has no order yet (promised: {promised})"
    told = f"first order confirmed {seconds:.1f} s after the start"
    match found["first_confirmed_in_time"]:
        case None:
            return f"{told}, installing included (promised from the second time on: {promised})"
        case True:
            return f"{told} (promised: {promised})"
    return f"[yellow]{told}, later than promised ({promised})[/]"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
