"""What stands around every page: who gets in, where one can go, and what a browser may do here."""

import re
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx
import pytest

from fakes.browser import ADMIN, PASSWORD
from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.web.console.frame import NAVIGATION

OWN_SESSIONS = True
pytestmark = [pytest.mark.real, pytest.mark.xdist_group("console-frame")]

LIVE = "/console/_nicegui_ws/socket.io/?EIO=4&transport="
EVERY_ENTRY = [entry for _, entries in NAVIGATION for entry in entries]


@pytest.fixture
def stranger(browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


@pytest.fixture
def signed_in(town):
    """A browser without a face: the cookies of an administrator."""
    with httpx.Client(base_url=town.url, timeout=30) as client:
        town.sign_in(client, ADMIN)
        yield client


def fill_in(page, password, name=ADMIN):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_front_door_leads_to_the_console_and_strangers_to_the_sign_in(town, stranger):
    stranger.goto(f"{town.url}/")
    stranger.wait_for_url(re.compile(r"/console/sign-in\?next="))
    assert stranger.get_by_role("heading", level=1).inner_text() == "Sign in to Millstream"


def test_a_wrong_password_is_told_and_the_right_one_leads_to_the_page_wanted_first(town, stranger):
    stranger.goto(f"{town.url}/console/flow?window=3600")
    fill_in(stranger, "a wrong password")
    assert "Name or password is wrong" in stranger.get_by_role("alert").inner_text()
    assert "/console/sign-in" in stranger.url
    fill_in(stranger, PASSWORD)
    stranger.wait_for_url(f"{town.url}/console/flow?window=3600")
    stranger.get_by_role("heading", name="Flow map", level=1).wait_for()


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/console//evil.example", "javascript:alert(1)"],
)
def test_the_sign_in_leads_to_no_other_site(town, stranger, elsewhere):
    stranger.goto(f"{town.url}/console/sign-in?" + str(httpx.QueryParams(next=elsewhere)))
    fill_in(stranger, PASSWORD)
    stranger.wait_for_url(f"{town.url}/console/")


def test_who_signs_out_is_out_and_the_session_is_over(town, person):
    someone = person()
    page = someone.open("/orders")
    cookies = {cookie["name"]: cookie["value"] for cookie in someone.context.cookies()}
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{town.url}/console/sign-in")
    assert httpx.get(f"{town.url}/api/session", cookies=cookies).status_code == 401
    page.goto(f"{town.url}/console/orders")
    assert "/console/sign-in" in page.url


def test_a_session_that_ends_meanwhile_leads_to_the_sign_in_and_back(town, person):
    someone = person()
    page = someone.open("/?hours=1")
    with httpx.Client(base_url=town.url) as client:
        client.cookies.update({cookie["name"]: cookie["value"] for cookie in someone.context.cookies()})
        token = client.get("/api/session").json()["csrf_token"]
        assert client.delete("/api/session", headers={"x-csrf-token": token}).status_code == 204
    page.wait_for_url(re.compile(r"/console/sign-in\?next="))
    assert parse_qs(urlsplit(page.url).query)["next"] == ["/console/?hours=1"]
    fill_in(page, PASSWORD)
    page.wait_for_url(f"{town.url}/console/?hours=1")


@pytest.mark.parametrize("role", list(Role))
def test_people_are_shown_what_their_role_may_see(person, role):
    page = person(role.value).open("/")
    shown = page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
    words = [entry.splitlines()[-1].strip() for entry in shown]
    assert words == [title for title, _, _, right in EVERY_ENTRY if right in RIGHTS_OF[role]]


def test_a_viewer_is_refused_the_audit_page_by_name_of_the_right(town, person):
    someone = person("viewer")
    answer = someone.page.goto(f"{town.url}/console/audit")
    assert answer.status == 403
    assert Right.VIEW_AUDIT.value in someone.page.get_by_text("needs the right").inner_text()
    assert someone.page.get_by_role("table").count() == 0
    # The browser itself writes down every answer of this status.
    assert all("403" in error for error in someone.errors)
    someone.errors.clear()


def test_a_theme_once_chosen_holds_on_every_page(person):
    someone = person()
    page = someone.open("/")
    assert not page.locator("body.body--dark").count()
    for _ in range(2):  # as the system -> light -> dark
        page.get_by_role("button", name="Light, dark, or as the system").click()
    page.wait_for_selector("body.body--dark")
    someone.open("/orders")
    page.wait_for_selector("body.body--dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 31)"


def test_the_keyboard_skips_to_the_content_and_finds_the_search(town, person):
    page = person().open("/orders")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "any-number"
    page.keyboard.type("a/b")
    assert page.locator("#any-number").input_value() == "a/b", "a slash typed is a slash"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{town.url}/console/orders?q=a%2Fb")


def test_any_number_in_the_header_opens_its_order_from_any_page(town, person):
    order = town.until_state(town.place()["increment_id"], "confirmed")
    page = person("viewer").open("/flow")
    page.get_by_role("searchbox").fill(order["erp_number"])
    page.keyboard.press("Enter")
    page.get_by_text(order["number"]).first.wait_for()
    assert urlsplit(page.url).path.startswith("/console/orders")


def test_who_stands_at_a_link_by_keyboard_still_does_when_its_part_is_drawn_anew(town, person):
    number = town.place()["increment_id"]
    town.until_state(number, "confirmed")
    page = person().open("/")
    page.get_by_role("link", name=number, exact=True).first.focus()
    href = page.evaluate("document.activeElement.getAttribute('href')")
    new = town.place()["increment_id"]
    page.get_by_role("link", name=new, exact=True).wait_for()
    page.wait_for_function("href => document.activeElement.getAttribute('href') === href", arg=href)


def test_no_script_runs_that_the_page_did_not_name_and_each_page_names_anew(signed_in):
    pages = [signed_in.get(path) for path in ("/console/", "/console/", "/console/orders")]
    nonces = []
    for page in pages:
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "'unsafe-inline'" not in policy["script-src"]
        (nonce,) = re.findall(r"'nonce-([\w-]{16,})'", policy["script-src"])
        nonces.append(nonce)
        scripts = re.findall(r"<script\b[^>]*>", page.text)
        assert scripts
        assert all(f'nonce="{nonce}"' in script for script in scripts)
        assert not re.search(r"<[^>]+\son\w+\s*=", page.text), "no handler written into a page would run"
    assert len(set(nonces)) == len(nonces)


def test_an_address_without_a_page_is_answered_by_a_page_that_leads_on(signed_in, town):
    page = signed_in.get("/console/nowhere/at-all")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "No page has this address." in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    page = signed_in.get("/console/inbox/cause/00000000made0up")
    assert (page.status_code, "No cause of this name is known." in page.text) == (404, True)
    stranger = httpx.get(f"{town.url}/console/nowhere/at-all")
    assert (stranger.status_code, "/console/sign-in" in stranger.headers["location"]) == (303, True)
    assert httpx.get(f"{town.url}/console/_nicegui/nothing.js").status_code == 404


def test_nothing_is_loaded_from_elsewhere(town, person):
    someone = person()
    asked = []
    someone.page.on("request", lambda request: asked.append(request.url))
    someone.open("/")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {urlsplit(town.url).netloc}


FOREIGN = [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]


@pytest.mark.parametrize("headers", FOREIGN)
def test_the_live_line_is_not_polled_by_pages_of_others(signed_in, headers):
    assert signed_in.get(LIVE + "polling").status_code == 200
    assert signed_in.get(LIVE + "polling", headers=headers).status_code == 403
    assert signed_in.post(LIVE + "polling", headers=headers).status_code == 403


def test_the_live_line_is_not_opened_without_a_session(town):
    assert httpx.get(town.url + LIVE + "polling").status_code == 403
    assert httpx.get(town.url + LIVE + "polling", cookies={"millstream": "x" * 43}).status_code == 403


@pytest.mark.parametrize("headers", FOREIGN)
def test_the_live_line_is_not_opened_by_web_sockets_of_others(town, signed_in, headers):
    cookies = dict(signed_in.cookies)

    async def opens(headers, cookies):
        jar = aiohttp.CookieJar(unsafe=True)  # takes cookies of an address, too
        async with (
            aiohttp.ClientSession(cookies=cookies, cookie_jar=jar) as session,
            session.ws_connect(town.url + LIVE + "websocket", headers=headers) as line,
        ):
            return (await line.receive_str())[0]

    assert town.run(opens({"origin": town.url}, cookies)) == "0", "the first word of an open line"
    for strange in ((headers, cookies), ({"origin": town.url}, {})):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            town.run(opens(*strange))
        assert refused.value.status == 403


class Neighbour(BaseHTTPRequestHandler):
    """A page on another port of the same machine: for cookies the same site, and another origin all the same."""

    def __init__(self, hub, *arguments) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def do_GET(self):
        line = self.hub.replace("http", "ws") + LIVE + "websocket"
        page = f"""<!doctype html><title>?</title><script>
            const line = new WebSocket("{line}");
            line.onopen = () => document.title = "open";
            line.onerror = () => document.title = "refused";
        </script>"""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def test_a_page_of_a_neighbour_cannot_listen_though_the_browser_sends_the_cookie_along(town, person):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Neighbour, town.url))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        someone = person()
        someone.open("/")
        someone.page.goto(f"http://127.0.0.1:{server.server_port}/")
        someone.page.wait_for_function("document.title !== '?'")
        assert someone.page.title() == "refused"
        assert any("WebSocket" in error for error in someone.errors)
        someone.errors.clear()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
