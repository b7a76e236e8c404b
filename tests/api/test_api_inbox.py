"""What the inbox shows: views of causes, explanations, what a delivery would send, what was done to it."""

import json

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
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


class TestHistory:
    async def test_it_tells_what_was_done_to_this_delivery_alone(self, desk):
        held, other = await desk.held(), await desk.held()
        await desk.post(f"/deliveries/{held['id']}/assign", {"assignee": "mia"})
        await desk.post(f"/deliveries/{other['id']}/assign", {"assignee": "ben"})
        items = (await desk.get(f"/deliveries/{held['id']}/history"))["items"]
        assert (items[0]["actor"], items[0]["action"]) == ("mia.admin", "delivery.assign")
        assert {row["detail"]["delivery"] for row in items} == {held["id"]}
        assert_problem(await desk.ask("GET", "/deliveries/999999/history"), 404, "delivery.unknown")

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
