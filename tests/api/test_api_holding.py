"""On hold in the store and off again, by the operator API."""

import asyncio

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator

REASON = {"reason": "the customer called"}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def confirmed(desk):
    placed = await desk.house.place()
    await desk.house.settle_down()
    return f"shop-1-{placed['increment_id']}", desk.house.store_app.shop.order(placed["entity_id"])


async def test_an_order_is_held_and_released_and_the_story_tells_it(desk):
    key, order = await confirmed(desk)
    assert (await desk.get(f"/orders/{key}"))["can"] == ["hold"]
    was = order["state"]
    wanted = await desk.post(f"/orders/{key}/hold", REASON, role="order_desk")
    assert (wanted["deed"], wanted["state"], wanted["is_new"]) == ("hold", "waiting", True)
    assert (await desk.get(f"/orders/{key}"))["can"] == ["unhold"]
    await desk.house.settle_down()
    assert order["state"] == "holded"
    story = await desk.get(f"/orders/{key}")
    assert story["can"] == ["hold", "unhold"]
    done = next(one for one in story["deliveries"] if one["id"] == wanted["delivery_id"])
    assert (done["event_type"], done["state"]) == ("order.hold_wanted", "done")
    assert "order.hold_wanted to store" in [moment["what"] for moment in story["moments"]]
    await desk.post(f"/orders/{key}/unhold", REASON)
    await desk.house.settle_down()
    assert order["state"] == was
    rows = await desk.house.rows(
        "select actor, action, subject, detail from audit where action like 'order.%' order by id"
    )
    assert [(row["actor"], row["action"], row["subject"]) for row in rows] == [
        ("mia.order_desk", "order.hold", key),
        ("mia.admin", "order.unhold", key),
    ]
    assert "the customer called" in rows[0]["detail"]


async def test_two_people_who_want_the_same_at_once_are_told_of_one_delivery(desk):
    key, _ = await confirmed(desk)
    found = await asyncio.gather(*(desk.post(f"/orders/{key}/hold", REASON) for _ in range(4)))
    assert len({one["delivery_id"] for one in found}) == 1
    assert sorted(one["is_new"] for one in found) == [False, False, False, True]
    assert await desk.house.value("select count(*) from audit where action = 'order.hold'") == 1


async def test_what_cannot_be_is_refused_with_what_to_do_and_nothing_is_written(desk):
    key, _ = await confirmed(desk)
    assert_problem(await desk.ask("POST", "/orders/nobody/hold", REASON), 404, "order.unknown")
    released = assert_problem(await desk.ask("POST", f"/orders/{key}/unhold", REASON), 409, "action.refused")
    assert "released there" in released["detail"]
    desk.house.erp.ship(key)
    await desk.house.settle_down()
    left = assert_problem(await desk.ask("POST", f"/orders/{key}/hold", REASON), 409, "action.refused")
    assert "has left" in left["detail"]
    assert_problem(await desk.ask("POST", f"/orders/{key}/hold", {"reason": " "}), 422, "request.invalid")
    assert (await desk.get(f"/orders/{key}"))["can"] == []
    assert await desk.house.value("select count(*) from event where type like '%hold_wanted'") == 0


async def test_a_cancelled_order_is_neither_held_nor_released(desk):
    placed = await desk.house.place()
    await desk.house.settle_down()
    await desk.house.sim("shop", "POST", f"orders/{placed['entity_id']}/cancel")
    await desk.house.settle_down()
    key = f"shop-1-{placed['increment_id']}"
    for deed in ("hold", "unhold"):
        told = assert_problem(await desk.ask("POST", f"/orders/{key}/{deed}", REASON), 409, "action.refused")
        assert "is cancelled" in told["detail"]
