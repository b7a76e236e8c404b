"""What each result says: its figures against the promise, and its tables. One function per promise.

Figures of one run are set against figures of the same run, as ratios.
"""

from collections.abc import Callable, Sequence

from account import Account, Finding, spread, table
from accounts_scale import crm_outage, memory, scale


def order_saga(figures: dict) -> Account:
    """Hub and bare program by turns, then the hub at half load."""
    rounds = figures["rounds"]
    hub, bare, ratio = ([one[name] for one in rounds] for name in ("full_speed", "limit", "vs_limit"))
    rows = [
        (
            "orders per second, accepting included",
            spread([one["orders_per_s_with_accepting"] for one in hub], digits=0),
            spread([one["orders_per_s_with_accepting"] for one in bare], digits=0),
            spread([one["orders_per_s"] for one in ratio]),
        ),
        (
            "CPU per order, ms",
            spread([one["cpu_ms_per_order"]["total"] for one in hub]),
            spread([one["cpu_ms_per_order"]["total"] for one in bare]),
            spread([one["cpu_per_order"] for one in ratio]),
        ),
        (
            "… of the program",
            *_cpu_parts(hub, bare, "hub", "program"),
        ),
        (
            "… of PostgreSQL",
            *_cpu_parts(hub, bare, "database", "database"),
        ),
    ]
    calls = hub[0]["calls_per_order"]
    return Account(
        findings=(
            Finding(what="orders per second, hub : bare", values=[one["orders_per_s"] for one in ratio], at_least=0.8),
            Finding(
                what="CPU per order",
                values=[one["cpu_ms_per_order"]["total"] for one in hub],
                unit=" ms",
                at_most=6,
            ),
        ),
        body=(
            f"{_rounds(rounds)} of {hub[0]['orders']} orders each, hub and bare program by turns:\n\n"
            f"{table(('full speed', 'hub', 'bare program', 'hub : bare'), rows)}\n\n"
            f"{calls:g} outward calls per order, {figures['effects_made_twice']} effects made twice. "
            f"At half that speed, when systems answer at once:\n\n{_half_load(rounds)}"
        ),
    )


def _rounds(rounds: Sequence[dict]) -> str:
    return f"{len(rounds)} round{'s' if len(rounds) > 1 else ''}"


def _cpu_parts(hub: Sequence[dict], bare: Sequence[dict], ours: str, theirs: str) -> tuple[str, str, str]:
    own = [one["cpu_ms_per_order"][ours] for one in hub]
    other = [one["cpu_ms_per_order"][theirs] for one in bare]
    return spread(own), spread(other), spread([a / b for a, b in zip(own, other, strict=True)])


def order_saga_20ms(figures: dict) -> Account:
    """The hub at half load, every outside answer delayed."""
    rounds, delay_ms = figures["rounds"], figures["latency_ms"]
    return Account(
        findings=(
            Finding(
                what="placed to confirmed, 99 of 100",
                values=[one["half_load"]["placed_to_confirmed_ms"]["p99"] for one in rounds],
                unit=" ms",
                digits=0,
                at_most=250,
            ),
        ),
        body=(
            f"{_rounds(rounds)}, each at half of the full speed it had just reached. Every outside answer takes "
            f"{delay_ms:g} ms. The ERP is asked twice, one after the other: {2 * delay_ms:g} ms of each figure are "
            f"theirs.\n\n{_half_load(rounds)}"
        ),
    )


def _half_load(rounds: Sequence[dict]) -> str:
    half = [one["half_load"] for one in rounds]
    names = (
        ("placed_to_confirmed_ms", "placed to confirmed by the ERP"),
        ("accept_ms", "… of this, accepting"),
        ("accepted_to_told_ms", "accepted to told everybody"),
    )
    rows = [
        (f"{words}, ms", *(spread([one[name][cut] for one in half], digits=0) for cut in ("p50", "p95", "p99")))
        for name, words in names
    ]
    rate = spread([one["rate_per_s"] for one in half], digits=0)
    orders = sum(one["orders"] for one in half)
    return (
        f"{table(('half load', 'median', '95 %', '99 %'), rows)}\n\n{rate} orders per second arrived, {orders} in all."
    )


def startup(figures: dict) -> Account:
    """From exec to ready, with the embedded PostgreSQL and with one that runs."""
    ways = figures["ways"]
    words = {"embedded": "starts the embedded PostgreSQL, too", "external": "PostgreSQL runs already"}
    rows = [
        (words[way], spread(one["ready_s"]), f"{one['first_start_s']:.2f}", str(len(one["ready_s"])))
        for way, one in ways.items()
    ]
    return Account(
        findings=tuple(
            Finding(what=words[way], values=one["ready_s"], unit=" s", at_most=2) for way, one in ways.items()
        ),
        body=table(("seconds until `/readyz` answers 200", "warm", "the first start, not counted", "starts"), rows),
    )


def http_clients(figures: dict) -> Account:
    """Every client against the hub's own transport of the same run."""
    there = {name: one for name, one in figures["clients"].items() if isinstance(one, dict)}
    absent = sorted(figures["clients"].keys() - there.keys())
    unit = there["hub"]
    rows = [
        (
            f"{name} {one['version']}",
            f"{one['cpu_ms_per_call'] / unit['cpu_ms_per_call']:.2f}",
            f"{one['calls_per_s'] / unit['calls_per_s']:.2f}",
            f"{one['cpu_ms_per_call']:.3f}",
        )
        for name, one in there.items()
    ]
    head = ("client", "CPU per call, hub = 1", "calls per second, hub = 1", "CPU per call, ms")
    missing = f" Not installed, so not measured: {', '.join(absent)}." if absent else ""
    return Account(
        findings=(),
        body=(
            f"{table(head, rows)}\n\n"
            f"Medians of {figures['rounds']} rounds of {figures['calls']} calls, every client by turns in a process of "
            f"its own. `hub` is the transport that the hub uses, its checks included.{missing}"
        ),
    )


def lookups(figures: dict) -> Account:
    """Every search and list, by itself."""
    found = figures["lookups"]
    slowest = max(found, key=lambda name: found[name]["p95_ms"])
    rows = [
        (name, f"{one['p50_ms']:.0f} ms", f"{one['p95_ms']:.0f} ms", f"{one['max_ms']:.0f} ms")
        for name, one in found.items()
    ]
    what = f"p95 of the slowest ({slowest})"
    sizes = ", ".join(f"{count:,} {name}" for name, count in figures["rows"].items())
    return Account(
        findings=(Finding(what=what, values=[found[slowest]["p95_ms"]], unit=" ms", digits=0, at_most=300),),
        body=table(("asked for", "median", "p95", "slowest"), rows)
        + f"\n\nRows: {sizes}. {figures['repeats']} questions each, one after the other, without the network.",
    )


ACCOUNTS: dict[str, Callable[[dict], Account]] = {
    "order_saga": order_saga,
    "order_saga_20ms": order_saga_20ms,
    "startup": startup,
    "lookups": lookups,
    "scale": scale,
    "crm_outage": crm_outage,
    "memory": memory,
    "http_clients": http_clients,
}
