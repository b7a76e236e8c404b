"""What fails by cause, and bulk actions, at the command line: page by page, and nothing twice or left out."""

import json
import re
import shlex

import pytest
from test_cli_choice import NOWHERE, Rows, words

from fakes.shell import InnerShell


@pytest.fixture
def bench(database):
    return Rows(database)


@pytest.fixture
def shell(database, bench):
    return InnerShell(database.url, bench)


async def all_pages(shell, *command):
    """What every page says, each asked for by what the one before said."""
    pages, more = [], []
    while True:
        code, out, err = await shell(*command, *more)
        assert code == 0, err
        pages.append(out)
        told = re.search(r"^more: (.+)$", out, re.MULTILINE)
        if told is None:
            return pages
        more = shlex.split(told[1])


def listed(out):
    return re.findall(r"^ *(sku\.unknown|zzz\.last|erp\.busy|price\.stale) ", out, re.MULTILINE)


async def four_causes(bench):
    """The same number of orders for two of them."""
    for state, count, code in (
        ("held", 3, "sku.unknown"),
        ("dead", 2, "zzz.last"),
        ("retrying", 2, "erp.busy"),
        ("held", 1, "price.stale"),
    ):
        first = await bench.rest(state, count, code=code)
    return first


async def test_causes_are_told_in_plain_words_most_orders_first_page_by_page(bench, shell):
    await four_causes(bench)
    first, second = await all_pages(shell, "deliveries", "causes", "--limit", 2)
    assert listed(first) + listed(second) == ["sku.unknown", "erp.busy", "zzz.last", "price.stale"]
    assert "The ERP does not sell an item of the order." in words(first)
    total = "all: 4 causes, 8 deliveries, 8 orders: 8 whose money is not known"
    assert (total in first, total in second) == (True, True)


async def test_the_view_narrows_causes_and_mine_needs_to_know_whose(bench, shell):
    mine = await four_causes(bench)
    assert (await shell("deliveries", "assign", mine, "--assignee", "jo", "--yes"))[0] == 0
    code, out, _ = await shell("deliveries", "causes", "--view", "mine", "--assignee", "jo", "--json")
    told = json.loads(out)
    assert (code, [one["fingerprint"] for one in told["items"]], told["next"]) == (0, ["price.stale"], None)
    assert (told["view"]["causes"], told["view"]["orders"], told["items"][0]["assignees"]) == (1, 1, ["jo"])
    _, out, _ = await shell("deliveries", "causes", "--view", "unassigned", "--limit", 1, "--json")
    told = json.loads(out)
    assert (told["view"]["causes"], told["view"]["deliveries"]) == (3, 7)
    _, out, _ = await shell("deliveries", "causes", "--view=unassigned", f"--after={told['next']}", "--json")
    assert [one["fingerprint"] for one in json.loads(out)["items"]] == ["erp.busy", "zzz.last"]
    code, out, _ = await shell("deliveries", "causes", "--view", "snoozed")
    assert (code, out.strip()) == (0, "snoozed: 0 causes, 0 deliveries, 0 orders: none")


async def test_what_the_list_of_causes_names_is_what_an_action_chooses_by(bench, shell):
    await four_causes(bench)
    _, out, _ = await shell("deliveries", "causes", "--json")
    for one in json.loads(out)["items"]:
        _, out, _ = await shell("bulk", "estimate", "retry", "--cause", one["fingerprint"])
        assert f"retry: {one['held'] + one['dead'] + one['retrying']} deliveries now" in out


async def test_bulk_actions_are_listed_page_by_page(bench, shell):
    await bench.rest("held", 1, code="sku.unknown")
    for n in range(3):
        code, _, err = await shell("bulk", "start", "retry", "--code", "sku.unknown", "--reason", f"try {n}", "--yes")
        assert code == 0, err
    first, second = await all_pages(shell, "bulk", "list", "--limit", 2)
    assert re.findall(r"try \d", first) + re.findall(r"try \d", second) == ["try 2", "try 1", "try 0"]
    assert re.findall(r"try \d", (await shell("bulk", "show"))[1]) == ["try 2", "try 1", "try 0"]
    _, out, _ = await shell("bulk", "list", "--limit", 2, "--json")
    told = json.loads(out)
    _, out, _ = await shell("bulk", "list", "--json", f"--after={told['next']}")
    assert [one["reason"] for one in [*told["items"], *json.loads(out)["items"]]] == ["try 2", "try 1", "try 0"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("deliveries", "causes", "--view", "mine"), "--view mine and --assignee NAME go together"),
        (("deliveries", "causes", "--assignee", "jo"), "--view mine and --assignee NAME go together"),
        (("deliveries", "causes", "--after", "7"), "'7' is no place in this list; give the word behind"),
        (("bulk", "list", "--after", "WzEsImEiXQ"), "is no place in this list"),
    ],
)
def test_what_makes_no_sense_is_told(args, said):
    code, out, err = InnerShell(NOWHERE).run([*args])
    assert (code, out) == (2, "")
    assert said in words(err)
