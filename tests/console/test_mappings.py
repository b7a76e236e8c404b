"""The workbench for custom fields, as an integrator uses it; and what others see of it."""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-mappings")]

PLACE = "/mappings/crm/outbound"


@pytest.fixture(scope="module")
def placed(town):
    """An order that the ERP confirmed, so that there is something to try on."""
    number = town.place(("VALVE-050", 2), ("GASKET-10", 1))["increment_id"]
    town.until_state(number, "confirmed", "packed", "shipped", "delivered")
    return number


@pytest.fixture
def nothing_laid_over(town):
    """Before and after: no draft, no rules."""

    def clear():
        town.api.delete("/api/mappings/crm/outbound/draft")
        version = town.api.get("/api/mappings/crm/outbound").json()["version"]
        if version and version["rules"]:
            body = {"reason": "tidy up", "on_top_of": version["version"], "version": 0}
            assert town.api.post("/api/mappings/crm/outbound/rollback", json=body).status_code == 200

    clear()
    yield
    clear()


def add_field(page, name, expression):
    page.get_by_label("Field", exact=True).fill(name)
    page.get_by_role("button", name="Add field").click()
    page.get_by_label(f"Expression for order.{name}").fill(expression)


def test_every_mapping_is_listed_and_leads_to_its_workbench(person, placed):
    page = person().open("/mappings")
    page.get_by_role("link", name="crm outbound").click()
    page.wait_for_selector("h1:has-text('crm, outbound')")
    assert page.get_by_label("Paths and values").get_by_text("order.number", exact=True).is_visible()


def test_a_field_is_tried_live_compared_published_and_taken_back(person, town, placed, nothing_laid_over):
    page = person("integrator").open(PLACE)
    add_field(page, "PoNumber", "'PO-' & order.number")
    page.get_by_role("group", name="Rule for order.PoNumber").get_by_text(f"PO-{placed}").wait_for()
    page.get_by_text("not saved").wait_for()

    page.get_by_label("Expression for order.PoNumber").fill("$number(order.number & 'x')")
    page.get_by_role("group", name="Rule for order.PoNumber").get_by_text("no value").first.wait_for()
    page.get_by_label("Expression for order.PoNumber").fill("'PO-' & order.number")
    page.get_by_text("every rule holds").wait_for()

    page.get_by_role("button", name="Compare now").click()
    page.get_by_label("Changes by field").get_by_text("order.PoNumber").wait_for()

    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("The draft is kept.").wait_for()
    page.get_by_role("button", name="Publish").click()
    page.get_by_label("Reason").fill("sales asked for it")
    page.get_by_role("dialog").get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("in force", exact=False).first.wait_for()
    page.get_by_text("by integrator-person: sales asked for it").wait_for()

    number = town.place(("VALVE-050", 1))["increment_id"]
    wanted = f"PO-{number}"
    town.until(
        lambda: any(row.get("PoNumber") == wanted for row in town.sim("crm", "GET", "records?object=Order")["Order"]),
        what=f"{wanted} in the CRM",
    )

    version = town.api.get("/api/mappings/crm/outbound").json()["version"]
    assert (version["published_by"], version["reason"]) == ("integrator-person", "sales asked for it")


def test_a_rollback_asks_why_and_brings_the_old_rules_back(person, town, placed, nothing_laid_over):
    base = "/api/mappings/crm/outbound"
    start = (town.api.get(base).json()["version"] or {"version": 0})["version"]
    for n, expression in enumerate(("'first'", "'second'")):
        content = {"rules": [{"target": "order", "field": "PoNumber", "expression": expression}]}
        body = {"reason": f"try {n}", "on_top_of": start + n, "content": content}
        assert town.api.post(f"{base}/publish", json=body).status_code == 200
    page = person().open(PLACE)
    page.get_by_role("button", name=f"Roll back to version {start + 1}").click()
    page.get_by_label("Reason").fill("the second was worse")
    page.get_by_role("dialog").get_by_role("button", name="Roll back", exact=True).click()
    page.get_by_text("by admin: the second was worse").wait_for()
    version = town.api.get(base).json()["version"]
    assert (version["restores"], version["rules"][0]["expression"]) == (start + 1, "'first'")


def test_a_field_of_the_connectors_own_is_refused_with_a_word_on_what_may_be(person, placed, nothing_laid_over):
    page = person("integrator").open(PLACE)
    add_field(page, "Hub_Order_Id__c", "'x'")
    rule = page.get_by_role("group", name="Rule for order.Hub_Order_Id__c")
    rule.get_by_text("The connector itself writes Hub_Order_Id__c").first.wait_for()
    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("order.Hub_Order_Id__c: The connector itself writes").wait_for()


def test_a_test_is_added_and_says_what_came_out(person, placed, nothing_laid_over):
    page = person("integrator").open(PLACE)
    add_field(page, "PoNumber", "'PO-' & order.number")
    page.get_by_text("every rule holds").wait_for()
    page.get_by_role("button", name="Add a test").click()
    page.get_by_label("Name", exact=True).fill("number")
    page.get_by_label("Given, as JSON").fill('{"order": {"number": "7"}}')
    page.get_by_label("Fields that come out, as JSON").fill('{"PoNumber": "PO-8"}')
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text('PoNumber: expected "PO-8", got "PO-7"').wait_for()


def test_paths_are_searched_and_another_record_is_shown(person, placed):
    page = person().open(PLACE)
    page.get_by_label("Search paths and values").fill("customer.email")
    paths = page.get_by_label("Paths and values")
    paths.get_by_text("order.customer.email").wait_for()
    paths.get_by_text("order.number", exact=True).wait_for(state="detached")


def test_the_address_keeps_what_was_chosen(person, placed):
    page = person().open(PLACE)
    page.get_by_role("checkbox", name="Only orders that a mapping holds").click()
    page.get_by_text("No order is held by a mapping.").wait_for()
    page.wait_for_url("**/console/mappings/crm/outbound?failing=1")
    page.reload()
    page.get_by_text("No order is held by a mapping.").wait_for()


def test_somebody_who_publishes_meanwhile_is_told_of(person, town, placed, nothing_laid_over):
    page = person().open(PLACE)
    page.get_by_text("nothing is laid over").first.wait_for()
    base = "/api/mappings/crm/outbound"
    on_top_of = (town.api.get(base).json()["version"] or {"version": 0})["version"]
    content = {"rules": [{"target": "order", "field": "PoNumber", "expression": "'x'"}]}
    town.api.post(f"{base}/publish", json={"reason": "meanwhile", "on_top_of": on_top_of, "content": content})
    page.get_by_text("Somebody published meanwhile").wait_for()


def test_a_viewer_reads_rules_and_sees_nothing_customers_sent(person, placed):
    page = person("viewer").open(PLACE)
    page.get_by_text("shown with the right “view_payload”").wait_for()
    assert page.get_by_role("button", name="Publish").count() == 0
    assert page.get_by_label("Paths and values").count() == 0


def test_an_unknown_mapping_says_which_there_are(person):
    page = person().open("/mappings/nowhere/outbound")
    page.get_by_text("crm outbound").wait_for()


@pytest.mark.parametrize(
    ("path", "ready"), [("/mappings", "text=crm outbound"), (PLACE, "[aria-label='Paths and values']")]
)
def test_it_looks_right_in_every_shape(looks_right, placed, path, ready):
    looks_right(path, ready)
