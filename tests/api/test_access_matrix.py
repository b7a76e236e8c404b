"""Every operation of the API says which right it needs; every role can do what its rights allow, and nothing else."""

import inspect
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from fakes.access import PASSWORD, AccessHouse, sign_in
from fakes.house import House
from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.serving import web_app
from millstream.store.access_book import open_access_book
from millstream.web import access as web_access

PUBLIC = {  # how one becomes somebody
    ("POST", "/api/session"),
    ("GET", "/api/session"),
    ("DELETE", "/api/session"),
    ("POST", "/api/access/setup"),
    ("GET", "/api/session/openid"),
    ("GET", "/api/session/openid/callback"),
}
ELSEWHERE = ("/in/", "/healthz", "/readyz", "/openapi.json", "/metrics")  # signed, harmless, or with a token of its own
OPENID = {"issuer": "https://login.example", "client_id": "hub", "roles": {"admins": "admin"}}
GUIDE = Path(__file__).parents[2] / "docs/operate/access.md"


def every_route(routes):
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if getattr(route, "dependant", None) is not None:
            yield from ((method, route.path, route) for method in sorted(route.methods - {"HEAD"}))
        elif hasattr(inner, "routes"):
            yield from every_route(inner.routes)


def rights_needed(dependant):
    """What `require` looks at for a route, however deep: of each set of rights one is needed."""
    found = set()
    for inner in dependant.dependencies:
        call = inner.call
        if inspect.isfunction(call) and call.__module__ == web_access.__name__:
            found.add(frozenset(inspect.getclosurevars(call).nonlocals["rights"]))
        found |= rights_needed(inner)
    return found


def suffices(rights, needed):
    return all(rights & one_of for one_of in needed)


@pytest.fixture
async def hub(database):
    """The whole web edge as a process has it, with a provider so that no route is missing."""
    house = House(database)
    settings = house.hub.settings
    house.hub.settings = settings.model_copy(update={"openid": type(settings.openid)(**OPENID)})
    house.app = web_app(house.hub)
    yield house
    await house.hub.transport.close()


def guarded(app):
    return {
        (method, path): rights_needed(route.dependant)
        for method, path, route in every_route(app.routes)
        if (method, path) not in PUBLIC and not path.startswith(ELSEWHERE)
    }


async def test_the_walk_over_the_routes_misses_none(hub):
    described = {(method.upper(), path) for path, methods in hub.app.openapi()["paths"].items() for method in methods}
    walked = {(method, path) for method, path, _ in every_route(hub.app.routes)}
    assert described - walked == set()
    assert len(walked) > 10


async def test_every_operation_declares_a_right_or_is_known_to_be_open(hub):
    assert {operation for operation, rights in guarded(hub.app).items() if not rights} == set()
    walked = {(method, path) for method, path, _ in every_route(hub.app.routes)}
    assert PUBLIC - walked == set(), "take it off the list"


async def ask(app, method, path, headers):
    url = re.sub(r"\{[^}]*\}", "1", path)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        client.stream(method, url, headers=headers, json={} if method != "GET" else None) as answer,
    ):
        body = (await answer.aread()).decode() if answer.status_code >= 400 else ""
    return answer.status_code, body


async def test_nobody_and_a_false_key_are_refused_everywhere(hub):
    wrong = {}
    for method, path in guarded(hub.app):
        for headers in (
            {},
            {"authorization": "Bearer msk_0000000000000000_" + "a" * 43},
            {"authorization": "Basic YTpi"},
        ):
            status, body = await ask(hub.app, method, path, headers)
            if status != 401 or '"code":"access.' not in body:
                wrong[method, path, str(headers)] = status
    assert wrong == {}


@pytest.mark.parametrize("role", Role)
async def test_a_role_reaches_what_its_rights_allow_and_nothing_else(hub, role):
    keys = open_access_book(hub.hub.settings.access, database=hub.database, world=hub.world).keys
    key = await keys.create_key("matrix", role=role, rights=None, lifetime=timedelta(days=1), actor="test")
    wrong = {}
    for (method, path), needed in guarded(hub.app).items():
        status, body = await ask(hub.app, method, path, {"authorization": f"Bearer {key.token}"})
        refused = status == 403 and '"code":"access.denied"' in body
        if refused == suffices(RIGHTS_OF[role], needed) or status == 401:
            wrong[method, path] = (status, sorted(map(sorted, needed)), body[:200])
    assert wrong == {}


@pytest.mark.parametrize("right", Right)
async def test_a_key_with_one_right_reaches_only_what_needs_no_other(hub, right):
    keys = open_access_book(hub.hub.settings.access, database=hub.database, world=hub.world).keys
    only = frozenset({right})
    key = await keys.create_key("one", role=Role.ADMIN, rights=only, lifetime=timedelta(days=1), actor="test")
    reached = set()
    for (method, path), needed in guarded(hub.app).items():
        status, body = await ask(hub.app, method, path, {"authorization": f"Bearer {key.token}"})
        assert status != 401
        if not (status == 403 and '"code":"access.denied"' in body):
            reached.add((method, path, suffices(only, needed)))
    assert {operation for operation in reached if not operation[2]} == set()


@pytest.mark.parametrize("role", Role)
async def test_a_person_with_a_session_is_held_to_the_same_table(database, role):
    house = AccessHouse(database)
    await house.add("anna", role)
    async with house.browser() as browser:
        await sign_in(browser, "anna", PASSWORD)
        status = (await browser.get("/api/access/users")).status_code
    assert status == (200 if Right.MANAGE_ACCESS in RIGHTS_OF[role] else 403)


def test_the_roles_hold_the_rights_that_were_decided():
    desk = {Right.VIEW, Right.VIEW_PAYLOAD, Right.AMEND_PAYLOAD, Right.REPLAY}
    assert {
        Role.VIEWER: {Right.VIEW},
        Role.ORDER_DESK: desk,
        Role.CREDIT: {Right.VIEW, Right.VIEW_PAYLOAD, Right.RELEASE_CREDIT},
        Role.INTEGRATOR: desk | {Right.MANAGE_CONNECTIONS, Right.MANAGE_ALERTS, Right.VIEW_AUDIT},
        Role.ADMIN: set(Right),
    } == RIGHTS_OF


def test_the_guide_shows_the_table_of_roles_and_rights():
    lines = [line.strip("|").split("|") for line in GUIDE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in line] for line in lines]
    header = next(line for line in cells if line[0] == "right")
    shown = {
        Role(role): {Right(line[0]) for line in cells if line[0] in set(Right) and line[header.index(role)] == "yes"}
        for role in header[2:]
    }
    assert shown == RIGHTS_OF
