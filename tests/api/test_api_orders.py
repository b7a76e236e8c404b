"""Any number finds the order and its whole story."""

from decimal import Decimal

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.domain import events
from millstream.domain.errors import Retry
from millstream.flows.order_timeline import LANES
from millstream.store import lookup


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def ship(desk, key):
    desk.house.erp.ship(key)
    await desk.house.settle_down()


async def found(desk, number, **query):
    return [hit["order_key"] for hit in (await desk.get("/orders", q=number, **query))["items"]]


async def test_every_number_of_an_order_finds_it_whole_begun_and_in_any_case(desk):
    await desk.house.place(po_number="PO-Mixed-77")
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    page = await desk.get(f"/orders/{key}")
    numbers = [alias["value"] for alias in page["aliases"]]
    assert {alias["kind"] for alias in page["aliases"]} >= {"store", "store_id", "erp", "erp_id", "email"}
    assert await found(desk, key) == [key]
    for number in numbers:
        assert await found(desk, number) == [key]
        assert await found(desk, number.upper()) == [key]
    email = next(alias["value"] for alias in page["aliases"] if alias["kind"] == "email")
    assert await found(desk, email[:5].upper()) == [key]
    assert await found(desk, "no-such-number") == []


async def test_wildcards_mean_themselves(desk):
    await desk.house.place()
    await desk.house.settle_down()
    for number in ("%", "_", "0%", "\\", "'"):
        assert await found(desk, number) == []


async def test_an_order_that_waits_is_found_by_its_number_at_once_and_by_email_once_it_is_filed(desk):
    delivery = await desk.held()
    (hit,) = (await desk.get("/orders", q=delivery["subject"]))["items"]
    assert (hit["state"], hit["troubles"], hit["grand_total"]) == ("review", 1, None)
    assert await found(desk, hit["number"][:-2]) == [delivery["subject"]]
    assert await desk.house.hub.operating.filing.file_waiting_orders() == 1
    assert await desk.house.hub.operating.filing.file_waiting_orders() == 0
    (hit,) = (await desk.get("/orders", q=hit["number"]))["items"]
    money = (await desk.get(f"/orders/{delivery['subject']}"))["money"]
    assert Decimal(hit["grand_total"]) == Decimal(money["store"]) > 0
    (email,) = await desk.house.rows("select value from order_alias where kind = 'email'")
    assert await found(desk, email["value"]) == [delivery["subject"]]


async def test_pages_of_hits_neither_drop_nor_repeat_an_order(desk):
    for _ in range(7):
        await desk.house.place()
    await desk.house.settle_down()
    for query in ({"q": "0"}, {}):
        seen, after = [], None
        while True:
            page = await desk.get("/orders", limit=3, **query, **({"after": after} if after else {}))
            seen += [hit["order_key"] for hit in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert sorted(seen) == sorted(desk.house.erp.orders)
        assert len(seen) == 7


async def test_the_story_tells_moments_gaps_lines_money_and_what_the_customer_was_told(desk):
    await desk.house.place(("VALVE-050", 2))
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    page = await desk.get(f"/orders/{key}")
    assert {moment["lane"] for moment in page["moments"]} == {"store", "erp", "crm"}
    assert [moment["at"] for moment in page["moments"]] == sorted(moment["at"] for moment in page["moments"])
    assert "on the way into the ERP" in {gap["name"] for gap in page["gaps"]}
    (lasting,) = [gap for gap in page["gaps"] if gap["ended_at"] is None]
    assert lasting["name"] == "in plant and warehouse"
    (line,) = page["lines"]
    assert (line["sku"], line["ordered"], line["shipped"], line["cancelled"]) == ("VALVE-050", "2", "0", "0")
    money = page["money"]
    assert (money["verdict"], Decimal(money["store"])) == ("agrees", Decimal(money["hub"]))
    (told,) = page["told"]
    assert told["what"] == "confirmed"
    assert page["summary"]["erp_number"] in told["text"]
    assert page["promise"]["moved_days"] == 0
    assert all(delivery["state"] == "done" for delivery in page["deliveries"])


async def test_what_was_shipped_is_counted_by_line(desk):
    await desk.house.place(("VALVE-050", 2))
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    await ship(desk, key)
    page = await desk.get(f"/orders/{key}")
    assert [line["shipped"] for line in page["lines"]] == ["2"]
    assert "warehouse" in {moment["lane"] for moment in page["moments"]}
    assert [told["what"] for told in page["told"]] == ["confirmed", "packed", "shipped"]


async def test_an_order_stands_where_the_list_says_it_stands(desk):
    for _ in range(3):
        await desk.house.place()
    await desk.house.settle_down()
    shipped, cancelled, _ = desk.house.erp.orders
    await ship(desk, shipped)
    await desk.held()
    (row,) = await desk.house.rows("select store_order_id from sales_order where order_key = $1", cancelled)
    await desk.house.sim("shop", "POST", f"orders/{row['store_order_id']}/cancel")
    await desk.house.settle_down()
    hits = (await desk.get("/orders"))["items"]
    assert {hit["state"] for hit in hits} == {"shipped", "cancelled", "confirmed", "review"}
    for hit in hits:
        assert (await desk.get(f"/orders/{hit['order_key']}"))["state"] == hit["state"]


async def every_page(desk, state, limit):
    seen, sizes, after = [], [], None
    while True:
        page = await desk.get("/orders", state=state, limit=limit, **({"after": after} if after else {}))
        assert {hit["state"] for hit in page["items"]} <= {state}
        seen += [hit["order_key"] for hit in page["items"]]
        sizes.append(len(page["items"]))
        if (after := page["next"]) is None:
            return seen, sizes


async def test_orders_of_one_state_come_page_by_page_the_newest_first(desk):
    for _ in range(5):
        await desk.house.place()
    await desk.house.settle_down()
    keys = list(desk.house.erp.orders)
    for key in keys[:2]:
        await ship(desk, key)
    held = [(await desk.held())["subject"] for _ in range(3)]
    desk.house.world.clock.advance(10 * 86400)  # however old
    newest = [hit["order_key"] for hit in (await desk.get("/orders"))["items"]]
    for state, those in (("confirmed", keys[2:]), ("shipped", keys[:2]), ("review", held), ("packed", [])):
        for limit in (2, 50):
            seen, _ = await every_page(desk, state, limit)
            assert seen == [key for key in newest if key in those], (state, limit)


async def test_what_waits_is_retried_or_was_resolved_is_found_by_its_state_too(desk):
    async def nobody(order, *, customer_id, key):
        raise Retry("connection.refused", "nobody answers", after_s=7200, counts=False)

    works, desk.house.erp.place_order = desk.house.erp.place_order, nobody
    await desk.house.place()
    await desk.house.settle_down()
    (retried,) = (await desk.get("/orders", state="retrying"))["items"]
    desk.house.erp.place_order = works
    await desk.house.place()
    desk.house.world.clock.advance(10)
    await desk.house.hub.poller.poll_all()
    (waits,) = (await desk.get("/orders", state="placed"))["items"]
    assert retried["order_key"] != waits["order_key"]
    held = await desk.held()
    await desk.post(f"/deliveries/{held['id']}/discard", {"reason": "test"})
    assert [hit["order_key"] for hit in (await desk.get("/orders", state="discarded"))["items"]] == [held["subject"]]
    in_review = [hit["order_key"] for hit in (await desk.get("/orders", state="review"))["items"]]
    assert held["subject"] not in in_review


async def test_a_page_of_a_state_looks_at_so_many_orders_and_says_where_to_go_on(desk, monkeypatch):
    monkeypatch.setattr(lookup, "LOOKED_AT_MAX", 2)
    for _ in range(5):
        await desk.house.place()
    await desk.house.settle_down()
    oldest = next(iter(desk.house.erp.orders))
    await ship(desk, oldest)
    assert await every_page(desk, "shipped", 50) == ([oldest], [0, 0, 1])
    seen, sizes = await every_page(desk, "confirmed", 50)
    assert (len(seen), sizes) == (4, [2, 2, 0])


@pytest.mark.parametrize("query", [{"state": "lost"}, {"state": "review", "q": "1"}, {"state": "review", "after": "x"}])
async def test_a_state_that_is_none_or_comes_with_a_number_is_refused(desk, query):
    assert_problem(await desk.ask("GET", "/orders", **query), 422, "request.invalid")


async def test_the_story_tells_who_bought_and_every_try_with_its_calls(desk):
    await desk.house.place()
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    page = await desk.get(f"/orders/{key}")
    buyer = page["buyer"]
    assert (buyer["customer_id"], buyer["store"]) == (page["summary"]["customer_id"], "shop")
    assert buyer["email"] == "anna@acme-water.example"
    into_erp = next(one for one in page["deliveries"] if one["subscriber"] == "erp")
    (attempt,) = into_erp["history"]
    assert (attempt["n"], attempt["outcome"]) == (1, "done")
    (call,) = [call for call in attempt["calls"] if call["operation"] == "customer.find"]
    assert (call["system"], call["status"], call["outcome"]) == ("crm", 200, "ok")
    theirs = (await desk.ask("GET", f"/orders/{key}", role="viewer")).json()
    assert theirs["buyer"] == {**buyer, "email": "an…@acme-water.example"}


async def test_what_work_orders_cover_is_in_production(desk):
    await desk.house.place(("PUMP-CFG", 2))
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    (line,) = (await desk.get(f"/orders/{key}"))["lines"]
    assert (line["in_production"], line["unaccounted"], line["work_orders"]) == ("2", "0", ["WO-SO00001"])


async def test_what_the_hub_does_not_know_is_null_and_never_zero(desk):
    delivery = await desk.held()
    page = await desk.get(f"/orders/{delivery['subject']}")
    (line,) = page["lines"]
    assert (line["reserved"], line["in_production"], line["shipped"]) == (None, None, None)
    assert (page["money"]["erp"], page["money"]["verdict"]) == (None, "unknown")
    assert page["promise"] is None
    assert {gap["name"] for gap in page["gaps"] if gap["ended_at"] is None} == {
        "on the way into the ERP", "in review: a person must decide (price.stale)",
    }  # fmt: skip


async def test_who_may_not_see_payloads_sees_masked_addresses_and_no_order(desk):
    await desk.house.place()
    await desk.house.settle_down()
    (key,) = desk.house.erp.orders
    (row,) = await desk.house.rows("select value from order_alias where kind = 'email'")
    mine, theirs = await desk.get(f"/orders/{key}"), await desk.ask("GET", f"/orders/{key}", role="viewer")
    assert mine["order"]["customer"]["email"] == row["value"]
    assert theirs.json()["order"] is None
    assert row["value"] not in theirs.text
    hits = await desk.ask("GET", "/orders", q=row["value"], role="viewer")
    assert [hit["order_key"] for hit in hits.json()["items"]] == [key]
    assert row["value"] not in hits.text


async def test_unknown_orders_and_places_are_problems(desk):
    assert_problem(await desk.ask("GET", "/orders/nothing"), 404, "order.unknown")
    assert_problem(await desk.ask("GET", "/orders", after="bm9uc2Vuc2U"), 422, "request.invalid")
    assert_problem(await desk.ask("GET", "/orders", q="a\x00b"), 422, "request.invalid")
    assert_problem(await desk.ask("GET", "/orders", role=None), 401, "access.unauthenticated")


def test_every_fact_has_its_lane():
    assert LANES.keys() == events.EVENT_TYPES
