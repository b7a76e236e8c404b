"""What stands before the console's pages: strangers, other sites, and lines that open by themselves."""

import httpx
import pytest
from starlette.responses import HTMLResponse, PlainTextResponse

from fakes.access import LOOPBACK, AccessHouse, sign_in
from millstream.domain.errors import Retry
from millstream.web.auth.gate import WATCHING_HEADER
from millstream.web.console.guard import ConsoleGuard

LINE = "/console/_nicegui_ws/socket.io/"
PAGE = "<html><head><script>one()</script></head><body><script src='/x.js'></script><scripted></body></html>"


async def pages(scope, receive, send):
    """Answers everything; what is asked of it has passed the guard."""
    answer = PlainTextResponse("line") if "_nicegui_ws" in scope["path"] else HTMLResponse(PAGE)
    await answer(scope, receive, send)


class Visitor:
    """A browser before the guard, with the cookies of the hub's own door."""

    def __init__(self, house, browser):
        self.hub = browser
        guard = ConsoleGuard(pages, gate=house.access.gate, public_url=None)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=LOOPBACK)

    async def get(self, path, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in self.hub.cookies.items())
        return await self.client.get(path, headers={"cookie": cookie, **headers})

    async def is_signed_in(self, **headers):
        return (await self.hub.get("/api/session", headers=headers)).status_code == 200


@pytest.fixture
def house(database):
    return AccessHouse(database, idle_s=600, absolute_s=36_000)


@pytest.fixture
async def visitor(house):
    await house.add()
    async with house.browser(LOOPBACK) as browser:
        visitor = Visitor(house, browser)
        async with visitor.client:
            yield visitor


class Away:
    """A gate behind which the database does not answer."""

    async def authenticate(self, _):
        raise Retry("store.unavailable", "PostgreSQL does not answer")


async def test_while_the_database_is_away_people_are_told_so_and_the_page_tries_again():
    guard = ConsoleGuard(pages, gate=Away(), public_url=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=LOOPBACK) as client:
        answer = await client.get("/console/orders")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "The database does not answer" in answer.text
    assert 'http-equiv="refresh"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_page_that_watches_keeps_no_session_young(house, visitor):
    await sign_in(visitor.hub)
    for _ in range(9):
        house.clock.advance(60)
        assert await visitor.is_signed_in(**{WATCHING_HEADER: "1"})
    house.clock.advance(61)
    assert not await visitor.is_signed_in(**{WATCHING_HEADER: "1"})


async def test_a_line_that_opens_again_and_again_keeps_no_session_young(house, visitor):
    await sign_in(visitor.hub)
    for _ in range(9):
        house.clock.advance(60)
        assert (await visitor.get(LINE)).status_code == 200
    house.clock.advance(61)
    assert (await visitor.get(LINE)).status_code == 403
    assert not await visitor.is_signed_in()


async def test_who_opens_pages_is_at_work(house, visitor):
    await sign_in(visitor.hub)
    for _ in range(12):
        house.clock.advance(300)
        assert (await visitor.get("/console/orders")).status_code == 200
    assert await visitor.is_signed_in()


async def test_strangers_are_led_to_the_sign_in_and_then_to_where_they_were_going(visitor):
    answer = await visitor.get("/console/orders?q=a%26b&after=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Forders%3Fq%3Da%2526b%26after%3D1"
    assert (await visitor.get(LINE)).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": LOOPBACK}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_only_pages_of_this_hub_open_the_line(visitor, headers, status):
    await sign_in(visitor.hub)
    assert (await visitor.get(LINE, **headers)).status_code == status


async def test_every_script_of_a_page_bears_its_nonce_and_nothing_else_does(visitor):
    await sign_in(visitor.hub)
    first, second = await visitor.get("/console/"), await visitor.get("/console/")
    for answer in (first, second):
        policy = answer.headers["content-security-policy"]
        nonce = policy.split("'nonce-")[1].split("'")[0]
        assert answer.text == PAGE.replace("<script>", f'<script nonce="{nonce}">').replace(
            "<script src", f'<script nonce="{nonce}" src'
        )
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["cache-control"] == "no-store"
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert first.text != second.text
