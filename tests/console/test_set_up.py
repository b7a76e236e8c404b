"""The first start, in a browser: the link makes the administrator, once; then people sign in, or are told why not."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

OWN_SESSIONS = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-set_up")]

NAME, PASSWORD = "founder", "a very long password"
START_S = 60


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class FreshHub:
    """`millstream serve` for the first time, with systems that nobody has started yet."""

    def __init__(self, folder):
        self.folder = folder
        self.port, nobody = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "millstream.toml").write_text(f"""
port = {self.port}
data_dir = "data"
[store]
kind = "adobe_commerce"
base_url = "http://127.0.0.1:{nobody}"
consumer_key = "x"
consumer_secret = "x"
access_token = "x"
access_token_secret = "x"
[erp]
kind = "tryton"
base_url = "http://127.0.0.1:{nobody}"
database = "plant"
user = "hub"
password = "x"
web_shop = "shop"
warehouse = "EAST"
[crm]
kind = "salesforce"
login_url = "http://127.0.0.1:{nobody}"
client_id = "x"
client_secret = "x"
""")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
        self._said = (folder / "screen").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millstream", "serve", "--no-worker"],
            cwd=folder, env=environment, stdout=self._said, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def screen(self):
        return (self.folder / "screen").read_text()

    def link(self):
        """What it printed for whoever stands at the machine."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.screen
            found = re.search(rf"{re.escape(self.url)}/console/set-up#\S+", self.screen)
            if found and self.is_ready():
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no link: {self.screen}")

    def is_ready(self):
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._said.close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = FreshHub(tmp_path_factory.mktemp("fresh"))
    yield hub
    hub.stop()


@pytest.fixture
def visitor(browser):
    """A browser that knows nobody yet; every address it asked for is in `asked`."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.asked = []
    context.on("request", lambda request: page.asked.append((request.url, request.headers)))
    yield page
    context.close()


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    return [each["id"] for each in Axe().run(page).response["violations"]]


def test_first_run_from_the_link_to_the_console(hub, visitor):
    """In the order in which it happens: nothing can be tried twice on a hub that is set up."""
    link = hub.link()
    token = link.partition("#")[2]
    visitor.goto(f"{hub.url}/console/")
    visitor.get_by_role("heading", name="Sign in to Millstream").wait_for()
    assert violations(visitor) == []

    visitor.goto(f"{hub.url}/console/set-up")  # without the token
    visitor.get_by_label("Name").fill(NAME)
    visitor.get_by_label("Password (12 characters or more)").fill(PASSWORD)
    visitor.get_by_label("The same password again").fill(PASSWORD)
    visitor.get_by_role("button", name="Make the administrator").click()
    visitor.get_by_role("alert").get_by_text("the link that").wait_for()

    visitor.goto("about:blank")
    visitor.goto(link)
    assert violations(visitor) == []
    visitor.get_by_label("Name").fill(NAME)
    visitor.get_by_label("Password (12 characters or more)").fill(PASSWORD)
    visitor.get_by_label("The same password again").fill("a different password")
    visitor.get_by_role("button", name="Make the administrator").click()
    visitor.get_by_role("alert").get_by_text("not the same").wait_for()
    visitor.get_by_label("The same password again").fill(PASSWORD)
    visitor.get_by_role("button", name="Make the administrator").click()
    visitor.wait_for_url(f"{hub.url}/console/")
    visitor.get_by_role("heading", name="Today").wait_for()
    assert [url for url, _ in visitor.asked if token in url] == [], "the token was in an address that was sent"
    assert [headers for _, headers in visitor.asked if token in str(headers)] == []
    assert token not in visitor.evaluate("location.href")

    log = hub.screen
    assert log.count(token) == 1, "it is on the screen once, where it was printed"
    assert PASSWORD not in log

    visitor.get_by_role("button", name="Sign out").click()
    visitor.wait_for_url(f"{hub.url}/console/sign-in")
    visitor.goto(link)
    visitor.get_by_label("Name").fill("intruder")
    visitor.get_by_label("Password (12 characters or more)").fill(PASSWORD)
    visitor.get_by_label("The same password again").fill(PASSWORD)
    visitor.get_by_role("button", name="Make the administrator").click()
    visitor.get_by_role("alert").get_by_text("link").wait_for()  # good for once

    visitor.goto(f"{hub.url}/console/alerts?code=backlog")
    visitor.get_by_label("Name").fill(NAME)
    visitor.get_by_label("Password").fill("not the password")
    visitor.get_by_role("button", name="Sign in").click()
    visitor.get_by_role("alert").get_by_text("wrong").wait_for()
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    visitor.wait_for_url(f"{hub.url}/console/alerts?code=backlog")  # where they wanted to go


def test_who_guesses_too_often_is_told_how_long_to_wait(hub, visitor):
    hub.link()
    with httpx.Client(base_url=hub.url) as client:
        for _ in range(10):
            client.post("/api/session", json={"name": "somebody", "password": "wrong"})
    visitor.goto(f"{hub.url}/console/sign-in")
    visitor.get_by_label("Name").fill("somebody")
    visitor.get_by_label("Password").fill("wrong again")
    visitor.get_by_role("button", name="Sign in").click()
    visitor.get_by_role("alert").get_by_text("Too many sign-ins failed. Try again in").wait_for()
    assert violations(visitor) == []


@pytest.mark.parametrize(
    "next_page", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_after_signing_in_nobody_is_sent_elsewhere(town, browser, next_page):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{town.url}/console/sign-in?next={next_page}")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today").wait_for()
    assert page.url == f"{town.url}/console/"
    context.close()
