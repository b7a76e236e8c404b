"""The embedded PostgreSQL is killed below `millstream serve`, which starts it again by itself."""

import asyncio
import os
import signal

import asyncpg
import pytest

from fakes.household import Household, is_running

pytestmark = pytest.mark.real

BACK_S = 60


@pytest.fixture
async def household(tmp_path):
    household = Household(tmp_path)
    await household.open()
    yield household
    await household.close()


async def accepted_again(household, name):
    """Sends an event as senders do, again while it is told to come back later; what it was told, to the end."""
    told = []
    async with asyncio.timeout(BACK_S):
        while not told or told[-1] == 503:
            told.append((await household.report_delivery(name))[0])
            await asyncio.sleep(0.1)
    return told


async def stored(household):
    connection = await asyncpg.connect(
        host=str(household.folder / "data/postgres"), user="postgres", database="millstream"
    )
    try:
        rows = await connection.fetch("select source_id from event where type = 'order.delivery_reported' order by 1")
        return [row["source_id"] for row in rows]
    finally:
        await connection.close()


@pytest.mark.parametrize("options", [(), ("--no-worker",)], ids=["with a worker", "without"])
async def test_a_hub_whose_postgres_was_killed_starts_it_again_and_loses_and_doubles_nothing(household, options):
    hub = await household.serve(*options)
    await household.ready(hub)
    assert await accepted_again(household, "evt-1") == [202]
    killed = household.postmaster
    os.kill(killed, signal.SIGKILL)  # what it started lives on for a moment, and holds its memory

    told = await accepted_again(household, "evt-2")
    assert told[-1] in {200, 202}, household.log  # 200: an answer was lost after it had been stored
    assert (await household.report_delivery("evt-1"))[1]["duplicates"] == 1
    assert (await household.report_delivery("evt-2"))[1]["duplicates"] == 1
    assert await stored(household) == ["evt-1", "evt-2"]

    assert hub.returncode is None
    assert household.postmaster != killed
    assert is_running(household.postmaster)
    assert "store.revived" in household.log
    assert await household.terminate(hub) == 0, household.log
    assert household.postmaster is None
