"""What the results about scale, outage and memory say. One function per promise, as in `accounts.py`."""

from account import Account, Finding, table

WINDOWS = {
    "before": "before",
    "during": "while it was away",
    "draining": "while what waited was told",
    "after": "afterwards",
}
KINDS = {"503": "it refuses every call (503)", "hang": "it answers no call at all"}
UNCHANGED_MAX = 1.5  # ratio of medians, above which an outage is felt


def scale(figures: dict) -> Account:
    """Processes by number, against one process of the same run."""
    parts = []
    for name, words in (
        ("systems_answer_at_once", "Systems answer at once"),
        ("systems_take_their_time", "Systems take {latency_ms:g} ms for each answer"),
    ):
        part = figures[name]
        rows = [
            (
                processes,
                f"{one['ratio_to_one']:.2f}",
                f"{one['orders_per_s']:.0f}",
                f"{one['cpu_ms_per_order']['workers']:.2f}",
                f"{one['cpu_ms_per_order']['database']:.2f}",
                f"{one['calls_per_order']:g}",
                str(one["effects_made_twice"]),
            )
            for processes, one in part["processes"].items()
        ]
        head = ("processes", "one process = 1", "orders/s", "CPU workers, ms", "CPU PostgreSQL, ms", "calls", "twice")
        side_by_side = f"at most {part['concurrency_per_process']} deliveries side by side per process"
        parts.append(f"{words.format(**part)}; {side_by_side}:\n\n{table(head, rows)}")
    waiting = figures["systems_take_their_time"]["processes"]
    where = f"{figures['place']['machines']}; {figures['note']}"
    most = max(waiting, key=int)
    return Account(
        findings=(
            Finding(
                what=f"{most} processes : 1, systems take their time",
                values=[waiting[most]["ratio_to_one"]],
                at_least=2,
            ),
        ),
        body="\n\n".join([*parts, f"Where: {where}."]),
    )


def crm_outage(figures: dict) -> Account:
    """Latency to the ERP before, during and after; then the drain."""
    findings, parts = [], []
    for how, one in figures["outages"].items():
        latency, drain, lanes = one["accepted_to_erp_ms"], one["drain"], one["lanes"]
        rows = []
        for window, words in WINDOWS.items():
            cuts = [latency[window][cut] for cut in ("p50", "p95", "p99")]
            ratio = "1" if window == "before" else f"{latency[f'{window}_to_before']['p50']:.2f}"
            rows.append((words, ratio, *(f"{cut:.0f}" for cut in cuts), str(latency[window]["orders"])))
        findings.append(
            Finding(
                what=f"accepted to ERP, away : before, when {KINDS[how]}",
                values=[latency["during_to_before"]["p50"]],
                at_most=UNCHANGED_MAX,
            )
        )
        head = (
            "accepted to confirmed by the ERP",
            "median, before = 1",
            "median, ms",
            "95 %, ms",
            "99 %, ms",
            "orders",
        )
        parts.append(
            f"The CRM is away for {figures['outage_s']:g} s, {KINDS[how]}; {figures['orders_per_s']:g} orders per "
            f"second all the time:\n\n{table(head, rows)}\n\n"
            f"{drain['orders_that_waited']} orders had waited. The first call came {drain['first_call_after_s']} s "
            f"after the CRM was back, the last of them was told after {drain['drained_after_s']} s, at "
            f"{drain['calls_per_s']} calls per second where {drain['governed_to_per_s']:g} are the setting. "
            f"{lanes['customers']} customers, up to {lanes['most_orders_of_one']} orders each, "
            f"{lanes['out_of_order']} out of order; "
            f"{one['effects_made_twice']} effects made twice."
        )
    return Account(findings=tuple(findings), body="\n\n".join(parts))


def memory(figures: dict) -> Account:
    """Resident size over the run."""
    worker = figures["worker"]
    every = max(len(worker["readings"]) // 10, 1)
    rows = [(f"{orders:,}", f"{size:.1f}") for orders, size in worker["readings"][::every]]
    return Account(
        findings=(
            Finding(
                what="growth over the second half, per order",
                values=[worker["slope_second_half_bytes_per_order"]],
                unit=" bytes",
                digits=1,
                at_most=100,
            ),
        ),
        body=(
            f"{table(('orders', 'resident, MiB'), rows)}\n\nMost: {worker['most_mib']:.1f} MiB. Over the second half "
            f"the worker grew by {worker['growth_second_half_mib']:.1f} MiB; "
            f"{figures['effects_made_twice']} effects made twice."
        ),
    )
