"""Every measured promise: what was asked, which program measures it, and with what it is run."""

from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One program with its standard parameters. `name` is that of the file in `bench/results/`."""

    name: str
    title: str
    asked: str
    program: str  # below bench/
    standard: tuple[str, ...]  # what the page shows
    quick: tuple[str, ...]  # enough to see that the program works; its figures mean nothing

    def arguments(self, *, quick: bool) -> tuple[str, ...]:
        """Its parameters."""
        return self.quick if quick else self.standard

    def command(self, *, quick: bool) -> str:
        """What somebody would type to measure this promise alone."""
        return " ".join(("python", f"bench/{self.program}", *self.arguments(quick=quick)))


PROMISES = (
    Promise(
        name="order_saga",
        title="The order saga beside a bare program",
        asked=(
            "The hub carries orders at no less than 0.8 of the speed of a bare program that makes the same six calls "
            "and three durable points; an order costs at most 6 ms of CPU, hub and PostgreSQL together."
        ),
        program="order_saga.py",
        standard=("--rounds", "5", "--orders", "2000", "--half-load-s", "5", "--vs-limit"),
        quick=("--rounds", "2", "--orders", "50", "--half-load-s", "0.5", "--vs-limit"),
    ),
    Promise(
        name="order_saga_20ms",
        title="From placed to confirmed when systems take 20 ms",
        asked=(
            "At half load, when every outside answer takes 20 ms, 99 of 100 orders are confirmed by the ERP within "
            "250 ms of being offered."
        ),
        program="order_saga.py",
        standard=("--rounds", "5", "--orders", "1000", "--half-load-s", "10", "--latency-ms", "20"),
        quick=("--rounds", "1", "--orders", "50", "--half-load-s", "0.5", "--latency-ms", "20"),
    ),
    Promise(
        name="startup",
        title="From start to ready",
        asked="`millstream serve` is ready in under 2 s, warm.",
        program="startup.py",
        standard=("--runs", "15"),
        quick=("--runs", "1"),
    ),
    Promise(
        name="scale",
        title="More processes on one PostgreSQL",
        asked="Worker processes that wait for systems add up. With any number of them nothing happens twice.",
        program="scale.py",
        standard=("--orders", "3000", "--waiting-orders", "1000"),
        quick=("--quick",),
    ),
    Promise(
        name="crm_outage",
        title="A CRM that is away for a minute",
        asked=(
            "While the CRM is away, orders reach the ERP as fast as before. Once it is back, what waited is told in "
            "order, at the rate its connection is governed to."
        ),
        program="crm_outage.py",
        standard=("--outage-s", "60", "--how", "503", "hang"),
        quick=("--quick", "--how", "503"),
    ),
    Promise(
        name="memory",
        title="A worker's memory over many orders",
        asked="The memory of a worker is flat over 100,000 orders.",
        program="memory.py",
        standard=("--orders", "100000"),
        quick=("--quick",),
    ),
    Promise(
        name="http_clients",
        title="The HTTP client",
        asked="The HTTP client is chosen by CPU per call, upkeep and testability; this is the CPU.",
        program="http_clients.py",
        standard=("--rounds", "3", "--calls", "5000"),
        quick=("--rounds", "1", "--calls", "200"),
    ),
    Promise(
        name="lookups",
        title="Finding one among a million",
        asked="With a million events, 95 of 100 searches for an order and list pages are answered within 300 ms.",
        program="lookups.py",
        standard=("--events", "1000000", "--repeats", "100"),
        quick=("--events", "5000", "--repeats", "3"),
    ),
)
