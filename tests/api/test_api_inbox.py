"""What the inbox shows: views of causes, explanations, what a delivery would send, what was done to it."""

import json
from base64 import urlsafe_b64encode

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.ports.desk import FIRST_TRIES_TOLD, NEWEST_TRIES_TOLD
from millstream.ports.mappings import Version
from millstream.ports.overlay import Rule

REASON = {"reason": "agreed by phone"}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def counts(desk, role="admin"):
    items = (await desk.ask("GET", "/failures/views", role=role)).json()["items"]
    return {one["view"]: one["deliveries"] for one in items}


async def same_in_list_and_view(desk, view):
    """One cause: its orders and their money are those of the view. They are answered."""
    (one,) = [each for each in (await desk.get("/failures/views"))["items"] if each["view"] == view]
    (cause,) = await in_view(desk, view)
    worth = ("orders", "money", "orders_without_total")
    assert [one[name] for name in worth] == [cause[name] for name in worth]
    return tuple(one[name] for name in worth)


async def in_view(desk, view, role="admin"):
    return (await desk.ask("GET", "/failures", role=role, view=view)).json()["items"]


class TestViews:
    async def test_every_view_counts_what_it_lists(self, desk):
        first, second = await desk.held(), await desk.held()
        assert await counts(desk) == {
            "all": 2, "mine": 0, "unassigned": 2, "at_risk": 2, "snoozed": 0, "resolved": 0,
        }  # fmt: skip
        await desk.post(f"/deliveries/{first['id']}/assign", {"assignee": "mia.admin"})
        await desk.post(f"/deliveries/{first['id']}/tag", {"tags": ["urgent", "fair"]})
        assert await counts(desk) == {
            "all": 2, "mine": 1, "unassigned": 1, "at_risk": 2, "snoozed": 0, "resolved": 0,
        }  # fmt: skip
        assert await same_in_list_and_view(desk, "mine") == (1, [], 1)
        await desk.house.hub.operating.filing.file_waiting_orders()
        orders, (total,), unknown = await same_in_list_and_view(desk, "all")
        assert (orders, total["orders"], total["currency"], unknown) == (2, 2, "EUR", 0)
        assert (await same_in_list_and_view(desk, "unassigned"))[1][0]["orders"] == 1
        (mine,) = await in_view(desk, "mine")
        assert (mine["held"], mine["assignees"], mine["unassigned"], mine["tags"]) == (
            1, ["mia.admin"], 0, ["fair", "urgent"],
        )  # fmt: skip
        assert await in_view(desk, "mine", role="order_desk") == []
        assert (await counts(desk, role="order_desk"))["mine"] == 0
        until = (desk.house.world.clock.now()).replace(year=2030).isoformat()
        await desk.post(f"/deliveries/{second['id']}/snooze", {"until": until, **REASON})
        assert await counts(desk) == {
            "all": 1, "mine": 1, "unassigned": 0, "at_risk": 1, "snoozed": 1, "resolved": 0,
        }  # fmt: skip
        (snoozed,) = await in_view(desk, "snoozed")
        assert (snoozed["snoozed"], snoozed["snoozed_until"][:4]) == (1, "2030")
        await desk.post(f"/deliveries/{first['id']}/resolve", {"category": "test", **REASON})
        assert await counts(desk) == {
            "all": 0, "mine": 0, "unassigned": 0, "at_risk": 0, "snoozed": 1, "resolved": 1,
        }  # fmt: skip
        assert (await same_in_list_and_view(desk, "resolved"))[0] == 1
        (resolved,) = await in_view(desk, "resolved")
        assert (resolved["resolved"], resolved["held"], resolved["code"]) == (1, 0, "price.stale")
        desk.house.world.clock.advance(31 * 86_400)
        assert await in_view(desk, "resolved") == []
        assert (await counts(desk))["resolved"] == 0

    async def test_one_cause_is_told_while_it_is_open_and_once_it_is_closed(self, desk):
        held = await desk.held()
        path = f"/failures/{held['fingerprint']}"
        cause = await desk.get(path)
        assert (cause["held"], cause["code"], cause["orders"]) == (1, "price.stale", 1)
        assert cause["explained"]["means"] == "A price differs from the ERP's by more than the tolerance."
        assert cause["explained"]["who"] == "the order desk"
        await desk.post(f"/deliveries/{held['id']}/resolve", {"category": "test", **REASON})
        assert_problem(await desk.ask("GET", path), 404, "cause.unknown")
        resolved = await desk.get(path, resolved=True)
        assert (resolved["resolved"], resolved["held"], resolved["orders"]) == (1, 0, 1)
        assert_problem(await desk.ask("GET", "/failures/000000000000"), 404, "cause.unknown")

    async def test_causes_come_page_by_page_the_one_with_most_orders_first_and_ties_by_fingerprint(self, desk):
        for _ in range(5):
            await desk.house.place(("GHOST-1", 1))
        await desk.house.settle_down()
        ids = [row["id"] for row in await desk.house.rows("select id from delivery where state = 'held' order by id")]
        async with desk.house.database.transaction() as connection:
            for delivery, fingerprint in zip(ids, ["d", "b", "c", "b", "a"], strict=True):
                await connection.execute("update delivery set fingerprint = $2 where id = $1", delivery, fingerprint)
        for limit in (1, 2, 3, 4):
            seen, place = [], None
            while place is not None or not seen:
                page = await desk.get("/failures", limit=limit, **({"after": place} if place else {}))
                seen += [page["items"]]
                place = page["next"]
            found = [(cause["fingerprint"], cause["orders"]) for items in seen for cause in items]
            assert found == [("b", 2), ("a", 1), ("c", 1), ("d", 1)]
            assert {len(items) for items in seen[:-1]} <= {limit}
            assert len(seen) == -(-4 // limit)

    async def test_a_place_of_no_list_of_causes_is_refused_and_says_what_a_place_is(self, desk):
        for members in ((), ("a", 1), (1, "a\0"), (1, ""), (-1, "a"), (2**63, "a")):
            after = urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")
            problem = assert_problem(await desk.ask("GET", "/failures", after=after), 422, "request.invalid")
            assert "must be the `next` of the page before" in problem["detail"]
            assert problem["errors"][0]["field"] == "query.after"
        assert_problem(await desk.ask("GET", "/failures", after="no place"), 422, "request.invalid")

    async def test_a_view_that_does_not_exist_is_refused(self, desk):
        assert_problem(await desk.ask("GET", "/failures", view="everything"), 422, "request.invalid")


class TestOneDelivery:
    async def test_it_says_why_and_what_may_be_done_in_each_state(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}"
        page = await desk.get(path)
        assert page["explained"]["code"] == "price.stale"
        assert set(page["can"]) == {"retry", "amend", "release", "resolve", "discard"}
        await desk.post(f"{path}/resolve", {"category": "test", **REASON})
        assert (await desk.get(path))["can"] == ["reopen"]
        await desk.post(f"{path}/reopen", REASON)
        await desk.post(f"{path}/retry", {})
        await desk.house.settle_down()
        done = await desk.get(path)
        assert (done["delivery"]["state"], done["can"]) == ("done", [])

    async def test_a_code_nobody_explained_has_no_explanation(self, desk):
        held = await desk.held()
        async with desk.house.database.transaction() as connection:
            await connection.execute("update delivery set fault_code = 'new.code' where id = $1", held["id"])
        page = await desk.get(f"/deliveries/{held['id']}")
        assert (page["explained"], page["delivery"]["code"]) == (None, "new.code")
        assert "release" not in page["can"]


class TestTries:
    async def test_of_what_waited_for_months_the_first_and_the_newest_are_told_and_the_others_page_by_page(self, desk):
        held = await desk.held()
        path, tries = f"/deliveries/{held['id']}", 1000
        async with desk.house.database.transaction() as connection:
            (before,) = await connection.fetch("select n from attempt where delivery_id = $1", held["id"])
            await connection.execute(
                """insert into attempt (delivery_id, n, worker, started_at, ended_at, outcome)
                select $1, n, 'w', now(), now(), 'retry' from generate_series(2, $2) n""", held["id"], tries,
            )  # fmt: skip
            await connection.execute(
                """insert into call (delivery_id, n, step, system, operation, outcome, ms)
                select $1, n, 1, 'shop', 'read', 'ok', 1 from generate_series(2, $2) n""", held["id"], tries,
            )  # fmt: skip
        page = await desk.get(path)
        numbers = [one["n"] for one in page["attempts"]]
        assert before["n"] == 1
        assert numbers == [*range(1, FIRST_TRIES_TOLD + 1), *range(tries - NEWEST_TRIES_TOLD + 1, tries + 1)]
        assert page["tries_left_out"] == tries - FIRST_TRIES_TOLD - NEWEST_TRIES_TOLD
        assert [len(one["calls"]) for one in page["attempts"][1:]] == [1] * (len(numbers) - 1)
        seen, after = [], None
        while after or not seen:
            part = await desk.get(f"{path}/attempts", limit=100, **({"after": after} if after else {}))
            seen, after = seen + part["items"], part["next"]
        assert [one["n"] for one in seen] == list(range(tries, 0, -1))
        assert seen[500]["calls"] == [{**page["attempts"][5]["calls"][0], "n": seen[500]["n"]}]
        assert_problem(await desk.ask("GET", "/deliveries/999999/attempts"), 404, "delivery.unknown")

    async def test_of_few_all_are_told(self, desk):
        page = await desk.get(f"/deliveries/{(await desk.held())['id']}")
        assert ([one["n"] for one in page["attempts"]], page["tries_left_out"]) == ([1], 0)


class TestHistory:
    async def test_it_tells_what_was_done_to_this_delivery_alone(self, desk):
        held, other = await desk.held(), await desk.held()
        await desk.post(f"/deliveries/{held['id']}/assign", {"assignee": "mia"})
        await desk.post(f"/deliveries/{other['id']}/assign", {"assignee": "ben"})
        items = (await desk.get(f"/deliveries/{held['id']}/history"))["items"]
        assert (items[0]["actor"], items[0]["action"]) == ("mia.admin", "delivery.assign")
        assert {row["detail"]["delivery"] for row in items} == {held["id"]}
        assert_problem(await desk.ask("GET", "/deliveries/999999/history"), 404, "delivery.unknown")

    async def test_it_comes_page_by_page_to_its_end(self, desk):
        path = f"/deliveries/{(await desk.held())['id']}"
        for name in ("ann", "ben", "cai"):
            await desk.post(f"{path}/assign", {"assignee": name})
        whole = await desk.get(f"{path}/history")
        first = await desk.get(f"{path}/history", limit=2)
        rest = await desk.get(f"{path}/history", limit=2, after=first["next"])
        assert (whole["next"], rest["next"], len(whole["items"])) == (None, None, 4)
        assert first["items"] + rest["items"] == whole["items"]
        assert_problem(await desk.ask("GET", f"{path}/history", after="x"), 422, "request.invalid")

    async def test_an_amended_payload_is_told_to_who_may_see_payloads(self, desk):
        held = await desk.held()
        data = (await desk.get(f"/deliveries/{held['id']}"))["data"]
        await desk.post(f"/deliveries/{held['id']}/amend", {"payload": data, **REASON})

        async def told(role):
            answer = (await desk.ask("GET", f"/deliveries/{held['id']}/history", role=role)).json()
            return next(row["detail"] for row in answer["items"] if row["action"] == "delivery.amend")

        assert (await told("order_desk"))["amended"] == data
        assert "amended" not in await told("viewer")
        assert (await told("viewer"))["reason"] == "agreed by phone"
        assert data["order"]["customer_email"] not in json.dumps(await told("viewer"))


class TestPreview:
    async def test_it_shows_the_order_as_the_hub_reads_it_and_sends_nothing(self, desk):
        held = await desk.held()
        calls = len(desk.house.erp.calls) if hasattr(desk.house.erp, "calls") else None
        mapped = await desk.get(f"/deliveries/{held['id']}/preview")
        assert mapped["order"]["lines"][0]["sku"] == "VALVE-050"
        assert (mapped["fault"], mapped["records"]) == (None, [])  # the ERP in memory maps nothing
        assert mapped["connection"] == desk.house.hub.hub.erp.name
        assert desk.house.erp.orders == {}
        assert calls is None or len(desk.house.erp.calls) == calls

    async def test_records_for_the_crm_come_with_what_a_mapping_lays_over_them(self, desk):
        await desk.house.place()
        await desk.house.settle_down()
        rows = (await desk.get("/deliveries", to="crm", type="order.confirmed"))["items"]
        path = f"/deliveries/{rows[0]['id']}/preview"
        plain = await desk.get(path)
        assert [record["target"] for record in plain["records"]][:2] == ["order", "account"]
        assert (plain["overlay"], {len(one["overlaid"]) for one in plain["records"]}) == ("", {0})
        rule = Rule(target="order", field="Gift_Note__c", expression="order.number")
        version = Version(
            rules=(rule,), version=1, published_by="mia", published_at=desk.house.world.clock.now(), reason="gifts"
        )
        desk.house.hub.overlays.take(("crm", "outbound"), version)
        laid_over = await desk.get(path)
        assert laid_over["records"][0]["overlaid"] == {"Gift_Note__c": laid_over["order"]["number"]}
        assert laid_over["overlay"] == "crm outbound 1"
        assert laid_over["records"][0]["fields"] == plain["records"][0]["fields"]

    async def test_a_payload_somebody_thinks_of_is_tried_and_changes_nothing(self, desk):
        held = await desk.held()
        path = f"/deliveries/{held['id']}/preview"
        data = (await desk.get(f"/deliveries/{held['id']}"))["data"]
        data["order"]["items"][0]["sku"] = "OIL-1L"
        mapped = await desk.post(path, {"payload": data})
        assert mapped["order"]["lines"][0]["sku"] == "OIL-1L"
        assert (await desk.get(f"/deliveries/{held['id']}"))["amended"] is None
        refused = assert_problem(await desk.ask("POST", path, {"payload": {"order": {}}}), 422, "payload.invalid")
        assert refused["errors"]

    async def test_money_that_does_not_close_is_refused_before_it_could_be_sent(self, desk):
        held = await desk.held()
        data = (await desk.get(f"/deliveries/{held['id']}"))["data"]
        data["order"]["grand_total"] = float(data["order"]["grand_total"]) + 1
        for path, body in (("preview", {}), ("amend", REASON)):
            answer = await desk.ask("POST", f"/deliveries/{held['id']}/{path}", {"payload": data, **body})
            refused = assert_problem(answer, 422, "payload.invalid")
            assert "does not close to the cent" in refused["detail"]
        assert (await desk.get(f"/deliveries/{held['id']}"))["amended"] is None

    async def test_a_payload_that_gives_no_records_says_why(self, desk):
        held = await desk.held()
        async with desk.house.database.transaction() as connection:
            await connection.execute("""update delivery set amended = '{"order": {}}' where id = $1""", held["id"])
        mapped = await desk.get(f"/deliveries/{held['id']}/preview")
        assert (mapped["order"], mapped["records"]) == (None, [])
        assert mapped["fault"]


async def test_a_bulk_estimate_says_what_the_orders_are_worth(desk):
    held = [await desk.held(), await desk.held()]
    wish = {"action": "retry", "filter": {"code": "price.stale"}, **REASON}
    estimate = (await desk.post("/bulk", wish))["estimate"]
    assert (estimate["orders"], estimate["money"], estimate["orders_without_total"]) == (2, [], 2)
    await desk.house.hub.operating.filing.file_waiting_orders()
    estimate = (await desk.post("/bulk", wish))["estimate"]
    (cause,) = (await desk.get("/failures"))["items"]
    assert (estimate["money"], estimate["orders_without_total"]) == (cause["money"], 0)
    assert len(estimate["sample"]) == len(held)
