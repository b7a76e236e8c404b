"""Lists at the command line end with the word for their next page, and the pages hold everything once."""

import re
import shlex

import pytest

from fakes.house import House
from fakes.shell import InnerShell


async def all_pages(shell, *command, found):
    """What a pattern finds on every page, each asked for by what the one before said."""
    pages, more = [], []
    while True:
        code, out, err = await shell(*command, *more)
        assert code == 0, err
        pages.append(re.findall(found, out))
        told = re.search(r"^more: (.+)$", out, re.MULTILINE)
        if told is None:
            return pages
        more = shlex.split(told[1])


@pytest.fixture
async def house(database):
    house = House(database)
    yield house
    await house.hub.operating.close()


async def test_orders_and_audit_rows_are_listed_to_their_end(house):
    shell = InnerShell(house.database.url, house)
    numbers = [(await house.place())["increment_id"] for _ in range(3)]
    await house.settle_down()
    number = rf"\b{numbers[0][:-1]}\d\b"
    for narrowed in ((), ("--state", "confirmed"), (f"--number={numbers[0][:-1]}",)):
        pages = await all_pages(shell, "orders", "list", *narrowed, "--limit", 1, found=number)
        assert (len(pages), sorted(one for page in pages for one in page)) == (3, numbers), narrowed
    audited = await all_pages(
        shell, "audit", "list", "--action", "delivery.done", "--limit", 4, found=r"delivery\.done"
    )
    count = await house.value("select count(*) from audit where action = 'delivery.done'")
    assert (sum(map(len, audited)), len(audited)) == (count, -(-count // 4))


async def test_orders_on_their_way_are_listed_to_their_end(house):
    shell = InnerShell(house.database.url, house)
    numbers = [(await house.place(("GHOST-1", 1)))["increment_id"] for _ in range(3)]
    await house.settle_down()
    pages = await all_pages(
        shell, "orders", "list", "--state", "review", "--limit", 2, found=rf"\b{numbers[0][:-1]}\d\b"
    )
    assert ([len(page) for page in pages], sorted(one for page in pages for one in page)) == ([2, 1], numbers)


async def test_alerts_that_are_over_and_orders_that_differ_are_listed_to_their_end(house):
    await house.rows(
        "insert into alert (code, scope, cause, urgent, state, effect, opened_at, last_true_at, resolved_at)"
        " select 'backlog', n::text, 'c', false, case when n in (2, 5) then 'firing' else 'resolved' end,"
        " 'effect-' || n, now(), now(), now() from generate_series(1, 6) as n"
    )
    await house.rows(
        "insert into drift_check (order_key, checked_at, differs, differs_since)"
        " select 'S-' || n, now(), '{x}', now() - interval '1 hour' * (1 + n / 2) from generate_series(1, 5) as n"
    )
    shell = InnerShell(house.database.url)
    pages = await all_pages(shell, "alerts", "list", "--limit", 3, found=r"effect-\d")
    assert pages == [[f"effect-{n}" for n in (5, 2, 6, 4, 3)], ["effect-1"]]
    pages = await all_pages(shell, "alerts", "drift", "--limit", 2, found=r"S-\d")
    assert pages == [["S-4", "S-5"], ["S-2", "S-3"], ["S-1"]]


@pytest.mark.parametrize("narrowed", [(), ("--state", "review"), ("--state", "packed"), ("--number", "1")])
def test_a_word_of_another_list_is_no_place_in_this_one(narrowed):
    code, out, err = InnerShell("postgresql://nobody@127.0.0.1:1/nothing").run(
        ["orders", "list", *narrowed, "--after", "WyJ4Il0"]
    )
    assert (code, out) == (2, "")
    assert "is no place in this list" in re.sub(r"[\s│]+", " ", err)
