"""`millstream serve` as people run it: a process with PostgreSQL inside, ready in seconds, gone in seconds."""

import asyncio
import signal
import socket

import pytest

from fakes.household import READY_S, Household, is_running
from fakes.patience import until

pytestmark = pytest.mark.real


@pytest.fixture
async def household(tmp_path):
    household = Household(tmp_path)
    await household.open()
    yield household
    await household.close()


async def test_a_stopped_hub_has_kept_what_it_accepted_and_leaves_nothing_running(household):
    hub = await household.serve()
    assert (await household.ready(hub))["state"] == "ready"
    status, receipt = await household.report_delivery()
    assert (status, receipt["accepted"]) == (202, 1), household.log
    postmaster = household.postmaster
    assert is_running(postmaster)

    assert await household.terminate(hub) == 0, household.log
    assert not is_running(postmaster)
    assert household.postmaster is None
    assert "Traceback" not in household.log

    hub = await household.serve()
    await household.ready(hub)
    status, receipt = await household.report_delivery()
    assert (status, receipt["accepted"], receipt["duplicates"]) == (200, 0, 1)
    assert await household.terminate(hub, signal.SIGINT) == 0, household.log


async def test_a_stop_while_it_starts_ends_what_was_started_without_a_trace(household):
    hub = await household.serve()
    await until((household.folder / "data/postgres").exists)  # PostgreSQL is being made now
    assert await household.terminate(hub) == 0, household.log
    assert "Traceback" not in household.log
    assert household.postmaster is None
    hub = await household.serve()
    assert (await household.ready(hub))["state"] == "ready"


async def test_a_port_that_is_taken_is_one_line_and_leaves_no_database_running(household):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", household.port))
        taken.listen()
        hub = await household.serve()
        async with asyncio.timeout(READY_S):
            assert await hub.wait() == 2
    assert household.postmaster is None
    assert f"127.0.0.1:{household.port}" in household.log
    assert "MILLSTREAM_PORT" in household.log
    assert "Traceback" not in household.log


async def test_a_hub_without_a_worker_accepts_and_stops_alike(household):
    hub = await household.serve("--no-worker")
    await household.ready(hub)
    status, _ = await household.report_delivery()
    assert status == 202
    assert await household.terminate(hub) == 0, household.log
    assert household.postmaster is None
