"""The CRM is away for a minute: do orders still reach the ERP as fast, and how does the backlog drain?

    python bench/crm_outage.py --json outage.json

Orders of known customers arrive at an even pace, before, while and after the CRM refuses every call (503) or, in a
second run, answers none at all. One hub, PostgreSQL (embedded, fsync on), the connectors that production uses; store
and ERP cost nothing. Measured: how long each order takes from its acceptance to the ERP's confirmation, by when it was
accepted; then, once the CRM is back, how fast what waited is told to it (the rate of its connection is governed), and
whether each customer's orders come in their order.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import monotonic, perf_counter
from urllib.request import urlopen

from millstream.bootstrap import Runtime
from millstream.domain.delivery import Settlement
from millstream.engine.tap import LogTap, Taps
from millstream.engine.world import SystemWorld
from millstream.settings import Settings
from millstream.store.books import write_books
from millstream.store.database import Database
from millstream.wire.http import AiohttpTransport
from millstream.wire.kit import WireKit
from order_saga import ConfirmedTimes, CountingErp, durability, machine, settings_for
from sample_orders import PRICES, known_customers, placed_events
from workers import place, systems_at

CRM_CALLS_PER_ORDER = 2  # the purchase with its lines, the announcement
WARM_UP_S = 3.0
BURST_S = 1.0
STALL_S = 120.0
ASK_EVERY_S = 2.0  # asking costs the hub's process, which is what is measured
PARTS = (50, 95, 99)


def ask(systems_url: str, path: str) -> dict:
    """A word with the systems themselves."""
    with urlopen(f"{systems_url}{path}", timeout=10) as answer:
        return json.load(answer)


class Stream:
    """Orders, one after the other at an even pace, with the moments that matter."""

    def __init__(self, runtime: Runtime, rate_per_s: float, customers: int) -> None:
        self._runtime = runtime
        self._rate = rate_per_s
        self._customers = customers
        self.accepted: dict[str, float] = {}
        self.numbers: dict[str, int] = {}
        self._accepts: set[asyncio.Task] = set()
        self.failures: list[BaseException] = []

    async def flow(self) -> None:
        """Until cancelled."""
        started, n = perf_counter(), 0
        while True:
            await asyncio.sleep(max(started + n / self._rate - perf_counter(), 0))
            n += 1
            (event,) = placed_events(1, first=n, customers=self._customers)
            self.numbers[event.subject] = n
            task = asyncio.create_task(self._accept(event))
            self._accepts.add(task)
            task.add_done_callback(self._accepts.discard)

    async def _accept(self, event) -> None:
        try:
            await self._runtime.ledger.accept((event,))
            self.accepted[event.subject] = perf_counter()
        except Exception as failure:  # noqa: BLE001 - the run tells it and refuses to give figures
            self.failures.append(failure)

    async def settle(self) -> None:
        """Everything offered is accepted."""
        while self._accepts:
            await asyncio.wait(self._accepts)


def percentiles(seconds: Sequence[float]) -> dict:
    """In milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"p{n}": round(1000 * cuts[n - 1], 1) for n in PARTS} | {"orders": len(seconds)}


def in_order(heard: Sequence[tuple[float, str, str]], numbers: dict[str, int], customers: int) -> dict:
    """Whether each customer's purchases came in the order of their orders. `heard` is in the order of time."""
    lanes: dict[int, list[int]] = {}
    for _, operation, key in heard:
        if operation == "crm.composite":
            lanes.setdefault(numbers[key] % customers, []).append(numbers[key])
    # The head of a lane may record its purchase again, by the same key, when the call after that was refused.
    wrong = sum(before > after for lane in lanes.values() for before, after in pairwise(lane))
    return {"customers": len(lanes), "most_orders_of_one": max(map(len, lanes.values())), "out_of_order": wrong}


def drained(heard: Sequence[tuple[float, str, str]], waiting: set[str], back_at: float, rate_per_s: float) -> dict:
    """How fast the CRM was told of what waited, and of what came meanwhile, from its first answer on."""
    told = {key: at for at, operation, key in heard if operation == "crm.composite"}
    calls = [at for at, _, _ in heard if at >= back_at]
    first, last = calls[0], max(told[key] for key in waiting)
    busy = [at for at in calls if at <= last]
    steady = [at for at in busy if at >= first + BURST_S]  # a connection that was idle may catch up a second's worth
    achieved = (len(steady) - 1) / (steady[-1] - steady[0]) if len(steady) > 2 * rate_per_s else None
    return {
        "orders_that_waited": len(waiting),
        "first_call_after_s": round(first - back_at, 1),
        "drained_after_s": round(last - back_at, 1),
        "calls_while_draining": len(busy),
        "calls_per_s": round(achieved, 1) if achieved else "it drained too soon to tell",
        "governed_to_per_s": rate_per_s,
        "rate_to_setting": round(achieved / rate_per_s, 3) if achieved else "it drained too soon to tell",
    }


async def one_outage(url: str, systems_url: str, how: str, given: argparse.Namespace) -> dict:
    """Before, outage, drain, after."""
    database, world, transport, times = Database(url), SystemWorld(), AiohttpTransport(), ConfirmedTimes()
    tap = Taps([LogTap(), times])
    kit = WireKit(transport=transport, world=world, tap=tap)
    usual = settings_for(systems_url, 64)
    crm = {**usual.crm, "concurrency": given.crm_concurrency, "rate_per_s": given.crm_rate_per_s}
    settings = Settings(worker=usual.worker.model_dump(), store=usual.store, erp=usual.erp, crm=crm)
    erp = CountingErp(kit, systems_url, prices=PRICES)
    runtime = Runtime(settings, database=database, transport=transport, world=world, tap=tap, erp=erp)
    stream = Stream(runtime, given.rate_per_s, given.customers)
    try:
        await database.migrate()
        durable = await durability(database)
        async with database.transaction() as connection:
            await connection.execute("truncate event, delivery, attempt, call, sales_order restart identity cascade")
            await write_books(connection, [Settlement(links=tuple(known_customers(given.customers)))], world)
        work, flow = asyncio.create_task(runtime.work()), asyncio.create_task(stream.flow())
        await asyncio.sleep(WARM_UP_S)
        marks = [perf_counter()]
        await asyncio.sleep(given.before_s)
        ask(systems_url, f"/_crm/{how}")
        marks.append(perf_counter())
        await asyncio.sleep(given.outage_s)
        ask(systems_url, "/_crm/up")
        marks.append(perf_counter())
        back_at = monotonic()
        waiting = await _untold(stream, systems_url)
        await _until_told(systems_url, waiting)
        marks.append(perf_counter())
        await asyncio.sleep(given.after_s)
        marks.append(perf_counter())
        flow.cancel()
        await stream.settle()
        await _until_told(systems_url, set(stream.accepted))
        await _until(lambda: stream.accepted.keys() <= times.told.keys(), "the last deliveries are settled")
        runtime.stop()
        await work
    finally:
        await transport.close()
        await database.close()
    if stream.failures:
        raise SystemExit(f"{len(stream.failures)} orders were not accepted: {stream.failures[0]}")
    report, counts = ask(systems_url, "/_crm/heard"), ask(systems_url, "/_counts")
    return {
        "durability": durable,
        "accepted_to_erp_ms": _windows(stream, times, marks),
        "crm_calls_refused": report["refused"],
        "drain": drained(report["heard"], waiting, back_at, given.crm_rate_per_s),
        "lanes": in_order(report["heard"], stream.numbers, given.customers),
        "effects_made_twice": sum(n for operation, n in counts["twice"].items() if operation != "crm.composite"),
        "purchases_recorded_again_by_the_same_key": counts["twice"]["crm.composite"],
        "orders": len(stream.accepted),
        "told_to_crm": counts["distinct"]["crm.composite"],
    }


async def _untold(stream: Stream, systems_url: str) -> set[str]:
    told = {key for _, operation, key in ask(systems_url, "/_crm/heard")["heard"] if operation == "crm.composite"}
    return set(stream.accepted) - told


async def _until_told(systems_url: str, keys: set[str]) -> None:
    def all_told() -> bool:
        heard = ask(systems_url, "/_crm/heard")["heard"]
        return keys <= {key for _, operation, key in heard if operation == "crm.composite"}

    await _until(all_told, "the CRM is told of every order that waited")


async def _until(reached, what: str) -> None:
    started = perf_counter()
    while not await asyncio.to_thread(reached):
        if perf_counter() - started > STALL_S:
            raise SystemExit(f"never happens: {what}")
        await asyncio.sleep(ASK_EVERY_S)


def _windows(stream: Stream, times: ConfirmedTimes, marks: list[float]) -> dict:
    """Percentiles by when an order was accepted, and those of the outage against those before it."""
    names = ("before", "during", "draining", "after")
    found = {}
    for name, (start, end) in zip(names, pairwise(marks), strict=True):
        found[name] = percentiles(
            [times.confirmed[key] - at for key, at in stream.accepted.items() if start <= at < end]
        )
    for name in names[1:]:
        found[f"{name}_to_before"] = {f"p{n}": round(found[name][f"p{n}"] / found["before"][f"p{n}"], 2) for n in PARTS}
    return found


def run(how: str, given: argparse.Namespace) -> dict:
    """One kind of outage, with a PostgreSQL and systems of its own."""
    with place((), loopback=True) as here, systems_at(here, program="outage_systems.py") as systems_url:
        found = asyncio.run(one_outage(here.url, systems_url, how, given))
    if found["effects_made_twice"] or found["lanes"]["out_of_order"] or found["orders"] != found["told_to_crm"]:
        raise SystemExit(f"wrong effects: {found}")
    return found


async def _machine() -> dict:
    return machine()


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--how", nargs="+", choices=("503", "hang"), default=["503", "hang"])
    parser.add_argument("--rate-per-s", type=float, default=20.0, help="orders per second, all the time")
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--before-s", type=float, default=30.0)
    parser.add_argument("--outage-s", type=float, default=60.0)
    parser.add_argument("--after-s", type=float, default=30.0)
    parser.add_argument("--crm-rate-per-s", type=float, default=100.0, help="setting of the CRM connection: calls")
    parser.add_argument("--crm-concurrency", type=int, default=8, help="setting of the CRM connection")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, to see that it works")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args(argv)
    if given.quick:
        given.before_s, given.outage_s, given.after_s, given.customers = 2.0, 3.0, 2.0, 20
    if given.crm_rate_per_s <= CRM_CALLS_PER_ORDER * given.rate_per_s:
        parser.error("the backlog would never drain: --crm-rate-per-s must exceed twice --rate-per-s")
    figures = {
        "benchmark": "crm_outage",
        "machine": asyncio.run(_machine()),
        "orders_per_s": given.rate_per_s,
        "outage_s": given.outage_s,
        "crm": {"rate_per_s": given.crm_rate_per_s, "concurrency": given.crm_concurrency},
        "outages": {how: run(how, given) for how in given.how},
    }
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
