"""One delivery: why it fails is told, it is mended by whoever may, and nothing of the original is lost."""

import json
import re

import pytest
from troubles import choose, clear, delivery, do, failing, give_reason, press, until_state

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-inbox")]


@pytest.fixture(scope="module", autouse=True)
def _empty_inbox(town):
    clear(town)
    yield
    clear(town)


@pytest.fixture
def ghost(town):
    return failing(town)


def editor(page):
    return page.get_by_role("textbox", name="Payload (JSON)")


def in_dialog(page, name):
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def choices(page, side):
    page.get_by_role("combobox", name=side).click()
    found = page.get_by_role("option").all_inner_texts()
    page.keyboard.press("Escape")
    return found


def differing(page, side):
    """The lines that stand only on one side."""
    shown = page.locator(f".ms-diff-{side} pre").all_inner_texts()
    return [line for text in shown for line in text.splitlines()]


def test_it_says_what_happened_why_who_mends_it_and_how(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    facts = page.locator(".ms-facts").first.inner_text()
    assert "does not sell GHOST-1" in facts
    assert "The ERP does not sell an item of the order." in facts
    assert "whoever keeps the ERP" in facts
    assert "Create or activate it in the ERP, then retry; or amend the SKU." in facts
    page.get_by_role("link", name=ghost["subject"]).click()
    page.wait_for_url(f"**/orders/{ghost['subject']}")


def test_a_ghost_is_amended_to_a_real_item_and_the_order_is_confirmed(town, person, ghost):
    page = person("order_desk").open(f"/inbox/{ghost['id']}")
    press(page, "Amend…")
    original = json.loads(editor(page).input_value())
    assert "GHOST-1" in json.dumps(original)
    editor(page).fill(json.dumps(original).replace("GHOST-1", "VALVE-050"))
    in_dialog(page, "Check, send nothing")
    page.get_by_text("The hub can read it, and its money closes. Nothing was sent.").wait_for()
    assert "VALVE-050" in page.get_by_role("dialog").locator(".ms-diff-right").first.inner_text()
    assert delivery(town, ghost["id"])["amended"] is None
    in_dialog(page, "Amend and retry")
    page.get_by_text("Say why in a few words").wait_for()
    page.get_by_role("textbox", name="Reason").fill("the shopper meant the valve")
    in_dialog(page, "Amend and retry")
    # The shop sold a ghost at the ghost's price, so now it is the price that somebody must answer for.
    page.get_by_text("A price differs from the ERP's by more than the tolerance.").wait_for()
    press(page, "Release…")
    give_reason(page, "agreed by phone", "Release")
    number = ghost["subject"].rpartition("-")[2]
    town.until_state(number, "confirmed")
    page.get_by_text("done", exact=True).first.wait_for()
    kept = delivery(town, ghost["id"])
    assert kept["data"] == original
    assert kept["amended"] == json.loads(json.dumps(original).replace("GHOST-1", "VALVE-050"))
    assert {("GHOST-1" in line) for line in differing(page, "left")} == {True}
    assert {("VALVE-050" in line) for line in differing(page, "right")} == {True}
    page.get_by_role("tab", name="History").click()
    page.get_by_role("cell", name="released from its rule").wait_for()
    amended = page.get_by_role("row").filter(has_text="the shopper meant the valve")
    assert "order-desk-person" in amended.inner_text()
    the_store_would_be_asked(town, person("order_desk"), ghost["subject"])


def the_store_would_be_asked(town, someone, key):
    """What the hub asks of the store stands there in the words that the shopper was told."""
    wanted = {"order": key, "to": "store", "type": "order.confirmed"}
    (told,) = town.api.get("/api/deliveries", params=wanted).json()["items"]
    page = someone.open(f"/inbox/{told['id']}")
    page.get_by_text("What the hub asks are its requests to the connector").wait_for()
    offered = choices(page, "Right")
    assert [name.partition(" of ")[0] for name in offered] == [
        "As it came", "As the hub reads it", "What the hub asks", offered[-1],
    ]  # fmt: skip
    assert offered[-1].endswith("would get it")
    choose(page, "Right", offered[-2])
    page.locator(".ms-diff-right").filter(has_text="Your order is confirmed. Our number: ").first.wait_for()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda _: "{", "This is no JSON"),
        (lambda _: "[]", "must be a JSON object"),
        (lambda _: '{"order": {}}', "cannot read it"),
        (lambda text: re.sub(r'("grand_total":) ?[\d.]+', r"\1 1", text, count=1), "does not close to the cent"),
    ],
    ids=["no JSON", "no object", "no order", "totals"],
)  # fmt: skip
def test_what_could_not_be_sent_is_refused_in_the_form_and_nothing_changes(town, person, ghost, spoil, says):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Amend…")
    editor(page).fill(spoil(editor(page).input_value()))
    page.get_by_role("textbox", name="Reason").fill("why not")
    in_dialog(page, "Amend and retry")
    page.get_by_role("dialog").locator(".ms-warning").filter(has_text=says).wait_for()
    in_dialog(page, "Back")
    page.get_by_role("dialog").wait_for(state="detached")
    row = delivery(town, ghost["id"])
    assert (row["amended"], row["delivery"]["state"]) == (None, "held")


def test_it_is_resolved_with_a_category_and_reopened(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Resolve…")
    page.get_by_role("combobox", name="Why").click()
    page.get_by_role("option", name="It was a test").click()
    give_reason(page, "nobody sells ghosts", "Resolve it")
    page.get_by_role("button", name="Reopen…").wait_for()
    row = delivery(town, ghost["id"])["delivery"]
    assert (row["state"], row["resolution"], row["note"]) == ("discarded", "test", "nobody sells ghosts")
    press(page, "Reopen…")
    give_reason(page, "it was none", "Reopen")
    page.get_by_role("button", name="Resolve…").wait_for()
    assert delivery(town, ghost["id"])["delivery"]["state"] == "held"


def test_a_retry_is_one_more_attempt_and_shows_without_a_reload(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}?tab=attempts")
    assert page.get_by_role("tab", name="Attempts").get_attribute("aria-selected") == "true"
    rows = page.get_by_role("region", name="Attempts").get_by_role("row")
    assert rows.count() == 2
    press(page, "Retry…")
    in_dialog(page, "Retry")
    page.wait_for_function("document.querySelectorAll('[aria-label=Attempts] tbody tr').length === 2")
    until_state(town, ghost["id"], "held")
    assert rows.nth(1).inner_text().startswith("2")


def test_who_was_overtaken_is_told_and_nothing_is_done(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Resolve…")
    do(town, ghost["id"], "assign", assignee="somebody-quicker")
    give_reason(page, "nobody sells ghosts", "Resolve it")
    page.get_by_text(re.compile("changed meanwhile")).first.wait_for()
    assert delivery(town, ghost["id"])["delivery"]["state"] == "held"


def test_what_somebody_is_writing_outlives_a_change_of_the_page(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Amend…")
    page.get_by_role("textbox", name="Reason").fill("half a sentence")
    do(town, ghost["id"], "tag", tags=["meanwhile"])
    page.locator(".ms-tag", has_text="meanwhile").wait_for()
    assert page.get_by_role("textbox", name="Reason").input_value() == "half a sentence"
    in_dialog(page, "Amend and retry")
    page.get_by_text(re.compile("changed meanwhile")).first.wait_for()
    assert delivery(town, ghost["id"])["amended"] is None


def test_it_is_assigned_tagged_and_snoozed(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Assign to me")
    page.get_by_text("Assigned to admin").wait_for()
    page.locator(".ms-facts").get_by_text("admin", exact=True).wait_for()
    press(page, "Tag…")
    page.get_by_role("textbox", name="Words").fill("fair, urgent")
    in_dialog(page, "Tag")
    page.locator(".ms-tag", has_text="urgent").wait_for()
    press(page, "Snooze…")
    give_reason(page, "tomorrow", "Snooze")
    page.get_by_text("Snoozed until").wait_for()
    row = delivery(town, ghost["id"])["delivery"]
    assert (row["assignee"], row["tags"], row["snoozed_until"] is None) == ("admin", ["fair", "urgent"], False)


def test_a_viewer_sees_no_payload_and_no_action(town, person, ghost):
    page = person("viewer").open(f"/inbox/{ghost['id']}")
    assert page.get_by_text("Payloads are not shown to you.").is_visible()
    assert "GHOST-1" not in page.locator(".ms-panels").inner_text()
    names = re.compile("Retry|Amend|Release|Resolve|Reopen|Assign|Tag|Snooze")
    assert page.locator(".ms-main").get_by_role("button", name=names).count() == 0


def test_credit_sees_the_payload_and_amends_nothing(town, person, ghost):
    page = person("credit").open(f"/inbox/{ghost['id']}")
    page.locator(".ms-diff").wait_for()
    names = re.compile("Retry|Amend|Release|Resolve|Assign")
    assert page.locator(".ms-main").get_by_role("button", name=names).count() == 0


def test_it_shows_what_the_erp_would_get_and_what_was_called(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    assert choices(page, "Right") == ["As it came", "As the hub reads it", "As erp would get it"]
    would_get = page.locator(".ms-diff-right").all_inner_texts()
    assert any('"Material": "GHOST-1"' in text for text in would_get)
    assert all(
        line.startswith("+ ") for text in would_get for line in text.splitlines() if line != "only on the right:"
    )
    page.get_by_role("tab", name="Response").click()
    page.get_by_text("No request or answer is kept word by word").wait_for()
    calls = delivery(town, ghost["id"])["attempts"][0]["calls"]
    shown = page.get_by_role("region", name="Answers").get_by_role("row")
    assert shown.count() == len(calls) + 1
    assert calls


def test_tabs_are_walked_by_arrow_keys_and_kept_in_the_address(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    page.get_by_role("tab", name="Payload").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Response", selected=True).wait_for()
    page.wait_for_url(f"**/inbox/{ghost['id']}?tab=response")
    panel = page.get_by_role("tabpanel", name="Response")
    assert panel.is_visible()


def test_the_same_is_copied_as_a_command(town, person, ghost):
    page = person().open(f"/inbox/{ghost['id']}")
    press(page, "Copy as command: retry")
    assert page.evaluate("navigator.clipboard.readText()") == f"millstream deliveries retry {ghost['id']}"


def test_there_is_no_such_delivery(person):
    page = person().open("/inbox/999999")
    assert page.get_by_text("There is no such delivery.").is_visible()


def test_a_delivery_looks_right(town, looks_right, ghost):
    looks_right(f"/inbox/{ghost['id']}", ".ms-diff")
