"""Users, keys and the first administrator over HTTP."""

import json
import re

import pytest

from fakes.access import PASSWORD, AccessHouse, sign_in
from millstream.domain.access import Right, Role


@pytest.fixture
def house(database):
    return AccessHouse(database)


@pytest.fixture
async def admin(house):
    async with await house.program(role=Role.ADMIN) as program:
        yield program


async def test_the_set_up_link_makes_the_first_administrator_who_then_signs_in(house):
    token = await house.users.new_setup_token(actor="serve")
    async with house.browser() as browser:
        wish = {"token": token, "name": "anna", "password": PASSWORD}
        weak = await browser.post("/api/access/setup", json={**wish, "password": "short"})
        assert (weak.status_code, weak.json()["code"]) == (422, "access.password_weak")
        made = await browser.post("/api/access/setup", json=wish)
        assert (made.status_code, made.json()) == (201, {"name": "anna", "role": "admin"})
        again = await browser.post("/api/access/setup", json={**wish, "name": "eve"})
        assert (again.status_code, again.json()["code"]) == (403, "access.setup_refused")
        assert PASSWORD not in weak.text + made.text + again.text
        assert (await sign_in(browser)).status_code == 200
        assert (await browser.get("/api/access/users")).json()["users"][0]["name"] == "anna"


async def test_users_are_added_listed_changed_and_disabled(house, admin):
    made = await admin.post("/api/access/users", json={"name": "ben", "role": "credit", "password": PASSWORD})
    assert (made.status_code, made.json()["role"]) == (201, "credit")
    assert "password" not in made.text.replace('"source":"password"', "")
    for change in ({"role": "viewer"}, {"password": "another good password"}, {"disabled": True}):
        assert (await admin.patch("/api/access/users/ben", json=change)).status_code == 204
    (ben,) = (await admin.get("/api/access/users")).json()["users"]
    assert (ben["role"], ben["disabled_at"] is not None) == ("viewer", True)
    actions = [action for _, action, subject in await house.audited() if subject == "user/ben"]
    assert actions == ["access.user_added", "access.role_changed", "access.password_changed", "access.user_disabled"]
    assert {actor for actor, _, subject in await house.audited() if subject == "user/ben"} == {
        (await admin.get("/api/session")).json()["name"]
    }


@pytest.mark.parametrize("change", [{}, {"role": "viewer", "disabled": True}, {"role": "king"}, {"rolle": "viewer"}])
async def test_a_change_that_is_not_one_change_is_refused(house, admin, change):
    await house.add("ben")
    answer = await admin.patch("/api/access/users/ben", json=change)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


@pytest.mark.parametrize("name", ["nobody", "%00", "a%27%20or%201=1"])
async def test_a_user_who_is_not_there_is_told_so(admin, name):
    answer = await admin.patch(f"/api/access/users/{name}", json={"disabled": True})
    assert (answer.status_code, answer.json()["code"]) == (404, "access.unknown")


async def test_a_key_is_made_used_rotated_and_revoked_and_its_token_shown_once(house, admin):
    made = (await admin.post("/api/access/keys", json={"name": "erp", "role": "viewer", "days": 30})).json()
    async with house.browser(authorization=f"Bearer {made['token']}") as program:
        me = (await program.get("/api/session")).json()
        assert (me["kind"], me["rights"], me["csrf_token"]) == ("key", ["view"], None)
        next_one = (await admin.post(f"/api/access/keys/{made['id']}/rotate", json={"overlap_hours": 1})).json()
        assert next_one["replaces"] == made["id"]
        assert (await program.get("/api/session")).status_code == 200
        assert (await admin.delete(f"/api/access/keys/{made['id']}")).status_code == 204
        refused = await program.get("/api/session")
        assert (refused.status_code, refused.json()["code"]) == (401, "access.key_refused")
    listed = await admin.get("/api/access/keys")
    assert made["id"] in listed.text
    assert made["token"] not in listed.text
    assert next_one["token"] not in listed.text


@pytest.mark.parametrize("days", [0, -1, 1e300, 366])
async def test_a_lifetime_nobody_can_mean_is_refused(admin, days):
    answer = await admin.post("/api/access/keys", json={"name": "erp", "role": "viewer", "days": days})
    assert answer.status_code in {409, 422}
    assert answer.json()["code"] in {"access.refused", "request.invalid"}


class TestNobodyGivesWhatTheyDoNotHave:
    @pytest.fixture
    async def clerk(self, house):
        """A key that may manage access and nothing else."""
        rights = frozenset({Right.MANAGE_ACCESS})
        async with await house.program(role=Role.ADMIN, rights=rights) as program:
            yield program

    async def refused(self, answer):
        return answer.status_code, answer.json()["code"]

    async def test_no_user_with_more_rights(self, clerk):
        wish = {"name": "eve", "role": "admin", "password": PASSWORD}
        assert await self.refused(await clerk.post("/api/access/users", json=wish)) == (403, "access.denied")

    async def test_no_role_with_more_rights(self, house, clerk):
        await house.add("eve")
        answer = await clerk.patch("/api/access/users/eve", json={"role": "admin"})
        assert await self.refused(answer) == (403, "access.denied")

    async def test_no_password_of_somebody_else_to_sign_in_with(self, house, clerk):
        await house.add("anna", Role.ADMIN)
        answer = await clerk.patch("/api/access/users/anna", json={"password": "another good password"})
        assert await self.refused(answer) == (403, "access.denied")

    async def test_no_key_with_more_rights_neither_new_nor_rotated(self, house, clerk, admin):
        answer = await clerk.post("/api/access/keys", json={"name": "more", "role": "admin"})
        assert await self.refused(answer) == (403, "access.denied")
        made = (await admin.post("/api/access/keys", json={"name": "strong", "role": "admin"})).json()
        answer = await clerk.post(f"/api/access/keys/{made['id']}/rotate", json={})
        assert await self.refused(answer) == (403, "access.denied")
        own = await clerk.post("/api/access/keys", json={"name": "less", "role": "admin", "rights": ["manage_access"]})
        assert own.status_code == 201


HOSTILE = [
    (b"", "application/json", 400),
    (b"{", "application/json", 400),
    (b"[]", "application/json", 422),
    (b"null", "application/json", 422),
    (b'{"name": 1, "password": 2}', "application/json", 422),
    (b'{"name": "a", "password": "b", "role": "admin"}', "application/json", 422),
    (b'{"name": "\\ud800", "password": "b"}', "application/json", 400),
    (b'{"name": "\xff", "password": "b"}', "application/json", 400),
    (b"[" * 10_000, "application/json", 400),
    (b" " * 20_000, "application/json", 413),
    (b"name=a&password=b", "application/x-www-form-urlencoded", 415),
    (b"{}", "text/plain", 415),
]


@pytest.mark.parametrize(("body", "media_type", "status"), HOSTILE)
async def test_what_is_no_sign_in_is_refused_and_nothing_is_counted(house, body, media_type, status):
    async with house.browser() as browser:
        answer = await browser.post("/api/session", content=body, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert await house.audited() == []


async def test_the_description_says_what_is_sent_and_answered_and_every_reference_leads_somewhere(house):
    async with house.browser() as browser:
        described = (await browser.get("/openapi.json")).json()
    shapes = described["components"]["schemas"]
    assert set(shapes["SignIn"]["required"]) == {"name", "password"}
    assert set(shapes["KeyWish"]["required"]) == {"name", "role"}
    assert "token" in shapes["ShownKey"]["properties"]
    references = set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(described)))
    assert "#/components/schemas/Role" in references
    assert {each for each in references if each.rpartition("/")[2] not in shapes} == set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert {"500"} <= operation["responses"].keys() or not path.startswith("/api"), (method, path)
