"""One hub worker as a process of its own, to be killed: `python tests/fakes/worker_process.py '<json>'`.

The JSON names `database_url`, `worker`, `erp_url` and the `settings`; `migrations`, if given, is the folder of steps it
applies first, as every real process does; `one_writer` says that the ERP takes orders from one process at a time. The
line "working" says that it works; its log goes to stderr.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from fakes.counting_erp import CountingErp
from millstream.bootstrap import Runtime
from millstream.engine.tap import LogTap
from millstream.engine.world import SystemWorld
from millstream.settings import Settings
from millstream.store.database import Database
from millstream.store.schema import migrations
from millstream.wire.http import AiohttpTransport
from millstream.wire.kit import WireKit


async def work(plan: dict) -> None:
    world, transport, tap = SystemWorld(), AiohttpTransport(), LogTap()
    erp = CountingErp(WireKit(transport=transport, world=world, tap=tap), plan["erp_url"], concurrency=8)
    erp.one_writer = plan.get("one_writer", False)
    database = Database(plan["database_url"])
    if plan.get("migrations"):
        await database.migrate(steps=migrations(Path(plan["migrations"])))
    runtime = Runtime(
        Settings(**plan["settings"]),
        database=database,
        transport=transport,
        world=world,
        tap=tap,
        worker_name=plan["worker"],
        erp=erp,
    )
    await runtime.calibrate_clock()
    sys.stdout.write("working\n")
    sys.stdout.flush()
    await runtime.work()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(work(json.loads(sys.argv[1])))
