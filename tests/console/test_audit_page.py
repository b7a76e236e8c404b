"""Audit: what people did is found by who, what, to what and when; it is proved, and taken away whole."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.browser import NARROW, WIDE

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console")]


@pytest.fixture(scope="module")
def done(town):
    """Something people did: more of it than fits on a page."""
    (crm,) = [one["name"] for one in town.api.get("/api/connections").json()["items"] if one["kind"] == "crm"]
    for turn in range(26):
        for verb in ("pause", "resume"):
            answer = town.api.post(f"/api/connections/{crm}/{verb}", json={"reason": f"turn <b>{turn}</b>"})
            assert answer.status_code == 200, answer.text
    return f"connection/{crm}"


def rows(page):
    return page.get_by_role("table").locator("tbody tr")


def query_of(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_what_people_did_is_there_the_newest_first_and_pages_go_back_without_a_gap(town, person, done):
    page = person().open(f"/audit?subject={done}")
    rows(page).first.wait_for()
    assert rows(page).count() == 50
    assert "connection.resume" in rows(page).first.inner_text()
    assert "turn <b>25</b>" in rows(page).first.inner_text(), "as it was written, and never as HTML"
    seen = rows(page).all_inner_texts()
    while page.get_by_role("link", name="Older", exact=True).count():
        before = page.url
        page.get_by_role("link", name="Older", exact=True).click()
        page.wait_for_url(lambda url, before=before: url != before)
        rows(page).first.wait_for()
        seen += rows(page).all_inner_texts()
        assert query_of(page)["subject"] == done, "the address keeps the filter"
    reasons = [re.search(r"turn <b>\d+</b>", text) for text in seen]
    turns = [found[0] for found in reasons if found]
    assert turns == [f"turn <b>{turn}</b>" for turn in range(25, -1, -1) for _ in ("resume", "pause")]


def test_a_search_narrows_by_every_field_and_stands_in_the_address(town, person, done):
    page = person().open("/audit")
    search = page.get_by_role("search", name="Search the audit trail")
    search.get_by_label("Who", exact=True).fill("admin")
    search.get_by_label("What", exact=True).fill("connection.pause")
    search.get_by_label("From (UTC)").fill("2020-01-01")
    search.get_by_label("Until (UTC)").fill("2099-01-01 08:30")
    search.get_by_role("button", name="Search").click()
    page.wait_for_url(re.compile("action=connection.pause"))
    rows(page).first.wait_for()
    assert {row.split("\t")[2].strip() for row in rows(page).all_inner_texts()} == {"connection.pause"}
    assert query_of(page)["actor"] == "admin"
    page.goto(f"{town.url}/console/audit?until=2020-01-01")
    page.get_by_text("Nothing was done that fits.").wait_for()
    page.goto(f"{town.url}/console/audit?since=yesterday")
    page.get_by_text("This could not be read").wait_for()


def test_the_hubs_own_doings_are_left_out_until_they_are_wanted(town, person):
    number = town.place()["increment_id"]
    town.until_state(number, "confirmed", "packed", "shipped", "delivered")
    page = person().open("/audit")
    rows(page).first.wait_for()
    assert not any("hub:" in text for text in rows(page).all_inner_texts())
    page.get_by_label("By whom").select_option("the hub as well")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(re.compile("people=no"))
    page.get_by_role("table").get_by_text(re.compile("^hub:")).first.wait_for()


def test_what_is_done_meanwhile_appears_by_itself(town, person, done):
    page = person().open("/audit")
    rows(page).first.wait_for()
    name = done.partition("/")[2]
    answer = town.api.post(f"/api/connections/{name}/pause", json={"reason": "seen live"})
    town.api.post(f"/api/connections/{name}/resume", json={"reason": "seen live, too"})
    assert answer.status_code == 200
    page.get_by_text("seen live, too").wait_for()


def test_what_is_being_typed_stays_while_rows_come_in(town, person, done):
    page = person().open(f"/audit?actor=admin&subject={done}")
    rows(page).first.wait_for()
    field = page.get_by_role("search", name="Search the audit trail").get_by_label("Who", exact=True)
    assert field.input_value() == "admin"
    field.fill("ann")
    name = done.partition("/")[2]
    answer = town.api.post(f"/api/connections/{name}/resume", json={"reason": "while somebody types"})
    assert answer.status_code == 200
    page.get_by_text("while somebody types").first.wait_for()
    assert field.input_value() == "ann"


def test_the_proof_is_not_known_until_it_is_asked_for_and_then_says_what_it_found(town, person):
    page = person().open("/audit")
    card = page.locator("section", has=page.get_by_role("heading", name="Was it altered?"))
    card.get_by_text("not known").wait_for()
    card.get_by_role("button", name="Verify now").click()
    card.get_by_text("untouched", exact=True).wait_for()
    assert re.search(r"[\d,]+ rows under [\d,]+ seals", card.inner_text())


def test_the_rows_that_are_looked_at_are_exported_as_lines(person, done):
    page = person().open(f"/audit?subject={done}&action=connection.pause")
    rows(page).first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export these rows (JSON lines)").click()
    exported = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(exported) >= 26
    assert {(row["subject"], row["action"]) for row in exported} == {(done, "connection.pause")}
    assert [row["id"] for row in exported] == sorted(row["id"] for row in exported)


def test_the_same_as_a_command(person, done):
    page = person().open(f"/audit?subject={done}")
    rows(page).first.wait_for()
    commands = page.locator("[data-ms=copy]").evaluate_all("all => all.map(one => one.dataset.text)")
    assert f"millstream audit list --subject {done} --people" in commands
    assert f"millstream audit export --subject {done} --people" in commands
    assert "millstream audit verify" in commands


def test_who_may_not_see_the_trail_is_told_which_right_it_needs(person):
    someone = person("viewer")
    page = someone.open("/audit")
    page.get_by_text("This page needs the right").wait_for()
    assert page.get_by_role("table").count() == 0
    assert page.get_by_role("button", name="Verify now").count() == 0
    assert all("403" in error for error in someone.errors)
    someone.errors.clear()  # the browser tells of the 403


@pytest.mark.parametrize("view", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_looks_right(person, done, view, dark):
    someone = person(view=view, dark=dark)
    page = someone.open(f"/audit?subject={done}")
    rows(page).first.wait_for()
    assert someone.violations() == []
    assert someone.overflow() <= 0
