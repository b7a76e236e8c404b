"""Secrets: set and removed by whoever administers access, and shown to nobody."""

import pytest

from fakes.browser import NARROW, WIDE

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console")]

VALUE = "s3cr3t <b>of</b> the plant"
NAME = "spare-token"


@pytest.fixture(autouse=True)
def _tidy(town):
    yield
    town.api.delete(f"/api/secrets/{NAME}")


def row(page, name):
    return page.get_by_role("table").locator("tbody tr", has_text=name)


def set_it(page, value, *, name=None, hours=None):
    dialog = page.get_by_role("dialog")
    if name is not None:
        dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Value", exact=True).fill(value)
    if hours is not None:
        dialog.get_by_label("Doors honour").fill(hours)
    dialog.get_by_role("button", name="Set it").click()
    return dialog


def test_a_secret_is_set_set_anew_and_removed_and_its_value_never_comes_back(town, person):
    page = person().open("/settings/secrets")
    page.get_by_text("No secret is kept here.").wait_for()
    page.get_by_role("button", name="Set a secret").click()
    set_it(page, VALUE, name=NAME).wait_for(state="hidden")
    row(page, NAME).get_by_text("sealed").wait_for()
    assert "version 1" in row(page, NAME).inner_text()
    page.get_by_role("button", name=f"Set {NAME}").click()
    set_it(page, VALUE + "2", hours="2").wait_for(state="hidden")
    row(page, NAME).get_by_text("version 2").wait_for()
    row(page, NAME).get_by_text("the value before is honoured until").wait_for()
    assert VALUE not in page.content()
    (one,) = town.api.get("/api/secrets").json()["secrets"]
    assert (one["version"], one["set_by"]) == (2, "admin")
    trail = town.api.get("/api/audit", params={"subject": f"secret/{NAME}"}).json()
    assert [entry["action"] for entry in trail["items"]][:2] == ["secret.set", "secret.set"]
    assert VALUE not in str(trail)
    page.get_by_role("button", name=f"Remove {NAME}").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove it").click()
    page.get_by_text("No secret is kept here.").wait_for()
    assert town.api.get("/api/secrets").json()["secrets"] == []


def test_what_cannot_be_is_said_in_the_form_and_it_stays_open(town, person):
    page = person().open("/settings/secrets")
    page.get_by_role("button", name="Set a secret").click()
    dialog = set_it(page, VALUE, name="Not A Name")
    dialog.get_by_role("alert").filter(has_text="small letters").wait_for()
    set_it(page, VALUE, name=NAME, hours="many")
    dialog.get_by_role("alert").filter(has_text="Hours are a number").wait_for()
    set_it(page, "", name=NAME, hours="0")
    dialog.get_by_role("alert").filter(has_text="Type the value.").wait_for()
    dialog.get_by_role("button", name="Back").click()
    dialog.wait_for(state="hidden")
    assert town.api.get("/api/secrets").json()["secrets"] == []


def test_the_value_is_typed_unseen_and_the_command_is_at_hand(person):
    page = person().open("/settings/secrets")
    page.get_by_role("button", name="Set a secret").click()
    field = page.get_by_role("dialog").get_by_label("Value", exact=True)
    assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("password", "new-password")
    commands = page.locator("[data-ms=copy]").evaluate_all("all => all.map(one => one.dataset.text)")
    assert "millstream secrets set NAME" in commands


@pytest.mark.parametrize("role", ["viewer", "integrator"])
def test_who_may_not_set_any_sees_none(person, role):
    someone = person(role)
    page = someone.open("/settings/secrets")
    page.get_by_text("This page needs the right").wait_for()
    assert page.get_by_role("button", name="Set a secret").count() == 0
    assert all("403" in error for error in someone.errors)
    someone.errors.clear()  # the browser tells of the 403


@pytest.mark.parametrize("view", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_looks_right(town, person, view, dark):
    assert town.api.put(f"/api/secrets/{NAME}", json={"value": VALUE}).status_code == 200
    someone = person(view=view, dark=dark)
    page = someone.open("/settings/secrets")
    row(page, NAME).wait_for()
    assert someone.violations() == []
    assert someone.overflow() <= 0
