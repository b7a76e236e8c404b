"""How the systems answer, and a brake that holds."""

import asyncio
import json
from contextvars import Context
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from fakes.world import ManualClock
from millstream.domain.errors import Retry
from millstream.ports.connections import Seen
from millstream.ports.finding import Finding
from millstream.store.connections import PostgresConnections
from millstream.wire.governor import Undertaking

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
    desk.house.world.clock.advance(60)
    await desk.house.hub.hub.crm.check()  # no delivery's call: a poll, a test
    await desk.house.hub.operating.keeper.exchange()
    asked = await standing(desk)
    assert (asked["calls"], asked["last_good_at"] > crm["last_good_at"]) == (crm["calls"], True)
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


async def test_a_drain_lets_finish_what_runs_over_all_processes_and_then_is_a_pause(desk):
    house = desk.house
    keeper = house.hub.operating.keeper
    await keeper.exchange()
    crm = keeper._connections["crm"]
    with Undertaking():  # a delivery that has called it and is not at its end
        async with crm.governor.slot():
            pass
        await keeper.exchange()
        drained = await desk.post("/connections/crm/drain", REASON)
        assert (drained["state"], drained["still_running"], drained["pause"]["drain"]) == ("draining", 1, True)
        await keeper.exchange()
        async with crm.governor.slot():
            pass  # it goes on
        with pytest.raises(Retry):
            await asyncio.create_task(enter(crm.governor), context=Context())
        now = await standing(desk)
        assert (now["state"], now["still_running"], now["budget"]["under_way"]) == ("draining", 1, 1)
    await keeper.exchange()
    now = await standing(desk)
    assert (now["state"], now["still_running"]) == ("paused", 0)
    resumed = await desk.post("/connections/crm/resume", REASON)
    assert (resumed["state"], resumed["pause"]) == ("on", None)
    rows = await house.rows("select action from audit where action like 'connection.%' order by id")
    assert [row["action"] for row in rows] == ["connection.drain", "connection.resume"]


async def enter(governor):
    async with governor.slot():
        pass


async def test_a_process_that_has_not_heard_of_the_drain_yet_may_still_call(desk):
    house = desk.house
    await house.hub.operating.keeper.exchange()
    other = house.build()
    await other.operating.keeper.exchange()
    assert (await desk.post("/connections/crm/drain", REASON))["state"] == "draining"
    await house.hub.operating.keeper.exchange()
    await house.hub.operating.keeper.exchange()
    assert (await standing(desk))["state"] == "draining", "the other one has not heard of it"
    house.world.clock.advance(31)
    await house.hub.operating.keeper.exchange()
    crm = await standing(desk)
    assert (crm["state"], crm["shared_by"]) == ("paused", ["w1"]), "the other one is gone"
    await other.operating.close()


async def test_orders_wait_while_it_drains_and_go_on_when_it_is_resumed(desk):
    house = desk.house
    await desk.post("/connections/crm/drain", REASON)
    await house.hub.operating.keeper.exchange()
    await house.place()
    for _ in range(3):
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(20)
    rows = await house.rows("select fault_code, attempts from delivery where subscriber <> 'inbox' and state <> 'done'")
    assert {(row["fault_code"], row["attempts"]) for row in rows} == {("connection.paused", 0)}
    await desk.post("/connections/crm/resume", REASON)
    await house.hub.operating.keeper.exchange()
    await house.settle_down()
    assert await house.rows("select id from delivery where state <> 'done'") == []


async def test_the_budget_counts_every_call_of_the_day_and_what_the_system_says_of_its_own_limit(desk):
    house = desk.house
    crm = await standing(desk)
    assert (crm["budget"]["calls_today"], crm["budget"]["system"], crm["budget"]["used_now"]) == (None, None, None)
    await house.place()
    await house.settle_down()
    keeper = house.hub.operating.keeper
    calls = keeper._connections["crm"].seen().calls
    assert calls > 0
    await keeper.exchange()
    await keeper.exchange()
    crm = await standing(desk)
    budget = crm["budget"]
    assert (budget["calls_today"], budget["in_use"], budget["used_now"]) == (calls, 0, 0.0), "told twice, counted once"
    assert budget["system"]["used"] <= budget["system"]["limit"]
    assert budget["used_today"] == round(budget["system"]["used"] / budget["system"]["limit"], 4)
    shop = await standing(desk, "shop")
    assert (shop["budget"]["system"], shop["budget"]["calls_today"] > 0) == (None, True)
    house.hub = house.build()  # a process that starts anew counts from nought; the day goes on
    await house.hub.hub.crm.check()
    again = house.hub.operating.keeper._connections["crm"].seen().calls
    await house.hub.operating.keeper.exchange()
    assert (await standing(desk))["budget"]["calls_today"] == calls + again
    house.world.clock.advance(86_400)
    await house.hub.operating.keeper.exchange()
    assert (await standing(desk))["budget"]["calls_today"] == 0
    await house.hub.operating.close()


async def test_the_share_of_a_rate_is_told_where_there_is_one(database):
    now = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
    board = PostgresConnections(database, clock=ManualClock(now))
    seen = {"breaker": "closed", "open_until": None, "failures": 0, "concurrency": 4, "in_use": 1,
            "tokens": None, "answered_at": None}  # fmt: skip
    await board.exchange("w1", {"a": Seen(**seen, rate_per_s=2.0, calls=600, calls_per_min=60)})
    await board.exchange("w2", {"a": Seen(**seen, rate_per_s=3.0, calls=264, calls_per_min=30)})
    (one,) = await board.standings({"a": "erp"}, window_s=900)
    assert (one.budget.concurrency, one.budget.rate_per_s, one.budget.calls_per_min) == (8, 5.0, 90)
    assert (one.budget.used_now, one.budget.used_today) == (0.3, round(864 / (5 * 86_400), 4))
    await board.exchange("w3", {"a": Seen(**seen, rate_per_s=0.0)})
    (one,) = await board.standings({"a": "erp"}, window_s=900)
    assert (one.budget.rate_per_s, one.budget.used_now, one.budget.used_today) == (0.0, 0.25, None)


async def test_a_connection_that_fails_says_since_when_and_how_it_stands_in_the_worst_process(desk):
    house = desk.house
    keeper = house.hub.operating.keeper
    other = house.build()
    governor = keeper._connections["crm"].governor
    for _ in range(5):
        governor.failed()
    since = house.world.clock.now()
    house.world.clock.advance(0.5)
    await keeper.exchange()
    await other.operating.keeper.exchange()
    crm = await standing(desk)
    assert (crm["breaker"], datetime.fromisoformat(crm["down_since"])) == ("open", since)
    governor.succeeded()
    await keeper.exchange()
    crm = await standing(desk)
    assert (crm["breaker"], crm["down_since"]) == ("closed", None)
    await other.operating.close()


async def test_the_age_of_a_token_is_told_and_unknown_where_there_is_none(desk):
    await desk.house.place()
    await desk.house.settle_down()
    await desk.house.hub.operating.keeper.exchange()
    token = (await standing(desk))["token"]
    assert token["fetched_at"] is not None
    assert token["ends_at"] is None, "Salesforce does not say when a session ends"
    assert (await standing(desk, "shop"))["token"] is None, "OAuth 1.0a has none with an age"


async def test_while_the_database_is_away_the_brake_stays_as_it_is(desk, monkeypatch):
    keeper = desk.house.hub.operating.keeper
    await desk.post("/connections/crm/pause", REASON)
    await keeper.exchange()

    async def away(worker, seen):
        raise Retry("store.unavailable", "away")

    monkeypatch.setattr(keeper._board, "exchange", away)
    await keeper.exchange()
    assert [name for name, one in keeper._connections.items() if one.brake == "pause"] == ["crm"]
    assert desk.house.tap.named("worker.ledger_unreachable") != []


async def test_a_process_tells_every_few_seconds(desk):
    keeper = desk.house.hub.operating.keeper
    told = asyncio.Event()

    class Board:
        async def exchange(self, worker, seen):
            told.set()
            return {}

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


async def test_a_test_says_what_the_doctor_would_and_is_remembered(desk):
    assert (await standing(desk))["last_test"] is None
    found = await desk.post("/connections/crm/test")
    assert (found["name"], found["ok"]) == ("crm", True)
    assert found["findings"] != []
    told = (await standing(desk))["last_test"]
    assert (told["actor"], told["ok"], told["missing"]) == ("mia.admin", True, [])
    assert told["findings"] == found["findings"]


async def test_what_permissions_are_missing_is_remembered_by_name_with_the_fix(desk):
    board = desk.house.hub.operating.board
    fix = "give the integration user edit access to the field"
    lacking = Finding(what="Order.Total", ok=False, detail="may not write it", fix=fix, missing=("Order.Total (edit)",))
    well = Finding(what="Order", ok=True, detail="there")
    await board.examined("crm", [well, lacking, lacking], actor="cli:mia")
    told = (await standing(desk))["last_test"]
    assert (told["ok"], told["missing"], told["actor"]) == (False, ["Order.Total (edit)"], "cli:mia")
    assert [one["fix"] for one in told["findings"] if one["missing"]] == [fix, fix]
    await board.examined("crm", [well], actor="cli:mia")
    assert (await standing(desk))["last_test"]["ok"] is True
    trail = await desk.house.rows("select detail from audit where action = 'connection.test' order by id")
    assert [json.loads(row["detail"])["missing"] for row in trail] == [["Order.Total (edit)"], []]


async def test_an_unknown_connection_is_a_problem(desk):
    assert_problem(await desk.ask("POST", "/connections/fax/pause", REASON), 404, "connection.unknown")
    assert_problem(await desk.ask("POST", "/connections/fax/test"), 404, "connection.unknown")
