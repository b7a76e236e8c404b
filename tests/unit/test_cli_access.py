"""`millstream access` on a real database; the first administrator from the link to the session."""

import re

import pytest

from fakes.access import LOOPBACK, PASSWORD, AccessHouse, sign_in
from fakes.shell import InnerShell
from millstream.domain.access import Role
from millstream.engine.world import SystemWorld


@pytest.fixture
def house(database):
    return AccessHouse(database, world=SystemWorld())


@pytest.fixture
def shell(database):
    return InnerShell(database.url)


async def test_the_set_up_link_that_is_shown_works_as_it_stands_and_there_is_none_afterwards(house, shell):
    code, out, _ = await shell("access", "setup-link")
    assert code == 0
    (token,) = re.findall(r"http://127\.0\.0\.1:8080/console/set-up#(\S+)", out)
    async with house.browser(LOOPBACK) as browser:
        body = {"token": token, "name": "admin", "password": PASSWORD}
        made = await browser.post("/api/access/setup", json=body)
        assert made.status_code == 201
        assert (await sign_in(browser, "admin")).status_code == 200
    code, out, err = await shell("access", "setup-link")
    assert (code, out) == (2, "")
    assert "access.refused" in err


async def test_users_from_the_first_to_the_last_command(house, shell):
    code, out, err = await shell(
        "access", "users", "add", "Anna", "--role", "admin", "--password-stdin", stdin=PASSWORD
    )
    assert (code, err, "anna may sign in as admin" in out) == (0, "", True)
    async with house.browser() as browser:
        assert (await sign_in(browser)).status_code == 200
        code, _, err = await shell("access", "users", "disable", "anna")
        assert (code, "last administrator" in err) == (2, True)
        await shell("access", "users", "add", "ben", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
        for words in (("role", "ben", "admin"), ("disable", "anna"), ("disable", "nobody")):
            code, _, err = await shell("access", "users", *words)
            assert (code, "access.unknown" in err) == ((2, True) if words[1] == "nobody" else (0, False))
        assert (await browser.get("/api/session")).status_code == 401
    await shell("access", "users", "enable", "anna")
    await shell("access", "users", "password", "anna", "--password-stdin", stdin="another good password\n")
    async with house.browser() as browser:
        assert (await sign_in(browser, password="another good password")).status_code == 200
    _, out, _ = await shell("access", "users", "list")
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["anna", "admin", "password"],
        ["ben", "admin", "password"],
    ]
    actors = {actor for actor, action, _ in await house.audited() if action == "access.role_changed"}
    assert all(actor.startswith("cli:") for actor in actors)
    assert actors


async def test_a_weak_password_is_refused_and_never_repeated(house, shell):
    code, out, err = await shell(
        "access", "users", "add", "anna", "--role", "viewer", "--password-stdin", stdin="hunter2"
    )
    assert code == 2
    assert "access.password_weak" in err
    assert "hunter2" not in out + err
    assert await house.users.list_users() == []


async def test_keys_from_creation_to_revocation(house, shell):
    code, out, _ = await shell(
        "access", "keys", "create", "shop floor", "--role", "integrator", "--right", "view", "--right", "replay"
    )
    assert code == 0
    (token,) = re.findall(r"^msk_\S+$", out, re.MULTILINE)
    key = await house.keys.key_of(token)
    assert sorted(key.effective_rights) == ["replay", "view"]
    _, out, _ = await shell("access", "keys", "list")
    assert key.id in out
    assert token not in out
    _, out, _ = await shell("access", "keys", "rotate", key.id, "--overlap-hours", "0")
    (fresh,) = re.findall(r"^msk_\S+$", out, re.MULTILINE)
    assert await house.keys.key_of(token) is None
    replacing = await house.keys.key_of(fresh)
    assert replacing.replaces == key.id
    code, _, _ = await shell("access", "keys", "revoke", replacing.id)
    assert code == 0
    assert await house.keys.key_of(fresh) is None


async def test_serving_shows_the_link_while_nobody_can_administer_and_never_logs_it(house, capsys, caplog):
    from millstream.cli.serve import _show_setup
    from millstream.settings import Settings

    class Runtime:
        database, world = house.database, house.world

    await _show_setup(Settings(), Runtime)
    shown = capsys.readouterr().out
    (token,) = re.findall(r"/console/set-up#(\S+)", shown)
    assert token not in caplog.text
    await house.users.set_up(token, "anna", PASSWORD)
    await _show_setup(Settings(), Runtime)
    assert capsys.readouterr().out == ""
    assert [user.role for user in await house.users.list_users()] == [Role.ADMIN]
