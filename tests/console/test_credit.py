"""Credit: what the ERP stopped is released by people of credit, one and many, and the ERP decides."""

import re

import pytest
from troubles import clear, delivery, failing, give_reason, press, until_state

from millstream.sandbox.sap_s4hana.seed import WEB_CUSTOMER

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-inbox")]
CODE = "credit.limit_exceeded"


def limit(town, amount):
    town.sim("erp", "POST", "customers", {"customer": WEB_CUSTOMER, "limit": amount})


def raise_limit(town):
    """As credit management does it: a higher limit, and the orders that wait are checked again."""
    limit(town, "10000000")
    for order in town.sim("erp", "GET", "orders"):
        if order["DeliveryBlockReason"]:
            town.sim("erp", "POST", f"orders/{order['SalesOrder']}", {"check_again": True})


@pytest.fixture(autouse=True)
def _nobody_has_credit(town):
    clear(town)
    limit(town, "1")
    yield
    limit(town, None)
    clear(town)


def test_a_credit_person_releases_an_order_and_it_is_confirmed_once_the_limit_is_raised(town, person):
    held = failing(town, ("VALVE-050", 2), code=CODE)
    page = person("credit").open(f"/inbox/{held['id']}")
    buttons = page.get_by_role("group", name="What can be done").get_by_role("button")
    buttons.first.wait_for()
    assert buttons.all_inner_texts() == ["lock_open\nRelease credit…"], "and nothing else is theirs to do"
    press(page, "Release credit…")
    page.get_by_text("The ERP still decides").wait_for()
    give_reason(page, "they called", "Release")
    page.get_by_text("Credit agreed; it is tried now").wait_for()
    again = until_tried(town, held, tries=held["tries"] + 1)
    assert (again["state"], again["code"]) == ("held", CODE), "without a higher limit the ERP holds it again"
    assert "exceeds the customer's credit limit" in again["message"]
    raise_limit(town)
    press(page, "Release credit…")
    give_reason(page, "they paid", "Release")
    until_state(town, held["id"], "done")
    town.until_state(held["subject"].rpartition("-")[2], "confirmed")
    page.get_by_role("tab", name="History").click()
    row = page.get_by_role("row").filter(has_text="they paid")
    row.get_by_role("cell", name="credit agreed").wait_for()
    assert "credit-person" in row.inner_text()
    assert delivery(town, held["id"])["waived"] == []


def test_a_credit_person_releases_all_that_credit_stopped(town, person):
    rows = [failing(town, ("VALVE-050", 1), code=CODE) for _ in range(2)]
    raise_limit(town)
    page = person("credit").open(f"/inbox/cause/{rows[0]['fingerprint']}")
    press(page, "Release credit of all 2…")
    page.wait_for_url("**/inbox/bulk?*")
    page.get_by_text("An estimate: nothing was changed.").wait_for()
    press(page, "Release 2…")
    give_reason(page, "they paid", "Start")
    page.wait_for_url(re.compile(r"/inbox/bulk/[0-9a-f-]{36}"))
    page.locator(".ms-chip", has_text="finished").wait_for()
    for row in rows:
        until_state(town, row["id"], "done")


def test_an_order_desk_person_is_not_offered_to_release_credit(town, person):
    held = failing(town, ("VALVE-050", 2), code=CODE)
    page = person("order_desk").open(f"/inbox/{held['id']}")
    page.get_by_role("button", name="Retry…").wait_for()
    assert page.get_by_role("button", name=re.compile("^Release")).count() == 0
    page.goto(f"{town.url}/console/inbox/cause/{held['fingerprint']}")
    page.get_by_role("button", name=re.compile(r"^Retry all \d+…")).wait_for()
    assert page.get_by_role("button", name=re.compile("^Release")).count() == 0


def until_tried(town, row, *, tries):
    def find():
        now = delivery(town, row["id"])["delivery"]
        return now if now["tries"] == tries and now["state"] == "held" else None

    return town.until(find, what=f"try {tries} of delivery {row['id']}")
