"""Pictures of every page, kept beside the tests' other results. `make pictures` puts those of the README in place."""

import os
from pathlib import Path

import pytest

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
PAGES = {
    "today": "/",
    "orders": "/orders",
    "inbox": "/inbox",
    "reviews": "/reviews",
    "alerts": "/alerts",
    "connections": "/connections",
    "flow": "/flow",
    "mappings": "/mappings",
    "audit": "/audit",
    "settings": "/settings",
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
    return town


def take(someone, name: str) -> None:
    someone.page.wait_for_timeout(700)  # charts and fonts draw themselves; nothing tells when they have
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"console-{name}.png"
    someone.page.screenshot(path=path)
    assert someone.violations() == [], name
    assert someone.overflow() <= 0, name
    assert path.stat().st_size > 10_000, "an empty page"


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_of_each_page(busy_town, person, name):
    someone = person(view=WIDE)
    someone.open(PAGES[name]).wait_for_selector("h1")
    take(someone, name)


def test_a_picture_of_an_order(busy_town, person):
    someone = person(view=WIDE)
    key = busy_town.order(busy_town.numbers[1])["order_key"]
    someone.open(f"/orders/{key}").wait_for_selector("h1")
    take(someone, "order")


def test_a_picture_on_a_telephone_at_night(busy_town, person):
    someone = person(view=NARROW, dark=True)
    someone.open("/").wait_for_selector("h1")
    take(someone, "today-narrow")
