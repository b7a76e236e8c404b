"""Today, failures by cause, the flow map: figures that add up to what happened."""

from decimal import Decimal

import pytest

from fakes.operating_desk import operator
from millstream.flows import ROUTES

REASON = {"reason": "test"}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def test_today_counts_orders_by_state_and_age_and_what_is_at_risk(desk):
    await desk.house.place()
    await desk.house.place()
    await desk.house.settle_down()
    held = await desk.held()
    today = await desk.get("/today")
    assert {(one["state"], one["age"]): one["orders"] for one in today["standings"]} == {
        ("confirmed", "under_1h"): 2, ("review", "under_1h"): 1,
    }  # fmt: skip
    assert (today["at_risk"], today["at_risk_unknown"]) == ([], 1)
    assert today["reviews"] == {"held": 1, "customers": 0, "dead": 0, "unassigned": 1, "snoozed": 0}
    await desk.house.hub.operating.filing.file_waiting_orders()
    money = (await desk.get(f"/orders/{held['subject']}"))["money"]
    today = await desk.get("/today")
    (risk,) = today["at_risk"]
    assert (risk["currency"], Decimal(risk["amount"]), risk["orders"]) == ("EUR", Decimal(money["store"]), 1)
    assert today["at_risk_unknown"] == 0


async def test_today_has_a_tick_for_every_stretch_with_throughput_and_percentiles(desk):
    for _ in range(3):
        await desk.house.place()
    await desk.house.settle_down()
    ticks = (await desk.get("/today", hours=2, tick_s=600))["ticks"]
    assert len(ticks) == 13
    assert (sum(tick["placed"] for tick in ticks), sum(tick["confirmed"] for tick in ticks)) == (3, 3)
    (busy,) = [tick for tick in ticks if tick["p50_s"] is not None]
    rows = await desk.house.rows("select extract(epoch from confirmed_at - placed_at) as s from sales_order")
    waits = sorted(float(row["s"]) for row in rows)
    assert busy["p50_s"] == pytest.approx(waits[1])
    assert waits[0] <= busy["p50_s"] <= busy["p95_s"] <= busy["p99_s"] <= waits[-1]
    assert all(tick["p99_s"] is None for tick in ticks if tick is not busy)


async def test_the_window_is_a_window(desk):
    await desk.house.place()
    await desk.house.settle_down()
    desk.house.world.clock.advance(3 * 3600)
    assert (await desk.get("/today", hours=2))["standings"] == []
    assert [one["age"] for one in (await desk.get("/today", hours=4))["standings"]] == ["under_4h"]


async def test_an_order_that_is_stuck_stands_there_however_long_ago_it_came_in(desk):
    await desk.house.place()
    await desk.house.settle_down()
    await desk.held()
    desk.house.world.clock.advance(10 * 86400)
    today = await desk.get("/today", hours=2)
    assert today["standings"] == [{"state": "review", "age": "older", "orders": 1}]
    assert sum(tick["placed"] for tick in today["ticks"]) == 0


async def test_customers_in_doubt_are_counted_as_the_reviews_list_them(desk):
    await desk.house.place(guest={"email": "nobody@knows.example", "firstname": "No", "lastname": "Body"})
    await desk.house.settle_down()
    await desk.held()
    reviews = (await desk.get("/reviews"))["items"]
    today = await desk.get("/today")
    assert (today["reviews"]["held"], today["reviews"]["customers"], len(reviews)) == (2, 1, 1)


async def test_failures_are_grouped_by_cause_with_money_and_a_trend(desk):
    first, second = await desk.held(), await desk.held()
    await desk.house.hub.operating.filing.file_waiting_orders()
    assert first["fingerprint"] == second["fingerprint"]
    (cause,) = (await desk.get("/failures"))["items"]
    assert (cause["code"], cause["held"], cause["orders"], cause["subscriber"]) == ("price.stale", 2, 2, "erp")
    assert "VALVE-050 was sold at" in cause["says"]
    assert cause["fault_class"] == "Reject"
    assert (len(cause["trend"]), sum(cause["trend"]), cause["trend"][-1]) == (24, 2, 2)
    assert cause["first_seen"] <= cause["last_seen"]
    (money,) = cause["money"]
    assert (money["orders"], cause["orders_without_total"]) == (2, 0)
    desk.house.world.clock.advance(5 * 3600)
    (cause,) = (await desk.get("/failures"))["items"]
    assert (cause["trend"][-1], cause["trend"][-6]) == (0, 2)
    await desk.post(f"/deliveries/{first['id']}/discard", {"reason": "test"})
    (cause,) = (await desk.get("/failures"))["items"]
    assert (cause["held"], cause["orders"]) == (1, 1)


async def test_the_flow_map_tells_what_went_where_and_what_waits(desk):
    await desk.house.place()
    await desk.house.settle_down()
    await desk.held()
    answer = await desk.get("/routes", window_s=3600)
    flows = {(one["event_type"], one["subscriber"]): one for one in answer["items"]}
    assert set(flows) == {("order.placed", "erp"), ("order.confirmed", "store"), ("order.confirmed", "crm")}
    erp = flows["order.placed", "erp"]
    assert (erp["in_per_min"], erp["out_per_min"], erp["queue"]) == (round(2 / 60, 3), round(1 / 60, 3), 1)
    assert (erp["error_share"], flows["order.confirmed", "crm"]["error_share"]) == (0.5, 0.0)
    assert erp["oldest_age_s"] > 0
    assert flows["order.confirmed", "store"]["oldest_age_s"] is None
    assert (erp["sources"], flows["order.confirmed", "crm"]["sources"]) == (["shop"], ["millstream"])
    quiet = {(one["event_type"], one["subscriber"]) for one in answer["quiet"]}
    assert quiet | set(flows) == {(event, route.subscriber) for event, to in ROUTES.items() for route in to}
    assert not quiet & set(flows)


@pytest.mark.parametrize("path", ["/today", "/routes", "/failures", "/connections"])
async def test_pages_that_watch_share_an_answer_of_a_second_ago_and_who_acts_gets_a_new_one(desk, path):
    async def seen(**headers):
        answer = await desk.ask("GET", path, headers=headers)
        assert answer.status_code == 200, answer.text
        return {key: value for key, value in answer.json().items() if key != "since"}

    watching = {"x-millstream-watching": "1"}
    empty = await seen(**watching)
    await desk.house.place()
    await desk.house.settle_down()
    await desk.held()
    fresh = await seen()
    assert fresh != empty
    assert await seen(**watching) == fresh
    await desk.post("/connections/crm/pause", {"reason": "test"})
    await desk.house.place()
    await desk.house.hub.poller.poll_all()
    await desk.post(f"/deliveries/{(await desk.get('/deliveries', state='held'))['items'][0]['id']}/discard", REASON)
    assert await seen(**watching) == fresh, "no time passed"
    desk.house.world.clock.advance(1)
    assert await seen(**watching) != fresh


async def test_a_shared_answer_is_for_those_who_have_the_right(desk):
    watching = {"x-millstream-watching": "1"}
    assert (await desk.ask("GET", "/today", headers=watching)).status_code == 200
    assert (await desk.ask("GET", "/today", role=None, headers=watching)).status_code == 401
