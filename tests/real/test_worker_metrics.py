"""A process that only works shows its own metrics, to this machine, on the port it was given."""

import asyncio

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.household import READY_S, Household, free_port

pytestmark = pytest.mark.real


@pytest.fixture
async def household(tmp_path):
    household = Household(tmp_path)
    await household.open()
    yield household
    await household.close()


async def work(household, **variables):
    return await household._start("-m", "millstream", "work", MILLSTREAM_CRM__CLIENT_SECRET="x" * 20, **variables)


async def get(port, path, process, household):
    async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
        while True:
            assert process.returncode is None, household.log
            try:
                return await client.get(f"http://127.0.0.1:{port}{path}", headers={})
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def calls_seen(port, process, household):
    """Waits for the first outward call of the worker to be on its page."""
    async with asyncio.timeout(READY_S):
        while True:
            page = (await get(port, "/metrics", process, household)).text
            samples = {
                (sample.name, sample.labels.get("system")): sample.value
                for family in text_string_to_metric_families(page)
                for sample in family.samples
            }
            if samples.get(("millstream_call_seconds_count", "shop")):
                return samples
            await asyncio.sleep(0.1)


async def test_a_worker_shows_the_calls_it_makes(household):
    port = free_port()
    worker = await work(household, MILLSTREAM_TELEMETRY__WORK_PORT=str(port))
    samples = await calls_seen(port, worker, household)
    assert samples["millstream_ledger_up", None] == 1
    assert (await get(port, "/healthz", worker, household)).status_code == 200
    assert (await get(port, "/api/orders", worker, household)).status_code == 404
    assert await household.terminate(worker) == 0, household.log
    assert "Traceback" not in household.log


async def test_a_worker_whose_port_is_taken_says_so_before_it_starts_anything(household):
    worker = await work(household, MILLSTREAM_TELEMETRY__WORK_PORT=str(household.port))
    await get(household.port, "/healthz", worker, household)
    other = await work(household, MILLSTREAM_TELEMETRY__WORK_PORT=str(household.port))
    async with asyncio.timeout(READY_S):
        assert await other.wait() == 2
    assert "MILLSTREAM_TELEMETRY__WORK_PORT" in household.log
    assert await household.terminate(worker) == 0, household.log
