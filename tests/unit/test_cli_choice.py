"""Which deliveries a command is about: never all of them by mistake, counted as they are, chosen by every filter."""

import re

import pytest
import typer

from fakes.bench import LedgerBench
from fakes.shell import InnerShell
from millstream.cli import bulk, deliveries
from millstream.ports.bulk import Action

WHY = ("--reason", "x")
VERBS = {
    "retry": (),
    "release": WHY,
    "discard": WHY,
    "resolve": ("--category", "test", *WHY),
    "reopen": WHY,
    "assign": ("--nobody",),
    "tag": ("--add", "vip"),
    "snooze": ("--hours", "1", *WHY),
}
ACTIONS = Action.__args__
EVERYTHING = [
    *(("deliveries", verb, *more, "--yes") for verb, more in VERBS.items()),
    *(("bulk", "estimate", action) for action in ACTIONS),
    *(("bulk", "dry-run", action) for action in ("retry", "release")),
    *(("bulk", "start", action, *(VERBS[action] or WHY), "--yes") for action in ACTIONS),
]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def words(text):
    return re.sub(r"[\s│]+", " ", text)


@pytest.mark.parametrize("none", [(), ("--no-snoozed",)], ids=["no option", "all in sight"])
@pytest.mark.parametrize("args", EVERYTHING, ids=" ".join)
def test_an_action_without_a_choice_does_nothing(args, none):
    shell = InnerShell(NOWHERE)
    code, out, err = shell.run([*args, *none])
    assert (code, out) == (2, "")
    assert "say which: ids, or a filter" in words(err)
    code, _, err = shell.run([*args, *none, "--order", "S-1"])
    wanted = "no store, ERP or CRM is named" if "dry-run" in args else "store.unavailable"
    assert (code, wanted in words(err)) == (2, True), "with a choice it asks the database, a dry run the connectors"


@pytest.mark.parametrize(("app", "covered"), [(deliveries.app, {*VERBS}), (bulk.app, {"estimate", "dry-run", "start"})])
def test_every_command_that_takes_ids_is_among_them(app, covered):
    commands = typer.main.get_command(app).commands
    takers = {name for name, command in commands.items() if "ids" in {param.name for param in command.params}}
    assert takers == covered


class Rows(LedgerBench):
    """Deliveries brought into their states by hand."""

    async def rest(self, state, count, *, code=None):
        first = await self.value("select coalesce(max(id), 0) + 1 from delivery")
        events = (self.event(first + n, f"S-{first + n}", "thing.urgent") for n in range(count))
        await self.accept(*events)
        for step in (state,) if state == "discarded" else ("running", state):
            await self.rows(
                "update delivery set state = $1, fault_code = $2::text, fingerprint = $2, head = false where id >= $3",
                step,
                code,
                first,
            )
        return first


@pytest.fixture
async def bench(database):
    return Rows(database)


@pytest.fixture
def shell(database, bench):
    return InnerShell(database.url, bench)


async def test_an_estimate_counts_what_the_verb_can_be_done_to_and_all_of_it(bench, shell):
    await bench.rest("done", 3)
    await bench.rest("held", 510, code="sku.unknown")
    for state, code in (("dead", "erp.down"), ("retrying", "erp.busy"), ("held", "price.stale")):
        await bench.rest(state, 2, code=code)
    await bench.rest("discarded", 4, code="sku.unknown")
    failing = {"510 held sku.unknown", "2 held price.stale", "2 dead erp.down", "2 retrying erp.busy"}
    refused = {"510 held sku.unknown (cannot be done to these)", "2 held price.stale"}
    expected = {
        "retry": (516, failing),
        "discard": (516, failing),
        "resolve": (516, failing),
        "release": (512, refused),
        "reopen": (4, {"4 discarded sku.unknown"}),
        "assign": (516, failing),
        "tag": (516, failing),
        "snooze": (516, failing),
    }
    assert expected.keys() == VERBS.keys()
    for verb, (number, shares) in expected.items():
        code, out, _ = await shell("deliveries", verb, *VERBS[verb], "--to", "a", stdin="n\n")
        first, *lines = out.splitlines()
        assert (code, first) == (1, f"{number} deliveries match:")
        assert {" ".join(line.split()) for line in lines if line.startswith("  ")} == shares, verb
    code, out, _ = await shell("deliveries", "retry", "--state", "done", "--yes")
    assert (code, out.strip()) == (1, "0 deliveries match that one can retry.")
    assert await bench.value("select count(*) from audit") == 0


async def test_who_looks_after_it_what_is_tagged_and_what_is_snoozed_can_be_chosen(bench, shell):
    first = await bench.rest("held", 3, code="sku.unknown")
    assert (await shell("deliveries", "assign", first, "--assignee", "jo", "--yes"))[0] == 0
    assert (await shell("deliveries", "tag", first + 1, "--add", "vip", "--yes"))[0] == 0
    assert (await shell("deliveries", "snooze", first + 2, "--hours", 1, *WHY, "--yes"))[0] == 0
    chosen = {
        ("--assignee", "jo"): [first],
        ("--tag", "vip"): [first + 1],
        ("--snoozed",): [first + 2],
        ("--no-snoozed", "--code", "sku.unknown"): [first, first + 1],
        ("--tag", "vip", "--assignee", "jo"): [],
    }
    for options, ids in chosen.items():
        _, out, _ = await shell("deliveries", "list", *options, "--json")
        assert [int(found) for found in re.findall(r'"id": (\d+)', out)] == ids
        _, out, _ = await shell("bulk", "estimate", "retry", *options)
        assert f"retry: {len(ids)} deliveries now" in out
    code, out, _ = await shell("deliveries", "retry", "--tag", "vip", "--yes")
    assert (code, "1 due now" in out) == (0, True)
    code, _, _ = await shell("bulk", "start", "discard", "--assignee", "jo", *WHY, "--yes")
    assert (code, await bench.value("select wanted ->> 'assignee' from bulk")) == (0, "jo")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("bulk", "start", "resolve", "1", *WHY), "resolve needs --category: fixed_in_source, duplicate"),
        (("bulk", "start", "retry", "1", *WHY, "--category", "test"), "goes with resolve alone, not with retry"),
        (("deliveries", "list", "--state", "hold"), "'held'"),
    ],
)
def test_what_does_not_go_together_is_told(args, said):
    code, out, err = InnerShell(NOWHERE).run([*args])
    assert (code, out) == (2, "")
    assert said in words(err)
