"""The sandbox as a server of its own, over a real socket."""

import asyncio
import sys

import aiohttp
import pytest

BEARER = {"authorization": "Bearer sandboxaccesstoken00000000000001"}
WISH = {"customer": 1, "lines": [{"sku": "PUMP-100", "qty": 1}]}


@pytest.fixture
async def base_url():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millstream.sandbox.run", "adobe_commerce", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
    )
    line = (await process.stdout.readline()).decode()
    assert line.startswith("ready http://127.0.0.1:")
    yield line.split()[1]
    process.terminate()
    await process.wait()


async def test_the_server_says_when_it_is_ready_and_serves_orders(base_url):
    async with aiohttp.ClientSession(headers=BEARER) as client:
        placed = await (await client.post(f"{base_url}/_sim/orders", json=WISH)).json()
        order = await (await client.get(f"{base_url}/rest/V1/orders/{placed['entity_id']}")).json()
    assert order["items"][0]["sku"] == "PUMP-100"


async def test_a_lost_answer_stays_silent_until_the_client_gives_up_but_was_carried_out(base_url):
    async with aiohttp.ClientSession(headers=BEARER) as client:
        await client.post(f"{base_url}/_sim/orders", json=WISH)
        await client.post(f"{base_url}/_sim/faults", json={"script": [{"kind": "timeout_after"}]})
        with pytest.raises(TimeoutError):
            await client.post(f"{base_url}/rest/V1/order/1/ship", json={}, timeout=aiohttp.ClientTimeout(total=0.3))
        seen = await (await client.get(f"{base_url}/_sim/orders/1")).json()
    assert len(seen["shipments"]) == 1


async def test_a_reset_cuts_the_connection(base_url):
    async with aiohttp.ClientSession(headers=BEARER) as client:
        await client.post(f"{base_url}/_sim/faults", json={"rate": {"reset": 1}})
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.post(f"{base_url}/rest/V1/orders", json={})
