"""Settings: users, keys and alert rules, changed in the browser and in force at once; refused to who may not."""

from uuid import uuid4

import httpx
import pytest

OWN_SESSIONS = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-settings_pages")]

REASON = "the sale has begun"


def level(town, name):
    rules = town.api.get("/api/alerts/rules").json()
    return next(one for one in rules["levels"] if one["level"]["name"] == name)


def rule(town, code):
    return next(one for one in town.api.get("/api/alerts/rules").json()["rules"] if one["code"] == code)


def choose(page, scope, label, option):
    scope.get_by_label(label).click()
    page.get_by_role("option", name=option).click()


@pytest.mark.parametrize("path", ["/settings", "/settings/users", "/settings/keys", "/settings/rules"])
def test_the_page_looks_right(looks_right, path):
    looks_right(path, "nav[aria-label=Settings]")


def test_a_level_is_changed_with_a_reason_and_put_back(town, person):
    page = person().open("/settings/rules")
    page.get_by_role("button", name="Change slo.oldest_item_s").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("How old the oldest open item may be")
    field.fill("0")
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("button", name="Change").click()
    dialog.get_by_role("alert").get_by_text("slo.oldest_item_s: Input should be greater than 0").wait_for()
    field.fill("1800")
    dialog.get_by_role("button", name="Change").click()
    page.get_by_text(f"admin: {REASON}").wait_for()
    changed = level(town, "slo.oldest_item_s")
    assert (changed["value"], changed["source"], changed["changed"]["actor"]) == (1800, "changed", "admin")
    page.get_by_role("button", name="Back to the settings for slo.oldest_item_s").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("over")
    page.get_by_role("dialog").get_by_role("button", name="Back to the settings").click()
    page.get_by_text(f"admin: {REASON}").wait_for(state="detached")
    assert level(town, "slo.oldest_item_s")["source"] == "default"


def test_quiet_hours_are_changed_together(town, person):
    page = person().open("/settings/rules")
    page.get_by_role("button", name="Change alerts.quiet_from").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Quiet hours begin").fill("22:00")
    dialog.get_by_label("Quiet hours end").fill("06:30")
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("button", name="Change").click()
    dialog.wait_for(state="detached")
    assert (level(town, "alerts.quiet_from")["value"], level(town, "alerts.quiet_until")["value"]) == ("22:00", "06:30")
    names = ["alerts.quiet_from", "alerts.quiet_until"]
    assert town.api.delete("/api/alerts/rules/levels", params={"name": names}).status_code == 200


def test_a_rule_is_switched_off_for_a_while_and_on_again(town, person):
    page = person().open("/settings/rules")
    page.get_by_role("button", name="Switch canary-silent off").click()
    dialog = page.get_by_role("dialog")
    choose(page, dialog, "For how long", "8 hours")
    dialog.get_by_role("button", name="Switch off").click()
    dialog.get_by_role("alert").get_by_text("Say why").wait_for()
    dialog.get_by_label("Reason").fill("the store is being moved")
    dialog.get_by_role("button", name="Switch off").click()
    page.get_by_text("admin: the store is being moved").wait_for()
    off = rule(town, "canary-silent")
    assert (off["on"], off["switched"]["until"] is not None) == (False, True)
    page.get_by_role("button", name="Switch canary-silent on").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("it is back")
    page.get_by_role("dialog").get_by_role("button", name="Switch on").click()
    page.get_by_text("admin: it is back").wait_for()
    assert rule(town, "canary-silent")["on"]


def test_somebody_is_added_gets_another_role_and_password_and_is_let_in_no_more(town, person):
    name, first, second = f"mia-{uuid4().hex[:6]}", "one long password", "another long password"
    someone = person()
    page = someone.open("/settings/users")
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Password").fill("short")
    dialog.get_by_role("button", name="Add").click()
    dialog.get_by_role("alert").get_by_text("12").wait_for()
    dialog.get_by_label("Password").fill(first)
    dialog.get_by_role("button", name="Add").click()
    page.get_by_role("cell", name=name, exact=True).wait_for()
    with httpx.Client(base_url=town.url) as client:
        town.sign_in(client, name, first)
        assert client.get("/api/audit").status_code == 403
    page.get_by_role("button", name=f"Role of {name}").click()
    choose(page, page.get_by_role("dialog"), "Role", "integrator")
    page.get_by_role("dialog").get_by_role("button", name="Give this role").click()
    page.get_by_role("row", name=name).get_by_text("integrator").wait_for()
    page.get_by_role("button", name=f"Password of {name}").click()
    page.get_by_label("New password").fill(second)
    page.get_by_label("The same again").fill(second)
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("dialog").wait_for(state="detached")
    with httpx.Client(base_url=town.url) as client:
        town.sign_in(client, name, second)
        assert client.get("/api/audit").status_code == 200
        page.get_by_role("button", name=f"Disable {name}").click()
        page.get_by_role("dialog").get_by_role("button", name="Disable").click()
        page.get_by_role("row", name=name).get_by_text("disabled", exact=True).wait_for()
        assert client.get("/api/orders").status_code == 401


def test_a_key_shows_its_token_once_works_and_works_no_more_once_revoked(town, person):
    name = f"script-{uuid4().hex[:6]}"
    page = person().open("/settings/keys")
    page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What uses it").fill(name)
    dialog.get_by_role("button", name="Make the key").click()
    token = page.get_by_role("region", name="Token").inner_text().strip()
    page.get_by_role("button", name="I have it").click()
    row = page.get_by_role("row", name=name)
    row.wait_for()
    assert token not in page.content()
    with httpx.Client(base_url=town.url, headers={"authorization": f"Bearer {token}"}) as program:
        assert program.get("/api/orders").status_code == 200
        assert program.get("/api/audit").status_code == 403
        row.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        row.get_by_text("revoked", exact=True).wait_for()
        assert program.get("/api/orders").status_code == 401


def test_a_rotated_key_has_a_successor(town, person):
    name = f"robot-{uuid4().hex[:6]}"
    made = town.api.post("/api/access/keys", json={"name": name, "role": "viewer"}).json()
    page = person().open("/settings/keys")
    page.get_by_role("button", name=f"Rotate {name} {made['id']}").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    token = page.get_by_role("region", name="Token").inner_text().strip()
    page.get_by_role("button", name="I have it").click()
    for each in (token, made["token"]):
        answer = httpx.get(f"{town.url}/api/orders", headers={"authorization": f"Bearer {each}"})
        assert answer.status_code == 200


@pytest.mark.parametrize("role", ["viewer", "order_desk", "credit", "integrator"])
def test_who_may_not_give_access_is_told_which_right_it_takes(person, role):
    someone = person(role)
    for path in ("/settings/users", "/settings/keys"):
        page = someone.open(path)
        page.get_by_text("This page needs the right “manage_access”").wait_for()
        assert page.get_by_role("button", name="Add a user").count() == 0
    someone.errors.clear()  # the browser tells of each 403
    page = someone.open("/settings/rules")
    page.get_by_role("region", name="Levels").wait_for()
    may = role == "integrator"
    assert (page.get_by_role("button", name="Change slo.oldest_item_s").count() > 0) == may
