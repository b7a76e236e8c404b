"""Orders on hold and off hold in the store, as an operator types it."""

import pytest

from fakes.house import House
from fakes.shell import InnerShell

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    return InnerShell(database.url, house)


async def known(house):
    placed = await house.place()
    await house.settle_down()
    return placed["increment_id"], house.store_app.shop.order(placed["entity_id"])


async def test_an_order_is_put_on_hold_and_goes_on_where_it_stood(house, shell):
    number, order = await known(house)
    was = order["state"], order["status"]
    code, out, _ = await shell("orders", "hold", number, "--reason", "the customer called")
    assert (code, f"hold shop-1-{number}" in out) == (0, True)
    await house.settle_down()
    assert order["state"] == "holded"
    assert (await shell("orders", "unhold", number, "--reason", "it is settled"))[0] == 0
    await house.settle_down()
    assert (order["state"], order["status"]) == was
    rows = await house.rows("select actor, action, subject, detail from audit where action like 'order.%hold'")
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("order.hold", f"shop-1-{number}"),
        ("order.unhold", f"shop-1-{number}"),
    ]
    assert all(row["actor"].startswith("cli:") for row in rows)
    assert "the customer called" in rows[0]["detail"]
    _, story, _ = await shell("orders", "show", number)
    assert "order.hold_wanted" in story


async def test_a_store_that_does_not_answer_is_asked_again_until_it_does(house, shell):
    number, order = await known(house)
    await house.sim("shop", "POST", "faults", {"script": [{"kind": "503", "match": "POST */hold", "times": 2}]})
    await shell("orders", "hold", number, "--reason", "stop")
    await house.settle_down()
    assert order["state"] == "holded"
    (row,) = await house.rows(
        "select d.tries, d.state from delivery d join event e on e.id = d.event_id where e.type = 'order.hold_wanted'"
    )
    assert (row["tries"] > 1, row["state"]) == (True, "done")


async def test_what_the_store_refuses_rests_in_review_and_a_later_wish_waits_behind_it(house, shell):
    number, order = await known(house)
    order["state"] = order["status"] = "complete"
    await shell("orders", "hold", number, "--reason", "stop")
    await shell("orders", "unhold", number, "--reason", "go")
    await house.settle_down()
    rows = await house.rows(
        "select e.type, d.state, d.fault_code from delivery d join event e on e.id = d.event_id "
        "where e.type like '%hold_wanted' order by d.id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("order.hold_wanted", "held", "order.not_holdable"),
        ("order.unhold_wanted", "waiting", None),
    ]
    assert await house.value("select count(*) from delivery where state = 'waiting'") == 1


async def test_a_number_nobody_knows_and_one_that_several_carry_put_nothing_on_hold(house, shell):
    first, _ = await known(house)
    code, out, _ = await shell("orders", "hold", "999", "--reason", "stop")
    assert (code, "No store reported" in out) == (1, True)
    await known(house)
    await house.rows("insert into order_alias (value, kind, order_key) select 'PO-1', 'po', order_key from sales_order")
    code, out, _ = await shell("orders", "hold", "PO-1", "--reason", "stop")
    assert (code, "Say which one" in out, first in out) == (1, True, True)
    assert await house.value("select count(*) from event where type like '%hold_wanted'") == 0


async def test_the_same_word_twice_is_carried_out_once_and_the_second_time_says_so(house, shell):
    number, order = await known(house)
    assert "written down" in (await shell("orders", "hold", number, "--reason", "stop"))[1]
    code, out, _ = await shell("orders", "hold", number, "--reason", "stop")
    assert (code, "wanted before and is waiting" in " ".join(out.split())) == (0, True)
    await house.settle_down()
    assert order["state"] == "holded"
    assert await house.value("select count(*) from event where type = 'order.hold_wanted'") == 1
    assert await house.value("select count(*) from audit where action = 'order.hold'") == 1


async def test_without_a_reason_or_a_hold_that_the_hub_knows_of_nothing_is_written(house, shell):
    number, _ = await known(house)
    code, _, err = await shell("orders", "hold", number, "--reason", " ")
    assert (code, "it says nothing" in err) == (2, True), err
    code, _, err = await shell("orders", "unhold", number, "--reason", "go")
    said = " ".join(err.split())
    assert (code, "order.not_releasable" in said, "is released there" in said) == (2, True, True), err
    assert await house.value("select count(*) from event where type like '%hold_wanted'") == 0
