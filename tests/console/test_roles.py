"""Who may open which page and press which button: every role, by the same table of rights as the API."""

import json

import httpx
import pytest
from troubles import clear, failing, press

from fakes.commands import read
from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.sandbox.sap_s4hana.seed import WEB_CUSTOMER

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-frame")]

PAGES = {
    "/": Right.VIEW,
    "/orders": Right.VIEW,
    "/inbox": Right.VIEW,
    "/reviews": Right.VIEW,
    "/alerts": Right.VIEW,
    "/connections": Right.VIEW,
    "/flow": Right.VIEW,
    "/mappings": Right.VIEW,
    "/audit": Right.VIEW_AUDIT,
    "/settings": Right.VIEW,
    "/settings/users": Right.MANAGE_ACCESS,
    "/settings/keys": Right.MANAGE_ACCESS,
    "/settings/secrets": Right.MANAGE_ACCESS,
}


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_the_pages_of_its_rights_and_no_other(town, role):
    with httpx.Client(base_url=town.url, timeout=60, follow_redirects=True) as client:
        token = town.sign_in(client, town.user(role.value))
        statuses = {path: client.get(f"/console{path}").status_code for path in PAGES}
        client.delete("/api/session", headers={"x-csrf-token": token})
    assert statuses == {path: 200 if right in RIGHTS_OF[role] else 403 for path, right in PAGES.items()}


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_shown_to_the_sign_in_and_back(town, path):
    answer = httpx.get(f"{town.url}/console{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/sign-in?next=%2Fconsole%2F")


# --- verbs

REPLAY, BRAKE, ALERTS, ACCESS = Right.REPLAY, Right.MANAGE_CONNECTIONS, Right.MANAGE_ALERTS, Right.MANAGE_ACCESS
VERBS = {  # page -> what its buttons begin with -> the right without which nobody sees it
    "/orders/{order}": {"Hold…": REPLAY},
    "/orders/{on_hold}": {"Hold…": REPLAY, "Take off hold…": REPLAY},
    "/inbox/{held}": {
        "Retry…": REPLAY,
        "Amend…": Right.AMEND_PAYLOAD,
        "Resolve…": REPLAY,
        "Assign to me": REPLAY,
        "Assign…": REPLAY,
        "Tag…": REPLAY,
        "Snooze…": REPLAY,
    },
    "/inbox/{credit}": {
        "Retry…": REPLAY,
        "Amend…": Right.AMEND_PAYLOAD,
        "Release credit…": Right.RELEASE_CREDIT,
        "Resolve…": REPLAY,
        "Assign to me": REPLAY,
        "Assign…": REPLAY,
        "Tag…": REPLAY,
        "Snooze…": REPLAY,
    },
    "/inbox/cause/{cause}": {
        "Retry all": REPLAY,
        "Resolve all…": REPLAY,
        "Assign to me": REPLAY,
        "Assign…": REPLAY,
        "Tag…": REPLAY,
        "Snooze…": REPLAY,
    },
    "/inbox/bulk?action=retry&cause={cause}": {"Retry ": REPLAY, "Try them out": REPLAY},
    "/reviews/{review}": {
        "Create an account": REPLAY,
        "Link to an account by its id": REPLAY,
        "Reject the order": REPLAY,
        "Ask the CRM again": Right.VIEW,
    },
    "/connections": {"Pause ": BRAKE, "Drain ": BRAKE, "Test ": BRAKE, "Rewind ": BRAKE},
    "/mappings/{mapping}": {
        "Publish": BRAKE,
        "Save draft": BRAKE,
        "Drop draft": BRAKE,
        "Add field": BRAKE,
        "Add a test": BRAKE,
        "Compare now": Right.VIEW_PAYLOAD,
    },
    "/settings/rules": {"Switch ": ALERTS, "Change ": ALERTS},
    "/settings/users": {"Add a user": ACCESS, "Role of ": ACCESS, "Password of ": ACCESS, "Disable ": ACCESS},
    "/settings/keys": {"Make a key": ACCESS, "Rotate ": ACCESS, "Revoke ": ACCESS},
    "/settings/secrets": {"Set a secret": ACCESS},
    "/audit": {"Verify now": Right.VIEW_AUDIT},
}
BUTTONS = """() => [...document.querySelectorAll("main .ms-button")]
    .filter((button) => button.checkVisibility())
    .map((button) => button.getAttribute("aria-label") ?? button.querySelector(".block")?.textContent ?? "")"""
COPIES = """() => [...document.querySelectorAll(".ms-copy[data-text^=millstream]")].map((copy) => copy.dataset.text)"""
SETTLED_MS = 500  # what a page asks for of itself after it stands


@pytest.fixture(scope="module")
def places(town):
    """A ghost, an order without credit, an unknown customer, a key: what there is to do something to."""
    clear(town)
    held = failing(town)
    town.sim("erp", "POST", "customers", {"customer": WEB_CUSTOMER, "limit": "1"})
    credit = failing(town, ("VALVE-050", 1), code="credit.limit_exceeded")
    town.sim("erp", "POST", "customers", {"customer": WEB_CUSTOMER, "limit": None})
    guest = {"email": "nora@roles.example", "firstname": "Nora", "lastname": "New"}
    review = failing(town, ("OIL-1L", 1), code="customer.unknown", guest=guest)
    town.api.post("/api/access/keys", json={"name": "roles", "role": "viewer", "days": 1}).raise_for_status()
    town.api.post(f"/api/orders/{credit['subject']}/hold", json={"reason": "roles"}).raise_for_status()
    mapping = town.api.get("/api/mappings").json()["items"][0]
    yield {
        "order": held["subject"],
        "on_hold": credit["subject"],
        "held": held["id"],
        "credit": credit["id"],
        "cause": held["fingerprint"],
        "review": review["id"],
        "mapping": f"{mapping['connection']}/{mapping['direction']}",
    }
    clear(town)


def offered(page, path, verbs):
    """What the buttons of a page begin with; a button that no verb stands for is told whole."""
    found = page.evaluate(BUTTONS)
    begun = {name: max((verb for verb in verbs if name.startswith(verb)), key=len, default=name) for name in found}
    return {f"{path}: {verb}" for verb in begun.values()}


@pytest.mark.thorough
@pytest.mark.parametrize("role", Role)
def test_each_role_is_offered_the_verbs_of_its_rights_and_no_other(town, person, places, role):
    someone, rights = person(role.value), RIGHTS_OF[role]
    seen, wanted, copied = set(), set(), []
    for path, verbs in VERBS.items():
        if PAGES.get(path, Right.VIEW) not in rights:
            continue  # the page itself is refused, see above
        page = someone.open(path.format(**places))
        page.wait_for_timeout(SETTLED_MS)
        copied += [read(text)[0] for text in page.evaluate(COPIES)]
        seen |= offered(page, path, verbs)
        wanted |= {f"{path}: {verb}" for verb, right in verbs.items() if right in rights}
    assert seen == wanted
    assert "connections show" in copied, "and each command to copy is one that the shell takes"


def test_the_command_in_a_dialog_follows_what_is_filled_in(town, person, places):
    page = person("order_desk").open(f"/inbox/{places['held']}")
    press(page, "Assign…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("User name").fill("anna o'hara")
    said = f"millstream deliveries assign {places['held']} --assignee 'anna o'\"'\"'hara'"
    dialog.locator(f".ms-copy[data-text={json.dumps(said)}]").wait_for()
    dialog.get_by_label("User name").fill("")
    dialog.locator(f".ms-copy[data-text='millstream deliveries assign {places['held']} --nobody']").wait_for()
    press(page, "Back")
    dialog.wait_for(state="hidden")
    press(page, "Tag…")
    dialog.get_by_label("Words").wait_for()
    assert not dialog.locator(".ms-copy").is_visible(), "nothing would change"
    dialog.get_by_label("Words").fill("gift, ghost")
    said = f"millstream deliveries tag {places['held']} --add=gift --add=ghost"
    dialog.locator(f".ms-copy[data-text='{said}']").wait_for()
