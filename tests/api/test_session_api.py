"""Sign in, stay signed in, sign out: and what somebody else cannot do with it."""

import asyncio

import pytest

from fakes.access import HTTPS, LOOPBACK, PASSWORD, AccessHouse, sign_in
from millstream.domain.access import RIGHTS_OF, Role


@pytest.fixture
def house(database):
    return AccessHouse(database)


async def test_who_signs_in_has_the_rights_of_their_role_and_is_known_by_the_cookie(house):
    await house.add("anna", Role.ORDER_DESK)
    async with house.browser() as browser:
        answer = await sign_in(browser, " Anna ")
        assert (answer.status_code, answer.json()["name"]) == (200, "anna")
        assert set(answer.json()["rights"]) == RIGHTS_OF[Role.ORDER_DESK]
        me = await browser.get("/api/session")
        assert (me.status_code, me.json()["name"]) == (200, "anna")
        assert me.json()["csrf_token"] == answer.json()["csrf_token"]


async def test_over_https_the_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts(house):
    await house.add()
    async with house.browser() as browser:
        cookie = (await sign_in(browser)).headers["set-cookie"]
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-millstream=")
    assert {each.lower() for each in attributes} >= {"secure", "httponly", "samesite=lax", "path=/"}
    assert "domain" not in cookie.lower()


async def test_on_loopback_it_works_without_https_and_elsewhere_it_is_refused(house):
    await house.add()
    async with house.browser(LOOPBACK) as browser:
        cookie = (await sign_in(browser)).headers["set-cookie"]
        assert cookie.startswith("millstream=")
        assert "secure" not in cookie.lower()
        assert (await browser.get("/api/session")).status_code == 200
    async with house.browser("http://hub.example") as browser:
        refused = await sign_in(browser)
        assert (refused.status_code, refused.json()["code"]) == (403, "access.insecure")
        assert "set-cookie" not in refused.headers


async def test_behind_a_proxy_the_public_url_counts(database):
    house = AccessHouse(database, public_url="https://hub.example")
    await house.add()
    async with house.browser("http://10.0.0.5:8080") as browser:
        answer = await sign_in(browser, origin="https://hub.example")
        assert answer.headers["set-cookie"].startswith("__Host-millstream=")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert (await sign_in(browser, origin="http://10.0.0.5:8080")).json()["code"] == "access.foreign_origin"


async def test_wrong_password_unknown_user_and_disabled_user_are_told_alike(house):
    await house.add("anna", Role.ADMIN)
    await house.add("ben")
    await house.users.set_disabled("ben", True, actor="test")
    async with house.browser() as browser:
        answers = [
            await sign_in(browser, "anna", "a wrong password"),
            await sign_in(browser, "nobody", PASSWORD),
            await sign_in(browser, "ben", PASSWORD),
            await sign_in(browser, "\x00' or 1=1 --", PASSWORD),
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers)


async def test_an_unknown_user_costs_a_hash_as_a_known_one_does(house):
    await house.add()
    compared = []
    verify = house.passwords._verify
    house.passwords._verify = lambda digest, password: compared.append(digest) or verify(digest, password)
    async with house.browser() as browser:
        await sign_in(browser, "anna", "a wrong password")
        await sign_in(browser, "nobody", "a wrong password")
    known, unknown = (house.passwords._hasher.check_needs_rehash(digest) for digest in compared)
    assert (len(compared), known, unknown) == (2, False, False)


async def test_a_session_is_good_in_every_process_and_kept_as_a_hash_only(house):
    await house.add()
    other = AccessHouse(house.database, world=house.world)
    async with house.browser() as browser, other.browser() as elsewhere:
        answer = await sign_in(browser)
        elsewhere.cookies = browser.cookies
        assert (await elsewhere.get("/api/session")).json()["name"] == "anna"
    stored = await house.everything_stored()
    assert answer.cookies["__Host-millstream"] not in stored
    assert PASSWORD not in stored


async def test_a_session_that_lies_idle_ends_and_one_in_use_does_not(database):
    house = AccessHouse(database, idle_s=600, absolute_s=3600)
    await house.add()
    async with house.browser() as browser:
        await sign_in(browser)
        for _ in range(4):
            house.clock.advance(500)
            assert (await browser.get("/api/session")).status_code == 200
        house.clock.advance(601)
        assert (await browser.get("/api/session")).status_code == 401


async def test_a_session_ends_at_its_absolute_limit_however_busy(database):
    house = AccessHouse(database, idle_s=600, absolute_s=1200)
    await house.add()
    async with house.browser() as browser:
        await sign_in(browser)
        house.clock.advance(500)
        assert (await browser.get("/api/session")).status_code == 200
        house.clock.advance(500)
        assert (await browser.get("/api/session")).status_code == 200
        house.clock.advance(200)
        assert (await browser.get("/api/session")).status_code == 401


async def test_signing_in_anew_changes_the_secret_and_ends_the_session_before(house):
    await house.add()
    async with house.browser() as browser, house.browser() as thief:
        first = (await sign_in(browser)).cookies["__Host-millstream"]
        second = (await sign_in(browser)).cookies["__Host-millstream"]
        assert first != second
        thief.cookies.set("__Host-millstream", first)
        assert (await thief.get("/api/session")).status_code == 401
        assert (await browser.get("/api/session")).status_code == 200


async def test_a_secret_that_somebody_planted_is_never_taken_over(house):
    await house.add()
    async with house.browser() as browser:
        browser.cookies.set("__Host-millstream", "planted")
        answer = await sign_in(browser)
        assert answer.cookies["__Host-millstream"] != "planted"


async def test_signing_out_ends_the_session_on_the_server_too(house):
    await house.add()
    async with house.browser() as browser, house.browser() as thief:
        answer = await sign_in(browser)
        thief.cookies.set("__Host-millstream", answer.cookies["__Host-millstream"])
        out = await browser.delete("/api/session", headers={"x-csrf-token": answer.json()["csrf_token"]})
        assert out.status_code == 204
        assert (await thief.get("/api/session")).status_code == 401


@pytest.mark.parametrize("change", ["role", "password", "disabled"])
async def test_a_change_of_the_user_ends_their_sessions(house, change):
    await house.add("anna", Role.VIEWER)
    async with house.browser() as browser:
        await sign_in(browser)
        if change == "role":
            await house.users.set_role("anna", Role.CREDIT, actor="test")
        elif change == "password":
            await house.users.set_password("anna", "another good password", actor="test")
        else:
            await house.users.set_disabled("anna", True, actor="test")
        assert (await browser.get("/api/session")).status_code == 401


async def test_a_user_has_only_so_many_sessions_and_the_oldest_go(house):
    await house.add()
    async with house.browser() as first:
        await sign_in(first)
        for n in range(20):
            assert (await first.get("/api/session")).status_code == 200, n
            house.clock.advance(1)
            async with house.browser() as browser:
                await sign_in(browser)
        assert (await first.get("/api/session")).status_code == 401
        async with house.browser() as last:
            last.cookies = browser.cookies
            assert (await last.get("/api/session")).status_code == 200


class TestForgery:
    @pytest.fixture
    async def browser(self, house):
        await house.add("anna", Role.ADMIN)
        async with house.browser() as browser:
            self.token = (await sign_in(browser)).json()["csrf_token"]
            yield browser

    async def change(self, browser, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await browser.post(
            "/api/access/users", json={"name": "eve", "role": "admin", "password": PASSWORD}, headers=named
        )
        return answer.status_code, answer.json().get("code")

    async def test_a_change_needs_the_token(self, browser):
        assert await self.change(browser) == (403, "access.csrf")
        assert await self.change(browser, x_csrf_token="0" * 64) == (403, "access.csrf")
        assert await self.change(browser, x_csrf_token=self.token) == (201, None)

    async def test_a_token_is_good_for_its_own_session_only(self, browser, house):
        await house.add("eve")
        async with house.browser() as other:
            foreign = (await sign_in(other, "eve")).json()["csrf_token"]
        assert await self.change(browser, x_csrf_token=foreign) == (403, "access.csrf")

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "https://hub.example.evil.example", "http://hub.example"]
    )
    async def test_a_page_of_another_site_is_refused_even_with_the_token(self, browser, origin):
        told = await self.change(browser, x_csrf_token=self.token, origin=origin)
        assert told == (403, "access.foreign_origin")

    async def test_where_a_browser_sends_no_origin_it_tells_the_site(self, browser):
        crossed = await self.change(browser, x_csrf_token=self.token, sec_fetch_site="cross-site")
        assert crossed == (403, "access.foreign_origin")
        own = await self.change(browser, x_csrf_token=self.token, sec_fetch_site="same-origin")
        assert own == (201, None)

    async def test_the_own_page_is_let_through(self, browser):
        assert await self.change(browser, x_csrf_token=self.token, origin=HTTPS) == (201, None)

    async def test_nobody_is_signed_in_by_a_page_of_another_site(self, browser):
        answer = await sign_in(browser, origin="https://evil.example")
        assert (answer.status_code, answer.json()["code"]) == (403, "access.foreign_origin")

    async def test_a_form_cannot_sign_in(self, browser):
        answer = await browser.post("/api/session", data={"name": "anna", "password": PASSWORD})
        assert answer.status_code == 415


class TestLock:
    @pytest.fixture
    def house(self, database):
        return AccessHouse(database, failures_per_user=3, failures_per_address=6, window_s=900)

    async def test_after_so_many_failures_even_the_right_password_waits_and_is_told_how_long(self, house):
        await house.add()
        async with house.browser() as browser:
            for _ in range(3):
                assert (await sign_in(browser, password="a wrong password")).status_code == 401
                house.clock.advance(100)
            refused = await sign_in(browser)
            assert (refused.status_code, refused.json()["code"]) == (429, "access.locked")
            assert refused.headers["retry-after"] == "600"
            house.clock.advance(599)
            assert (await sign_in(browser)).status_code == 429
            house.clock.advance(2)
            assert (await sign_in(browser)).status_code == 200

    async def test_it_holds_over_processes_and_addresses(self, house):
        await house.add()
        for n in range(3):
            other = AccessHouse(house.database, world=house.world, failures_per_user=3, failures_per_address=6)
            async with other.browser(address=f"198.51.100.{n}") as browser:
                await sign_in(browser, password="a wrong password")
        async with house.browser(address="203.0.113.1") as browser:
            assert (await sign_in(browser)).status_code == 429

    async def test_an_address_that_tries_many_names_is_locked_out_and_others_are_not(self, house):
        await house.add()
        async with house.browser(address="198.51.100.7") as browser:
            for n in range(6):
                await sign_in(browser, f"guess{n}")
            assert (await sign_in(browser)).status_code == 429
        async with house.browser(address="198.51.100.8") as browser:
            assert (await sign_in(browser)).status_code == 200

    async def test_all_addresses_of_one_ipv6_line_count_as_one(self, house):
        await house.add()
        for n in range(6):
            async with house.browser(address=f"2606:2800:21f:cb07::{n}") as browser:
                await sign_in(browser, f"guess{n}")
        async with house.browser(address="2606:2800:21f:cb07:ffff::1") as browser:
            assert (await sign_in(browser)).status_code == 429
        async with house.browser(address="2606:2800:21f:cb08::1") as browser:
            assert (await sign_in(browser)).status_code == 200

    async def test_guesses_side_by_side_get_no_more_tries(self, house):
        await house.add()
        async with house.browser() as browser:
            answers = await asyncio.gather(*(sign_in(browser, password=f"wrong password {n}") for n in range(12)))
        codes = [answer.status_code for answer in answers]
        assert (codes.count(401), codes.count(429)) == (3, 9)

    async def test_a_right_password_wipes_what_went_wrong_before_under_the_name(self, house):
        await house.add()
        async with house.browser() as browser:
            for _ in range(3):
                await sign_in(browser, password="a wrong password")
                await sign_in(browser, password="a wrong password")
                assert (await sign_in(browser)).status_code == 200

    async def test_a_new_password_lifts_the_lock(self, house):
        await house.add()
        async with house.browser() as browser:
            for _ in range(3):
                await sign_in(browser, password="a wrong password")
            await house.users.set_password("anna", "another good password", actor="test")
            assert (await sign_in(browser, password="another good password")).status_code == 200

    async def test_every_sign_in_its_failure_and_the_lock_are_in_the_audit_trail(self, house):
        await house.add()
        async with house.browser() as browser:
            answer = await sign_in(browser)
            await browser.delete("/api/session", headers={"x-csrf-token": answer.json()["csrf_token"]})
            for _ in range(5):
                await sign_in(browser, password="a wrong password")
            await sign_in(browser, "my secret typed in the wrong field")
        assert (await house.audited())[1:] == [
            ("anna", "access.signed_in", "user/anna"),
            ("anna", "access.signed_out", "user/anna"),
            *[("anna", "access.sign_in_failed", "user/anna")] * 3,
            ("anna", "access.sign_in_locked", "user/anna"),
            ("unknown", "access.sign_in_failed", "access"),
        ]
        assert "my secret typed" not in await house.everything_stored()
