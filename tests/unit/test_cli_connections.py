"""The brake on the command line."""

import pytest

from fakes.house import House
from fakes.shell import Shell


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    shell = Shell(database.url, house)
    shell.env |= {"MILLSTREAM_CRM__KIND": "salesforce", "MILLSTREAM_CRM__NAME": "crm"}
    return shell


async def test_a_pause_of_the_command_line_holds_and_is_listed_with_who_and_why(house, shell):
    assert (await shell("connections", "pause", "crm", "--reason", "maintenance"))[0] == 0
    await house.hub.operating.keeper.exchange()
    assert [name for name, one in house.hub.operating.keeper._connections.items() if one.paused] == ["crm"]
    code, out, _ = await shell("connections", "list")
    assert code == 0
    assert "maintenance" in out
    assert (await shell("connections", "resume", "crm", "--reason", "is back"))[0] == 0
    await house.hub.operating.keeper.exchange()
    assert not any(one.paused for one in house.hub.operating.keeper._connections.values())
    rows = await house.rows("select actor, action from audit where action like 'connection.%' order by id")
    assert [row["action"] for row in rows] == ["connection.pause", "connection.resume"]
    assert all(row["actor"].startswith("cli:") for row in rows)


async def test_an_unknown_connection_is_named_with_those_there_are(house, shell):
    code, out, err = await shell("connections", "pause", "fax", "--reason", "x")
    assert code == 2
    assert "there is no connection fax" in out + err
    assert await house.rows("select * from connection_pause") == []
