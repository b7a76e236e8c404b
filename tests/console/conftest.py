"""A real hub with sandbox systems around it, and a real browser in front of it."""

import asyncio
import shutil
import threading
import time
from pathlib import Path

import httpx
import pytest

from fakes.browser import ADMIN, NARROW, PASSWORD, WIDE
from millstream.demo.stage import Stage

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WAIT_S = 30


# What runs every time: what people live by, how each page looks, and who may see it. The rest is `thorough`:
# `make thorough` runs it; together they take longer than anybody wants to wait for each change.
EVERY_TIME = {
    "test_pictures": True,
    "test_roles": True,
    "test_alerts": {"test_an_alert_comes_with_effect_and_cause_is_taken_on_and_is_over_by_itself"},
    "test_connections": {"test_a_paused_connection_lets_orders_wait_and_a_resumed_one_lets_them_go_on"},
    "test_dead_letter": True,
    "test_delivery": {"test_a_ghost_is_amended_to_a_real_item_and_the_order_is_confirmed"},
    "test_frame": {
        "test_a_viewer_is_refused_the_audit_page_by_name_of_the_right",
        "test_a_wrong_password_is_told_and_the_right_one_leads_to_the_page_wanted_first",
        "test_no_script_runs_that_the_page_did_not_name_and_each_page_names_anew",
        "test_the_live_line_is_not_polled_by_pages_of_others",
        "test_an_address_without_a_page_is_answered_by_a_page_that_leads_on",
        "test_the_live_line_is_not_opened_without_a_session",
        "test_the_live_line_is_not_opened_by_web_sockets_of_others",
    },
    "test_order": {
        "test_an_order_becomes_shipped_while_its_page_is_open",
        "test_what_is_amiss_stands_on_top_and_leads_to_the_delivery",
    },
    "test_orders": {"test_every_kind_of_number_opens_its_order_at_once"},
    "test_reviews": {"test_a_review_is_resolved_and_the_order_goes_on_to_confirmed"},
    "test_set_up": {"test_first_run_from_the_link_to_the_console"},
    "test_today": {"test_orders_arrive_while_one_looks_and_their_state_moves_on"},
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent != Path(__file__).parent:
            continue
        wanted = EVERY_TIME.get(item.path.stem, ())
        if wanted is not True and item.originalname not in wanted:
            item.add_marker(pytest.mark.thorough)


class Town:
    """The hub and its neighbours, as people and tests reach them. `api` is the operator API as an administrator."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.said: list[str] = []
        self.api = httpx.Client(timeout=30)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="town")
        self._thread.start()
        self.stage = Stage(folder, erp="sap_s4hana", say=self.said.append, more_settings=settings)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=120)

    def open(self) -> None:
        self.run(self.stage.start())
        self.url = self.stage.hub_url
        self.set_up()

    def set_up(self) -> None:
        """The first administrator, by the link that `serve` printed."""
        log = self.stage.folder / "hub.log"
        self.until(lambda: "/console/set-up#" in log.read_text(), what="the set-up link")  # it may come after `ready`
        token = log.read_text().split("/console/set-up#", 1)[1].split()[0]
        self.setup_token = token
        self.api.base_url = self.url
        body = {"token": token, "name": ADMIN, "password": PASSWORD}
        assert self.api.post("/api/access/setup", json=body).status_code == 201
        self.api.headers["x-csrf-token"] = self.sign_in(self.api, ADMIN)

    def sign_in(self, client, name, password=PASSWORD) -> str:
        answer = client.post("/api/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return answer.json()["csrf_token"]

    def user(self, role: str) -> str:
        """Somebody with this role, made at the first call."""
        name = f"{role.replace('_', '-')}-person"
        answer = self.api.post("/api/access/users", json={"name": name, "role": role, "password": PASSWORD})
        assert answer.status_code in {201, 409}, answer.text
        return name

    def sim(self, system: str, method: str, path: str, body=None):
        """A sandbox system's own door. `system`: store, crm or erp."""
        base = {"store": self.stage.store_url, "crm": self.stage.crm_url, "erp": self.stage.erp.base_url}[system]
        return self.run(self.stage.sim(base, method, path, body))

    def place(self, *lines, customer=1, **more) -> dict:
        """Places an order in the store; `lines` are (sku, quantity). The answer has increment_id and entity_id."""
        wanted = [{"sku": sku, "qty": qty} for sku, qty in lines or (("VALVE-050", 2),)]
        order = {"lines": wanted, **({} if "guest" in more else {"customer": customer}), **more}
        return self.sim("store", "POST", "orders", order)

    def order(self, number: str) -> dict | None:
        """The order as the API lists it."""
        answer = self.api.get("/api/orders", params={"q": number})
        assert answer.status_code == 200, answer.text
        return next(iter(answer.json()["items"]), None)

    def until(self, ask, *, what="it"):
        """Waits for what announces itself to nobody."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = ask()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not come about within {WAIT_S} s")

    def until_state(self, number: str, *states: str) -> dict:
        """The order, once it is in one of these states."""

        def ask():
            order = self.order(number)
            return order if order and order["state"] in states else None

        return self.until(ask, what=f"order {number} in {states}")

    def close(self) -> None:
        try:
            self.run(self.stage.stop())
        finally:
            self.api.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


@pytest.fixture(scope="package")  # ends with these tests, so that no hub works on beside all the others
def shared_town(tmp_path_factory):
    yield from _opened(tmp_path_factory)


@pytest.fixture(scope="module")
def town(request, tmp_path_factory):
    """The town all modules share; one of its own for a module that says `OWN_TOWN = True`, because it counts things.

    `OWN_TOWN = "[retry]..."` are settings of its hub.
    """
    own = getattr(request.module, "OWN_TOWN", False)
    if own:
        yield from _opened(tmp_path_factory, own if isinstance(own, str) else "")
    else:
        yield request.getfixturevalue("shared_town")


def _opened(tmp_path_factory, settings=""):
    town = Town(tmp_path_factory.mktemp("town"), settings)
    try:
        town.open()
        yield town
    finally:
        town.close()


@pytest.fixture(scope="module")  # Playwright keeps an event loop running, in which no asyncio test could run
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium: `apt-get install chromium` brings it (make test does so on Debian as root)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """Somebody at a browser. `page` is a Playwright page; what the console wrote as errors is in `errors`."""

    def __init__(self, town, context) -> None:
        self.town = town
        self.context = context
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_S * 1000)
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: str = "/"):
        """Opens a page of the console and waits until its live line stands."""
        self.page.goto(f"{self.town.url}/console{path}")
        self.page.wait_for_function("window.socket?.connected && window.did_handshake")
        return self.page

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it is."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def overflow(self) -> int:
        """How many pixels the body is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture(scope="module")
def browsers(town, browser):
    """What signed-in people look through, kept for the module: a browser that has loaded a page once is fast."""
    kept, signed_in = {}, []

    def look(role: str, view, dark: bool):
        place = (role, view["width"], dark)
        if place not in kept:
            context = browser.new_context(
                viewport=view,
                color_scheme="dark" if dark else "light",
                permissions=["clipboard-read", "clipboard-write"],
            )
            client = httpx.Client(base_url=town.url)
            signed_in.append((context, client, town.sign_in(client, ADMIN if role == "admin" else town.user(role))))
            cookies = [{"name": key, "value": value, "url": town.url} for key, value in client.cookies.items()]
            kept[place] = (context, cookies)
        context, cookies = kept[place]
        context.clear_cookies()  # somebody may have signed out, or chosen another theme
        context.add_cookies(cookies)
        return context

    yield look
    for (
        context,
        client,
        token,
    ) in signed_in:  # one user has 20 sessions at most: the town's own would be the first to go
        context.close()
        client.delete("/api/session", headers={"x-csrf-token": token})
        client.close()


@pytest.fixture
def person(request, town, browser, browsers):
    """Signs somebody in: `person("viewer")` or `person("admin", view=NARROW, dark=True)`.

    A module that says `OWN_SESSIONS = True` gets a session of its own for each, which it may end.
    """
    people, contexts, signed_in = [], [], []

    def make(role: str = "admin", *, view=WIDE, dark=False):
        if getattr(request.module, "OWN_SESSIONS", False):
            context = browser.new_context(viewport=view, color_scheme="dark" if dark else "light")
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            contexts.append(context)
            client = httpx.Client(base_url=town.url)
            signed_in.append((client, town.sign_in(client, ADMIN if role == "admin" else town.user(role))))
            cookies = [{"name": key, "value": value, "url": town.url} for key, value in client.cookies.items()]
            context.add_cookies(cookies)
        else:
            context = browsers(role, view, dark)
        people.append(Person(town, context))
        return people[-1]

    yield make
    for someone in people:
        someone.page.close()
    for context in contexts:
        context.close()
    for client, token in signed_in:
        client.delete("/api/session", headers={"x-csrf-token": token})
        client.close()
    assert [error for someone in people for error in someone.errors] == []


@pytest.fixture
def looks_right(person):
    """Opens a page in the shapes it must have: wide and narrow, light and dark; axe has nothing to say."""
    shapes = [(view, scheme) for view in (WIDE, NARROW) for scheme in ("light", "dark")]

    def check(path: str, ready: str, *, role: str = "admin") -> None:
        someone = person(role)
        page = someone.open(path)
        page.wait_for_selector(ready)
        for view, scheme in shapes:
            page.set_viewport_size(view)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_function("scheme => document.body.classList.contains(`body--${scheme}`)", arg=scheme)
            page.wait_for_timeout(300)  # the layout follows the window a moment later
            shape = f"{path} at {view['width']} px, {scheme}"
            assert someone.violations() == [], shape
            assert someone.overflow() <= 0, shape

    return check
