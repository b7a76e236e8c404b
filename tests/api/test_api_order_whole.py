"""Of an order in parts, and of one that was edited, API and shell say how it is."""

import pytest

from fakes.house import House
from fakes.operating_desk import Operator
from fakes.shell import InnerShell

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def desk(database):
    return Operator(House(database))


async def test_what_is_partly_shipped_is_said_by_story_list_and_shell(desk, database):
    house = desk.house
    await house.place(("VALVE-050", 3), ("SKID-01", 1))
    await house.settle_down()
    (key,) = house.erp.orders
    assert (await desk.get(f"/orders/{key}"))["partly_shipped"] is False
    house.erp.ship(key, "T1", {"VALVE-050": 2})
    await house.settle_down()
    house.erp.reschedule(key, days=7)
    await house.settle_down()
    page = await desk.get(f"/orders/{key}")
    assert (page["partly_shipped"], page["state"], page["promise"]["kept"]) == (True, "packed", None)
    assert page["promise"]["now"] == "2026-12-22"
    assert [one["state"] for one in (await desk.get("/orders"))["items"]] == ["packed"]
    gaps = {gap["name"]: gap["ended_at"] for gap in page["gaps"] if gap["delivery_id"] is None}
    assert gaps["the rest in plant and warehouse"] is None
    assert gaps["waiting for the carrier"] is not None
    assert "on the road" not in gaps
    texts = {told["what"]: told["text"] for told in page["told"]}
    assert texts["packed"].startswith("A part of your order is packed")
    assert texts["promise changed"].startswith("The rest of your order")
    _, shown, _ = await InnerShell(database.url, house)("orders", "show", key)
    assert "2 of 3 VALVE-050, 0 of 1 SKID-01" in shown
    house.erp.ship(key, "T2", {"VALVE-050": 1, "SKID-01": 1})
    await house.settle_down()
    page = await desk.get(f"/orders/{key}")
    assert (page["partly_shipped"], page["state"], page["promise"]["kept"]) == (False, "shipped", True)
    _, shown, _ = await InnerShell(database.url)("orders", "show", key)
    assert "partly shipped" not in shown


async def test_an_edited_order_and_the_one_it_was_made_from_name_each_other(desk, database):
    house = desk.house
    old = await house.place(("VALVE-050", 2))
    await house.settle_down()
    (key,) = house.erp.orders
    house.world.clock.advance(5)
    wish = {"lines": [{"sku": "OIL-1L", "qty": 4}]}
    number = (await house.sim("shop", "POST", f"orders/{old['entity_id']}/edit", wish))["increment_id"]
    await house.settle_down()
    (hit,) = (await desk.get("/orders", q=number))["items"]
    later, earlier = await desk.get(f"/orders/{hit['order_key']}"), await desk.get(f"/orders/{key}")
    assert (later["replaces"], later["replaced_by"]) == ({"order_key": key, "number": old["increment_id"]}, [])
    assert (earlier["replaces"], earlier["replaced_by"]) == (None, [{"order_key": hit["order_key"], "number": number}])
    assert (earlier["state"], later["state"]) == ("cancelled", "confirmed")
    shell = InnerShell(database.url, house)
    _, shown, _ = await shell("orders", "show", hit["order_key"])
    assert f"replaces {old['increment_id']}" in " ".join(shown.split())
    _, shown, _ = await shell("orders", "show", key)
    assert f"replaced by {number}" in " ".join(shown.split())
