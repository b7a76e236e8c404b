"""Users, passwords, and the first administrator."""

import asyncio

import pytest
from argon2 import PasswordHasher

from fakes.access import CHEAP, PASSWORD, AccessHouse
from millstream.domain.access import Role
from millstream.domain.errors import Reject, Retry
from millstream.store.passwords import WAITING_MAX, Passwords


@pytest.fixture
def house(database):
    return AccessHouse(database)


async def refusal(awaited):
    with pytest.raises(Reject) as refused:
        await awaited
    return refused.value.code


@pytest.mark.parametrize("password", ["", "eleven char", "a" * 201, "anna.berg@example.com", "ANNA.BERG@example.com"])
async def test_a_password_that_is_short_endless_or_the_name_is_refused(house, password):
    code = await refusal(house.users.add_user("anna.berg@example.com", Role.VIEWER, password, actor="test"))
    assert code == "access.password_weak"
    assert await house.users.list_users() == []


@pytest.mark.parametrize("name", ["", "a", "-anna", "an na", "anna:x", "änna", "a" * 101, "anna\x00", "key:1"])
async def test_a_name_that_could_be_mistaken_is_refused(house, name):
    assert await refusal(house.users.add_user(name, Role.VIEWER, PASSWORD, actor="test")) == "access.refused"


async def test_a_name_is_taken_once_in_whatever_case(house):
    await house.add("anna")
    assert await refusal(house.add("ANNA")) == "access.refused"


async def test_one_password_in_two_spellings_of_its_accents_is_one():
    passwords = Passwords(PasswordHasher(**CHEAP))
    digest = await passwords.digest("caf\u00e9 caf\u00e9 caf\u00e9")
    assert await passwords.fits(digest, "cafe\u0301 cafe\u0301 cafe\u0301")
    assert not await passwords.fits(digest, "cafe cafe cafe")
    assert not await passwords.fits(None, "the password of nobody")


async def test_passwords_are_hashed_by_argon2id_with_todays_parameters():
    digest = await Passwords().digest(PASSWORD)
    assert digest.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_a_hash_with_weaker_parameters_is_renewed_at_the_next_sign_in(house):
    await house.add()
    house.passwords._hasher = PasswordHasher(**{**CHEAP, "time_cost": 2})
    assert await house.sessions.sign_in("anna", PASSWORD, address="a") is not None
    async with house.database.connection() as connection:
        digest = await connection.fetchval("select password from access_user where name = 'anna'")
    assert ",t=2," in digest
    assert await house.sessions.sign_in("anna", PASSWORD, address="a") is not None


async def test_a_flood_of_passwords_is_turned_away_and_what_waits_is_answered(house):
    await house.add()
    flood = [house.passwords.digest(PASSWORD) for _ in range(WAITING_MAX + 5)]
    told = await asyncio.gather(*flood, return_exceptions=True)
    turned_away = [one for one in told if isinstance(one, Retry)]
    assert (len(turned_away), {one.code for one in turned_away}) == (5, {"access.busy"})
    assert await house.sessions.sign_in("anna", PASSWORD, address="a") is not None


async def test_a_damaged_hash_lets_nobody_in(house):
    await house.add()
    async with house.database.connection() as connection:
        await connection.execute("update access_user set password = 'not a hash' where name = 'anna'")
    assert await house.sessions.sign_in("anna", PASSWORD, address="a") is None


class TestLastAdmin:
    @pytest.fixture
    async def house(self, database):
        house = AccessHouse(database)
        await house.add("anna", Role.ADMIN)
        await house.add("ben", Role.VIEWER)
        return house

    async def test_stays_one_and_stays_enabled(self, house):
        assert await refusal(house.users.set_role("anna", Role.VIEWER, actor="t")) == "access.refused"
        assert await refusal(house.users.set_disabled("anna", True, actor="t")) == "access.refused"
        assert await house.users.has_admin()

    async def test_may_go_once_there_is_another(self, house):
        await house.users.set_role("ben", Role.ADMIN, actor="t")
        await house.users.set_role("anna", Role.VIEWER, actor="t")
        assert await refusal(house.users.set_disabled("ben", True, actor="t")) == "access.refused"

    async def test_two_that_go_at_once_leave_one(self, house):
        await house.users.set_role("ben", Role.ADMIN, actor="t")
        told = await asyncio.gather(
            *(house.users.set_disabled(name, True, actor="t") for name in ("anna", "ben")), return_exceptions=True
        )
        assert [type(one) for one in told if one is not None] == [Reject]
        assert await house.users.has_admin()


class TestSetup:
    async def test_there_is_nobody_at_first_and_no_password_opens_anything(self, house):
        assert await house.users.list_users() == []
        for name, password in (("admin", "admin"), ("admin", "password"), ("", ""), ("millstream", "millstream")):
            assert await house.sessions.sign_in(name, password, address="a") is None

    async def test_a_link_makes_one_administrator_once(self, house):
        token = await house.users.new_setup_token(actor="serve")
        user = await house.users.set_up(token, "Anna", PASSWORD)
        assert (user.name, user.role) == ("anna", Role.ADMIN)
        assert await refusal(house.users.set_up(token, "eve", PASSWORD)) == "access.setup_refused"
        assert [user.name for user in await house.users.list_users()] == ["anna"]
        assert (await house.audited())[-1] == ("anna", "access.set_up", "user/anna")

    async def test_of_two_that_use_links_at_once_one_is_refused(self, house):
        tokens = [await house.users.new_setup_token(actor="serve") for _ in range(2)]
        told = await asyncio.gather(
            *(house.users.set_up(token, f"admin{n}", PASSWORD) for n, token in enumerate(tokens)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in told) == ["Reject", "User"]
        assert len(await house.users.list_users()) == 1

    async def test_it_is_short_lived(self, house):
        token = await house.users.new_setup_token(actor="serve")
        house.clock.advance(1800)
        assert await refusal(house.users.set_up(token, "anna", PASSWORD)) == "access.setup_refused"

    async def test_it_survives_a_password_that_is_not_good_enough(self, house):
        token = await house.users.new_setup_token(actor="serve")
        assert await refusal(house.users.set_up(token, "anna", "short")) == "access.password_weak"
        assert (await house.users.set_up(token, "anna", PASSWORD)).name == "anna"

    async def test_it_is_stored_as_a_hash_only(self, house):
        token = await house.users.new_setup_token(actor="serve")
        assert token not in await house.everything_stored()

    async def test_once_somebody_is_administrator_by_another_way_no_link_is_good(self, house):
        token = await house.users.new_setup_token(actor="serve")
        await house.add("anna", Role.ADMIN)
        assert await refusal(house.users.set_up(token, "eve", PASSWORD)) == "access.setup_refused"
        assert await refusal(house.users.new_setup_token(actor="serve")) == "access.refused"

    async def test_a_guess_costs_no_hash(self, house):
        house.passwords.digest = None  # would fail if it were called
        assert await refusal(house.users.set_up("guess" * 50, "eve", PASSWORD)) == "access.setup_refused"
