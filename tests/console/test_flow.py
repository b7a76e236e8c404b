"""The flow map: the figures of the API on a map, in a list and in a table; every queue a key away."""

import re

import pytest

OWN_TOWN = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-flow")]


def flow(town, event_type, subscriber):
    items = town.api.get("/api/routes", params={"window_s": 3600}).json()["items"]
    return next(one for one in items if (one["event_type"], one["subscriber"]) == (event_type, subscriber))


def route(page, event, to):
    return page.get_by_role("list", name="Events and their routes").get_by_role(
        "link", name=re.compile(f"{event}, *to {to}")
    )


def held(town):
    return town.until_state(town.place(("GHOST-1", 1))["increment_id"], "review")


def test_routes_tell_the_figures_of_the_api(town, person):
    town.until_state(town.place()["increment_id"], "confirmed")
    held(town)
    page = person("viewer").open("/flow?window=3600")
    told = flow(town, "order.placed", "erp")
    node = route(page, "order placed", "erp")
    words = f"{told['in_per_min']:.2f} in, {told['out_per_min']:.2f} out per min"
    node.get_by_text(words, exact=True).wait_for()
    assert f"{told['queue']} wait, oldest" in node.inner_text()
    assert f"{told['error_share'] * 100:.1f}".removesuffix(".0") + " % fail" in node.inner_text()
    page.get_by_text("The map as a table").click()
    cells = page.get_by_role("region", name="The map as a table").get_by_role("row", name=re.compile("order placed"))
    assert cells.get_by_role("cell").all_inner_texts()[:3] == ["order placed", "shop", "erp"]
    assert cells.get_by_role("cell").nth(6).inner_text() == str(told["queue"])


def test_every_route_there_is_stands_on_the_map_or_among_the_quiet_ones(town, person):
    town.until_state(town.place()["increment_id"], "confirmed")
    page = person().open("/flow?window=300")
    told = town.api.get("/api/routes", params={"window_s": 300}).json()
    assert told["items"]
    assert told["quiet"]
    assert page.locator(".ms-flow-route").count() == len(told["items"])
    assert page.locator(".ms-flow-quiet li").count() == len(told["quiet"])


def test_a_route_opens_its_queue_by_keyboard_and_keeps_it_in_the_address(town, person):
    order = held(town)
    page = person().open("/flow")
    node = route(page, "order placed", "erp")
    node.focus()
    page.keyboard.press("Enter")
    queue = page.get_by_role("region", name="Queue", exact=True)
    row = queue.get_by_role("row", name=re.compile(order["order_key"]))
    row.wait_for()
    assert "needs a decision" in row.inner_text()
    assert "when somebody decides" in row.inner_text()
    page.wait_for_url(re.compile(r"/console/flow\?window=900&type=order.placed&to=erp$"))
    page.wait_for_function("document.activeElement.id === 'queue'")
    node.and_(page.locator("[aria-current=true]")).wait_for()
    page.reload()
    row.wait_for()
    row.get_by_role("link", name=re.compile("GHOST-1")).click()
    page.wait_for_url(re.compile(r"/console/inbox/\d+$"))


def test_a_queue_empties_before_ones_eyes(town, person):
    order = held(town)
    page = person().open("/flow?type=order.placed&to=erp")
    row = page.get_by_role("region", name="Queue", exact=True).get_by_role("row", name=re.compile(order["order_key"]))
    row.wait_for()
    (delivery,) = town.api.get("/api/deliveries", params={"order": order["order_key"], "state": "held"}).json()["items"]
    gone = town.api.post(f"/api/deliveries/{delivery['id']}/discard", json={"reason": "a test"})
    assert gone.status_code == 200, gone.text
    row.wait_for(state="detached")


def test_trouble_is_told_in_words_not_by_colour_alone(town, person):
    page = person().open("/flow")
    town.until_state(town.place()["increment_id"], "confirmed")
    node = route(page, "order confirmed", "crm")
    node.wait_for()
    reason = {"reason": "a test"}
    try:
        assert town.api.post("/api/connections/crm/pause", json=reason).status_code == 200
        node.get_by_text("crm: paused").wait_for()
        assert node.get_by_text("backs up").count() == 1
    finally:
        assert town.api.post("/api/connections/crm/resume", json=reason).status_code == 200
    node.get_by_text("flows").wait_for()


def test_it_looks_right(town, looks_right):
    held(town)
    looks_right("/flow?type=order.placed&to=erp", ".ms-flow-route")
