"""Orders: any number finds one, new ones arrive by themselves, old ones come page by page."""

import re

import pytest

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-orders")]


def search(page, number):
    page.get_by_label("Any number, whole or begun").fill(number)
    page.get_by_role("button", name="Find").click()


def lands_on(page, order):
    page.wait_for_url(f"**/orders/{order['order_key']}")
    page.get_by_role("heading", name=f"Order {order['number']}", level=1).wait_for()


def test_every_kind_of_number_opens_its_order_at_once(town, person):
    number = town.place(("PUMP-CFG", 1), ("VALVE-050", 1), po_number="PO-Find-1", customer=2)["increment_id"]
    order = town.until_state(number, "confirmed")
    plant = town.run(town.stage.erp.plant())
    town.run(plant.ship(order["order_key"], "1ZFIND0001"))
    wanted = ("store", "erp", "po", "work_order", "shipment", "tracking")

    def known():
        aliases = town.api.get(f"/api/orders/{order['order_key']}").json()["aliases"]
        found = {alias["kind"]: alias["value"] for alias in aliases}
        return found if found.keys() >= set(wanted) else None

    numbers = town.until(known, what="every number of an order whose first part has left")
    page = person("viewer").open("/orders")
    for kind in wanted:
        page.goto(f"{town.url}/console/orders")
        search(page, numbers[kind].swapcase())
        lands_on(page, order)


def test_an_order_that_waits_is_found_by_its_e_mail_and_from_any_page_by_its_number(town, person):
    guest = {"email": "tilda@find-me.example", "firstname": "Tilda", "lastname": "Only"}
    number = town.place(("OIL-1L", 1), guest=guest)["increment_id"]
    order = town.until(lambda: town.order(guest["email"]), what="the e-mail address on file")
    page = person("order_desk").open("/orders")
    search(page, "TILDA@find-me")
    lands_on(page, order)
    page.goto(f"{town.url}/console/")
    page.get_by_label("Find an order by any number").fill(number)
    page.keyboard.press("Enter")
    lands_on(page, order)


def test_new_orders_arrive_on_the_open_page_and_move_on_without_a_reload(town, person):
    page = person("viewer").open("/orders")
    page.evaluate("window.wasHere = true")
    number = town.place()["increment_id"]
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=number, exact=True))
    row.get_by_text("confirmed", exact=True).wait_for()
    assert page.evaluate("window.wasHere")
    row.get_by_role("link", name=number, exact=True).click()
    lands_on(page, town.order(number))


def test_several_hits_say_by_which_number_each_was_found_and_the_address_keeps_the_search(town, person):
    for n in range(2):
        town.until_state(town.place(po_number=f"SERIES-{n}")["increment_id"], "confirmed")
    page = person("viewer").open("/orders?q=series-")
    page.get_by_role("cell", name="PO SERIES-0").wait_for()
    page.get_by_role("cell", name="PO SERIES-1").wait_for()
    assert page.get_by_label("Any number, whole or begun").input_value() == "series-"
    assert page.get_by_text("No more hits.").is_visible()


def test_older_orders_come_page_by_page_and_none_twice(town, person):
    for _ in range(55):
        town.place(("OIL-1L", 1))
    town.until(lambda: town.api.get("/api/orders", params={"limit": 50}).json()["next"], what="a second page")
    page = person("viewer").open("/orders")
    first = set(page.locator("tbody tr a").all_inner_texts())
    page.get_by_role("link", name="Older orders").click()
    page.wait_for_url(re.compile(r"after="))
    page.get_by_role("link", name="Newest").wait_for()
    second = page.locator("tbody tr a").all_inner_texts()
    assert second
    # While orders still arrive the pages may lie apart, never over each other.
    assert not first & set(second)


def test_a_search_without_a_hit_says_what_was_searched_and_when(town, person):
    page = person("viewer").open("/orders?q=<b>none</b>")
    page.get_by_text("No order carries a number that begins with “<b>none</b>”.").wait_for()
    assert page.get_by_text(re.compile("tracking numbers, and e-mail addresses")).first.is_visible()
    assert page.get_by_text("Looked").locator("xpath=..").locator("time").count() == 1


def test_the_list_looks_right_everywhere(town, looks_right):
    town.until_state(town.place()["increment_id"], "confirmed")
    looks_right("/orders", "tbody tr", role="viewer")
