"""Workers are killed with SIGKILL under load, at seeded moments; every order still happens exactly once."""

import asyncio
from random import Random

import pytest

from fakes.town import Town

pytestmark = pytest.mark.real

ORDERS = 160
DELIVERIES = 3 * ORDERS


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.thorough)])
async def test_killed_workers_leave_exactly_one_of_everything(database, tmp_path, seed):
    dice = Random(seed)
    town = Town(tmp_path, database, dice=dice)
    try:
        town.open()
        for name in ("worker-a", "worker-b"):
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(ORDERS))
        for moment in sorted(dice.sample(range(5, DELIVERIES * 3 // 4), 5)):
            await town.until(f"{moment} deliveries are done", lambda moment=moment: _at_least(town, moment))
            victim = dice.choice(["worker-a", "worker-b"])
            town.kill(victim)
            town.start_worker(victim)
        await arriving
        await town.until_all_told()
        left = await town.judge()
        assert town.kills.total() == 5
        assert left["deliveries_taken_over"] > 0, "no kill hit a delivery under way: the test proves nothing"
    finally:
        await town.close()


async def _at_least(town, moment):
    return await town.settled() >= moment
