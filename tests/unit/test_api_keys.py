"""Keys: shown once, kept as hashes, scoped, and good only as long as they should be."""

from datetime import timedelta

import pytest

from fakes.access import AccessHouse
from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.domain.errors import Reject
from millstream.store.api_keys import TOKEN

DAY = timedelta(days=1)


@pytest.fixture
def house(database):
    return AccessHouse(database)


async def made(house, name="shop floor", role=Role.INTEGRATOR, rights=None, lifetime=90 * DAY):
    return await house.keys.create_key(name, role=role, rights=rights, lifetime=lifetime, actor="anna")


async def test_a_key_has_all_rights_of_its_role_or_those_chosen_within_it(house):
    whole = await made(house)
    some = await made(house, rights=frozenset({Right.VIEW, Right.REPLAY}))
    assert (await house.keys.key_of(whole.token)).effective_rights == RIGHTS_OF[Role.INTEGRATOR]
    assert (await house.keys.key_of(some.token)).effective_rights == {Right.VIEW, Right.REPLAY}


@pytest.mark.parametrize("rights", [{Right.MANAGE_ACCESS}, {Right.VIEW, Right.RELEASE_CREDIT}, set()])
async def test_rights_beyond_the_role_are_refused(house, rights):
    with pytest.raises(Reject) as refused:
        await made(house, rights=frozenset(rights))
    assert refused.value.code == "access.refused"
    assert await house.keys.list_keys() == []


async def test_what_a_role_loses_its_keys_lose_too(house, monkeypatch):
    key = await made(house, role=Role.CREDIT)
    monkeypatch.setitem(RIGHTS_OF, Role.CREDIT, frozenset({Right.VIEW}))
    assert (await house.keys.key_of(key.token)).effective_rights == {Right.VIEW}


async def test_no_part_of_a_secret_is_stored(house):
    key = await made(house)
    secret = TOKEN.fullmatch(key.token)[2]
    assert len(secret) == 43, "256 bits"
    assert secret not in await house.everything_stored()
    assert key.key.id in await house.everything_stored()


@pytest.mark.parametrize("spoil", ["secret", "id", "prefix", "longer", "blank", "nul"])
async def test_a_token_that_is_not_whole_is_nobodys(house, spoil):
    token = (await made(house)).token
    spoiled = {
        "secret": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "id": token.replace("msk_", "msk_0", 1)[:20] + token[20:],
        "prefix": token.replace("msk_", "mkk_"),
        "longer": token + "A",
        "blank": "",
        "nul": token + "\x00",
    }[spoil]
    assert spoiled != token
    assert await house.keys.key_of(spoiled) is None
    assert await house.keys.key_of(token) is not None


async def test_the_secret_of_one_key_does_not_open_another(house):
    one, other = await made(house), await made(house)
    mixed = f"msk_{other.key.id}_{TOKEN.fullmatch(one.token)[2]}"
    assert await house.keys.key_of(mixed) is None


async def test_a_key_expires(house):
    key = await made(house, lifetime=DAY)
    house.clock.advance(86399)
    assert await house.keys.key_of(key.token) is not None
    house.clock.advance(1)
    assert await house.keys.key_of(key.token) is None


@pytest.mark.parametrize("lifetime", [timedelta(0), -DAY, 366 * DAY])
async def test_no_key_is_good_for_ever_or_never(house, lifetime):
    with pytest.raises(Reject) as refused:
        await made(house, lifetime=lifetime)
    assert refused.value.code == "access.refused"


async def test_rotation_keeps_the_old_key_good_for_the_overlap_and_no_longer(house):
    old = await made(house, rights=frozenset({Right.VIEW}))
    new = await house.keys.rotate_key(old.key.id, overlap=timedelta(hours=1), lifetime=90 * DAY, actor="anna")
    assert (new.key.replaces, new.key.name, new.key.rights) == (old.key.id, old.key.name, old.key.rights)
    house.clock.advance(3599)
    assert await house.keys.key_of(old.token) is not None
    assert await house.keys.key_of(new.token) is not None
    house.clock.advance(1)
    assert await house.keys.key_of(old.token) is None
    assert await house.keys.key_of(new.token) is not None


async def test_rotation_does_not_prolong_the_old_key(house):
    old = await made(house, lifetime=timedelta(hours=1))
    await house.keys.rotate_key(old.key.id, overlap=DAY, lifetime=90 * DAY, actor="anna")
    house.clock.advance(3600)
    assert await house.keys.key_of(old.token) is None


async def test_a_revoked_key_is_good_for_nothing_and_cannot_be_rotated(house):
    key = await made(house)
    await house.keys.revoke_key(key.key.id, actor="anna")
    await house.keys.revoke_key(key.key.id, actor="anna")
    assert await house.keys.key_of(key.token) is None
    with pytest.raises(Reject) as refused:
        await house.keys.rotate_key(key.key.id, overlap=DAY, lifetime=DAY, actor="anna")
    assert refused.value.code == "access.refused"
    assert (await house.audited())[-1] == ("anna", "access.key_revoked", f"key/{key.key.id}")
    assert len(await house.audited()) == 2, "revoked once, told once"


@pytest.mark.parametrize("key_id", ["0" * 16, "", "'; drop table access_key --", "\x00"])
async def test_a_key_that_is_not_there_is_told_so(house, key_id):
    with pytest.raises(Reject) as refused:
        await house.keys.revoke_key(key_id, actor="anna")
    assert refused.value.code == "access.unknown"


async def test_last_use_is_written_at_most_once_a_minute(house):
    key = await made(house)
    used = []
    for _ in range(5):
        await house.keys.key_of(key.token)
        used.append((await house.keys.list_keys())[0].last_used_at)
        house.clock.advance(25)
    assert used[0] == used[1] == used[2]
    assert used[3] == used[4] == used[0] + timedelta(seconds=75)
