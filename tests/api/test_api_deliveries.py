"""See what is stuck and mend it: by API, with reasons, in the version somebody saw."""

import json

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.ports.desk import Filter

REASON = {"reason": "agreed by phone"}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def audited(desk, action):
    rows = await desk.house.rows("select actor, detail from audit where action = $1", f"delivery.{action}")
    return [(row["actor"], json.loads(row["detail"])["reason"]) for row in rows]


async def test_the_list_narrows_by_every_filter_and_pages_from_the_newest(desk):
    held = await desk.held()
    for name, value in [("state", "held"), ("to", "erp"), ("type", "order.placed"), ("code", "price.stale"),
                        ("cause", held["fingerprint"]), ("order", held["subject"])]:  # fmt: skip
        assert [row["id"] for row in (await desk.get("/deliveries", **{name: value}))["items"]] == [held["id"]]
        assert (await desk.get("/deliveries", **{name: "dead" if name == "state" else "x"}))["items"] == []
    await desk.house.place()
    await desk.house.settle_down()
    ids, after = [], None
    while True:
        page = await desk.get("/deliveries", limit=2, **({"after": after} if after else {}))
        ids += [row["id"] for row in page["items"]]
        if (after := page["next"]) is None:
            break
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == await desk.house.value("select count(*) from delivery")


async def test_one_delivery_shows_tries_and_calls_and_its_payload_to_who_may_see_it(desk):
    held = await desk.held()
    answer = await desk.ask("GET", f"/deliveries/{held['id']}")
    page = answer.json()
    assert answer.headers["etag"] == f'"{page["version"]}"'
    assert page["data"]["order"]["customer_email"]
    assert [attempt["outcome"] for attempt in page["attempts"]] == ["held"]
    assert {call["system"] for call in page["attempts"][0]["calls"]} <= {"crm", "erp", "shop"}
    seen = (await desk.ask("GET", f"/deliveries/{held['id']}", role="viewer")).json()
    assert (seen["data"], seen["amended"], seen["delivery"]) == (None, None, page["delivery"])
    assert_problem(await desk.ask("GET", "/deliveries/999"), 404, "delivery.unknown")


async def test_a_retry_takes_the_order_into_the_erp_and_stands_in_the_trail_with_a_name(desk):
    held = await desk.held()
    row = await desk.post(f"/deliveries/{held['id']}/retry", {"reason": "price corrected"})
    assert row["state"] == "retrying"
    await desk.house.settle_down()
    assert list(desk.house.erp.orders) == [held["subject"]]
    assert await audited(desk, "retry") == [("mia.admin", "price corrected")]


async def test_a_release_waives_the_rule_and_needs_a_reason(desk):
    held = await desk.held()
    path = f"/deliveries/{held['id']}/release"
    assert_problem(await desk.ask("POST", path, {}), 422, "request.invalid")
    assert_problem(await desk.ask("POST", path, {"reason": "  "}), 422, "request.invalid")
    await desk.post(path, REASON)
    assert (await desk.get(f"/deliveries/{held['id']}"))["waived"] == ["price.stale"]
    assert await audited(desk, "release") == [("mia.admin", "agreed by phone")]
    assert_problem(await desk.ask("POST", path, REASON), 409, "action.refused")


async def test_a_rule_that_is_none_of_credit_is_not_for_people_of_credit_to_release(desk):
    held = await desk.held()
    path = f"/deliveries/{held['id']}/release"
    assert_problem(await desk.ask("POST", path, REASON, role="credit"), 403, "access.denied")


async def test_a_discarded_delivery_rests_for_ever(desk):
    held = await desk.held()
    assert (await desk.post(f"/deliveries/{held['id']}/discard", REASON))["state"] == "discarded"
    assert_problem(await desk.ask("POST", f"/deliveries/{held['id']}/retry", {}), 409, "action.refused")


class TestResolving:
    async def test_it_is_resolved_with_a_category_and_a_reason_and_both_stand_in_the_trail(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}/resolve"
        assert_problem(await desk.ask("POST", path, REASON), 422, "request.invalid")
        assert_problem(await desk.ask("POST", path, {"category": "boredom", **REASON}), 422, "request.invalid")
        row = await desk.post(path, {"category": "loss_accepted", **REASON})
        assert (row["state"], row["resolution"], row["note"]) == ("discarded", "loss_accepted", "agreed by phone")
        assert await audited(desk, "resolve") == [("mia.admin", "agreed by phone")]
        assert_problem(await desk.ask("POST", path, {"category": "test", **REASON}), 409, "action.refused")

    async def test_it_is_opened_again_and_then_goes_its_way(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}"
        assert_problem(await desk.ask("POST", f"{path}/reopen", REASON), 409, "action.refused")
        await desk.post(f"{path}/resolve", {"category": "test", **REASON})
        row = await desk.post(f"{path}/reopen", {"reason": "a real order"})
        assert (row["state"], row["resolution"], row["code"]) == ("held", None, "price.stale")
        await desk.post(f"{path}/release", REASON)
        await desk.house.settle_down()
        assert list(desk.house.erp.orders) == [held["subject"]]
        assert await audited(desk, "reopen") == [("mia.admin", "a real order")]

    async def test_what_was_overtaken_stays_resolved_and_the_answer_says_by_what(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}"
        await desk.post(f"{path}/resolve", {"category": "test", **REASON})
        async with desk.house.database.transaction() as connection:
            await connection.execute(
                "insert into event select gen_random_uuid(), source, 'later', 'order.cancelled', subject, occurred_at, "
                "received_at, correlation_id, null, '{}' from event where id = $1",
                held["event_id"],
            )
            await connection.execute(
                "insert into delivery (event_id, subscriber, lane, priority, state, head, due_at, created_at, "
                "updated_at) select e.id, d.subscriber, d.lane, 10, 'done', false, now(), now(), now() "
                "from event e, delivery d where e.source_id = 'later' and d.id = $1",
                held["id"],
            )
        refused = assert_problem(await desk.ask("POST", f"{path}/reopen", REASON), 409, "action.refused")
        assert "order.cancelled" in refused["detail"]
        assert (await desk.get(path))["delivery"]["state"] == "discarded"


async def test_only_who_may_amend_drops_an_amendment_by_a_retry_with_todays_data(desk):
    held = await desk.held()
    path = f"/deliveries/{held['id']}"
    payload = (await desk.get(path))["data"]
    await desk.post(f"{path}/amend", {"payload": payload, **REASON})
    async with desk.house.database.transaction() as connection:
        await connection.execute("update delivery set state = 'retrying' where id = $1", held["id"])
    today = {"using": "todays_data"}
    assert_problem(await desk.ask("POST", f"{path}/retry", today, role="credit"), 403, "access.denied")
    assert (await desk.get(path))["amended"] is not None
    await desk.post(f"{path}/retry", {"using": "as_it_is"})
    assert (await desk.get(path))["amended"] is not None
    await desk.post(f"{path}/retry", today)
    assert (await desk.get(path))["amended"] is None
    assert_problem(await desk.ask("POST", f"{path}/retry", {"using": "magic"}), 422, "request.invalid")


class TestCareForACause:
    async def test_all_that_fail_for_one_cause_are_assigned_tagged_and_snoozed_at_once(self, desk):
        first, second = await desk.held(), await desk.held()
        await desk.house.place(("GHOST-1", 1))
        await desk.house.settle_down()
        other = (await desk.get("/deliveries", code="sku.unknown"))["items"][0]
        assert first["fingerprint"] == second["fingerprint"] != other["fingerprint"]
        path = f"/failures/{first['fingerprint']}"
        assert await desk.post(f"{path}/assign", {"assignee": "jo"}) == {"deliveries": 2}
        assert await desk.post(f"{path}/tag", {"add": ["ask plant", "vip"]}) == {"deliveries": 2}
        assert await desk.post(f"{path}/tag", {"remove": ["vip"]}) == {"deliveries": 2}
        mine = (await desk.get("/deliveries", assignee="jo"))["items"]
        assert {row["id"]: row["tags"] for row in mine} == {one["id"]: ["ask plant"] for one in (first, second)}
        until = desk.house.world.clock.now().replace(hour=23).isoformat()
        assert await desk.post(f"{path}/snooze", {"until": until, **REASON}) == {"deliveries": 2}
        seen = (await desk.get("/deliveries", snoozed=False, state="held"))["items"]
        assert [row["id"] for row in seen] == [other["id"]]
        actions = await desk.house.rows("select action, actor from audit where action = any($1)",
                                        ["delivery.assign", "delivery.tag", "delivery.snooze"])  # fmt: skip
        assert len(actions) == 8
        assert {row["actor"] for row in actions} == {"mia.admin"}

    async def test_a_cause_that_is_over_has_nothing_to_look_after(self, desk):
        assert await desk.post("/failures/0123456789ab/assign", {"assignee": "jo"}) == {"deliveries": 0}
        assert_problem(await desk.ask("POST", "/failures/a b/assign", {"assignee": "jo"}), 422, "request.invalid")


async def test_who_saw_another_version_decides_again(desk):
    held = await desk.held()
    etag = (await desk.ask("GET", f"/deliveries/{held['id']}")).headers["etag"]
    seen = {"if-match": etag}
    assigned = await desk.ask("POST", f"/deliveries/{held['id']}/assign", {"assignee": "jo"}, headers=seen)
    assert assigned.status_code == 200
    stale = await desk.ask("POST", f"/deliveries/{held['id']}/discard", REASON, headers=seen)
    assert_problem(stale, 412, "version.stale")
    assert (await desk.get(f"/deliveries/{held['id']}"))["delivery"]["state"] == "held"
    newer = {"if-match": assigned.headers["etag"]}
    assert (await desk.ask("POST", f"/deliveries/{held['id']}/discard", REASON, headers=newer)).status_code == 200


class TestAmending:
    async def test_an_amended_order_is_used_and_the_original_stays_beside_it(self, desk):
        held = await desk.held()
        payload = (await desk.get(f"/deliveries/{held['id']}"))["data"]
        payload["order"]["customer_firstname"] = "Änne\u0000"
        await desk.post(f"/deliveries/{held['id']}/amend", {"payload": payload, **REASON})
        await desk.house.settle_down()
        page = await desk.get(f"/deliveries/{held['id']}")
        assert page["delivery"]["state"] == "done"
        assert page["amended"]["order"]["customer_firstname"] == "Änne\ufffd"
        assert page["data"]["order"]["customer_firstname"] != "Änne"
        assert await audited(desk, "amend") == [("mia.admin", "agreed by phone")]

    @pytest.mark.parametrize("payload", [{}, {"order": None}, {"order": {}}, {"order": {"entity_id": "x", "items": 7}}])
    async def test_an_order_the_connector_cannot_read_is_refused_with_the_place(self, desk, payload):
        held = await desk.held()
        wish = {"payload": payload, **REASON}
        problem = assert_problem(
            await desk.ask("POST", f"/deliveries/{held['id']}/amend", wish), 422, "payload.invalid"
        )
        assert problem["errors"][0]["field"].startswith("order")
        assert (await desk.get(f"/deliveries/{held['id']}"))["amended"] is None

    async def test_who_may_not_amend_does_not(self, desk):
        held = await desk.held()
        wish = {"payload": {}, **REASON}
        answer = await desk.ask("POST", f"/deliveries/{held['id']}/amend", wish, role="credit")
        assert_problem(answer, 403, "access.denied")


class TestCare:
    async def test_tags_and_assignees_are_kept_and_filtered_by(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}"
        assert (await desk.post(f"{path}/tag", {"tags": ["vip", "vip", "ask plant"]}))["tags"] == ["ask plant", "vip"]
        assert (await desk.post(f"{path}/assign", {"assignee": "jo"}))["assignee"] == "jo"
        assert [row["id"] for row in (await desk.get("/deliveries", tag="vip", assignee="jo"))["items"]] == [held["id"]]
        assert (await desk.get("/deliveries", tag="other"))["items"] == []
        assert (await desk.post(f"{path}/assign", {"assignee": None}))["assignee"] is None

    async def test_what_is_snoozed_is_out_of_sight_until_its_time(self, desk):
        held = await desk.held()
        until = desk.house.world.clock.now().replace(hour=23).isoformat()
        await desk.post(f"/deliveries/{held['id']}/snooze", {"until": until, **REASON})
        assert (await desk.get("/deliveries", snoozed=False))["items"] == []
        assert len((await desk.get("/deliveries", snoozed=True))["items"]) == 1
        desk.house.world.clock.advance(24 * 3600)
        assert [row["id"] for row in (await desk.get("/deliveries", snoozed=False))["items"]] == [held["id"]]
        naive = {"until": "2026-11-24T10:00:00", **REASON}
        assert_problem(await desk.ask("POST", f"/deliveries/{held['id']}/snooze", naive), 422, "request.invalid")


async def test_the_command_line_sees_what_the_api_did(desk):
    held = await desk.held()
    await desk.post(f"/deliveries/{held['id']}/tag", {"tags": ["vip"]})
    (row,) = await desk.house.hub.desk.list_deliveries(Filter(tag="vip"), limit=5)
    assert (row.id, row.tags) == (held["id"], ("vip",))
