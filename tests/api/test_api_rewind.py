"""A feed is read again from an earlier moment on: estimated first, moved back only, and nothing happens twice."""

import json
from datetime import timedelta

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from fakes.shell import InnerShell

REASON = "the store was restored"


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


@pytest.fixture
async def busy(desk):
    """Three orders, of which one has left; the desk and the moment before it all."""
    before = desk.house.world.clock.now()
    desk.house.world.clock.advance(60)
    for _ in range(3):
        placed = await desk.house.place()
        await desk.house.settle_down()
    desk.house.erp.ship(f"shop-1-{placed['increment_id']}")
    await desk.house.settle_down()
    return desk, before


def wish(to, **more):
    return {"to": to.isoformat(), "reason": REASON, **more}


async def effects(house):
    """All there is to be doubled: facts, deliveries and their tries, orders in the ERP, shipments and comments."""
    counts = [await house.value(f"select count(*) from {table}") for table in ("event", "delivery", "attempt", "call")]
    orders = house.store_app.shop.orders.values()
    return counts, list(house.erp.creations), json.dumps([*orders], default=str, sort_keys=True)


@pytest.mark.parametrize("name", ["shop", "erp"])
async def test_orders_that_are_read_again_are_known_and_change_nothing(busy, name):
    desk, before = busy
    house = desk.house
    was = await effects(house)
    estimate = await desk.post(f"/connections/{name}/rewind", wish(before))
    assert (estimate["orders"], estimate["done"]) == ({"shop": 3, "erp": 1}[name], False)
    assert await house.value("select count(*) from audit where action = 'connection.rewind'") == 0
    moved = await desk.post(f"/connections/{name}/rewind", wish(before, dry_run=False), role="integrator")
    assert (moved["done"], moved["was"]) == (True, estimate["was"])
    house.tap.notes.clear()
    await house.settle_down()
    read = [note["events"] for note in house.tap.named("poll.committed") if note["task"].startswith(f"{name}.")]
    assert (sum(read) > 0) == (name == "erp"), "an order that is known gives no fact at all"
    assert await effects(house) == was
    (row,) = await house.rows("select actor, subject, detail from audit where action = 'connection.rewind'")
    detail = json.loads(row["detail"])
    assert (row["actor"], row["subject"], detail["reason"]) == ("mia.integrator", f"connection/{name}", REASON)
    assert (detail["was"][:19], detail["to"][:19]) == (moved["was"][:19], before.isoformat()[:19])


async def test_an_order_that_the_hub_never_heard_of_comes_in(busy):
    desk, before = busy
    house = desk.house
    key = await house.value("select subject from event where type = 'order.placed' order by id limit 1")
    async with house.database.transaction() as connection:  # as if the hub's own database had been restored
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("delete from event where subject = $1", key)
    await house.settle_down()
    assert await house.value("select count(*) from event where subject = $1", key) == 0
    await desk.post("/connections/shop/rewind", wish(before, dry_run=False))
    await house.settle_down()
    assert await house.value("select count(*) from event where subject = $1 and type = 'order.placed'", key) == 1
    assert house.erp.creations.count(key) == 1, "the ERP has it already, and is not given it again"


async def test_a_position_is_never_moved_forward_and_what_has_none_says_so(busy):
    desk, before = busy
    now = desk.house.world.clock.now()
    for to in (now - timedelta(seconds=1), now):
        for dry_run in (True, False):
            answer = await desk.ask("POST", "/connections/shop/rewind", wish(to, dry_run=dry_run))
            assert assert_problem(answer, 409, "action.refused")["errors"][0]["field"] == "to"
    assert_problem(await desk.ask("POST", "/connections/crm/rewind", wish(before)), 409, "action.refused")
    assert_problem(await desk.ask("POST", "/connections/fax/rewind", wish(before)), 404, "connection.unknown")
    for to in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        answer = await desk.ask("POST", "/connections/shop/rewind", {"to": to, "reason": REASON})
        assert_problem(answer, 409, "action.refused")
    assert_problem(
        await desk.ask("POST", "/connections/shop/rewind", {"to": "2026-11-01T00:00", "reason": REASON}),
        422,
        "request.invalid",
    )
    assert await desk.house.value("select count(*) from audit where action = 'connection.rewind'") == 0


async def test_what_was_never_read_has_no_position(desk):
    told = await desk.ask("POST", "/connections/shop/rewind", wish(desk.house.world.clock.now() - timedelta(days=1)))
    assert "Nothing was read" in assert_problem(told, 409, "action.refused")["detail"]


async def test_the_command_line_estimates_asks_and_moves(desk, database):
    house = desk.house
    await house.place()
    await house.settle_down()
    shell = InnerShell(database.url, house).knows_systems()
    to = "2026-11-02T00:00Z"
    code, out, err = await shell("connections", "rewind", "shop", "--to", to, "--reason", REASON, stdin="n\n")
    assert (code, "heard of since, about 1" in out, "rewind it?" in out) == (1, True, True), out + err
    assert await house.value("select count(*) from audit where action = 'connection.rewind'") == 0
    code, out, err = await shell("connections", "rewind", "shop", "--to", to, "--reason", REASON, "--yes")
    assert (code, "at its next poll" in out) == (0, True), out + err
    cursor = json.loads(await house.value("select cursor from schedule where name = 'shop.orders'"))
    assert cursor["updated_at"] == "2026-11-02 00:00:00"
    for wrong, said in (("2026-11-02T00:00", "which time zone"), ("yesterday", "is no moment")):
        code, out, err = await shell("connections", "rewind", "shop", "--to", wrong, "--reason", REASON, "--yes")
        assert (code, said in " ".join((out + err).split())) == (2, True)
