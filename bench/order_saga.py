"""How fast is the hub itself? Durable orders per second, and CPU per order, against systems that cost nothing.

    python bench/order_saga.py --orders 3000 --json saga.json

A PostgreSQL of its own (embedded, fsync on) and the hub run here; store, CRM and ERP answer from another process and
are not counted. Orders of known customers are accepted, then worked to completion: six outward calls each, all of them
made by the connectors that production uses. A second run at half the speed measured gives the latency.

    python bench/order_saga.py --rounds 5 --vs-limit

puts it beside the bare program of `limit.py`, by turns, round after round. What stands above `rounds` in the figures is
the round in the middle.
"""

import argparse
import asyncio
import cProfile
import importlib
import json
import logging
import os
import platform
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

import psutil

from limit import limit
from millstream.bootstrap import Runtime
from millstream.domain.delivery import Settlement
from millstream.engine.memory import collect_seldom
from millstream.engine.tap import LogTap, Taps
from millstream.engine.world import SystemWorld
from millstream.settings import Settings
from millstream.store.books import write_books
from millstream.store.database import Database
from millstream.store.embedded import EmbeddedPostgres
from millstream.wire.http import AiohttpTransport
from millstream.wire.kit import WireKit
from sample_orders import PRICES, STORE, known_customers, placed_events

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.counting_erp import CountingErp  # noqa: E402 - the line above says where it is

CALLS = ("erp.find_items", "erp.place_order", "store.acknowledge", "store.comment", "crm.composite", "crm.event")
DELIVERIES_PER_ORDER = 3  # erp, store, crm
WARM_UP_ORDERS = 200  # connections, prepared statements, caches
ACCEPT_AT_ONCE = 50  # orders offered side by side, as a page of polling or a burst of webhooks would
STALL_S = 60.0
BARE_NUMBERS = 100_000_000  # the bare program's orders are numbered from here, away from the hub's


class ConfirmedTimes:
    """When each order's ERP delivery was settled, and when its last delivery was."""

    def __init__(self) -> None:
        self.confirmed: dict[str, float] = {}
        self.told: dict[str, float] = {}

    def note(self, name: str, /, **facts) -> None:
        if name == "delivery.settled" and facts["state"] == "done":
            times = self.confirmed if facts["subscriber"] == "erp" else self.told
            times[facts["subject"]] = perf_counter()


class Cpu:
    """CPU seconds so far: of this process, and of PostgreSQL with all its backends, the ended ones included."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = psutil.Process(postmaster)

    def now(self) -> tuple[float, float]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        times = self._postmaster.cpu_times()
        database = times.user + times.system + times.children_user + times.children_system
        for backend in self._postmaster.children(recursive=True):
            try:
                spent = backend.cpu_times()
            except psutil.NoSuchProcess:
                continue  # reaped meanwhile: the postmaster's own account has it next time
            database += spent.user + spent.system
        return own.ru_utime + own.ru_stime, database


class Bench:
    """The hub, its database and what was measured."""

    def __init__(
        self, make_runtime: Callable[[], Runtime], times: ConfirmedTimes, base_url: str, postmaster: int, customers: int
    ) -> None:
        self._make_runtime = make_runtime
        self.times = times
        self.cpu = Cpu(postmaster)
        self.base_url = base_url
        self._customers = customers
        self.next_number = 1

    def orders(self, count: int):
        """The next `count` orders."""
        made = placed_events(count, first=self.next_number, customers=self._customers)
        self.next_number += count
        return made

    def counts(self) -> dict:
        """What the systems heard so far."""
        with urlopen(f"{self.base_url}/_counts", timeout=10) as answer:
            return json.load(answer)

    async def until_settled(self, runtime: Runtime, orders: int) -> None:
        """Returns when everybody was told of so many orders."""
        deliveries, heard, since = orders * DELIVERIES_PER_ORDER, 0, perf_counter()
        while (now := runtime.counts.counts["delivery.settled"]) < deliveries:
            if now != heard:
                heard, since = now, perf_counter()
            elif perf_counter() - since > STALL_S:
                raise SystemExit(f"stalled at {now} of {deliveries} deliveries")
            await asyncio.sleep(0.01)

    async def accept(self, runtime: Runtime, events) -> None:
        """Accepts all, so many at once; each call returns after its commit."""
        pages = [events[at : at + ACCEPT_AT_ONCE] for at in range(0, len(events), ACCEPT_AT_ONCE)]
        for page in pages:
            await asyncio.gather(*(runtime.ledger.accept((event,)) for event in page))

    async def full_speed(self, count: int, profiler: cProfile.Profile | None = None) -> dict:
        """A backlog is accepted first, then worked off as fast as it goes."""
        events, runtime = self.orders(count), self._make_runtime()
        before = self.counts()
        if profiler:
            profiler.enable()
        cpu = [self.cpu.now()]
        started = perf_counter()
        await self.accept(runtime, events)
        accepted = perf_counter()
        cpu.append(self.cpu.now())
        work = asyncio.create_task(runtime.work())
        await self.until_settled(runtime, count)
        ended = perf_counter()
        cpu.append(self.cpu.now())
        if profiler:
            profiler.disable()
        runtime.stop()
        await work
        ms = [[1000 * (end - start) / count for start, end in zip(*pair, strict=True)] for pair in pairwise(cpu)]
        after = self.counts()
        return {
            "orders": count,
            "accepted_per_s": round(count / (accepted - started), 1),
            "orders_per_s": round(count / (ended - accepted), 1),
            "orders_per_s_with_accepting": round(count / (ended - started), 1),
            "cpu_ms_per_order": {
                "accept": {"hub": round(ms[0][0], 2), "database": round(ms[0][1], 2)},
                "work": {"hub": round(ms[1][0], 2), "database": round(ms[1][1], 2)},
                "hub": round(ms[0][0] + ms[1][0], 2),
                "database": round(ms[0][1] + ms[1][1], 2),
                "total": round(sum(ms[0]) + sum(ms[1]), 2),
            },
            "calls_per_order": round(sum(_more(before, after, name) for name in CALLS) / count, 4),
            "calls": {name: _more(before, after, name) for name in CALLS},
        }

    async def half_load(self, rate_per_s: float, seconds: float) -> dict:
        """Orders arrive one by one at an even pace; how long each takes from its acceptance on."""
        events, runtime = self.orders(max(int(rate_per_s * seconds), 20)), self._make_runtime()
        offered, accepted = {}, {}
        work = asyncio.create_task(runtime.work())
        cpu, started = self.cpu.now(), perf_counter()

        async def one(event) -> None:
            offered[event.subject] = perf_counter()
            await runtime.ledger.accept((event,))
            accepted[event.subject] = perf_counter()

        async with asyncio.TaskGroup() as group:
            for n, event in enumerate(events):
                await asyncio.sleep(max(started + n / rate_per_s - perf_counter(), 0))
                group.create_task(one(event))
        await self.until_settled(runtime, len(events))
        took = perf_counter() - started
        hub, database = (1000 * (end - start) / len(events) for start, end in zip(cpu, self.cpu.now(), strict=True))
        runtime.stop()
        await work
        return {
            "orders": len(events),
            "rate_per_s": round(len(events) / took, 1),
            "cpu_ms_per_order": {"hub": round(hub, 2), "database": round(database, 2)},
            "accept_ms": _percentiles([accepted[key] - offered[key] for key in accepted]),
            "placed_to_confirmed_ms": _percentiles([self.times.confirmed[key] - offered[key] for key in accepted]),
            "accepted_to_confirmed_ms": _percentiles([self.times.confirmed[key] - accepted[key] for key in accepted]),
            "accepted_to_told_ms": _percentiles([self.times.told[key] - accepted[key] for key in accepted]),
        }


def _more(before: dict, after: dict, operation: str) -> int:
    return after["calls"].get(operation, 0) - before["calls"].get(operation, 0)


def _percentiles(seconds: list[float]) -> dict:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{n}": round(1000 * cuts[n - 1], 1) for n in (50, 95, 99)}


@contextmanager
def null_systems(latency_ms: float):
    """The three systems in a process of their own; yields their address."""
    command = [sys.executable, str(ROOT / "bench/null_systems.py"), "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def settings_for(base_url: str, concurrency: int) -> Settings:
    """The hub as a merchant would set it up, with as much side by side as the connectors allow."""
    side_by_side = min(concurrency, 64)
    return Settings(
        worker={"concurrency": concurrency},
        store={
            "kind": "adobe_commerce",
            "name": STORE,
            "base_url": base_url,
            "auth": "oauth1",
            "consumer_key": "benchconsumerkey0000000000000001",
            "consumer_secret": "benchconsumersecret0000000000001",
            "access_token": "benchaccesstoken0000000000000001",
            "access_token_secret": "benchaccesstokensecret0000000001",
            "concurrency": side_by_side,
        },
        erp={"kind": "tryton"},
        crm={
            "kind": "salesforce",
            "name": "crm",
            "login_url": base_url,
            "client_id": "bench",
            "client_secret": "bench",
            "concurrency": min(concurrency, 25),
        },
    )


async def durability(database: Database) -> dict:
    """What PostgreSQL does at commit; refuses to measure anything that would not survive the power going out."""
    async with database.connection() as connection:
        kept = {name: await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")}
        version = await connection.fetchval("show server_version")
    if kept != {"fsync": "on", "synchronous_commit": "on"}:
        raise SystemExit(f"not durable: {kept}")
    return {**kept, "postgresql": version}


async def measure(url: str, postmaster: int, base_url: str, given: argparse.Namespace) -> dict:
    """One run from an empty database."""
    database, world, transport, times = Database(url), SystemWorld(), AiohttpTransport(), ConfirmedTimes()
    taps = Taps([LogTap(), times])
    kit = WireKit(transport=transport, world=world, tap=taps)

    def make_runtime() -> Runtime:
        erp = CountingErp(kit, base_url, concurrency=min(given.concurrency, 64), prices=PRICES)
        settings = settings_for(base_url, given.concurrency)
        return Runtime(settings, database=database, transport=transport, world=world, tap=taps, erp=erp)

    bench = Bench(make_runtime, times, base_url, postmaster, given.customers)
    profiler = cProfile.Profile() if given.profile else None
    try:
        await database.migrate()
        durable = await durability(database)
        async with database.transaction() as connection:
            await write_books(connection, [Settlement(links=tuple(known_customers(given.customers)))], world)
        await bench.full_speed(min(WARM_UP_ORDERS, given.orders))
        collect_seldom()  # as `millstream serve` and `work` do
        rounds = [await one_round(bench, url, number, given, profiler) for number in range(given.rounds)]
        heard = bench.counts()
    finally:
        await transport.close()
        await database.close()
    if profiler:
        told = pstats.Stats(profiler, stream=sys.stderr).strip_dirs()
        told.sort_stats("tottime").print_stats(50)
        told.sort_stats("cumtime").print_stats(120)
    twice = sum(heard["twice"].values())
    calls = sorted({one["full_speed"]["calls_per_order"] for one in rounds})
    if twice or calls != [len(CALLS)]:
        raise SystemExit(f"wrong effects: {calls} calls per order, {twice} effects made twice")
    fast = middle(rounds, lambda one: one["vs_limit"]["orders_per_s"] if given.vs_limit else _speed(one))
    half = middle(rounds, lambda one: one["half_load"]["placed_to_confirmed_ms"]["p99"])
    return {
        "benchmark": "order_saga",
        "machine": machine(),
        "durability": durable,
        "concurrency": given.concurrency,
        "latency_ms": given.latency_ms,
        **{name: figures for name, figures in fast.items() if name != "half_load"},
        "half_load": half["half_load"],
        "rounds": rounds,
        "effects_made_twice": twice,
        "other_calls": {name: n for name, n in heard["calls"].items() if name not in CALLS},
    }


async def one_round(
    bench: Bench, url: str, number: int, given: argparse.Namespace, profiler: cProfile.Profile | None
) -> dict:
    """Full speed of the hub and, if wanted, of the bare program, who begins changing by turns; then half load."""
    found = {}
    for program in ("limit", "full_speed") if number % 2 else ("full_speed", "limit"):
        if program == "full_speed":
            found[program] = await bench.full_speed(given.orders, profiler)
        elif given.vs_limit:
            found[program] = await bare_program(url, bench, given.orders)
    if given.vs_limit:
        hub, bare = found["full_speed"], found["limit"]
        speed = hub["orders_per_s_with_accepting"] / bare["orders_per_s_with_accepting"]
        cpu = hub["cpu_ms_per_order"]["total"] / bare["cpu_ms_per_order"]["total"]
        found["vs_limit"] = {"orders_per_s": round(speed, 3), "cpu_per_order": round(cpu, 3)}
    return {**found, "half_load": await bench.half_load(_speed(found) / 2, given.half_load_s)}


async def bare_program(url: str, bench: Bench, orders: int) -> dict:
    """What is possible at all: the bare program, with the next orders, on the same server and systems."""
    first, events = bench.next_number, bench.orders(orders)
    texts = [json.dumps(event.data) for event in events]
    return await limit(
        url,
        bench.base_url,
        texts,
        first=BARE_NUMBERS + first,
        accept_at_once=ACCEPT_AT_ONCE,
        cpu_now=bench.cpu.now,
    )


def middle(rounds: list[dict], figure: Callable[[dict], float]) -> dict:
    """The round whose figure is the median one; of an even number, the lower of the two in the middle."""
    return sorted(rounds, key=figure)[(len(rounds) - 1) // 2]


def _speed(one: dict) -> float:
    return one["full_speed"]["orders_per_s_with_accepting"]


def loop_factory(*, uvloop: bool):
    """How the event loop is made; None is asyncio's own."""
    if not uvloop:
        return None
    return importlib.import_module("uvloop").new_event_loop


def machine() -> dict:
    """Where this was measured."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "loop": type(asyncio.get_running_loop()).__module__,
        "commit": commit.stdout.strip(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=1, help="how often everything is measured, by turns")
    parser.add_argument("--concurrency", type=int, default=64, help="deliveries side by side")
    parser.add_argument("--customers", type=int, default=2000, help="CRM lanes are one per customer")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each outside answer takes")
    parser.add_argument("--half-load-s", type=float, default=10.0, help="how long the latency is measured")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--vs-limit", action="store_true", help="also run the bare program of limit.py, print the ratio"
    )
    parser.add_argument("--uvloop", action="store_true", help="run the hub on uvloop, if it is installed")
    parser.add_argument("--profile", action="store_true", help="print where the hub's time goes (distorts it)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="millstream-bench-"))
    postgres = EmbeddedPostgres(folder)
    try:
        url = postgres.start()
        with (
            null_systems(given.latency_ms) as base_url,
            asyncio.Runner(loop_factory=loop_factory(uvloop=given.uvloop)) as runner,
        ):
            figures = runner.run(measure(url, postgres.pid, base_url, given))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
