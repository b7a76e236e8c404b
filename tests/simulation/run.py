"""Lives one virtual day again, out loud: `cd tests && python -m simulation.run --seed 7`.

Prints what happened when, what people decided and what the checkers say; ends with status 1 if one of them complains.
`--quiet` leaves the story out, `--calm` the faults. The database is that of MILLSTREAM_TEST_DATABASE_URL (a fresh one
is made there), else an embedded one in a folder that is removed afterwards.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import asyncpg

from millstream.store.database import Database
from millstream.store.embedded import EmbeddedPostgres
from simulation.checkers import complaints
from simulation.day import VirtualDay
from simulation.evidence import gather


async def live(url: str, seed: int, *, quiet: bool, calm: bool) -> int:
    """The day and the verdict; how many complaints."""
    name = f"virtual_day_{os.getpid()}_{seed}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"create database {name}")
    base, _, query = url.partition("?")
    database = Database(f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else ""))
    try:
        await database.migrate()
        began = perf_counter()
        day = VirtualDay(seed, database, faults=not calm, verbose=not quiet)
        await day.live()
        lived_s = perf_counter() - began
        evidence = await gather(day, database)
        found = complaints(evidence)
        print(f"seed {seed}: {evidence.summary()}, lived in {lived_s:.1f} s, {len(found)} complaints")
        for complaint in found:
            print("  -", complaint)
        return len(found)
    finally:
        await database.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m simulation.run", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", required=True, help="may be given several times")
    parser.add_argument("--quiet", action="store_true", help="only the verdict")
    parser.add_argument("--calm", action="store_true", help="the same day without faults")
    given = parser.parse_args()
    url, stop = os.environ.get("MILLSTREAM_TEST_DATABASE_URL"), None
    folder = Path(tempfile.mkdtemp(prefix="millstream-day-"))
    if not url:
        server = EmbeddedPostgres(folder)
        url, stop = server.start(), server.stop
    try:
        found = sum(asyncio.run(live(url, seed, quiet=given.quiet, calm=given.calm)) for seed in given.seed)
    finally:
        if stop is not None:
            stop()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
