"""The brake on the command line."""

import asyncio
import json
from functools import partial

import pytest

from fakes.house import CRM, STORE, House
from fakes.shell import InnerShell
from millstream.cli import doctor
from millstream.engine.connections import CHECK_TIMEOUT_S, tried
from millstream.web.api import connections


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    shell = InnerShell(database.url, house)
    shell.env |= {"MILLSTREAM_CRM__KIND": "salesforce", "MILLSTREAM_CRM__NAME": "crm"}
    return shell


async def test_a_pause_of_the_command_line_holds_and_is_listed_with_who_and_why(house, shell):
    assert (await shell("connections", "pause", "crm", "--reason", "maintenance"))[0] == 0
    await house.hub.operating.keeper.exchange()
    assert [name for name, one in house.hub.operating.keeper._connections.items() if one.brake == "pause"] == ["crm"]
    code, out, _ = await shell("connections", "list")
    assert code == 0
    assert "maintenance" in out
    assert (await shell("connections", "resume", "crm", "--reason", "is back"))[0] == 0
    await house.hub.operating.keeper.exchange()
    assert not any(one.brake != "off" for one in house.hub.operating.keeper._connections.values())
    rows = await house.rows("select actor, action from audit where action like 'connection.%' order by id")
    assert [row["action"] for row in rows] == ["connection.pause", "connection.resume"]
    assert all(row["actor"].startswith("cli:") for row in rows)


async def test_an_unknown_connection_is_named_with_those_there_are(house, shell):
    code, out, err = await shell("connections", "pause", "fax", "--reason", "x")
    assert code == 2
    assert "there is no connection fax" in out + err
    assert await house.rows("select * from connection_pause") == []


async def test_a_drain_and_the_budget_are_told_with_what_is_not_known(house, shell):
    code, out, _ = await shell("connections", "show", "crm")
    assert (code, "not known" in out, "never" in out) == (0, True, True)
    await house.place()
    await house.settle_down()
    await house.hub.operating.keeper.exchange()
    house.hub.operating.keeper._connections["crm"].governor.under_way = 2
    await house.hub.operating.keeper.exchange()
    async with house.database.connection() as connection:  # the command line goes by the real clock
        await connection.execute("update connection_seen set seen_at = now()")
    code, out, _ = await shell("connections", "drain", "crm", "--reason", "maintenance")
    assert code == 0
    assert "draining, 2 still running" in out
    code, out, _ = await shell("connections", "show", "crm", "--json")
    told = json.loads(out)
    assert (code, told["state"], told["still_running"], told["pause"]["drain"]) == (0, "draining", 2, True)
    assert told["budget"]["system"]["limit"] > 0
    code, out, _ = await shell("connections", "show", "crm")
    assert f"{told['budget']['system']['used']} of {told['budget']['system']['limit']}" in out


async def test_one_connection_is_tried_and_what_was_found_is_kept(house, database):
    shell = InnerShell(database.url, house).knows_systems()
    code, out, err = await shell("connections", "test", CRM["name"])
    assert (code, "✗" in out, STORE["name"] in out) == (1, True, False), out + err
    (row,) = await house.rows("select actor, subject from audit where action = 'connection.test'")
    assert row["actor"].startswith("cli:")
    assert row["subject"].endswith(CRM["name"])
    code, out, err = await shell("connections", "test", "fax")
    assert (code, "there is no connection fax" in out + err) == (2, True)


async def test_a_connection_that_does_not_tell_in_time_is_found_not_to_answer():
    (found,) = await tried(asyncio.Event().wait, within_s=0.0)
    assert (found.ok, found.detail) == (False, "It took longer than 0 s")


async def test_command_line_and_api_go_by_one_limit_and_say_so_in_the_same_words(house, database, monkeypatch):
    assert (connections.tried, doctor.tried, tried.__kwdefaults__) == (tried, tried, {"within_s": CHECK_TIMEOUT_S})
    monkeypatch.setattr(doctor, "tried", partial(tried, within_s=0.0))
    code, out, err = await InnerShell(database.url, house).knows_systems()("connections", "test", STORE["name"])
    assert (code, "It took longer than 0 s" in out, "→ look at the system" in out) == (1, True, True), out + err
    (row,) = await house.rows("select detail from audit where action = 'connection.test'")
    assert json.loads(row["detail"])["ok"] is False
