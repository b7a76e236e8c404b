"""More processes on one PostgreSQL: what do 2 and 4 do that 1 does not, and does anything happen twice?

    python bench/scale.py --json scale.json

`millstream work` as 1, 2 and 4 processes, each in a network namespace of its own where this machine allows, against one
PostgreSQL (embedded, fsync on) and systems that cost nothing, in a process of their own. Two parts: systems that answer
at once, where processes compete for this machine's processors, and systems that take their time with limits per process
as real ones have, where processes wait.

A backlog is accepted and worked off. What is measured is the middle of it: from the tenth part done (and all accepted)
until nine tenths are, so that neither starting nor the last few count.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from millstream.bootstrap import Runtime
from millstream.domain.delivery import Settlement
from millstream.engine.tap import LogTap
from millstream.engine.world import SystemWorld
from millstream.store.books import write_books
from millstream.store.database import Database
from millstream.wire.http import AiohttpTransport
from millstream.wire.kit import WireKit
from order_saga import (
    ACCEPT_AT_ONCE,
    CALLS,
    DELIVERIES_PER_ORDER,
    STALL_S,
    CountingErp,
    durability,
    machine,
    settings_for,
)
from sample_orders import known_customers, placed_events
from workers import Place, Workers, database_cpu_s, place, systems_at, worker_environment

WARM_UP_ORDERS = 200
DONE = "select count(*) from delivery where state = 'done'"
WORKED = "select worker, count(*) as n from attempt where outcome = 'done' group by worker"
FRESH = "truncate event, delivery, attempt, call, sales_order restart identity cascade"


class Crew:
    """So many workers and the door through which their orders come."""

    def __init__(self, here: Place, systems_url: str, database: Database, workers: Workers, customers: int) -> None:
        self._systems_url = systems_url
        self._database = database
        self._workers = workers
        self._postmaster = here.postmaster
        self._customers = customers
        self._next = 1
        world, transport, tap = SystemWorld(), AiohttpTransport(), LogTap()
        erp = CountingErp(WireKit(transport=transport, world=world, tap=tap), systems_url)
        settings = settings_for(systems_url.replace(here.systems_host, "localhost"), 1)
        self._door = Runtime(settings, database=database, transport=transport, world=world, tap=tap, erp=erp)

    def heard(self) -> dict:
        """What the systems counted."""
        with urlopen(f"{self._systems_url}/_counts", timeout=10) as answer:
            return json.load(answer)

    async def done(self) -> int:
        """Deliveries that are done."""
        async with self._database.connection() as connection:
            return await connection.fetchval(DONE)

    async def worked(self) -> list[int]:
        """How many deliveries each worker carried out, most first."""
        async with self._database.connection() as connection:
            return sorted((row["n"] for row in await connection.fetch(WORKED)), reverse=True)

    async def until_done(self, deliveries: int) -> None:
        """Raises SystemExit when nothing moves."""
        last, since = -1, perf_counter()
        while (now := await self.done()) < deliveries:
            if now != last:
                last, since = now, perf_counter()
            elif perf_counter() - since > STALL_S:
                raise SystemExit(f"stalled at {now} of {deliveries} deliveries")
            await asyncio.sleep(0.05)

    async def accept(self, count: int) -> None:
        """The next orders, side by side; returns after the last commit."""
        events = placed_events(count, first=self._next, customers=self._customers)
        self._next += count
        for at in range(0, count, ACCEPT_AT_ONCE):
            page = events[at : at + ACCEPT_AT_ONCE]
            await asyncio.gather(*(self._door.ledger.accept((event,)) for event in page))

    def cpu(self) -> tuple[float, float]:
        """Of the workers, of PostgreSQL."""
        return self._workers.cpu_s(), database_cpu_s(self._postmaster)

    async def run(self, count: int) -> dict:
        """Warms up, then works a backlog off and measures its middle."""
        await self.accept(WARM_UP_ORDERS)
        base = WARM_UP_ORDERS * DELIVERIES_PER_ORDER
        await self.until_done(base)
        before, whole = self.heard(), count * DELIVERIES_PER_ORDER
        await self.accept(count)
        await self.until_done(base + whole // 10)
        first, cpu, started = await self.done(), self.cpu(), perf_counter()
        if first > base + whole // 2:
            raise SystemExit("more than half was done before all was accepted: take more --orders")
        await self.until_done(base + whole * 9 // 10)
        last, spent, ended = await self.done(), self.cpu(), perf_counter()
        await self.until_done(base + whole)
        heard = self.heard()
        measured = (last - first) / DELIVERIES_PER_ORDER
        workers, database = (1000 * (end - start) / measured for start, end in zip(cpu, spent, strict=True))
        calls = {name: heard["calls"][name] - before["calls"][name] for name in CALLS}
        twice = sum(heard["twice"].values())
        if twice or set(calls.values()) != {count}:
            raise SystemExit(f"wrong effects: {calls} for {count} orders, {twice} made twice")
        return {
            "orders": count,
            "measured_orders": round(measured),
            "orders_per_s": round(measured / (ended - started), 1),
            "cpu_ms_per_order": {"workers": round(workers, 2), "database": round(database, 2)},
            "calls_per_order": sum(calls.values()) / count,
            "effects_made_twice": twice,
            "deliveries_per_worker": await self.worked(),
        }

    async def close(self) -> None:
        """The door only."""
        await self._door.transport.close()


async def one_count(
    here: Place, processes: int, given: argparse.Namespace, *, orders: int, concurrency: int, latency_ms: float
) -> dict:
    """So many processes from an empty ledger on."""
    database = Database(here.url)
    with systems_at(here, "--latency-ms", str(latency_ms)) as systems_url:
        workers = Workers(here, worker_environment(here.url, systems_url, concurrency=concurrency))
        crew = Crew(here, systems_url, database, workers, given.customers)
        try:
            await database.migrate()
            async with database.connection() as connection:
                await connection.execute(FRESH)
            async with database.transaction() as connection:
                await write_books(
                    connection, [Settlement(links=tuple(known_customers(given.customers)))], SystemWorld()
                )
            for n in range(processes):
                workers.start(f"w{n}")
            return await crew.run(orders)
        finally:
            workers.stop()
            await crew.close()
            await database.close()


async def part(here: Place, given: argparse.Namespace, *, orders: int, concurrency: int, latency_ms: float) -> dict:
    """Every number of processes; ratios are to one process in this very run."""
    counts = {
        processes: await one_count(
            here, processes, given, orders=orders, concurrency=concurrency, latency_ms=latency_ms
        )
        for processes in given.processes
    }
    alone = counts[min(counts)]["orders_per_s"]
    for found in counts.values():
        found["ratio_to_one"] = round(found["orders_per_s"] / alone, 2)
    return {
        "latency_ms": latency_ms,
        "concurrency_per_process": concurrency,
        "processes": {str(n): found for n, found in counts.items()},
    }


async def measure(here: Place, given: argparse.Namespace) -> dict:
    """Both parts."""
    database = Database(here.url)
    durable = await durability(database)
    await database.close()
    busy = await part(here, given, orders=given.orders, concurrency=given.concurrency, latency_ms=0.0)
    waiting = await part(
        here,
        given,
        orders=given.waiting_orders,
        concurrency=given.waiting_concurrency,
        latency_ms=given.latency_ms,
    )
    return {
        "benchmark": "scale",
        "machine": machine(),
        "durability": durable,
        "place": here.told(),
        "note": f"{os.cpu_count()} processors for workers, PostgreSQL, systems and this program together",
        "systems_answer_at_once": busy,
        "systems_take_their_time": waiting,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=3000, help="per number of processes")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--concurrency", type=int, default=64, help="per process, when systems answer at once")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="how long an answer takes in the second part")
    parser.add_argument("--waiting-orders", type=int, default=1000, help="per number of processes, in the second part")
    parser.add_argument("--waiting-concurrency", type=int, default=8, help="per process, in the second part")
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--loopback", action="store_true", help="no network namespaces")
    parser.add_argument("--quick", action="store_true", help="a few orders, to see that it works")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args(argv)
    if given.quick:
        given.orders, given.waiting_orders, given.processes, given.latency_ms = 400, 300, [1, 2], 5.0
    with place(tuple(f"w{n}" for n in range(max(given.processes))), loopback=given.loopback) as here:
        figures = asyncio.run(measure(here, given))
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
