"""Resolving, reopening, looking after and bulk actions, as an operator types them."""

import re

import pytest
from test_cli import held

from fakes.house import House
from fakes.shell import InnerShell
from millstream.ports.desk import Filter


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    return InnerShell(database.url, house)


async def row_of(house, delivery_id):
    (row,) = await house.hub.desk.list_deliveries(Filter(ids=(delivery_id,)), limit=1)
    return row


async def trail(house, *actions):
    rows = await house.rows("select actor, action from audit where action = any($1) order by id", list(actions))
    assert all(row["actor"].startswith("cli:") for row in rows)
    return [row["action"] for row in rows]


async def test_what_is_resolved_says_why_and_can_be_opened_again(house, shell):
    row = await held(house)
    args = ("--category", "duplicate", "--reason", "came twice", "--yes")
    code, out, _ = await shell("deliveries", "resolve", row.id, *args)
    assert (code, "1 resolved" in out) == (0, True)
    assert (await row_of(house, row.id)).resolution == "duplicate"
    code, out, _ = await shell("deliveries", "reopen", row.id, "--reason", "it was not", "--yes")
    assert (code, "1 in review again" in out) == (0, True)
    assert (await row_of(house, row.id)).state == "held"
    code, _, err = await shell("deliveries", "resolve", row.id, "--category", "boredom", "--reason", "x", "--yes")
    assert (code, "loss_accepted" in err) == (2, True)
    assert await trail(house, "delivery.resolve", "delivery.reopen") == ["delivery.resolve", "delivery.reopen"]


async def test_all_of_one_cause_are_looked_after(house, shell):
    row = await held(house)
    cause = ("--cause", row.fingerprint, "--yes")
    assert (await shell("deliveries", "assign", "--assignee", "jo", *cause))[0] == 0
    assert (await shell("deliveries", "tag", "--add", "vip", "--add", "late", *cause))[0] == 0
    assert (await shell("deliveries", "tag", row.id, "--remove", "late", "--yes"))[0] == 0
    assert (await shell("deliveries", "snooze", "--hours", "4", "--reason", "plant", *cause))[0] == 0
    after = await row_of(house, row.id)
    assert (after.assignee, after.tags) == ("jo", ("vip",))
    assert 3.9 * 3600 < (after.snoozed_until - house.world.clock.now()).total_seconds() <= 4 * 3600
    assert (await shell("deliveries", "snooze", row.id, "--wake", "--reason", "plant", "--yes"))[0] == 0
    assert (await shell("deliveries", "assign", row.id, "--nobody", "--yes"))[0] == 0
    after = await row_of(house, row.id)
    assert (after.assignee, after.snoozed_until) == (None, None)
    assert len(await trail(house, "delivery.assign", "delivery.tag", "delivery.snooze")) == 6


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("assign", "1"), "--nobody"),
        (("assign", "1", "--nobody", "--assignee", "jo"), "--nobody"),
        (("tag", "1"), "--remove"),
        (("snooze", "1", "--reason", "x"), "--until"),
        (("snooze", "1", "--reason", "x", "--wake", "--hours", "2"), "one of"),
        (("snooze", "1", "--reason", "x", "--until", "tomorrow"), "no time"),
        (("snooze", "1", "--reason", "x", "--until", "2026-11-25T08:00"), "time zone"),
    ],
)
async def test_what_is_not_said_clearly_is_asked_for_and_nothing_is_changed(house, shell, args, words):
    code, out, err = await shell("deliveries", *args)
    assert code == 2
    assert words in re.sub(r"\s+", " ", out + err)
    assert await trail(house, "delivery.assign", "delivery.tag", "delivery.snooze") == []


async def test_a_bulk_action_is_estimated_started_and_steered(house, shell):
    await held(house)
    await held_again(house)
    choice = ("--code", "price.stale")
    code, out, _ = await shell("bulk", "estimate", "retry", *choice)
    assert (code, "retry: 2 deliveries now" in out) == (0, True)
    assert (await shell("bulk", "estimate", "retry"))[0] == 2
    code, _, err = await shell("bulk", "start", "resolve", *choice, "--reason", "x", "--yes")
    assert (code, "--category" in err) == (2, True)
    assert await house.value("select count(*) from bulk") == 0
    args = ("--category", "fixed_in_source", "--reason", "prices corrected", "--yes")
    code, out, _ = await shell("bulk", "start", "resolve", *choice, *args)
    assert code == 0
    (bulk_id,) = re.findall(r"bulk show ([0-9a-f-]{36})", out)
    for verb, state in (("pause", "paused"), ("resume", "running"), ("pause", "paused"), ("resume", "running")):
        code, out, _ = await shell("bulk", verb, bulk_id)
        assert (code, f"is {state}" in out) == (0, True)
    while await house.hub.operating.bulk.run_batch():
        pass
    code, out, _ = await shell("bulk", "show")
    assert (code, "resolve (fixed_in_source)" in out, "done" in out) == (0, True, True)
    assert await house.value("select count(*) from delivery where resolution = 'fixed_in_source'") == 2
    code, _, err = await shell("bulk", "cancel", bulk_id)
    assert (code, "bulk.not_now" in err) == (2, True)
    code, out, _ = await shell("bulk", "show", "00000000-0000-7000-8000-000000000000")
    assert (code, "There is no bulk action" in out) == (1, True)


async def held_again(house):
    await house.place(lines=[{"sku": "VALVE-080", "qty": 1, "price": 100}])
    await house.settle_down()
