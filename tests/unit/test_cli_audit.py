"""`millstream audit`: the trail at the shell, as the API tells it."""

import json

import pytest

from fakes.house import House
from fakes.shell import InnerShell


@pytest.fixture
async def house(database):
    house = House(database)
    await house.place()
    await house.settle_down()
    await house.hub.operating.board.pull("crm", "pause", actor="anna", reason="maintenance")
    yield house
    await house.hub.operating.close()


async def test_rows_are_listed_narrowed_and_exported(house):
    shell = InnerShell(house.database.url)
    code, out, err = await shell("audit", "list", "--people")
    assert (code, err) == (0, "")
    assert [line.split()[2:5] for line in out.splitlines()[1:]] == [["anna", "connection.pause", "connection/crm"]]
    code, out, _ = await shell("audit", "export", "--action", "delivery.done")
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) > 2
    assert {row["action"] for row in rows} == {"delivery.done"}
    code, out, _ = await shell("audit", "export", "--subject", "connection/crm", "--since", "2020-01-01")
    assert [json.loads(line)["detail"]["reason"] for line in out.splitlines()] == ["maintenance"]
    code, out, _ = await shell("audit", "list", "--until", "2020-01-01T00:00:00+02:00")
    assert len(out.splitlines()) == 1, "nothing below the heading"
    code, _, err = await shell("audit", "list", "--since", "yesterday")
    assert (code, "is no time" in err) == (2, True)
