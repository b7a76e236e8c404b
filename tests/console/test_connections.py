"""Connections: the brake works, what waits goes on, and who may only look cannot pull it."""

import re

import httpx
import pytest

from fakes.browser import NARROW, WIDE
from millstream.engine.world import SystemWorld
from millstream.ports.finding import Finding
from millstream.store.connections import PostgresConnections
from millstream.store.database import Database

OWN_TOWN = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console")]


@pytest.fixture
def crm(town):
    """The CRM's connection; whatever a test did to it, it is called again afterwards."""
    name = next(one["name"] for one in standings(town) if one["kind"] == "crm")
    yield name
    resumed = town.api.post(f"/api/connections/{name}/resume", json={"reason": "the test is over"})
    assert resumed.status_code == 200


def standings(town):
    answer = town.api.get("/api/connections")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def standing(town, name):
    return next(one for one in standings(town) if one["name"] == name)


def card(page, name):
    return page.locator(f'[data-connection="{name}"]')


def decide(page, verb, reason):
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=verb, exact=True).click()
    dialog.wait_for(state="hidden")


def test_a_paused_connection_lets_orders_wait_and_a_resumed_one_lets_them_go_on(town, person, crm):
    page = person().open("/connections")
    mine = card(page, crm)
    mine.get_by_text("on", exact=True).wait_for()
    mine.get_by_role("button", name=f"Pause {crm}").click()
    decide(page, "Pause", "maintenance until ten")
    mine.get_by_text("paused", exact=True).wait_for()
    mine.get_by_text("maintenance until ten").wait_for()
    assert (standing(town, crm)["pause"]["actor"], standing(town, crm)["state"]) == ("admin", "paused")
    town.until(
        lambda: {one["brake"] for one in standing(town, crm)["processes"]} == {"pause"}, what="that it is heard of"
    )
    number = town.place()["increment_id"]
    town.until_state(number, "retrying")
    waiting = town.api.get("/api/deliveries", params={"code": "connection.paused"}).json()["items"]
    assert {row["attempts"] for row in waiting} == {0}, "no attempt is lost by it"
    mine.get_by_role("button", name=f"Resume {crm}").click()
    decide(page, "Resume", "is back")
    mine.get_by_text("on", exact=True).wait_for()
    town.until_state(number, "confirmed", "packed", "shipped", "delivered")
    trail = town.api.get("/api/audit", params={"subject": f"connection/{crm}", "people": True}).json()["items"]
    assert [row["action"] for row in trail][:2] == ["connection.resume", "connection.pause"]


def test_a_drained_connection_is_paused_once_nothing_runs_any_more(town, person, crm):
    page = person().open("/connections")
    mine = card(page, crm)
    mine.get_by_role("button", name=f"Drain {crm}").click()
    decide(page, "Drain", "maintenance at ten")
    mine.get_by_text("paused", exact=True).wait_for()
    assert standing(town, crm)["pause"]["drain"] is True
    assert mine.get_by_role("button", name=f"Drain {crm}").is_hidden()
    assert mine.get_by_role("button", name=f"Pause {crm}").is_hidden()


def test_nobody_pulls_the_brake_without_saying_why(town, person, crm):
    page = person().open("/connections")
    card(page, crm).get_by_role("button", name=f"Pause {crm}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    dialog.get_by_text("Say why in a few words").wait_for()
    dialog.get_by_role("button", name="Back").click()
    dialog.wait_for(state="hidden")
    assert standing(town, crm)["state"] == "on"


def test_a_test_shows_what_it_found_and_is_remembered(town, person, crm):
    page = person().open("/connections")
    mine = card(page, crm)
    mine.get_by_role("button", name=f"Test {crm}").click()
    mine.get_by_text("by admin").wait_for()
    mine.get_by_text(re.compile("sign-in and API budget")).wait_for()
    told = standing(town, crm)["last_test"]
    assert (told["actor"], len(told["findings"])) == ("admin", mine.locator(".ms-findings li").count())


def test_what_is_missing_is_named_with_its_fix(town, person, crm):
    """Found by a doctor on another machine: the page shows what anybody found last."""
    missing = ("Order.Total__c (edit)",)
    found = Finding(what="Order.Total__c", ok=False, detail="not writable", fix="give edit access", missing=missing)
    town.run(remember(town, crm, [found]))
    page = person().open("/connections")
    mine = card(page, crm)
    mine.get_by_text("Order.Total__c (edit)").wait_for()
    mine.get_by_text("Mend it: give edit access").wait_for()


async def remember(town, name, findings):
    database = Database(town.stage.database_url)
    try:
        board = PostgresConnections(database, clock=SystemWorld().clock)
        await board.examined(name, findings, actor="cli:max")
    finally:
        await database.close()


def test_the_budget_says_what_the_crm_tells_of_its_own_limit(town, person, crm):
    town.place()
    told = town.until(lambda: standing(town, crm)["budget"]["system"], what="the CRM's own count")
    page = person().open("/connections")
    meter = card(page, crm).get_by_role("meter", name="Calls in 24 hours, by its own count")
    meter.wait_for(state="attached")
    assert float(meter.get_attribute("aria-valuemax")) == told["limit"]


def test_the_page_follows_what_somebody_else_does_without_a_reload(town, person, crm):
    page = person("viewer").open("/connections")
    page.evaluate("window.notReloaded = true")
    assert town.api.post(f"/api/connections/{crm}/pause", json={"reason": "from the shell"}).status_code == 200
    card(page, crm).get_by_text("from the shell").wait_for()
    assert page.evaluate("window.notReloaded") is True


def test_a_viewer_is_offered_no_brake_and_refused_one(town, person, crm):
    page = person("viewer").open("/connections")
    mine = card(page, crm)
    mine.get_by_text("on", exact=True).wait_for()
    assert mine.get_by_role("button", name=re.compile("Pause|Drain|Resume|Test")).count() == 0
    with httpx.Client(base_url=town.url) as viewer:
        csrf = town.sign_in(viewer, town.user("viewer"))
        for verb in ("pause", "drain", "resume", "test"):
            path = f"/api/connections/{crm}/{verb}"
            answer = viewer.post(path, json={"reason": "x"}, headers={"x-csrf-token": csrf})
            assert (answer.status_code, answer.json()["code"]) == (403, "access.denied"), verb
    assert standing(town, crm)["state"] == "on"


def test_the_command_for_the_shell_is_copied(town, person, crm):
    page = person().open("/connections")
    card(page, crm).get_by_role("button", name="Copy as command", exact=True).click()
    card(page, crm).get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"millstream connections show {crm}"


def test_it_looks_right_in_every_shape(town, crm, looks_right):
    assert town.api.post(f"/api/connections/{crm}/test").status_code == 200
    looks_right("/connections", f'[data-connection="{crm}"] .ms-findings')


@pytest.mark.parametrize("view", [WIDE, NARROW])
def test_the_dialog_is_clean_too(person, crm, view):
    someone = person(view=view)
    page = someone.open("/connections")
    card(page, crm).get_by_role("button", name=f"Pause {crm}").click()
    page.get_by_role("dialog").get_by_label("Reason").wait_for()
    page.wait_for_function("document.getAnimations().length === 0")  # it opens by and by
    assert someone.violations() == []
    assert someone.overflow() <= 0
    page.get_by_role("dialog").get_by_role("button", name="Back").click()


def test_a_store_is_read_again_from_a_moment_on_after_its_meaning_was_shown(town, person):
    number = town.place()["increment_id"]
    town.until_state(number, "confirmed")
    shop = next(one["name"] for one in standings(town) if one["kind"] == "store")
    crm = next(one["name"] for one in standings(town) if one["kind"] == "crm")
    page = person("integrator").open("/connections")
    assert card(page, crm).get_by_role("button", name=f"Rewind {crm}").count() == 0, "nothing is polled from it"
    card(page, shop).get_by_role("button", name=f"Rewind {shop}").click()
    page.get_by_role("dialog").get_by_role("button", name="Show what it means").click()
    page.get_by_role("dialog").get_by_text("they are known already and change nothing").wait_for()
    decide(page, "Rewind", "the store was restored")
    page.get_by_text(re.compile(f"{shop} is read from .* on at its next poll")).wait_for()
    audit = town.api.get("/api/audit", params={"action": "connection.rewind"}).json()["items"]
    assert [(row["actor"], row["detail"]["reason"]) for row in audit] == [
        ("integrator-person", "the store was restored")
    ]
