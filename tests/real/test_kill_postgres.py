"""PostgreSQL is killed with SIGKILL under load and started again; what it had committed is there, once."""

import asyncio
import os
import shutil
import signal
import tempfile
from pathlib import Path
from random import Random

import psutil
import pytest

from fakes.town import LEASE_S, Town
from millstream.store.database import Database
from millstream.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.real

ORDERS = 150
DELIVERIES = 3 * ORDERS


@pytest.fixture
def server():
    """A PostgreSQL of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="millstream-kill-pg-"))
    server = EmbeddedPostgres(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def kill_postgres(server, *, backends: bool) -> None:
    """SIGKILL to the postmaster its data folder names, and with `backends` to all its children at the same moment."""
    postmaster = psutil.Process(int((server.folder / "postmaster.pid").read_text().splitlines()[0]))
    family = [postmaster, *(postmaster.children(recursive=True) if backends else [])]
    for process in family:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it had ended by itself
    psutil.wait_procs(family, timeout=10)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.thorough)])
async def test_a_killed_postgres_loses_nothing_it_had_accepted(server, tmp_path, seed):
    dice = Random(seed)
    database = Database(server.url)
    await database.migrate()
    town = Town(tmp_path, database, dice=dice)
    try:
        town.open()
        for name in ("worker-a", "worker-b"):
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(ORDERS))
        for turn, moment in enumerate(sorted(dice.sample(range(10, DELIVERIES * 2 // 3), 3))):
            await town.until(f"{moment} deliveries are done", lambda moment=moment: _at_least(town, moment))
            kill_postgres(server, backends=turn % 2 == 0)
            if turn == 1:
                await asyncio.sleep(LEASE_S + 0.5)  # away for longer than any lease lasts
            assert await asyncio.to_thread(server.revive)
        await arriving
        await town.until_all_told()
        left = await town.judge()
        assert await town.value("show fsync") == "on"
        assert left["settlements_that_waited"] > 0, "no kill hit a worker that had work: the test proves nothing"
    finally:
        await town.close()
        await database.close()


async def _at_least(town, moment):
    return await town.settled() >= moment
