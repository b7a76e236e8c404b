"""A person says who placed an order, and sees it go on."""

import itertools
import re

import pytest

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-reviews")]

NUMBERS = itertools.count(1)


@pytest.fixture
def held(town):
    """An order of somebody the CRM does not know, who writes from the firm of somebody it knows."""

    def make(**guest):
        email = f"nora.{next(NUMBERS)}@gruen-chemie.example"
        guest = {"email": email, "firstname": "Nora", "lastname": "New", **guest}
        order = town.place(guest=guest, address={"company": "Gruen Chemie", "city": "Köln", "postcode": "50667"})
        number = order["increment_id"]
        return number, town.until(lambda: review_of(town, number), what=f"a review of {number}")

    return make


def review_of(town, number):
    items = town.api.get("/api/reviews", params={"limit": 200}).json()["items"]
    return next((one["delivery_id"] for one in items if one["number"] == number), None)


def decide(page, button, reason, *, do):
    page.get_by_role("button", name=button, exact=True).first.click()
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=do, exact=True).click()


def test_a_review_is_resolved_and_the_order_goes_on_to_confirmed(town, held, person):
    number, _ = held()
    page = person("order_desk").open("/reviews")
    page.get_by_role("link", name=number).click()
    page.get_by_role("heading", name=f"Who placed order {number}?").wait_for()
    page.get_by_role("heading", name="Grün Chemie AG").wait_for()
    table = page.get_by_role("region", name="Grün Chemie AG compared")
    firm = table.get_by_role("row").filter(has_text="Firm")
    assert "Gruen Chemie" in firm.inner_text()
    assert "Grün Chemie AG" in firm.inner_text()
    assert "agrees" in firm.inner_text()  # a word and a sign, not colour alone
    decide(page, "Link to Grün Chemie AG", "asked them by phone", do="Link")
    page.get_by_text("it does not").wait_for()  # wait any more: the page says so by itself
    town.until_state(number, "confirmed")
    page.locator(".ms-chip", has_text=re.compile("done")).first.wait_for()
    assert page.get_by_role("button", name="Link to Grün Chemie AG").count() == 0
    assert review_of(town, number) is None
    trail = town.api.get("/api/audit", params={"action": "customer.link", "people": True}).json()["items"]
    assert trail[0]["detail"]["reason"] == "asked them by phone"


def test_a_new_customer_gets_an_account_and_another_order_is_rejected(town, held, person):
    made, review = held(email="wilma@elsewhere.example", firstname="Wilma", lastname="Who")
    rejected, other = held()
    page = person("order_desk").open(f"/reviews/{review}")
    decide(page, "Create an account", "new, checked", do="Create")
    town.until_state(made, "confirmed")
    assert [one for one in town.sim("crm", "GET", "records?object=Contact")["Contact"] if one["LastName"] == "Who"]
    page = person("order_desk").open(f"/reviews/{other}")
    decide(page, "Reject the order", "a test", do="Reject")
    page.locator(".ms-chip", has_text="resolved").wait_for()
    assert town.order(rejected)["state"] == "discarded"


def test_the_list_renews_itself_and_keeps_its_filter_in_the_address(town, held, person):
    someone = person("viewer")
    page = someone.open("/reviews?kind=customer.unknown")
    number, _ = held()
    page.get_by_role("link", name=number).wait_for()
    assert "wilma" not in page.inner_text("#content").lower()
    page.get_by_role("link", name="Several accounts have the e-mail").click()
    page.get_by_text("No order waits because of its customer").wait_for()
    assert "kind=customer.ambiguous" in page.url


def test_who_may_only_look_sees_what_agrees_but_no_data_and_no_action(held, person):
    _, review = held()
    page = person("viewer").open(f"/reviews/{review}")
    page.get_by_role("heading", name="Grün Chemie AG").wait_for()
    text = page.inner_text("#content")
    assert "agrees" in text
    assert "greta@" not in text
    assert "Nora" not in text
    assert page.get_by_role("button", name=re.compile("Link|Create|Reject")).count() == 0
    assert "needs the right “replay”" in text


def test_an_account_is_named_by_its_id_and_a_wrong_one_is_refused_in_words(town, held, person):
    number, review = held()
    page = person().open(f"/reviews/{review}")
    page.get_by_role("button", name="Link to an account by its id").click()
    page.get_by_label("Id of the account").fill("nonsense")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Reason").fill("a try")
    page.get_by_role("button", name="Link", exact=True).click()
    page.get_by_text("has no account nonsense").first.wait_for()
    assert review_of(town, number) == review


def test_every_decision_can_be_copied_as_a_command(held, person):
    _, review = held()
    page = person().open(f"/reviews/{review}")
    page.get_by_role("heading", name="Grün Chemie AG").wait_for()
    commands = page.locator("[data-ms=copy]").evaluate_all("all => all.map(one => one.dataset.text)")
    assert f"millstream reviews show {review}" in commands
    assert any(re.fullmatch(rf"millstream reviews link {review} 001\w+", one) for one in commands)


def test_a_review_that_is_not_there_says_so(person):
    someone = person()
    page = someone.open("/reviews/999999")
    assert "No order has a delivery 999999" in page.inner_text("#content")
    someone.errors.clear()  # the browser notes the 404 of the page itself


def test_the_pages_look_right_in_every_shape(held, looks_right):
    _, review = held()
    looks_right("/reviews", ".ms-table")
    looks_right(f"/reviews/{review}", ".ms-card .ms-table")
