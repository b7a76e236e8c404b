"""Reviews on the command line, with a CRM that is really asked."""

import json
from contextlib import asynccontextmanager

import pytest
import uvicorn

from fakes.house import House
from fakes.shell import InnerShell

GUEST = {"email": "nora@gruen-chemie.example", "firstname": "Nora", "lastname": "New"}


@asynccontextmanager
async def served(app):
    """A sandbox over a socket, in this loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await server.shutdown()


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
async def shell(database, house):
    async with served(house.crm_app) as crm_url:
        yield InnerShell(database.url, house).knows_systems(crm_url)


async def waiting(house, guest=GUEST):
    await house.place(guest=guest, address={"company": "Gruen Chemie"})
    await house.settle_down()
    return (await house.rows("select id from delivery where state = 'held' order by id desc"))[0]["id"]


async def test_a_review_is_listed_shown_with_points_linked_and_the_order_goes_on(house, shell):
    review = await waiting(house)
    code, out, err = await shell("reviews", "list")
    assert (code, err) == (0, "")
    assert GUEST["email"] in out
    (row,) = json.loads((await shell("reviews", "list", "--json"))[1])
    assert (row["id"], row["kind"]) == (review, "customer.unknown")
    code, out, _ = await shell("reviews", "show", review)
    assert code == 0
    assert "Grün Chemie AG" in out
    shown = json.loads((await shell("reviews", "show", review, "--json"))[1])
    best = shown["candidates"]["items"][0]
    assert best["account"]["crm_id"] in out
    code, out, err = await shell("reviews", "link", review, best["account"]["crm_id"], "--reason", "by phone")
    assert (code, err) == (0, "")
    assert "1 due now" in out
    await house.settle_down()
    assert len(house.erp.creations) == 1
    (trail,) = await house.rows("select actor, detail from audit where action = 'customer.link'")
    assert trail["actor"].startswith("cli:")
    assert "by phone" in trail["detail"]
    assert (await shell("reviews", "unlink", review, "--reason", "wrong"))[0] == 0
    assert await house.rows("select * from link where kind = 'login'") == []


async def test_an_account_is_made_and_an_order_is_rejected(house, shell):
    made = await waiting(house)
    rejected = await waiting(house, {**GUEST, "email": "other@x.example"})
    code, out, err = await shell("reviews", "create", made, "--reason", "new")
    assert (code, err) == (0, "")
    assert "1 due now" in out
    assert (await shell("reviews", "reject", rejected, "--reason", "a test"))[0] == 0
    await house.settle_down()
    states = await house.rows("select id, state from delivery where id = any($1) order by id", [made, rejected])
    assert [row["state"] for row in states] == ["done", "discarded"]
    assert len(house.erp.creations) == 1


async def test_what_cannot_be_is_told_in_a_line(house, shell):
    review = await waiting(house)
    code, _, err = await shell("reviews", "link", review, "nonsense", "--reason", "x")
    assert (code, "account.unknown" in err) == (2, True)
    code, _, err = await shell("reviews", "show", 999)
    assert (code, "delivery.unknown" in err) == (2, True)
    code, _, err = await shell("reviews", "unlink", review, "--reason", "x")
    assert (code, "link.unknown" in err) == (2, True)
