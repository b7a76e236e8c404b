"""The command line an operator mends with, against a real ledger."""

import json

import pytest

from fakes.house import House
from fakes.shell import InnerShell, Shell
from millstream import cli
from millstream.ports.desk import Filter


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    return InnerShell(database.url, house)


@pytest.fixture
def process(database):
    """The command as it is installed."""
    return Shell(database.url)


async def held(house, **wish):
    """One order held for the stale price of its only line."""
    await house.place(**{"lines": [{"sku": "VALVE-080", "qty": 1, "price": 100}], **wish})
    await house.settle_down()
    (row,) = await house.hub.desk.list_deliveries(Filter(states=("held",)), limit=10)
    return row


async def test_list_shows_what_waits_for_somebody_with_the_reason(house, process):
    row = await held(house)
    code, out, _ = await process("deliveries", "list")
    assert code == 0
    assert f"{row.id}" in out
    assert "price.stale" in out
    code, out, _ = await process("deliveries", "list", "--json")
    assert [entry["code"] for entry in json.loads(out)] == ["price.stale"]


async def test_release_waives_the_rule_for_this_delivery_only_and_is_audited(house, shell):
    row = await held(house)
    code, out, _ = await shell("deliveries", "release", str(row.id), "--reason", "agreed by phone", "--yes")
    assert (code, "1 released" in out) == (0, True)
    await house.settle_down()
    assert len(house.erp.creations) == 1
    (audited,) = await house.rows("select actor, detail from audit where action = 'delivery.release'")
    assert audited["actor"].startswith("cli:")
    assert "agreed by phone" in audited["detail"]
    await house.place(lines=[{"sku": "VALVE-080", "qty": 1, "price": 100}])
    await house.settle_down()
    assert await house.value("select count(*) from delivery where state = 'held'") == 1


async def test_release_refuses_a_rule_whose_cause_must_be_mended_and_says_what_to_do(house, shell):
    await house.place(("GHOST-1", 1))
    await house.settle_down()
    code, _, err = await shell("deliveries", "release", "--code", "sku.unknown", "--reason", "x", "--yes")
    assert code == 2
    assert "rule.not_waivable" in err
    assert "retry" in err
    assert "Traceback" not in err


async def test_retry_by_filter_shows_an_estimate_first_and_asks(house, shell):
    await held(house)
    code, out, _ = await shell("deliveries", "retry", "--code", "price.stale", stdin="n\n")
    assert code == 1
    assert "1 deliveries match" in out
    assert await house.value("select state from delivery where fault_code = 'price.stale'") == "held"
    code, out, _ = await shell("deliveries", "retry", "--code", "price.stale", stdin="y\n")
    assert (code, "1 due now" in out) == (0, True)
    assert await house.value("select state from delivery where fault_code = 'price.stale'") == "retrying"


async def test_discard_hands_the_lane_to_what_waits_behind(house, shell):
    row = await held(house)
    order = await house.value("select data ->> 'store_order_id' from event where type = 'order.placed'")
    await house.sim("shop", "POST", f"orders/{order}/cancel", {})
    house.world.clock.advance(5)
    await house.settle_down()
    assert (
        await house.value(
            "select state from delivery d join event e on e.id = event_id where e.type = 'order.cancelled'"
        )
        == "waiting"
    )
    code, _, _ = await shell("deliveries", "discard", str(row.id), "--reason", "cancelled by the customer", "--yes")
    assert code == 0
    await house.settle_down()
    assert await house.value("select count(*) from delivery where state not in ('done', 'discarded')") == 0
    assert house.erp.creations == []


async def test_any_number_shows_the_whole_history_of_an_order(house, shell):
    placed = await house.place(("PUMP-CFG", 1), po_number="PO-9")
    await house.settle_down()
    for number in (placed["increment_id"], "SO00001", "po-9"):
        code, out, _ = await shell("orders", "show", number)
        assert code == 0
        for part in ("order.placed", "order.confirmed", "shop: ", "crm: ", "promise", "made to order"):
            assert part in out
    code, out, _ = await shell("orders", "show", "nobody")
    assert (code, "No order has the number nobody" in out) == (1, True)
    code, out, _ = await shell("orders", "list")
    assert placed["increment_id"] in out


async def test_orders_are_listed_by_their_state(house, shell):
    row = await held(house)
    placed = await house.place()
    await house.settle_down()
    stuck = row.subject.rpartition("-")[2]
    for state, shown, hidden in (
        ("review", stuck, placed["increment_id"]),
        ("confirmed", placed["increment_id"], stuck),
    ):
        code, out, _ = await shell("orders", "list", "--state", state)
        assert (code, shown in out, hidden in out) == (0, True, False), out


async def test_audit_verify_finds_an_altered_row(house, shell):
    await house.place()
    await house.settle_down()
    code, out, _ = await shell("audit", "verify")
    assert (code, "untouched" in out) == (0, True)
    async with house.database.connection() as connection:
        await connection.execute("alter table audit disable trigger audit_is_append_only")
        await connection.execute("update audit set actor = 'nobody' where id = (select min(id) from audit)")
    code, out, _ = await shell("audit", "verify")
    assert (code, "ALTERED" in out) == (1, True)


async def test_a_missing_connector_is_one_line_that_says_what_to_set(process):
    code, _, err = await process("doctor")
    assert code == 2
    assert "no store, ERP or CRM is named" in err
    assert "Traceback" not in err


async def test_a_database_that_does_not_answer_is_one_line(process):
    process.env["MILLSTREAM_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    code, _, err = await process("orders", "list")
    assert code == 2
    assert "store.unavailable" in err
    assert "Traceback" not in err


def test_every_verb_is_there():
    groups = {
        group.name: {command.name or command.callback.__name__ for command in group.typer_instance.registered_commands}
        for group in cli.app_for([]).registered_groups
    }
    mending = {"retry", "amend", "release", "discard", "resolve", "reopen"}
    assert groups["deliveries"] == {"list", "causes", "show", *mending, "assign", "tag", "snooze"}
    assert groups["bulk"] == {"estimate", "dry-run", "start", "list", "show", "pause", "resume", "cancel"}
    assert groups["connections"] == {"list", "show", "test", "pause", "drain", "resume", "rewind"}
    assert groups["orders"] == {"show", "list", "hold", "unhold"}
