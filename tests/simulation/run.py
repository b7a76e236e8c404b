"""Lives one virtual day again, out loud: `cd tests && python -m simulation.run --seed 7`; or many, one after the other.

Prints what happened when, what people decided and what the checkers say; ends with status 1 if one of them complains.
`--quiet` leaves the story out, `--calm` the faults; `--digest` prints only a number that is equal for equal days.
`--seeds 1000` lives so many days from the first one on, quietly, tells how fast and what went wrong how often, and
stops at the first day that fails.

The database is that of MILLSTREAM_TEST_DATABASE_URL (a fresh one is made there), else an embedded one in a folder that
is removed afterwards.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter

import asyncpg

from millstream.store.database import Database
from millstream.store.embedded import EmbeddedPostgres
from simulation.checkers import complaints
from simulation.life import lived
from simulation.quiet_loop import quiet_loop
from simulation.trouble import KINDS

EVERY = 25  # days between two lines about how far it is


@contextmanager
def server() -> Iterator[str]:
    """The address of a PostgreSQL."""
    given = os.environ.get("MILLSTREAM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="millstream-day-"))
    embedded = EmbeddedPostgres(folder)
    try:
        yield embedded.start()
    finally:
        embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def empty_database(url: str):
    """A database of our own in it, gone afterwards."""
    name = f"virtual_day_{os.getpid()}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"create database {name}")
    base, _, query = url.partition("?")
    database = Database(f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else ""))
    try:
        await database.migrate()
        yield database
    finally:
        await database.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def one(url: str, seed: int, given: argparse.Namespace) -> list[str]:
    """A day, told."""
    async with empty_database(url) as database:
        began = perf_counter()
        day, evidence = await lived(seed, database, faults=not given.calm, verbose=not (given.quiet or given.digest))
        found = complaints(evidence)
        if given.digest:
            print(evidence.digest())
            return found
        took_s = perf_counter() - began
        print(f"seed {seed}: {evidence.summary()}, lived and judged in {took_s:.1f} s, {len(found)} complaints")
        print("  trouble:", ", ".join(f"{kind} {times}" for kind, times in sorted(evidence.suffered.items())))
        print("  in the plant:", ", ".join(f"{deed} {times}" for deed, times in sorted(day.factory.deeds.items())))
        for complaint in found:
            print("  -", complaint)
        return found


async def many(url: str, seed: int, given: argparse.Namespace) -> list[str]:
    """Days until one fails."""
    suffered, tries, began = Counter(), 0, perf_counter()
    async with empty_database(url) as database:
        for n in range(given.seeds):
            _, evidence = await lived(seed + n, database, faults=not given.calm)
            suffered.update(evidence.suffered)
            tries += sum(row["tries"] for row in evidence.deliveries)
            found = complaints(evidence)
            if found:
                print(f"seed {seed + n} fails: make simulate SEED={seed + n}")
                print(*(f"  - {complaint}" for complaint in found), sep="\n")
                return found
            if (n + 1) % EVERY == 0 or n + 1 == given.seeds:
                rate = (n + 1) / (perf_counter() - began)
                print(f"{n + 1} days, {rate:.2f} a second, {tries} tries, none failed", flush=True)
    print("trouble:", ", ".join(f"{kind} {suffered[kind]}" for kind in KINDS))
    return []


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m simulation.run", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="the day, or the first of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many days")
    parser.add_argument("--quiet", action="store_true", help="only the verdict")
    parser.add_argument("--calm", action="store_true", help="the same day without faults")
    parser.add_argument("--digest", action="store_true", help="only a number that is equal for equal days")
    given = parser.parse_args()
    live = many if given.seeds > 1 else one
    with server() as url, asyncio.Runner(loop_factory=quiet_loop) as runner:
        found = runner.run(live(url, given.seed, given))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
