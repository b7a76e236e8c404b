"""An order whose attempts are used up is a dead letter: seen, amended and replayed by people, and confirmed once."""

import json
import re

import pytest
from troubles import delivery, press

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-dead-letter")]

ATTEMPTS = 3
OWN_TOWN = f"[retry]\nattempts_max = {ATTEMPTS}\nfirst_delay_s = 0.1\n"
OLD_STREET, STREET = "Industriestraße 1", "Kaistraße 7"


def streets_in_the_erp(town, number):
    """Of every document the ERP has for this order: the street it would be sent to."""
    orders = town.sim("erp", "GET", f"orders?name=shop-1-{number}")
    partners = (partner for order in orders for partner in order["to_Partner"])
    return [partner["to_Address"]["StreetName"] for partner in partners if partner["PartnerFunction"] == "SH"]


def test_a_dead_letter_is_amended_and_replayed_and_the_order_is_confirmed_once(town, person):
    town.sim("erp", "POST", "faults", {"script": [{"kind": "500", "match": "POST */A_SalesOrder", "times": ATTEMPTS}]})
    number = town.place(("VALVE-050", 4))["increment_id"]
    page = person("order_desk").open("/inbox")
    page.get_by_role("row").filter(has_text="given up").get_by_role("link").first.click()
    page.get_by_role("link", name=f"shop-1-{number}").click()
    page.wait_for_url("**/inbox/*")
    page.get_by_text("given up").first.wait_for()
    dead_id = int(re.search(r"/inbox/(\d+)", page.url)[1])
    dead = delivery(town, dead_id)
    assert (dead["delivery"]["state"], dead["delivery"]["attempts"]) == ("dead", ATTEMPTS)
    assert streets_in_the_erp(town, number) == []
    page.get_by_role("tab", name="Request").click()
    page.get_by_role("tabpanel", name="Request").get_by_text('"StreetName": "Industriestra').first.wait_for()
    page.get_by_role("tab", name="Response").click()
    page.get_by_role("tabpanel", name="Response").get_by_text("500").first.wait_for()

    press(page, "Amend…")
    editor = page.get_by_role("textbox", name="Payload (JSON)")
    original = json.loads(editor.input_value())
    amended = json.dumps(original, ensure_ascii=False).replace(OLD_STREET, STREET)
    editor.fill(amended)
    page.get_by_role("textbox", name="Reason").fill("the carrier does not find the old one")
    page.get_by_role("dialog").get_by_role("button", name="Amend and retry", exact=True).click()
    page.get_by_text("done", exact=True).first.wait_for()

    assert town.until_state(number, "confirmed")
    assert streets_in_the_erp(town, number) == [STREET]
    kept = delivery(town, dead_id)
    assert (kept["data"], kept["amended"]) == (original, json.loads(amended))
    assert [attempt["outcome"] for attempt in kept["attempts"]].count("done") == 1
    assert len(kept["attempts"]) == ATTEMPTS + 1
    page.get_by_role("tab", name="History").click()
    page.get_by_role("row").filter(has_text="the carrier does not find the old one").wait_for()
