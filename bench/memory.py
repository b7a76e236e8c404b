"""Does a worker's memory stay flat? Resident size over many orders, and its slope over the second half.

    python bench/memory.py --orders 100000 --json memory.json

One `millstream work`, PostgreSQL (embedded, fsync on) and systems that cost nothing, each a process of its own. Orders
come in pages, a bounded number of them ahead of the worker. The resident size is read at even distances; the slope is
that of the straight line nearest to the readings, in bytes per order.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import psutil

from millstream.domain.delivery import Settlement
from millstream.engine.world import SystemWorld
from millstream.store.books import write_books
from millstream.store.database import Database
from order_saga import CALLS, DELIVERIES_PER_ORDER, STALL_S, durability, machine
from sample_orders import known_customers
from scale import WARM_UP_ORDERS, Crew
from workers import Place, Workers, place, systems_at, worker_environment

PAGE = 200
AHEAD_MAX = 2000  # orders accepted and not done


class Readings:
    """Resident bytes of a process, after so many orders."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.orders: list[int] = []
        self.resident: list[int] = []

    def read(self, orders: int) -> None:
        """One more."""
        self.orders.append(orders)
        self.resident.append(self._process.memory_info().rss)

    def slope(self, *, since: float) -> float:
        """Bytes per order over the readings from this part of all orders on."""
        first = next(n for n, orders in enumerate(self.orders) if orders >= since * self.orders[-1])
        line = statistics.linear_regression(self.orders[first:], self.resident[first:])
        return line.slope

    def told(self) -> dict:
        """For the figures, sizes in MiB."""
        sizes = [round(size / 2**20, 1) for size in self.resident]
        half = len(sizes) // 2
        return {
            "first_mib": sizes[0],
            "half_way_mib": sizes[half],
            "last_mib": sizes[-1],
            "most_mib": max(sizes),
            "growth_second_half_mib": round(sizes[-1] - sizes[half], 1),
            "slope_second_half_bytes_per_order": round(self.slope(since=0.5), 1),
            "slope_last_quarter_bytes_per_order": round(self.slope(since=0.75), 1),
            "readings": [list(pair) for pair in zip(self.orders, sizes, strict=True)],
        }


async def feed(crew: Crew, readings: Readings, orders: int, read_every: int) -> None:
    """Accepts page after page, never far ahead of the worker, and reads on the way."""
    accepted, done, since = 0, 0, perf_counter()
    readings.read(0)
    while done < orders:
        if accepted < orders and accepted - done < AHEAD_MAX:
            count = min(PAGE, orders - accepted)
            await crew.accept(count)
            accepted += count
        else:
            await asyncio.sleep(0.05)
        now = sum(await crew.worked()) // DELIVERIES_PER_ORDER - WARM_UP_ORDERS
        if now > done:
            done, since = now, perf_counter()
            if done // read_every > readings.orders[-1] // read_every:
                readings.read(done)
        elif perf_counter() - since > STALL_S:
            raise SystemExit(f"stalled at {done} of {orders} orders")


async def measure(here: Place, given: argparse.Namespace) -> dict:
    """One run from an empty ledger."""
    database = Database(here.url)
    with systems_at(here) as systems_url:
        workers = Workers(here, worker_environment(here.url, systems_url, concurrency=64))
        crew = Crew(here, systems_url, database, workers, given.customers)
        try:
            await database.migrate()
            durable = await durability(database)
            async with database.transaction() as connection:
                await write_books(
                    connection, [Settlement(links=tuple(known_customers(given.customers)))], SystemWorld()
                )
            workers.start("w0")
            await crew.accept(WARM_UP_ORDERS)
            await crew.until_done(WARM_UP_ORDERS * DELIVERIES_PER_ORDER)
            readings, started = Readings(workers.processes[0].pid), perf_counter()
            await feed(crew, readings, given.orders, max(given.orders // given.readings, 1))
            took, heard = perf_counter() - started, crew.heard()
        finally:
            workers.stop()
            await crew.close()
            await database.close()
    whole = given.orders + WARM_UP_ORDERS
    calls = {name: heard["calls"][name] for name in CALLS}
    twice = sum(heard["twice"].values())
    if twice or set(calls.values()) != {whole}:
        raise SystemExit(f"wrong effects: {calls} for {whole} orders, {twice} made twice")
    return {
        "benchmark": "memory",
        "machine": machine(),
        "durability": durable,
        "orders": given.orders,
        "customers": given.customers,
        "took_s": round(took, 1),
        "orders_per_s": round(given.orders / took, 1),
        "effects_made_twice": twice,
        "worker": readings.told(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--readings", type=int, default=200, help="how often the size is read")
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="a few orders, to see that it works")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args(argv)
    if given.quick:
        given.orders, given.readings = 1000, 20
    with place((), loopback=True) as here:
        figures = asyncio.run(measure(here, given))
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(json.dumps({**figures, "worker": {**figures["worker"], "readings": "in the JSON file"}}, indent=2))


if __name__ == "__main__":
    main()
