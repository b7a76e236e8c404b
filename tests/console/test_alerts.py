"""An alert and its cause: seen as it comes, taken on, led back to what is behind it, over by itself."""

import pytest

OWN_TOWN = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-alerts")]

CODE = "orders-failing"
LEVELS = {"alerts.every_s": 1, "alerts.resolve_after_s": 1, "slo.failing_orders_percent": 0.1}


def open_alert(town):
    items = town.api.get("/api/alerts", params={"open": "true", "code": CODE}).json()["items"]
    return next((one["alert"] for one in items), None)


@pytest.fixture
def erp_down(town):
    """The ERP answers 503 to everything, and it is looked every second; both are put right afterwards."""
    wish = {"values": LEVELS, "reason": "tests are in a hurry"}
    assert town.api.put("/api/alerts/rules/levels", json=wish).status_code == 200
    numbers = []

    def fail():
        town.sim("erp", "POST", "faults", {"rate": {"503": 1.0}})
        numbers.append(town.place()["increment_id"])

    def mend():
        town.sim("erp", "DELETE", "faults")
        for number in numbers:
            town.until_state(number, "confirmed", "packed", "shipped", "delivered")

    fail.mend = mend
    yield fail
    mend()
    town.until(lambda: open_alert(town) is None, what="the end of the alert")
    town.api.delete("/api/alerts/rules/levels", params={"name": list(LEVELS), "reason": "the test is over"})


def test_an_alert_comes_with_effect_and_cause_is_taken_on_and_is_over_by_itself(town, person, erp_down):
    someone = person()
    page = someone.open("/alerts")
    erp_down()
    alert = page.locator(f"[data-alert={CODE}]")
    alert.wait_for()  # without a reload
    assert alert.locator(".ms-effect").inner_text().startswith("1 order, EUR ")
    assert "Cause" in alert.inner_text()
    assert someone.violations() == []
    alert.get_by_role("button", name="I am on it").click()
    dialog = page.get_by_role("dialog")
    page.wait_for_function("document.activeElement.tagName === 'TEXTAREA'")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.wait_for_function("document.activeElement.textContent.includes('I am on it')")  # where it was opened
    alert.get_by_role("button", name="I am on it").click()
    dialog.get_by_label("Reason (if you like)").fill("calling the plant")
    page.wait_for_timeout(2500)  # time in which the page asks again: what is typed must still be there
    assert dialog.get_by_label("Reason (if you like)").input_value() == "calling the plant"
    dialog.get_by_role("button", name="I am on it").click()
    alert.get_by_text("admin: calling the plant").wait_for()
    shown = open_alert(town)
    assert (shown["state"], shown["acknowledged_by"], shown["note"]) == ("acknowledged", "admin", "calling the plant")
    assert (
        alert.get_by_role("link", name="What fails on the way to the ERP")
        .get_attribute("href")
        .startswith("/console/inbox")
    )
    erp_down.mend()
    alert.wait_for(state="detached")
    page.get_by_role("region", name="Alerts that are over").get_by_text("1 order, EUR ").first.wait_for()


def test_the_page_of_an_alert_says_what_to_do(town, person, erp_down, looks_right):
    erp_down()
    alert = town.until(lambda: open_alert(town), what="the alert")
    page = person("viewer").open(f"/alerts/{alert['id']}")
    page.get_by_role("region", name="What to do").get_by_text("Orders do not reach the ERP").wait_for()
    assert page.get_by_role("button", name="I am on it").count() == 0
    page = person("integrator").open(f"/alerts/{alert['id']}")
    page.get_by_role("button", name="I am on it").click()
    page.get_by_role("dialog").get_by_role("button", name="I am on it").click()
    page.get_by_text("somebody is on it").wait_for()
    looks_right(f"/alerts/{alert['id']}", ".ms-effect")


def test_who_may_not_take_alerts_on_is_not_asked_to(town, person, erp_down):
    erp_down()
    page = person("viewer").open("/alerts")
    page.locator(f"[data-alert={CODE}]").wait_for()
    assert page.get_by_role("button", name="I am on it").count() == 0
    town.until(lambda: open_alert(town)["state"] == "firing", what="the alert fires")


def test_it_says_when_it_was_looked_at_last(person, looks_right):
    page = person("viewer").open("/alerts")
    page.get_by_text("Looked at last:").wait_for()
    page.get_by_text("Nothing is amiss.").wait_for()
    looks_right("/alerts", "text=Looked at last:")


def test_an_alert_that_is_none_is_not_found(person):
    someone = person("viewer")
    page = someone.open("/alerts/999999")
    page.get_by_text("There is no alert 999999.").wait_for()
    someone.errors.clear()  # the browser tells of the 404
