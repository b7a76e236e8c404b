"""Every page: a picture of it, and axe's word in two opposite shapes, wide and light, narrow and dark.

The pictures are kept beside the tests' other results; `make pictures` puts those of the README in place.
"""

import os
from pathlib import Path

import pytest
from troubles import failing

from fakes.browser import NARROW, WIDE

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-pictures")]

FOLDER = Path(os.environ.get("MILLSTREAM_PICTURES", Path(__file__).parents[2] / "build/pictures"))
ORDERS = (
    {"lines": [("VALVE-050", 4), ("GASKET-10", 10)], "customer": 1},
    {"lines": [("PUMP-CFG", 1)], "customer": 3},
    {"lines": [("PUMP-100", 2), ("SEAL-KIT", 4)], "customer": 4, "po_number": "PO-4711"},
    {"lines": [("FILTER-5", 3), ("OIL-1L", 2)], "customer": 5, "coupon": "SAVE10"},
    {"lines": [("PUMP-KIT", 1)], "customer": 3},
    {"lines": [("SKID-01", 1)], "customer": 4},
    {"lines": [("VALVE-050", 1)], "customer": 5},
    {"lines": [("OIL-1L", 12)], "customer": 2},
)
STUCK = (
    {"lines": [("GHOST-1", 1)], "customer": 1},
    {"lines": [("GHOST-1", 3)], "customer": 4},
    {
        "lines": [("OIL-1L", 6)],
        "guest": {"email": "nora@new-buyer.example", "firstname": "Nora", "lastname": "New"},
    },
)
PAGES = {  # to a picture's name: where it is, from the ids of what waits in the town
    "today": "/",
    "orders": "/orders",
    "order": "/orders/{order}",
    "inbox": "/inbox",
    "cause": "/inbox/cause/{cause}",
    "delivery": "/inbox/{delivery}",
    "bulk": "/inbox/bulk?action=retry&cause={cause}",
    "bulk-progress": "/inbox/bulk/{bulk}",
    "reviews": "/reviews",
    "review": "/reviews/{review}",
    "alerts": "/alerts",
    "connections": "/connections",
    "flow": "/flow",
    "mappings": "/mappings",
    "mapping": "/mappings/{mapping}",
    "audit": "/audit",
    "settings": "/settings",
    "users": "/settings/users",
    "keys": "/settings/keys",
    "rules": "/settings/rules",
    "secrets": "/settings/secrets",
}


@pytest.fixture(scope="module")
def busy_town(town):
    """A town in which most things went well and a few wait for a person."""

    def place(wish):
        wish = dict(wish)
        return town.place(*wish.pop("lines"), **wish)["increment_id"]

    town.numbers = [place(wish) for wish in ORDERS]
    town.stuck = [place(wish) for wish in STUCK]
    for number in town.numbers:
        town.until_state(number, "confirmed")
    for number in town.stuck:
        town.until_state(number, "review")
    if "MILLSTREAM_PICTURES" in os.environ:  # what waits is filed with its money a quarter of a minute later
        town.until(lambda: not town.api.get("/api/today").json()["at_risk_unknown"], what="that what waits is filed")
    town.ids = ids_of(town)
    return town


def ids_of(town):
    """What the addresses of pages are made of."""
    ghost = failing(town)
    wanted = {"states": ["held"], "fingerprint": ghost["fingerprint"]}
    wish = {"action": "retry", "filter": wanted, "reason": "for the picture", "dry_run": False}
    mapping = town.api.get("/api/mappings").json()["items"][0]
    return {
        "order": town.order(town.numbers[1])["order_key"],
        "cause": ghost["fingerprint"],
        "delivery": ghost["id"],
        "bulk": town.api.post("/api/bulk", json=wish).raise_for_status().json()["bulk"]["id"],
        "review": town.api.get("/api/reviews").json()["items"][0]["delivery_id"],
        "mapping": f"{mapping['connection']}/{mapping['direction']}",
    }


def look(someone, name: str) -> None:
    """What axe finds, and what does not fit."""
    someone.page.wait_for_timeout(400)  # charts, fonts and layout settle; nothing tells when they have
    assert someone.violations() == [], name
    assert someone.overflow() <= 0, name


def take(someone, name: str) -> None:
    someone.page.wait_for_timeout(700)  # as above
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"console-{name}.png"
    someone.page.screenshot(path=path)
    assert path.stat().st_size > 10_000, "an empty page"


@pytest.mark.parametrize("name", PAGES)
def test_each_page_looks_right_and_has_its_picture(busy_town, person, name):
    someone = person(view=WIDE)
    page = someone.open(PAGES[name].format(**busy_town.ids))
    page.wait_for_selector("h1")
    assert page.get_by_text("no such").count() == 0, "a page about nothing"
    take(someone, name)
    look(someone, name)
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.wait_for_function("document.body.classList.contains('body--dark')")
    look(someone, f"{name}, narrow and dark")


def test_a_picture_on_a_telephone_at_night(busy_town, person):
    someone = person(view=NARROW, dark=True)
    someone.open("/").wait_for_selector("h1")
    take(someone, "today-narrow")
