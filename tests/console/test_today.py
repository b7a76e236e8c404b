"""Today: what it shows is what the API tells, and orders arrive while one looks."""

import re
from decimal import Decimal

import pytest

OWN_TOWN = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-today")]

NEWEST = "Newest orders"


def today(town, **query):
    answer = town.api.get("/api/today", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def card(page, title):
    """A part of the page by its heading."""
    return page.locator("section", has=page.get_by_role("heading", name=title, exact=True))


def figure(page, label):
    return page.locator(".ms-figure", has=page.get_by_text(label, exact=True)).locator(".ms-figure-value")


def held(town):
    """An order that a person must decide about; whatever else still moves has come to rest."""
    number = town.place(("GHOST-1", 1))["increment_id"]
    return town.until_state(number, "review")


def test_orders_arrive_while_one_looks_and_their_state_moves_on(town, person):
    page = person("viewer").open("/")
    number = town.place()["increment_id"]
    row = card(page, NEWEST).get_by_role("row", name=re.compile(number))
    row.wait_for()
    row.get_by_text("confirmed").wait_for()
    order = town.until_state(number, "confirmed")
    assert row.get_by_text(order["erp_number"], exact=True).count() == 1
    assert f"EUR {Decimal(order['grand_total']):,.2f}" in row.inner_text()
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    assert number in page.get_by_role("status").filter(has_text="New:").inner_text()
    row.get_by_role("link", name=number).click()
    page.wait_for_url(f"**/console/orders/{order['order_key']}")


def test_the_figures_are_those_of_the_api(town, person):
    town.until_state(town.place()["increment_id"], "confirmed")
    order = held(town)
    town.until(lambda: town.order(order["number"])["grand_total"], what="its money on file")
    page = person().open("/")
    told = today(town, hours=24, tick_s=1800)
    figure(page, "Held for review").get_by_text(str(told["reviews"]["held"]), exact=True).wait_for()
    assert figure(page, "Orders came in").inner_text() == str(sum(each["placed"] for each in told["ticks"]))
    assert figure(page, "Customers in doubt").inner_text() == str(told["reviews"]["customers"])
    assert figure(page, "Given up").inner_text() == str(told["reviews"]["dead"])
    assert figure(page, "Unassigned").inner_text() == str(told["reviews"]["unassigned"])
    assert figure(page, "Snoozed").inner_text() == str(told["reviews"]["snoozed"])
    (risk,) = told["at_risk"]
    shown = page.locator(".ms-figure", has=page.get_by_text("Money at risk", exact=True)).inner_text()
    assert f"{risk['currency']} {Decimal(risk['amount']):,.2f}" in shown
    assert f"{risk['orders']} order" in shown
    matrix = card(page, "Orders by state and age")
    for state in {each["state"] for each in told["standings"]}:
        count = sum(each["orders"] for each in told["standings"] if each["state"] == state)
        cells = matrix.get_by_role("row", name=re.compile(state)).get_by_role("cell")
        assert cells.last.inner_text() == str(count), state


def test_counts_lead_to_the_inbox_to_the_reviews_and_to_the_orders_in_that_state(town, person):
    order = held(town)
    town.until_state(town.place()["increment_id"], "confirmed")
    page = person().open("/")
    row = card(page, "Orders by state and age").get_by_role("row", name=re.compile("review"))
    row.get_by_role("link").last.click()
    page.wait_for_url("**/console/orders?state=review")
    orders = page.get_by_role("region", name="Orders in the state review, the last to come in first")
    orders.get_by_role("link", name=order["number"], exact=True).wait_for()
    states = {hit["state"] for hit in town.api.get("/api/orders", params={"state": "review"}).json()["items"]}
    assert states == {"review"}
    assert orders.get_by_role("row").filter(has_text="confirmed").count() == 0
    assert page.get_by_title("millstream orders list --state review").count() == 1
    page.goto(f"{town.url}/console/")
    figure(page, "Customers in doubt").click()
    page.wait_for_url("**/console/reviews")
    page.goto(f"{town.url}/console/")
    figure(page, "Unassigned").click()
    page.wait_for_url("**/console/inbox?view=unassigned")


def test_the_charts_are_told_in_words_and_as_a_table_too(town, person):
    town.until_state(town.place()["increment_id"], "confirmed")
    page = person().open("/?hours=1")
    ticks = today(town, hours=1, tick_s=60)["ticks"]
    placed, confirmed = (sum(tick[name] for tick in ticks) for name in ("placed", "confirmed"))
    throughput = page.get_by_role("img", name=f"{placed} placed and {confirmed} confirmed in 1 h.")
    throughput.wait_for()
    assert throughput.locator("svg path").count() > 0, "drawn, without asking anybody else for it"
    assert page.get_by_role("img", name=re.compile(r"half of the orders took up to [\d.]+ (ms|s)")).count() == 1
    page.get_by_text("The charts as a table").click()
    table = page.get_by_role("region", name="Orders placed and confirmed, and how long it took")
    rows = table.get_by_role("row").all_inner_texts()[1:]
    assert len(rows) == sum(1 for tick in ticks if tick["placed"] or tick["confirmed"])
    assert sum(int(row.split("\t")[1]) for row in rows) == placed


def test_charts_change_in_place_and_an_opened_table_stays_open(town, person):
    page = person().open("/?hours=1")
    page.locator(".ms-chart svg").first.wait_for()
    page.evaluate("document.querySelectorAll('.ms-chart svg').forEach(node => node.dataset.mark = 'same')")
    page.get_by_text("The charts as a table").click()
    before = page.locator(".ms-chart-frame").first.get_attribute("aria-label")
    town.until_state(town.place()["increment_id"], "confirmed")
    page.wait_for_function(
        "before => document.querySelector('.ms-chart-frame').getAttribute('aria-label') !== before", arg=before
    )
    assert page.locator(".ms-chart svg[data-mark=same]").count() == 2
    assert page.locator("details[open]").count() == 1


def test_the_window_is_in_the_address(town, person):
    page = person().open("/")
    page.get_by_role("link", name="7 days").click()
    page.wait_for_url("**/console/?hours=168")
    assert page.get_by_role("link", name="7 days").get_attribute("aria-current") == "true"
    assert page.get_by_role("img", name=re.compile("confirmed in 7 days")).count() == 1


def test_connections_and_what_is_amiss_are_shown_with_their_effect(town, person):
    page = person("viewer").open("/")
    reason = {"reason": "stocktaking until ten"}
    try:
        assert town.api.post("/api/connections/crm/pause", json=reason).status_code == 200
        row = card(page, "Connections").get_by_role("row", name=re.compile("crm"))
        row.get_by_text("paused").wait_for()
        assert "stocktaking until ten" in row.inner_text()
    finally:
        assert town.api.post("/api/connections/crm/resume", json=reason).status_code == 200
    row.get_by_text("answers").wait_for()
    held(town)
    alert = town.until(
        lambda: [each["alert"] for each in town.api.get("/api/alerts", params={"open": True}).json()["items"]],
        what="an alert",
    )[0]
    amiss = card(page, "What is amiss")
    shown = amiss.get_by_role("link").first
    shown.wait_for()
    assert alert["code"] in amiss.inner_text()
    shown.click()
    page.wait_for_url(re.compile(r"/console/alerts/\d+$"))


def test_it_looks_right(town, looks_right):
    town.until_state(town.place()["increment_id"], "confirmed")
    looks_right("/", ".ms-chart svg")
