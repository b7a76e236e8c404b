"""How fast is the hub itself? Durable orders per second, and CPU per order, against systems that cost nothing.

    python bench/order_saga.py --orders 3000 --json saga.json

A PostgreSQL of its own (embedded, fsync on) and the hub run here; store, CRM and ERP answer from another process and are
not counted. Orders of known customers are accepted, then worked to completion: six outward calls each, all of them made
by the connectors that production uses. A second run at half the speed measured gives the latency.
"""

import argparse
import asyncio
import cProfile
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
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from fakes.counting_erp import CountingErp  # noqa: E402 - the path to it is set above
from sample_orders import PRICES, STORE, known_customers, placed_events  # noqa: E402

from millstream.bootstrap import Runtime  # noqa: E402
from millstream.domain.delivery import Settlement  # noqa: E402
from millstream.engine.tap import LogTap, Taps  # noqa: E402
from millstream.engine.world import SystemWorld  # noqa: E402
from millstream.settings import Settings  # noqa: E402
from millstream.store.books import write_books  # noqa: E402
from millstream.store.database import Database  # noqa: E402
from millstream.store.embedded import EmbeddedPostgres  # noqa: E402
from millstream.wire.http import AiohttpTransport  # noqa: E402
from millstream.wire.kit import WireKit  # noqa: E402

CALLS = ("erp.find_items", "erp.place_order", "store.acknowledge", "store.comment", "crm.composite", "crm.event")
DELIVERIES_PER_ORDER = 3  # erp, store, crm
WARM_UP_ORDERS = 200  # connections, prepared statements, caches
ACCEPT_AT_ONCE = 50  # orders offered side by side, as a page of polling or a burst of webhooks would
LATENCY_S_MAX = 30.0
STALL_S = 60.0


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

    def __init__(self, runtime: Runtime, base_url: str, postmaster: int, customers: int) -> None:
        self.runtime = runtime
        self.times = ConfirmedTimes()
        self.cpu = Cpu(postmaster)
        self._base_url = base_url
        self._customers = customers
        self._next = 1

    def orders(self, count: int):
        """The next `count` orders."""
        made = placed_events(count, first=self._next, customers=self._customers)
        self._next += count
        return made

    def counts(self) -> dict:
        """What the systems heard so far."""
        with urlopen(f"{self._base_url}/_counts", timeout=10) as answer:
            return json.load(answer)

    async def until_settled(self, deliveries: int) -> None:
        """Returns when so many deliveries were settled in all."""
        heard, since = 0, perf_counter()
        while (now := self.runtime.counts.counts["delivery.settled"]) < deliveries:
            if now != heard:
                heard, since = now, perf_counter()
            elif perf_counter() - since > STALL_S:
                raise SystemExit(f"stalled at {now} of {deliveries} deliveries")
            await asyncio.sleep(0.01)

    async def accept(self, events) -> None:
        """Accepts all, so many at once; each call returns after its commit."""
        pages = [events[at : at + ACCEPT_AT_ONCE] for at in range(0, len(events), ACCEPT_AT_ONCE)]
        for page in pages:
            await asyncio.gather(*(self.runtime.ledger.accept((event,)) for event in page))

    async def full_speed(self, count: int) -> dict:
        """A backlog is accepted first, then worked off as fast as it goes."""
        events = self.orders(count)
        settled = self.runtime.counts.counts["delivery.settled"]
        before = self.counts()
        cpu = [self.cpu.now()]
        started = perf_counter()
        await self.accept(events)
        accepted = perf_counter()
        cpu.append(self.cpu.now())
        work = asyncio.create_task(self.runtime.work())
        await self.until_settled(settled + count * DELIVERIES_PER_ORDER)
        ended = perf_counter()
        cpu.append(self.cpu.now())
        self.runtime.stop()
        await work
        ms = [[1000 * (after - was) / count for was, after in zip(*pair, strict=True)] for pair in zip(cpu, cpu[1:], strict=False)]
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
        events = self.orders(max(int(rate_per_s * seconds), 20))
        settled = self.runtime.counts.counts["delivery.settled"]
        offered, accepted = {}, {}
        work = asyncio.create_task(_again(self.runtime).work())
        cpu, started = self.cpu.now(), perf_counter()

        async def one(event) -> None:
            offered[event.subject] = perf_counter()
            await self.runtime.ledger.accept((event,))
            accepted[event.subject] = perf_counter()

        async with asyncio.TaskGroup() as group:
            for n, event in enumerate(events):
                await asyncio.sleep(max(started + n / rate_per_s - perf_counter(), 0))
                group.create_task(one(event))
        await self.until_settled(settled + len(events) * DELIVERIES_PER_ORDER)
        took, spent = perf_counter() - started, [after - was for was, after in zip(cpu, self.cpu.now(), strict=True)]
        self.runtime.stop()
        await work
        return {
            "orders": len(events),
            "rate_per_s": round(len(events) / took, 1),
            "cpu_ms_per_order": {
                name: round(1000 * value / len(events), 2) for name, value in zip(("hub", "database"), spent, strict=True)
            },
            "accept_ms": _percentiles([accepted[key] - offered[key] for key in accepted]),
            "accepted_to_confirmed_ms": _percentiles([self.times.confirmed[key] - accepted[key] for key in accepted]),
            "accepted_to_told_ms": _percentiles([self.times.told[key] - accepted[key] for key in accepted]),
        }


def _again(runtime: Runtime) -> Runtime:
    """The runtime with a fresh worker: a stopped one stays stopped."""
    runtime.worker = runtime._worker()
    runtime.ledger.woken = runtime.worker.wake
    runtime.poller._woken = runtime.worker.wake
    return runtime


def _more(before: dict, after: dict, operation: str) -> int:
    return after["calls"].get(operation, 0) - before["calls"].get(operation, 0)


def _percentiles(seconds: list[float]) -> dict:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{n}": round(1000 * cuts[n - 1], 1) for n in (50, 95, 99)}


@asynccontextmanager
async def null_systems(latency_ms: float):
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


async def measure(url: str, postmaster: int, given: argparse.Namespace) -> dict:
    """One run from an empty database."""
    database = Database(url)
    await database.migrate()
    async with null_systems(given.latency_ms) as base_url:
        world, transport, times = SystemWorld(), AiohttpTransport(), ConfirmedTimes()
        taps = Taps([LogTap(), times])
        kit = WireKit(transport=transport, world=world, tap=taps)
        erp = CountingErp(kit, base_url, concurrency=min(given.concurrency, 64), prices=PRICES)
        runtime = Runtime(
            settings_for(base_url, given.concurrency),
            database=database, transport=transport, world=world, tap=taps, erp=erp,
        )
        async with database.transaction() as connection:
            await write_books(connection, [Settlement(links=tuple(known_customers(given.customers)))], world)
        bench = Bench(runtime, base_url, postmaster, given.customers)
        bench.times = times
        durable = await durability(database)
        try:
            await bench.full_speed(min(WARM_UP_ORDERS, given.orders))
            _again(runtime)
            profiler = cProfile.Profile() if given.profile else None
            with profiler or nullcontext():
                full = await bench.full_speed(given.orders)
            half = await bench.half_load(full["orders_per_s_with_accepting"] / 2, given.half_load_s)
            heard = bench.counts()
        finally:
            await runtime.close()
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(60)
    twice = sum(heard["twice"].values())
    if twice or full["calls_per_order"] != len(CALLS):
        raise SystemExit(f"wrong effects: {full['calls_per_order']} calls per order, {twice} effects made twice")
    return {
        "benchmark": "order_saga",
        "machine": machine(),
        "durability": durable,
        "concurrency": given.concurrency,
        "latency_ms": given.latency_ms,
        "full_speed": full,
        "half_load": half,
        "effects_made_twice": twice,
        "other_calls": {name: n for name, n in heard["calls"].items() if name not in CALLS},
    }


def machine() -> dict:
    """Where this was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "loop": type(asyncio.get_event_loop_policy()).__module__,
        "commit": commit.stdout.strip(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--concurrency", type=int, default=64, help="deliveries side by side")
    parser.add_argument("--customers", type=int, default=2000, help="CRM lanes are one per customer")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="how long each outside answer takes")
    parser.add_argument("--half-load-s", type=float, default=10.0, help="how long the latency is measured")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--profile", action="store_true", help="print where the hub's time goes (distorts it)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="millstream-bench-"))
    postgres = EmbeddedPostgres(folder)
    try:
        figures = asyncio.run(measure(postgres.start(), postgres.pid, given))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
