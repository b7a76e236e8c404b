"""The inbox: what fails, by cause, in plain words; who looks after it; nothing that somebody typed becomes markup."""

import re

import pytest
from troubles import choose, clear, do, failing, give_reason, press

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-inbox")]

HOSTILE = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module", autouse=True)
def _empty_inbox(town):
    clear(town)
    yield
    clear(town)


@pytest.fixture
def ghost(town):
    return failing(town)


def cause_of(town, row) -> dict:
    answer = town.api.get(f"/api/failures/{row['fingerprint']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def with_money(cause):
    """An order's money is known once it has waited for ten seconds."""
    return cause if cause["money"] else None


def row_of(page, text):
    return page.get_by_role("row").filter(has_text=text)


def test_a_failure_is_told_in_plain_words_with_orders_and_money_and_leads_to_its_deliveries(town, person, ghost):
    known = town.until(lambda: with_money(cause_of(town, ghost)), what="what the orders are worth")
    page = person().open("/inbox")
    row = row_of(page, "sku.unknown")
    assert row.get_by_role("link", name="The ERP does not sell an item of the order.").is_visible()
    assert "does not sell GHOST-1" in row.inner_text()
    assert row.get_by_role("cell").nth(2).inner_text().strip() == str(known["orders"])
    assert "EUR" in row.inner_text()
    assert re.search(r"\d+ failed tries in 24 hours", row.get_by_role("img").get_attribute("aria-label"))
    row.get_by_role("link").click()
    page.wait_for_url("**/inbox/cause/*")
    page.get_by_role("heading", name="The ERP does not sell an item of the order", level=1).wait_for()
    assert page.get_by_text("whoever keeps the ERP").is_visible()
    page.get_by_role("link", name=ghost["subject"]).click()
    page.wait_for_url(f"**/inbox/{ghost['id']}")


def test_a_new_failure_appears_without_a_reload(town, person, ghost):
    page = person().open("/inbox")
    before = cause_of(town, ghost)["orders"]
    cell = row_of(page, "sku.unknown").get_by_role("cell").nth(2)
    assert cell.inner_text().strip() == str(before)
    failing(town)
    cell.get_by_text(str(before + 1), exact=True).wait_for()


def test_causes_beyond_the_first_page_are_reached_and_the_command_goes_with_the_page(town, person):
    clear(town)
    try:
        for n in range(52):  # letters: numbers in a message make no other cause
            domain = f"{chr(97 + n // 26)}{chr(97 + n % 26)}.example"
            town.place(guest={"email": f"someone@{domain}", "firstname": "Some", "lastname": "One"})
        town.until(lambda: views(town)["all"]["causes"] == 52, what="52 causes")
        page = person().open("/inbox")
        page.get_by_text("In this view: 52 causes, 52 deliveries, 52 orders").wait_for()
        first = page.locator(".ms-cause").evaluate_all("links => links.map(link => link.href)")
        page.get_by_role("link", name="More causes").click()
        page.wait_for_url("**/inbox?after=*")
        page.get_by_text("No more causes.").wait_for()
        rest = page.locator(".ms-cause").evaluate_all("links => links.map(link => link.href)")
        assert (len(first), len(rest), len({*first, *rest})) == (50, 2, 52)
        press(page, "Copy as command")
        told = page.evaluate("navigator.clipboard.readText()")
        assert told == f"millstream deliveries causes --after={page.url.partition('after=')[2]}"
        page.get_by_role("link", name="Those with most orders").click()
        page.wait_for_url("**/inbox")
    finally:
        clear(town)


def views(town) -> dict:
    return {one["view"]: one for one in town.api.get("/api/failures/views").json()["items"]}


def test_views_are_kept_in_the_address_and_say_so_when_they_are_empty(town, person):
    someone = person("credit")
    page = someone.open("/inbox?view=mine")
    here = page.get_by_role("navigation", name="Views").locator("[aria-current=page]")
    assert here.inner_text().startswith("Mine")
    assert page.get_by_text("Nothing that fails is assigned to you.").is_visible()
    assert re.search(r"Looked at \d\d:\d\d:\d\d, and again every 2 seconds", page.locator(".ms-main").inner_text())
    page.get_by_role("link", name=re.compile("^Orders at risk")).click()
    page.wait_for_url("**/inbox?view=at_risk")


def test_a_whole_cause_is_assigned_tagged_snoozed_and_woken(town, person, ghost):
    page = person("order_desk").open(f"/inbox/cause/{ghost['fingerprint']}")
    press(page, "Assign to me")
    page.get_by_text("Assigned to order-desk-person").wait_for()
    assert {row["assignee"] for row in failing_rows(town, ghost)} == {"order-desk-person"}
    press(page, "Tag…")
    page.get_by_role("textbox", name="Words").fill(f"ghosts, {HOSTILE}")
    page.get_by_role("dialog").get_by_role("button", name="Tag", exact=True).click()
    page.locator(".ms-tag", has_text=HOSTILE).first.wait_for()
    assert cause_of(town, ghost)["tags"] == [HOSTILE, "ghosts"]
    press(page, "Snooze…")
    give_reason(page, "until the item is made", "Snooze")
    page.get_by_text("Snoozed", exact=True).wait_for()
    assert cause_of(town, ghost)["snoozed"] == len(failing_rows(town, ghost))
    page.goto(f"{town.url}/console/inbox?view=snoozed")
    row_of(page, "sku.unknown").wait_for()
    page.goto(f"{town.url}/console/inbox")
    assert row_of(page, "sku.unknown").count() == 0
    page.goto(f"{town.url}/console/inbox/cause/{ghost['fingerprint']}")
    press(page, "Snooze…")
    choose(page, "How long", "Bring it back into sight now")
    give_reason(page, "the item is there", "Snooze")
    town.until(lambda: cause_of(town, ghost)["snoozed"] == 0, what="the cause in sight")
    assert page.evaluate("window.hacked") is None


def failing_rows(town, row) -> list:
    params = {"cause": row["fingerprint"], "state": ["held", "dead", "retrying"], "limit": 200}
    return town.api.get("/api/deliveries", params=params).json()["items"]


def test_what_a_shopper_typed_is_shown_as_text(town, person):
    guest = {"email": "eve@new-buyer.example", "firstname": HOSTILE, "lastname": "<script>window.hacked=1</script>"}
    row = failing(town, ("OIL-1L", 1), guest=guest, code="customer.unknown")
    do(town, row["id"], "assign", assignee=HOSTILE)
    do(town, row["id"], "snooze", until=None, reason=HOSTILE)
    page = person().open(f"/inbox/{row['id']}")
    page.get_by_text(HOSTILE).first.wait_for()
    assert page.locator(".ms-diff").inner_text().count(HOSTILE) >= 1
    page.get_by_role("tab", name="History").click()
    page.get_by_role("cell", name=re.compile(f"reason: {re.escape(HOSTILE)}")).first.wait_for()
    page.goto(f"{town.url}/console/inbox/cause/{row['fingerprint']}")
    page.get_by_text(HOSTILE).first.wait_for()
    page.goto(f"{town.url}/console/inbox")
    page.get_by_text(HOSTILE).first.wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_viewer_sees_what_fails_and_can_do_nothing(town, person, ghost):
    page = person("viewer").open(f"/inbox/cause/{ghost['fingerprint']}")
    page.get_by_role("link", name=ghost["subject"]).wait_for()
    main = page.locator(".ms-main")
    assert main.get_by_role("button", name=re.compile("Retry|Resolve|Assign|Tag|Snooze")).count() == 0
    assert main.get_by_role("checkbox").count() == 0


def test_what_is_over_says_so(person):
    page = person().open("/inbox/cause/000000000000")
    assert page.get_by_text("Nothing fails for this cause any more.").is_visible()


def test_the_inbox_looks_right(town, looks_right, ghost):
    looks_right("/inbox", ".ms-table")


def test_a_cause_looks_right(town, looks_right, ghost):
    looks_right(f"/inbox/cause/{ghost['fingerprint']}", ".ms-table")
