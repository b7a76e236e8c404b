"""The page of one order: its story, live; who may see what; by mouse and by keyboard."""

import re

import pytest

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-orders")]


@pytest.fixture
def confirmed(town):
    """Places an order and waits until the ERP has it; answers the order as the API lists it."""

    def make(*lines, **wish):
        return town.until_state(town.place(*lines, **wish)["increment_id"], "confirmed")

    return make


@pytest.fixture
def plant(town):
    return town.run(town.stage.erp.plant())


def section(page, title):
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def lane(page, name):
    return page.get_by_role("group", name=name, exact=True).locator("[data-n]")


def test_an_order_becomes_shipped_while_its_page_is_open(town, person, confirmed, plant):
    order = confirmed(("VALVE-050", 2))
    page = person("viewer").open(f"/orders/{order['order_key']}")
    summary = page.get_by_role("region", name="Summary")
    summary.get_by_text("confirmed", exact=True).wait_for()
    lines = section(page, "Lines")
    assert lines.get_by_role("row").nth(1).get_by_role("cell").all_inner_texts()[1:6] == ["2", "2", "0", "0", "0"]
    page.evaluate("window.wasHere = true")
    town.run(plant.ship(order["order_key"], "1ZLIVE0001"))
    summary.get_by_text("shipped", exact=True).wait_for()
    summary.get_by_role("button", name="Tracking 1ZLIVE0001").wait_for()
    section(page, "What does the customer see?").get_by_text("Shipped", exact=True).wait_for()
    page.wait_for_function("document.querySelectorAll('[aria-label=Warehouse] [data-n]').length >= 2")
    assert lines.get_by_role("row").nth(1).get_by_role("cell").all_inner_texts()[1:6] == ["2", "0", "0", "2", "0"]
    assert page.evaluate("window.wasHere")


def test_a_date_that_moves_shows_by_how_much_and_why_and_what_the_customer_was_told(town, person, confirmed, plant):
    order = confirmed(("PUMP-CFG", 1))
    page = person("order_desk").open(f"/orders/{order['order_key']}")
    page.get_by_text("not moved").wait_for()
    town.run(plant.postpone(order["order_key"], 3))
    page.get_by_text("3 days later").wait_for()
    section(page, "What does the customer see?").get_by_text(re.compile("now expected to ship on")).wait_for()
    lines = section(page, "Lines")
    assert lines.get_by_text(re.compile("Work order")).is_visible()
    assert lines.get_by_text("adds up", exact=True).is_visible()
    ledger = section(page, "Promises").get_by_role("row")
    assert ledger.filter(has_text="whole order").count() == 2


def test_what_is_amiss_stands_on_top_and_leads_to_the_delivery(town, person):
    number = town.place(("GHOST-1", 1))["increment_id"]
    order = town.until_state(number, "review")
    page = person("viewer").open(f"/orders/{order['order_key']}")
    trouble = page.get_by_role("region", name="Trouble")
    assert "GHOST-1" in trouble.inner_text()
    link = trouble.get_by_role("link", name="Open in the inbox").get_attribute("href")
    held = town.api.get("/api/deliveries", params={"order": order["order_key"], "state": "held"}).json()["items"]
    assert link == f"/console/inbox/{held[0]['id']}"
    assert lane(page, "ERP").filter(has_text="a person must decide (sku.unknown)").count() == 1
    delivery = section(page, "Deliveries and attempts").locator("details[open]")
    calls = delivery.get_by_role("region", name="Outward calls of try 1").get_by_role("row")
    assert "GET A_Product" in calls.all_inner_texts()[-1]
    page.get_by_text("no date promised yet").wait_for()
    assert section(page, "Money").get_by_text("not known").count() >= 2


def test_the_money_is_told_three_times_over(person, confirmed):
    order = confirmed(("VALVE-050", 2))
    page = person("viewer").open(f"/orders/{order['order_key']}")
    told = section(page, "Money").locator("dd").all_inner_texts()
    amount = f"EUR {float(order['grand_total']):,.2f}"
    assert told[:4] == [amount, amount, amount, "EUR 0.00"]
    assert "agrees" in told[4]


def test_the_list_shows_what_concerns_whom_and_the_address_keeps_the_choice(town, person, confirmed):
    order = confirmed()
    page = person("viewer").open(f"/orders/{order['order_key']}")
    page.get_by_text("The customer was told: confirmed (e-mailed)").wait_for()
    history = page.get_by_role("region", name="What happened, newest first").get_by_role("listitem")
    assert history.filter(has_text="told to the ERP").count() == 1
    page.get_by_role("link", name="Business").click()
    page.wait_for_url(re.compile(r"show=business"))
    assert history.filter(has_text="told to the ERP").count() == 0
    assert history.filter(has_text="Confirmed by the ERP").count() == 1
    page.get_by_role("link", name="Visible to the customer").click()
    page.wait_for_url(re.compile(r"show=customer"))
    assert all("The customer was told" in text for text in history.all_inner_texts())
    assert history.count() >= 1


def test_the_timeline_is_walked_by_arrow_keys_and_leads_into_the_list(person, confirmed):
    order = confirmed()
    page = person("viewer").open(f"/orders/{order['order_key']}")
    lane(page, "Store").first.wait_for()
    page.locator("[data-lanes] [tabindex='0']").focus()
    said = [page.evaluate("document.activeElement.getAttribute('aria-label')")]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        said.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert said[0].startswith("Placed by the customer, ")
    assert len(set(said)) == 4
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('[role=group]').ariaLabel") != "Store"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"#entry-0$"))
    assert "Placed by the customer" in page.locator("#entry-0").inner_text()


def test_numbers_and_the_command_can_be_copied(person, confirmed):
    order = confirmed()
    page = person("order_desk").open(f"/orders/{order['order_key']}")
    page.get_by_role("button", name=f"ERP {order['erp_number']}", exact=True).click()
    page.get_by_role("button", name="ERP Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == order["erp_number"]
    page.get_by_role("button", name="Copy as command", exact=True).click()
    page.get_by_role("button", name="Copied", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"millstream orders show {order['number']}"


def test_who_may_not_see_payloads_sees_a_masked_address_and_no_raw_order(person, confirmed):
    order = confirmed(customer=1)
    path = f"/orders/{order['order_key']}"
    theirs = person("viewer").open(path)
    theirs.get_by_role("button", name="E-mail an…@acme-water.example").wait_for()
    assert "anna@acme-water" not in theirs.content()
    assert section(theirs, "Raw order").count() == 0
    mine = person("admin").open(path)
    mine.get_by_role("button", name="E-mail anna@acme-water.example").wait_for()
    mine.get_by_text("Show the order as JSON").click()
    assert order["number"] in mine.get_by_role("region", name="The order as JSON").inner_text()


def test_an_order_is_put_on_hold_with_a_reason_and_the_timeline_tells_it_while_one_looks(town, person, confirmed):
    order = confirmed()
    page = person("order_desk").open(f"/orders/{order['order_key']}")
    page.get_by_role("button", name="Hold…").click()
    dialog = page.get_by_role("dialog")
    said = f"millstream orders hold --reason REASON {order['number']}"
    dialog.locator(f".ms-copy[data-text='{said}']").wait_for()
    dialog.get_by_label("Reason").fill("the customer called")
    dialog.get_by_role("button", name="Hold", exact=True).click()
    page.get_by_role("button", name="Take off hold…").wait_for()
    words = "Somebody wants it on hold in the store: told to the store"
    page.get_by_role("region", name="What happened, newest first").get_by_text(words).first.wait_for()
    audit = town.api.get("/api/audit", params={"action": "order.hold", "subject": order["order_key"]}).json()["items"]
    assert [(row["actor"], row["detail"]["reason"]) for row in audit] == [("order-desk-person", "the customer called")]


def test_an_unknown_order_leads_to_the_search(town, person):
    someone = person("viewer")
    answer = someone.page.goto(f"{town.url}/console/orders/no%20such")
    assert answer.status == 404
    someone.page.get_by_text("No order has the key no such.").wait_for()
    assert someone.page.get_by_role("link", name="Search for it").get_attribute("href") == "/console/orders?q=no+such"
    # The browser itself notes that the page was answered with 404.
    assert all("404" in error for error in someone.errors)
    someone.errors.clear()


def test_an_order_looks_right_everywhere(town, confirmed, plant, looks_right):
    order = confirmed(("PUMP-CFG", 1), ("VALVE-050", 1))
    town.run(plant.ship(order["order_key"], "1ZLOOK0001"))  # what is there; the pump is still made
    page = f"/orders/{order['order_key']}"
    town.until(lambda: town.api.get(f"/api{page}").json()["partly_shipped"], what="a part has left")
    looks_right(page, "text=partly shipped: more is to leave")
