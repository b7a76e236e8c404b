"""Sign-in by a certified OpenID provider that runs as a process of its own."""

from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.access import HTTPS, AccessHouse
from fakes.openid_provider import OpenIdProcess, install
from fakes.world import ManualWorld
from millstream.domain.access import RIGHTS_OF, Role
from millstream.engine.world import SystemWorld
from millstream.settings import OpenIdSection
from millstream.web.console.doors import console_doors
from millstream.wire.http import AiohttpTransport

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("openid")]  # the provider is installed once

SECRET = "a secret: of the hub/with signs+"
CALLBACK = "/api/session/openid/callback"
CLIENT = {"client_id": "hub", "client_secret": SECRET, "redirect_uris": [HTTPS + CALLBACK]}
PEOPLE = {
    "1001": {"email": "anna@example.com", "email_verified": True, "groups": ["staff", "hub-admins"]},
    "1002": {"email": "ben@example.com", "email_verified": True, "groups": ["hub-desk", "hub-view"]},
    "1003": {"email": "eve@example.com", "email_verified": True, "groups": ["staff"]},
    "1004": {"email": "anna@example.com", "email_verified": False, "groups": ["hub-admins"]},
    "1005": {"email": "local@example.com", "email_verified": True, "groups": ["hub-admins"]},
}
ROLES = {"hub-admins": "admin", "hub-desk": "order_desk", "hub-view": "viewer"}


@pytest.fixture
async def provider():
    missing = await install()
    if missing:
        pytest.skip(missing)
    public = {
        "client_id": "public-hub",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [HTTPS + CALLBACK],
    }
    async with OpenIdProcess(clients=[CLIENT, public], people=PEOPLE) as process:
        yield process


@pytest.fixture
async def open_house(database, provider):
    transports = []

    def build(**changes):
        transports.append(AiohttpTransport())
        given = {"issuer": provider.issuer, "client_id": "hub", "client_secret": SECRET, "roles": ROLES, **changes}
        section = OpenIdSection(**given)
        return AccessHouse(database, world=SystemWorld(), transport=transports[-1], openid=section)

    yield build
    for transport in transports:
        await transport.close()


async def go(house, provider, login, browser, **wanted):
    begun = await browser.get("/api/session/openid", params=wanted)
    assert begun.status_code == 303, begun.text
    back = await provider.sign_in(begun.headers["location"], login)
    assert back.startswith(HTTPS + CALLBACK)
    return await browser.get(back)


async def test_a_person_of_the_provider_is_signed_in_with_the_role_its_groups_give(open_house, provider):
    house = open_house()
    async with house.browser() as browser:
        answer = await go(house, provider, "1001", browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        me = (await browser.get("/api/session")).json()
    assert (me["name"], set(me["rights"])) == ("anna@example.com", RIGHTS_OF[Role.ADMIN])
    assert [action for _, action, _ in await house.audited()] == ["access.user_added", "access.signed_in"]
    assert SECRET not in await house.everything_stored()


async def test_of_several_roles_the_strongest_counts(open_house, provider):
    house = open_house()
    async with house.browser() as browser:
        await go(house, provider, "1002", browser)
        assert set((await browser.get("/api/session")).json()["rights"]) == RIGHTS_OF[Role.ORDER_DESK]


@pytest.mark.parametrize(
    ("login", "why"), [("1003", "gives a role"), ("1004", "vouch for a name")], ids=["unmapped", "unverified"]
)
async def test_who_has_no_mapped_group_or_no_verified_name_is_refused(open_house, provider, login, why):
    house = open_house()
    async with house.browser() as browser:
        answer = await go(house, provider, login, browser)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.openid_refused")
        assert why in answer.json()["detail"]
        assert (await browser.get("/api/session")).status_code == 401
    assert await house.users.list_users() == []


async def test_a_person_who_is_refused_is_led_back_to_the_sign_in_page_which_says_why_once(open_house, provider):
    house = open_house()
    house.app.include_router(console_doors(openid=True))
    async with house.browser(accept="text/html") as browser:
        answer = await go(house, provider, "1003", browser, next="/console/orders?q=<1>")
        assert answer.status_code == 303
        page = await browser.get(answer.headers["location"])
        assert "You are known to the provider, but nothing it tells of you gives a role here." in page.text
        assert 'href="/api/session/openid?next=%2Fconsole%2Forders%3Fq%3D%3C1%3E"' in page.text
        assert "You are known" not in (await browser.get("/console/sign-in")).text
    assert await house.users.list_users() == []


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [("/console/orders?q=1", "/console/orders?q=1"), ("//elsewhere.example", "/"), ("/console//elsewhere", "/"),
     ("https://elsewhere.example", "/"), ("/console/a\r\nset-cookie: b=c", "/")],
)  # fmt: skip
async def test_who_was_going_somewhere_gets_there_and_to_no_other_site(open_house, provider, wanted, led_to):
    house = open_house()
    async with house.browser() as browser:
        answer = await go(house, provider, "1001", browser, next=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, led_to)


async def test_a_person_of_the_provider_never_becomes_a_local_user_of_the_same_name(open_house, provider):
    house = open_house()
    await house.add("local@example.com", Role.VIEWER)
    async with house.browser() as browser:
        answer = await go(house, provider, "1005", browser)
        assert answer.json()["code"] == "access.openid_refused"
        assert (await browser.get("/api/session")).status_code == 401
    (user,) = await house.users.list_users()
    assert (user.source, user.role) == ("password", Role.VIEWER)


async def test_a_role_that_changed_there_changes_here_and_ends_older_sessions(open_house, provider):
    house = open_house()
    changed = open_house(roles={"hub-admins": "viewer"})
    async with house.browser() as before, changed.browser() as after:
        await go(house, provider, "1001", before)
        await go(changed, provider, "1001", after)
        assert (await after.get("/api/session")).json()["rights"] == ["view"]
        assert (await before.get("/api/session")).status_code == 401


async def test_who_is_disabled_here_is_refused_whatever_the_provider_says(open_house, provider):
    house = open_house()
    await house.add("root", Role.ADMIN)
    async with house.browser() as browser:
        await go(house, provider, "1001", browser)
        await house.users.set_disabled("anna@example.com", True, actor="test")
        assert (await browser.get("/api/session")).status_code == 401
        assert (await go(house, provider, "1001", browser)).status_code == 403


@pytest.mark.parametrize("client", [{"client_id": "public-hub", "client_secret": None}])
async def test_a_client_without_a_secret_is_held_by_pkce(open_house, provider, client):
    house = open_house(**client)
    async with house.browser() as browser:
        assert (await go(house, provider, "1001", browser)).status_code == 303


async def test_a_wrong_secret_is_refused_by_the_provider_and_not_told(open_house, provider):
    house = open_house(client_secret="not the secret at all")
    async with house.browser() as browser:
        answer = await go(house, provider, "1001", browser)
    assert answer.json()["code"] == "access.openid_refused"
    assert "not the secret" not in answer.text + str(house.tap.notes)


async def test_an_answer_is_good_once_in_the_browser_that_asked(open_house, provider):
    house = open_house()
    async with house.browser() as browser, house.browser() as victim:
        begun = await browser.get("/api/session/openid")
        back = await provider.sign_in(begun.headers["location"], "1001")
        planted = await victim.get(back)
        assert planted.json()["code"] == "access.openid_refused"
        assert (await victim.get("/api/session")).status_code == 401
        kept = browser.cookies["__Host-millstream-openid"]
        assert (await browser.get(back)).status_code == 303
        browser.cookies.set("__Host-millstream-openid", kept)
        assert (await browser.get(back)).json()["code"] == "access.openid_refused"


async def test_another_verifier_than_the_one_asked_with_gets_no_tokens(open_house, provider):
    """The provider checks PKCE; that it refuses shows that we use it."""
    house = open_house()
    async with house.browser() as browser, house.browser() as other:
        begun = await browser.get("/api/session/openid")
        await other.get("/api/session/openid")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        back = await provider.sign_in(begun.headers["location"], "1001")
        from millstream.web.auth.openid_api import _packed, _unpacked

        mine = _unpacked(browser.cookies["__Host-millstream-openid"])
        theirs = _unpacked(other.cookies["__Host-millstream-openid"])
        mixed = type(mine)(state=mine.state, nonce=mine.nonce, verifier=theirs.verifier)
        browser.cookies.set("__Host-millstream-openid", _packed(mixed))
        answer = await browser.get(back)
    assert answer.json()["code"] == "access.openid_refused"
    assert "400 from /token" in answer.json()["detail"]


async def test_another_nonce_than_the_one_asked_with_signs_nobody_in(open_house, provider):
    house = open_house()
    async with house.browser() as browser:
        begun = await browser.get("/api/session/openid")
        back = await provider.sign_in(begun.headers["location"], "1001")
        from millstream.web.auth.openid_api import _packed, _unpacked

        mine = _unpacked(browser.cookies["__Host-millstream-openid"])
        other = type(mine)(state=mine.state, nonce="another", verifier=mine.verifier)
        browser.cookies.set("__Host-millstream-openid", _packed(other))
        answer = await browser.get(back)
    assert answer.json()["code"] == "access.openid_refused"
    assert "nonce" in answer.json()["detail"]


async def test_a_provider_that_is_away_is_told_and_passwords_work_on(database):
    section = OpenIdSection(issuer="http://127.0.0.1:9", client_id="hub", roles=ROLES)
    transport = AiohttpTransport()
    house = AccessHouse(database, world=ManualWorld(), transport=transport, openid=section)
    async with house.browser() as browser:
        answer = await browser.get("/api/session/openid")
        assert (answer.status_code, answer.json()["code"]) == (403, "access.openid_refused")
        assert (await browser.get("/api/session")).status_code == 401
    await transport.close()
