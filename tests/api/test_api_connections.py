"""How the systems answer, and a brake that holds."""

import asyncio
from typing import ClassVar

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.domain.errors import Retry

REASON = {"reason": "maintenance until ten"}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def standing(desk, name="crm"):
    return next(one for one in (await desk.get("/connections"))["items"] if one["name"] == name)


async def test_figures_come_from_calls_and_what_processes_saw(desk):
    await desk.house.place()
    await desk.house.settle_down()
    crm = await standing(desk)
    assert (crm["kind"], crm["breaker"], crm["processes"], crm["error_share"]) == ("crm", None, [], 0.0)
    assert crm["calls"] > 0
    assert crm["last_good_at"] is not None
    await desk.house.hub.operating.keeper.exchange()
    crm = await standing(desk)
    (process,) = crm["processes"]
    assert (process["worker"], process["breaker"], crm["breaker"]) == ("w1", "closed", "closed")
    assert (process["in_use"], process["concurrency"] > 0) == (0, True)
    desk.house.world.clock.advance(3600)
    later = await standing(desk)
    assert (later["calls"], later["error_share"], later["breaker"]) == (0, None, None)
    assert later["last_good_at"] is not None, "a process remembers the last answer"


async def test_failed_and_refused_calls_are_told_apart(desk):
    await desk.house.place()
    await desk.house.settle_down()
    async with desk.house.database.transaction() as connection:
        calls = await connection.fetch("select delivery_id, n, step from call where system = 'crm' order by 1, 2, 3")
        for (delivery, n, step), status in zip(calls[:2], (503, 404), strict=True):
            await connection.execute(
                "update call set outcome = 'x', status = $4 where (delivery_id, n, step) = ($1, $2, $3)",
                delivery, n, step, status,
            )  # fmt: skip
    crm = await standing(desk)
    assert (crm["failed"], crm["refused"], crm["error_share"]) == (1, 1, round(1 / crm["calls"], 4))


async def test_a_pause_holds_over_processes_and_restarts_until_somebody_resumes(desk):
    house = desk.house
    paused = await desk.post("/connections/crm/pause", REASON)
    assert (paused["pause"]["actor"], paused["pause"]["reason"]) == ("mia.admin", "maintenance until ten")
    house.hub = house.build()  # a process that starts now
    await house.hub.operating.keeper.exchange()
    await house.place()
    for _ in range(5):
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(20)
    rows = await house.rows("select fault_code, attempts from delivery where subscriber <> 'inbox' and state <> 'done'")
    assert {(row["fault_code"], row["attempts"]) for row in rows} == {("connection.paused", 0)}
    assert house.crm_app is not None
    await desk.post("/connections/crm/resume", REASON)
    await house.hub.operating.keeper.exchange()
    await house.settle_down()
    assert await house.rows("select id from delivery where state <> 'done'") == []
    actions = await house.rows("select action from audit where action like 'connection.%' order by id")
    assert [row["action"] for row in actions] == ["connection.pause", "connection.resume"]
    await house.hub.operating.close()


async def test_while_the_database_is_away_the_brake_stays_as_it_is(desk, monkeypatch):
    keeper = desk.house.hub.operating.keeper
    await desk.post("/connections/crm/pause", REASON)
    await keeper.exchange()

    async def away(worker, seen):
        raise Retry("store.unavailable", "away")

    monkeypatch.setattr(keeper._board, "exchange", away)
    await keeper.exchange()
    assert [name for name, one in keeper._connections.items() if one.paused] == ["crm"]
    assert desk.house.tap.named("worker.ledger_unreachable") != []


async def test_a_process_tells_every_few_seconds(desk):
    keeper = desk.house.hub.operating.keeper
    told = asyncio.Event()

    class Board:
        async def exchange(self, worker, seen):
            told.set()
            return frozenset()

    class Clock:
        slept: ClassVar = []

        async def sleep(self, seconds):
            self.slept.append(seconds)
            if len(self.slept) > 1:
                await asyncio.Event().wait()

    keeper._board, keeper._clock = Board(), Clock()
    task = asyncio.create_task(keeper.keep())
    async with asyncio.timeout(10):
        await told.wait()
    task.cancel()
    assert Clock.slept[0] == 3.0


async def test_a_test_says_what_the_doctor_would(desk):
    found = await desk.post("/connections/crm/test")
    assert (found["name"], found["ok"]) == ("crm", True)
    assert found["findings"] != []


async def test_an_unknown_connection_is_a_problem(desk):
    assert_problem(await desk.ask("POST", "/connections/fax/pause", REASON), 404, "connection.unknown")
    assert_problem(await desk.ask("POST", "/connections/fax/test"), 404, "connection.unknown")
