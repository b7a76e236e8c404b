"""A secret is set in another process while `millstream serve` runs: its door takes the new signatures, unrestarted."""

import asyncio
import json
import sys
from datetime import UTC, datetime

import httpx
import pytest

from fakes.edge import delivered, encoded, hmac_headers
from fakes.household import Household

pytestmark = pytest.mark.real

OLD, NEW = "the planner's secret before", "the planner's secret from now on"
HEARD_WITHIN_S = 30


class SealedHousehold(Household):
    """Its door's secret is kept by the hub."""

    async def set(self, value, *options):
        """As an operator would, by a pipe."""
        (self.folder / "value").write_text(value)
        command = f"{sys.executable} -m millstream secrets set planner {' '.join(options)} < value"
        process = await asyncio.create_subprocess_shell(
            command, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()

    async def report(self, number, secret):
        body = encoded(delivered(id=number))
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.url}/in/events/planner",
                content=body,
                headers=hmac_headers(body, datetime.now(UTC), secret=secret),
            )
        return answer.status_code


@pytest.fixture
async def household(tmp_path):
    household = SealedHousehold(tmp_path)
    await household.open()
    settings = tmp_path / "millstream.toml"
    door = '\n[doors.planner]\nkind = "events"\nscheme = "hmac"\nsecrets = ["secret:planner"]\n'
    settings.write_text(settings.read_text() + door)
    yield household
    await household.close()


async def test_a_hub_without_a_secret_it_needs_says_which_and_starts_once_it_is_there(household):
    hub = await household.serve("--no-worker")
    async with asyncio.timeout(60):
        assert await hub.wait() == 2
    assert "doors.planner.secrets names secret:planner" in household.log
    assert "Traceback" not in household.log
    assert household.postmaster is None, "no database is left running"
    await household.set(OLD)
    hub = await household.serve("--no-worker")
    await household.ready(hub)
    assert await household.report("e1", OLD) == 202


async def test_a_door_goes_on_with_the_new_secret_while_events_come_and_loses_none(household):
    await household.set(OLD)
    hub = await household.serve("--no-worker")
    await household.ready(hub)
    sending, taken = True, []

    async def send_with_the_old_one():
        while sending:
            taken.append(await household.report(f"old-{len(taken)}", OLD))
            await asyncio.sleep(0.05)

    sender = asyncio.create_task(send_with_the_old_one())
    assert await household.report("too early", NEW) == 401
    await household.set(NEW, "--overlap-hours", "1")
    async with asyncio.timeout(HEARD_WITHIN_S):
        while await household.report("new-1", NEW) not in {200, 202}:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.2)
    sending = False
    await sender
    assert set(taken) == {202}, "the old one is honoured for the overlap"
    assert len(taken) > 5
    told = [json.loads(line[line.index("{") :]) for line in household.log.splitlines() if '"secret.taken"' in line]
    assert told
    assert OLD not in household.log
    assert NEW not in household.log
    assert hub.returncode is None
