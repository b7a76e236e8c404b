"""Every answer tells browsers what they may do with it; answers of the API are kept by nobody."""

import pytest
from fastapi import APIRouter
from starlette.responses import HTMLResponse

from fakes.access import AccessHouse
from fakes.edge import Edge
from millstream.web.headers import SECURITY_HEADERS

router = APIRouter()


@router.get("/api/crash")
async def crash():
    raise RuntimeError("a bug")


@router.get("/page")
async def page():
    return HTMLResponse("<p>", headers={"content-security-policy": "default-src 'self'", "cache-control": "max-age=60"})


@pytest.fixture
def edge():
    return Edge(routers=[router])


ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/nothing", 404),
    ("PUT", "/healthz", 405),
    ("POST", "/in/events/carrier", 415),
    ("GET", "/api/nothing", 404),
    ("GET", "/api/crash", 500),
    ("GET", "/page", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_carries_them(edge, method, path, status):
    answer = await edge.request(method, path)
    assert answer.status_code == status
    for name, value in SECURITY_HEADERS.items():
        if (path, name) != ("/page", "content-security-policy"):
            assert answer.headers[name] == value, name
    assert len(answer.headers.get_list("content-security-policy")) == 1


def test_what_is_no_page_may_do_nothing_and_be_framed_by_nobody():
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_a_page_may_bring_its_own_policy_and_be_kept(edge):
    answer = await edge.request("GET", "/page")
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/crash", "/api"])
async def test_answers_of_the_api_are_kept_by_nobody(edge, path):
    assert (await edge.request("GET", path)).headers["cache-control"] == "no-store"


async def test_https_is_asked_for_where_it_is_spoken_only(database):
    house = AccessHouse(database)
    async with house.browser("https://hub.example") as browser:
        assert "strict-transport-security" in (await browser.get("/healthz")).headers
    async with house.browser("http://127.0.0.1:8080") as browser:
        assert "strict-transport-security" not in (await browser.get("/healthz")).headers


async def test_without_access_nobody_is_let_in():
    from millstream.domain.access import Right
    from millstream.web.access import require

    guarded = APIRouter()
    guarded.add_api_route("/api/guarded", page, dependencies=[require(Right.VIEW)])
    answer = await Edge(routers=[guarded]).request("GET", "/api/guarded", headers={"authorization": "Bearer msk_x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "access.unauthenticated")
