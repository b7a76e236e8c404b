"""Estimate, dry run, start, progress, pause, resume, cancel: and nothing is done twice."""

import asyncio
import json
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from fakes.tap import RecordingTap
from millstream.engine.bulk import BulkRunner
from millstream.ports.desk import Filter
from millstream.store import actions
from millstream.store import bulk as bulk_module

CAUSE = {"filter": {"code": "price.stale"}, "reason": "prices corrected"}


@pytest.fixture
async def desk(database, monkeypatch):
    monkeypatch.setattr(bulk_module, "BATCH_MAX", 3)
    async with operator(database) as one:
        yield one


async def seven_held(desk):
    """Seven orders in review, in seven lanes."""
    from fakes import erp

    before, erp.PRICES["VALVE-050"] = erp.PRICES["VALVE-050"], "1.00"
    for _ in range(7):
        await desk.house.place(("VALVE-050", 1))
    await desk.house.settle_down()
    erp.PRICES["VALVE-050"] = before
    return [row["id"] for row in await desk.house.rows("select id from delivery where state = 'held' order by id")]


async def ready(desk, action="retry", **wish):
    made = await desk.post("/bulk", {"action": action, "dry_run": False, **CAUSE, **wish})
    return made["bulk"]["id"]


async def run_all(desk):
    batches = 0
    while await desk.house.hub.operating.bulk.run_batch():
        batches += 1
    return batches


async def audited(desk, action="delivery.retry"):
    rows = await desk.house.rows("select actor, detail from audit where action = $1 order by id", action)
    return [(row["actor"], json.loads(row["detail"])) for row in rows]


async def test_a_dry_run_says_of_each_kind_what_would_become_of_it_and_sends_nothing(desk, monkeypatch):
    ids = await seven_held(desk)
    await desk.house.value("update delivery set amended = '{\"order\": {}}' where id = $1 returning id", ids[1])
    booked = await desk.house.place(("OIL-1L", 1))
    await desk.house.settle_down()
    await desk.house.value("alter table delivery disable trigger user")  # nothing done is tried again, but in a restore
    lost = await desk.house.value(
        "update delivery set state = 'held', fault_code = 'price.stale' where subscriber = 'erp' and event_id ="
        " (select id from event where type = 'order.placed' and subject = $1) returning id",
        f"shop-1-{booked['increment_id']}",
    )
    before = await desk.house.rows("select id, state, tries from delivery order by id")

    async def refuse(_request):
        raise AssertionError("a system was asked")

    monkeypatch.setattr(desk.house.transport, "send", refuse)
    found = await desk.post("/bulk/dry-run", {"action": "retry", "filter": CAUSE["filter"]})
    assert found["looked_at"] == 8
    told = {one["forecast"]: (one["deliveries"], one["example"]) for one in found["outcomes"]}
    assert told == {"would_be_sent": (6, ids[6]), "cannot_be_read": (1, ids[1]), "already_there": (1, lost)}
    (unreadable,) = [one["why"] for one in found["outcomes"] if one["forecast"] == "cannot_be_read"]
    assert "cannot read it" in unreadable
    assert await desk.house.rows("select id, state, tries from delivery order by id") == before


async def test_a_dry_run_needs_the_right_to_see_payloads_and_looks_at_no_other_states(desk):
    await seven_held(desk)
    wish = {"action": "release", "filter": {**CAUSE["filter"], "states": ["dead"]}}
    assert await desk.post("/bulk/dry-run", wish) == {"looked_at": 0, "outcomes": []}
    assert (await desk.ask("POST", "/bulk/dry-run", wish, role="viewer")).status_code == 403


async def test_an_estimate_changes_nothing(desk):
    ids = await seven_held(desk)
    told = await desk.post("/bulk", {"action": "retry", **CAUSE})
    assert told["bulk"] is None
    assert told["estimate"]["deliveries"] == 7
    assert told["estimate"]["shares"] == [{"state": "held", "code": "price.stale", "deliveries": 7, "refused": False}]
    assert [row["id"] for row in told["estimate"]["sample"]] == ids
    assert (await desk.get("/bulk"))["items"] == []
    assert await run_all(desk) == 0


async def test_they_are_listed_page_by_page_the_newest_first_and_those_of_one_moment_by_id(desk):
    wish = {"action": "retry", "filter": {"ids": [1]}, "reason": "x", "dry_run": False}
    made = []
    for late in (0, 0, 1, 0):  # the house's clock stands still: some are of the same moment
        desk.house.world.clock.advance(late)
        made.append((await desk.post("/bulk", wish))["bulk"])
    assert len({bulk["created_at"] for bulk in made}) == 2
    expected = [bulk["id"] for bulk in sorted(made, key=lambda bulk: (bulk["created_at"], bulk["id"]), reverse=True)]
    for limit in (1, 2, 3, 4):
        seen, place, pages = [], None, 0
        while place is not None or not pages:
            page = await desk.get("/bulk", limit=limit, **({"after": place} if place else {}))
            seen += [bulk["id"] for bulk in page["items"]]
            place, pages = page["next"], pages + 1
        assert (seen, pages) == (expected, -(-4 // limit))


def place_of(*members):
    return urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


async def test_a_place_of_no_list_of_bulk_actions_is_refused(desk):
    moments = ("2026-11-24T08:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
    for after in ("x", place_of(1, 2), *(place_of(moment, str(UUID(int=1))) for moment in moments)):
        problem = assert_problem(await desk.ask("GET", "/bulk", after=after), 422, "request.invalid")
        assert "must be the `next` of the page before" in problem["detail"]


async def test_it_does_every_delivery_once_each_with_its_row_in_the_trail(desk):
    ids = await seven_held(desk)
    bulk_id = await ready(desk)
    assert await run_all(desk) == 0, "it is not started yet"
    assert (await desk.post(f"/bulk/{bulk_id}/start"))["state"] == "running"
    assert await run_all(desk) == 3
    done = await desk.get(f"/bulk/{bulk_id}")
    assert (done["state"], done["done"], done["refused"], done["estimate"]) == ("done", 7, 0, 7)
    trail = await audited(desk)
    assert [detail["delivery"] for _, detail in trail] == ids
    assert {(actor, detail["reason"], detail["bulk"]) for actor, detail in trail} == {
        ("mia.admin", "prices corrected", bulk_id)
    }
    assert [actor for actor, _ in await audited(desk, "bulk.start")] == ["mia.admin"]
    await desk.house.settle_down()
    assert len(desk.house.erp.orders) == 7


async def test_what_comes_in_after_it_was_made_ready_is_not_part_of_it(desk):
    await seven_held(desk)
    bulk_id = await ready(desk)
    late = await seven_held(desk)
    await desk.post(f"/bulk/{bulk_id}/start")
    await run_all(desk)
    assert (await desk.get(f"/bulk/{bulk_id}"))["done"] == 7
    assert await desk.house.value("select count(*) from delivery where state = 'held'") == len(late) - 7 == 7


async def test_pause_stops_between_batches_and_resume_goes_on_behind_them(desk):
    await seven_held(desk)
    bulk_id = await ready(desk)
    await desk.post(f"/bulk/{bulk_id}/start")
    assert await desk.house.hub.operating.bulk.run_batch()
    assert (await desk.post(f"/bulk/{bulk_id}/pause"))["done"] == 3
    assert await run_all(desk) == 0
    await desk.post(f"/bulk/{bulk_id}/resume")
    await run_all(desk)
    assert (await desk.get(f"/bulk/{bulk_id}"))["done"] == 7
    assert len(await audited(desk)) == 7


async def test_what_is_cancelled_stays_where_it_is(desk):
    await seven_held(desk)
    bulk_id = await ready(desk)
    await desk.post(f"/bulk/{bulk_id}/start")
    await desk.house.hub.operating.bulk.run_batch()
    await desk.post(f"/bulk/{bulk_id}/cancel")
    assert await run_all(desk) == 0
    assert await desk.house.value("select count(*) from delivery where state = 'held'") == 4
    assert_problem(await desk.ask("POST", f"/bulk/{bulk_id}/resume"), 409, "action.refused")


@pytest.mark.parametrize("statement", range(8))
async def test_a_batch_that_dies_at_any_statement_is_done_again_whole(desk, monkeypatch, statement):
    """The transaction is the only memory, so wherever it dies nothing of the batch remains."""
    ids = await seven_held(desk)
    bulk_id = await ready(desk)
    await desk.post(f"/bulk/{bulk_id}/start")
    operating, database = desk.house.hub.operating, desk.house.database
    await operating.bulk.run_batch()
    left, transaction = [statement], database.transaction

    class Dying:
        def __init__(self, connection):
            self._connection = connection

        def __getattr__(self, name):
            real = getattr(self._connection, name)

            async def counted(*args):
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
                return await real(*args)

            return counted

    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def dying():
        async with transaction() as connection:
            yield Dying(connection)

    monkeypatch.setattr(database, "transaction", dying)
    with pytest.raises(KeyboardInterrupt):
        await operating.bulk.run_batch()
    monkeypatch.setattr(database, "transaction", transaction)
    await run_all(desk)
    assert (await desk.get(f"/bulk/{bulk_id}"))["done"] == 7
    assert [detail["delivery"] for _, detail in await audited(desk)] == ids


async def test_many_workers_share_the_actions_and_do_nothing_twice(desk):
    ids = await seven_held(desk)
    bulk_id = await ready(desk)
    await desk.post(f"/bulk/{bulk_id}/start")

    bulk = desk.house.hub.operating.bulk

    async def worker():  # one that finds the action taken by another has nothing to do at that moment
        while (await bulk.find(UUID(bulk_id))).state == "running":
            await bulk.run_batch()

    await asyncio.gather(worker(), worker(), worker())
    assert sorted(detail["delivery"] for _, detail in await audited(desk)) == ids
    assert (await desk.get(f"/bulk/{bulk_id}"))["state"] == "done"


async def test_a_rule_that_may_not_be_waived_is_counted_and_passed_by(desk):
    ids = await seven_held(desk)
    async with desk.house.database.transaction() as connection:
        await connection.execute("update delivery set fault_code = 'sku.unknown' where id = any($1)", ids[:2])
    wish = {"action": "release", "filter": {"states": ["held"]}, "reason": "x", "dry_run": False}
    made = await desk.post("/bulk", wish)
    assert made["estimate"]["deliveries"] == 5
    await desk.post(f"/bulk/{made['bulk']['id']}/start")
    await run_all(desk)
    done = await desk.get(f"/bulk/{made['bulk']['id']}")
    assert (done["state"], done["done"], done["refused"]) == ("done", 5, 2)
    assert await desk.house.value("select count(*) from delivery where state = 'held'") == 2


async def test_many_are_resolved_with_a_category_each_with_its_row_in_the_trail(desk):
    ids = await seven_held(desk)
    wish = {"action": "resolve", "dry_run": False, **CAUSE}
    refused = assert_problem(await desk.ask("POST", "/bulk", wish), 422, "request.invalid")
    assert refused["errors"][0]["field"] == "category"
    retrying = {"action": "retry", "dry_run": False, "category": "test", **CAUSE}
    assert_problem(await desk.ask("POST", "/bulk", retrying), 422, "request.invalid")
    made = await desk.post("/bulk", {**wish, "category": "fixed_in_source"})
    bulk = made["bulk"]
    assert (bulk["action"], bulk["resolution"], bulk["estimate"]) == ("resolve", "fixed_in_source", 7)
    await desk.post(f"/bulk/{bulk['id']}/start")
    await run_all(desk)
    rows = await desk.house.rows("select state, resolution, note from delivery where id = any($1)", ids)
    assert {tuple(row.values()) for row in rows} == {("discarded", "fixed_in_source", "prices corrected")}
    trail = await audited(desk, "delivery.resolve")
    assert [detail["delivery"] for _, detail in trail] == ids
    assert {detail["resolution"] for _, detail in trail} == {"fixed_in_source"}
    prepared = await audited(desk, "bulk.prepare")
    assert prepared[0][1]["action"] == "resolve"


async def test_an_empty_filter_is_refused(desk):
    for wish in ({}, {"ids": []}):
        answer = await desk.ask("POST", "/bulk", {"action": "discard", "filter": wish, "reason": "x"})
        assert_problem(answer, 422, "request.invalid")


async def test_an_unknown_action_is_a_problem(desk):
    nowhere = "/bulk/00000000-0000-7000-8000-000000000000"
    assert_problem(await desk.ask("GET", nowhere), 404, "bulk.unknown")
    assert_problem(await desk.ask("POST", f"{nowhere}/start"), 404, "bulk.unknown")
    assert_problem(await desk.ask("POST", f"{nowhere}/explode"), 422, "request.invalid")


async def test_what_the_filter_does_not_mean_any_more_when_its_turn_comes_is_left_alone(desk, monkeypatch):
    """Somebody takes one on after the batch was looked up, and before its lanes are held."""
    ids = await seven_held(desk)
    bulk_id = await ready(desk, filter={"states": ["held"], "code": "price.stale"})
    await desk.post(f"/bulk/{bulk_id}/start")
    hold = actions.lock_lanes

    async def hold_too_late(connection, lanes):
        monkeypatch.setattr(actions, "lock_lanes", hold)
        await desk.house.value("update delivery set fault_code = 'sku.unknown' where id = $1 returning id", ids[0])
        await desk.house.hub.desk.retry(Filter(ids=(ids[1],)), actor="anna")
        await hold(connection, lanes)

    monkeypatch.setattr(actions, "lock_lanes", hold_too_late)
    await run_all(desk)
    done = await desk.get(f"/bulk/{bulk_id}")
    assert (done["state"], done["done"], done["refused"]) == ("done", 5, 0)
    by_bulk = [detail["delivery"] for actor, detail in await audited(desk) if "bulk" in detail]
    assert by_bulk == ids[2:]


async def test_the_runner_works_them_off_beside_the_deliveries(desk):
    await seven_held(desk)
    bulk_id = await ready(desk)
    await desk.post(f"/bulk/{bulk_id}/start")
    rested = asyncio.Event()

    class Clock:
        async def sleep(self, seconds):
            rested.set()
            await asyncio.Event().wait()

    runner = BulkRunner(desk.house.hub.operating.bulk, clock=Clock(), tap=desk.house.tap)
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(10):
        await rested.wait()
    task.cancel()
    assert (await desk.get(f"/bulk/{bulk_id}"))["state"] == "done"


async def test_a_mistake_of_ours_in_a_bulk_action_is_told_and_ends_nothing_else():
    class Desk:
        def __init__(self):
            self.batches = 0

        async def run_batch(self):
            self.batches += 1
            if self.batches == 1:
                raise ZeroDivisionError("a mistake of ours")
            return self.batches < 4

    class Clock:
        def __init__(self):
            self.rests = 0

        async def sleep(self, seconds):
            self.rests += 1
            if self.rests == 2:
                raise asyncio.CancelledError

    desk, tap = Desk(), RecordingTap()
    with pytest.raises(asyncio.CancelledError):
        await BulkRunner(desk, clock=Clock(), tap=tap).run()
    assert desk.batches == 4
    (told,) = tap.named("bulk.crashed")
    assert (told["error"], type(told["bug"])) == ("ZeroDivisionError: a mistake of ours", ZeroDivisionError)


async def test_the_outcome_tells_where_its_deliveries_are_now_and_nobody_elses(desk):
    ids = await seven_held(desk)
    other = await desk.held(price="2.00")
    number = await ready(desk, filter={"ids": ids[:4]})
    assert (await desk.get(f"/bulk/{number}/outcome"))["items"] == []
    await desk.post(f"/bulk/{number}/start")
    await run_all(desk)
    retrying = [{"state": "retrying", "code": "price.stale", "deliveries": 4}]
    assert (await desk.get(f"/bulk/{number}/outcome"))["items"] == retrying
    await desk.post(f"/deliveries/{ids[0]}/discard", {"reason": "test"})
    await desk.post(f"/deliveries/{other['id']}/retry", {})
    await desk.house.settle_down()
    assert (await desk.get(f"/bulk/{number}/outcome"))["items"] == [
        {"state": "done", "code": None, "deliveries": 3}, {"state": "discarded", "code": None, "deliveries": 1},
    ]  # fmt: skip
