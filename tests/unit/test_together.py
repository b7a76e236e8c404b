"""Many askers, one query."""

import asyncio

import pytest

from millstream.domain.errors import Retry
from millstream.store.together import Together


class Shelf:
    def __init__(self):
        self.queries = []
        self.failure = None

    async def read(self, keys):
        self.queries.append(list(keys))
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return {key: key.upper() for key in keys if key != "missing"}


@pytest.fixture
def shelf():
    return Shelf()


async def test_who_asks_in_the_same_turn_shares_a_query_and_gets_the_own_answer(shelf):
    together = Together(shelf.read)
    assert await asyncio.gather(*(together.get(key) for key in ("a", "b", "a", "missing"))) == ["A", "B", "A", None]
    assert shelf.queries == [["a", "b", "missing"]]


async def test_who_asks_later_asks_anew(shelf):
    together = Together(shelf.read)
    assert await together.get("a") == "A"
    assert await together.get("a") == "A"
    assert shelf.queries == [["a"], ["a"]]


async def test_no_query_asks_for_more_than_the_limit(shelf):
    together = Together(shelf.read, together_max=2)
    assert await asyncio.gather(*(together.get(key) for key in "abcde")) == list("ABCDE")
    assert shelf.queries == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_failure_reaches_everybody_of_its_query_and_nobody_of_the_next(shelf):
    together = Together(shelf.read)
    shelf.failure = Retry("store.unavailable", "away")
    failed = await asyncio.gather(together.get("a"), together.get("b"), return_exceptions=True)
    assert [type(one) for one in failed] == [Retry, Retry]
    shelf.failure = None
    assert await together.get("a") == "A"


async def test_one_asker_that_is_cancelled_leaves_the_others_their_answer(shelf):
    together = Together(shelf.read)
    first, second = asyncio.create_task(together.get("a")), asyncio.create_task(together.get("a"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "A"
    with pytest.raises(asyncio.CancelledError):
        await first
