"""Bulk actions: the estimate first, then the start, progress as it happens, pause, resume, cancel, the report."""

import re

import pytest
from troubles import clear, delivery, failing, give_reason, press, until_state

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-inbox")]


@pytest.fixture(scope="module", autouse=True)
def _empty_inbox(town):
    clear(town)
    yield
    clear(town)


@pytest.fixture
def ghosts(town):
    return [failing(town) for _ in range(3)]


def ready(town, rows, action="retry") -> dict:
    """A bulk action that was made ready and not started."""
    wish = {"action": action, "filter": {"ids": [row["id"] for row in rows]}, "reason": "a try", "dry_run": False}
    answer = town.api.post("/api/bulk", json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()["bulk"]


def steer(town, bulk, order) -> int:
    return town.api.post(f"/api/bulk/{bulk['id']}/{order}").status_code


def paused(town, rows) -> dict:
    """One that was paused before the hub began with it."""

    def attempt():
        bulk = ready(town, rows)
        assert steer(town, bulk, "start") == 200
        return bulk if steer(town, bulk, "pause") == 200 else None

    return town.until(attempt, what="a paused bulk action")


def state_of(town, number) -> str:
    return town.api.get(f"/api/bulk/{number}").json()["state"]


def test_all_of_a_cause_is_retried_after_an_estimate_with_progress_and_a_report(town, person, ghosts):
    page = person("order_desk").open(f"/inbox/cause/{ghosts[0]['fingerprint']}")
    page.get_by_role("button", name=re.compile(r"^Retry all \d+…")).click()
    page.wait_for_url("**/inbox/bulk?*")
    page.get_by_text("An estimate: nothing was changed.").wait_for()
    cause = town.api.get(f"/api/failures/{ghosts[0]['fingerprint']}").json()
    count = cause["held"] + cause["dead"] + cause["retrying"]
    assert page.locator(".ms-figure-value").all_inner_texts() == [str(count), str(cause["orders"])]
    assert delivery(town, ghosts[0]["id"])["delivery"]["tries"] == 1
    press(page, f"Retry {count}…")
    give_reason(page, "the item was made", "Start")
    page.wait_for_url(re.compile(r"/inbox/bulk/[0-9a-f-]{36}"))
    page.locator(".ms-chip", has_text="finished").wait_for()
    assert page.get_by_text(f"{count} done, 0 refused of {count} estimated").is_visible()
    bar = page.get_by_role("progressbar")
    assert bar.get_attribute("aria-label").startswith("Progress:")
    assert page.get_by_role("heading", name="Report").is_visible()
    assert page.get_by_text("the item was made").is_visible()
    for row in ghosts:
        assert until_state(town, row["id"], "held")["tries"] == 2
    now = page.get_by_role("region", name="Where they are now").get_by_role("row").filter(has_text="needs a decision")
    now.get_by_text(str(count), exact=True).wait_for()
    assert "sku.unknown" in now.inner_text()


def test_a_dry_run_says_what_would_become_of_them_and_sends_nothing(town, person, ghosts):
    page = person("order_desk").open(f"/inbox/bulk?action=retry&cause={ghosts[0]['fingerprint']}")
    press(page, "Try them out")
    page.get_by_text("nothing was sent.").wait_for()
    outcome = page.get_by_role("region", name="Dry run").get_by_role("row").nth(1)
    assert "They would be sent" in outcome.inner_text()
    for row in ghosts:
        assert delivery(town, row["id"])["delivery"]["tries"] == 1
    page.get_by_role("combobox", name="What shall be done").click()
    page.get_by_role("option", name="Resolve").click()
    page.get_by_text("They do not happen any more").wait_for()
    assert page.get_by_role("button", name="Try them out").count() == 0  # nothing would be sent


def test_chosen_deliveries_are_resolved_and_the_others_are_not(town, person, ghosts):
    page = person().open(f"/inbox/cause/{ghosts[0]['fingerprint']}")
    for row in ghosts[:2]:
        page.get_by_role("checkbox", name=f"Choose delivery {row['id']}", exact=True).click()
    page.get_by_text("2 chosen").wait_for()
    press(page, "Resolve these…")
    page.wait_for_url("**/inbox/bulk?*")
    press(page, "Resolve 2…")
    page.get_by_role("combobox", name="Why").click()
    page.get_by_role("option", name="It is given up, and that is accepted").click()
    give_reason(page, "nobody sells ghosts", "Start")
    page.locator(".ms-chip", has_text="finished").wait_for()
    states = [delivery(town, row["id"])["delivery"]["state"] for row in ghosts]
    assert states == ["discarded", "discarded", "held"]
    assert delivery(town, ghosts[0]["id"])["delivery"]["resolution"] == "loss_accepted"
    page.goto(f"{town.url}/console/inbox?view=resolved")
    page.get_by_role("row").filter(has_text="sku.unknown").get_by_role("link").click()
    page.wait_for_url("**/inbox/cause/*?resolved=1")
    page.get_by_role("link", name=ghosts[0]["subject"]).wait_for()
    assert page.get_by_role("link", name=ghosts[2]["subject"]).count() == 0


def test_one_that_is_paused_is_resumed_and_finishes(town, person, ghosts):
    bulk = paused(town, ghosts)
    page = person().open(f"/inbox/bulk/{bulk['id']}")
    page.locator(".ms-chip", has_text="paused").wait_for()
    press(page, "Resume")
    page.locator(".ms-chip", has_text="finished").wait_for()
    assert page.get_by_text("3 done, 0 refused of 3 estimated").is_visible()


def test_one_that_is_ready_is_started_and_paused_or_cancelled(town, person, ghosts):
    page = person().open(f"/inbox/bulk/{ready(town, ghosts)['id']}")
    page.locator(".ms-chip", has_text="ready to start").wait_for()
    press(page, "Start")
    page.locator(".ms-chip", has_text=re.compile("running|finished")).first.wait_for()
    bulk = ready(town, ghosts)
    page.goto(f"{town.url}/console/inbox/bulk/{bulk['id']}")
    press(page, "Cancel")
    page.locator(".ms-chip", has_text="cancelled").wait_for()
    assert state_of(town, bulk["id"]) == "cancelled"
    assert page.locator(".ms-main").get_by_role("button", name=re.compile("^(Start|Pause|Resume|Cancel)")).count() == 0


def test_what_cannot_be_done_is_said_before_it_is_tried(person, ghosts):
    page = person().open(f"/inbox/bulk?action=release&cause={ghosts[0]['fingerprint']}")
    page.get_by_text("An estimate: nothing was changed.").wait_for()
    row = page.get_by_role("region", name="Shares").get_by_role("row").nth(1)
    assert row.get_by_role("cell").nth(3).inner_text() == "no"
    assert page.locator(".ms-main").get_by_role("button", name=re.compile(r"^Release \d")).count() == 0


def test_the_same_is_copied_as_a_command(person, ghosts):
    cause = ghosts[0]["fingerprint"]
    page = person().open(f"/inbox/bulk?action=retry&cause={cause}&state=held")
    press(page, "Copy as command: start")
    told = page.evaluate("navigator.clipboard.readText()")
    assert told == f"millstream bulk start retry --state=held --cause={cause} --reason REASON"


def test_a_viewer_watches_and_steers_nothing(town, person, ghosts):
    bulk = ready(town, ghosts)
    page = person("viewer").open(f"/inbox/bulk/{bulk['id']}")
    page.locator(".ms-chip", has_text="ready to start").wait_for()
    assert page.locator(".ms-main").get_by_role("button").count() == 0
    page.goto(f"{town.url}/console/inbox/bulk?cause=x")
    assert page.get_by_text("Bulk actions need the right replay.").is_visible()
    page.goto(f"{town.url}/console/inbox/bulk")
    page.get_by_role("region", name="Bulk actions").wait_for()
    newer = ready(town, ghosts)
    place = town.api.get("/api/bulk", params={"limit": 1}).json()["next"]
    page.goto(f"{town.url}/console/inbox/bulk?after={place}")
    page.get_by_role("link", name="Newest", exact=True).wait_for()
    assert [page.locator(f"a[href$='{one['id']}']").count() for one in (newer, bulk)] == [0, 1]


def test_there_is_no_such_bulk_action(person):
    page = person().open("/inbox/bulk/not-an-id")
    assert page.get_by_text("There is no such bulk action.").is_visible()


def test_an_estimate_looks_right(looks_right, ghosts):
    looks_right(f"/inbox/bulk?action=retry&cause={ghosts[0]['fingerprint']}", ".ms-figures")


def test_progress_looks_right(town, looks_right, ghosts):
    looks_right(f"/inbox/bulk/{paused(town, ghosts)['id']}", ".ms-progress")
