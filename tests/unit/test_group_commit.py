"""Many callers, one commit."""

import asyncio

import pytest

from millstream.domain.errors import Conflict, Retry
from millstream.store.group_commit import GroupCommit


class Book:
    """Writes batches down; each waits for `open` and fails as told."""

    def __init__(self, *, batch_max: int = 100) -> None:
        self.batches: list[list[object]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.contradicting: set[object] = set()
        self.failures: list[BaseException] = []
        self.commits = GroupCommit(self.write, batch_max)

    async def write(self, items):
        await self.open.wait()
        self.batches.append(list(items))
        if self.failures:
            raise self.failures.pop(0)
        if wrong := self.contradicting.intersection(items):
            raise Conflict("books.conflict", f"{sorted(wrong)} contradict")
        return [f"wrote {item}" for item in items]

    def submit_later(self, *items):
        return [asyncio.create_task(self.commits.submit(item)) for item in items]


@pytest.fixture
def book():
    return Book()


async def test_one_caller_gets_the_result_of_its_item(book):
    assert await book.commits.submit("a") == "wrote a"
    assert book.batches == [["a"]]


async def test_what_arrives_while_a_write_is_under_way_goes_into_the_next_one(book):
    book.open.clear()
    first = book.submit_later("a")
    await asyncio.sleep(0)
    others = book.submit_later(*range(50))
    await asyncio.sleep(0)
    book.open.set()
    await asyncio.gather(*first, *others)
    assert book.batches == [["a"], list(range(50))]


async def test_each_of_many_callers_gets_its_own_result(book):
    results = await asyncio.gather(*(book.commits.submit(n) for n in range(250)))
    assert results == [f"wrote {n}" for n in range(250)]
    assert len(book.batches) <= 4


async def test_results_of_several_items_come_in_their_order_even_over_several_writes():
    book = Book(batch_max=3)
    assert await book.commits.submit_all(range(10)) == [f"wrote {n}" for n in range(10)]
    assert [len(batch) for batch in book.batches] == [3, 3, 3, 1]


async def test_only_one_write_is_under_way_at_a_time():
    running, most = 0, 0

    async def write(items):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return items

    commits = GroupCommit(write, 2)
    await asyncio.gather(*(commits.submit(n) for n in range(20)))
    assert most == 1


async def test_a_failure_reaches_every_caller_of_its_batch_and_nobody_of_the_next(book):
    book.failures = [Retry("store.unavailable", "PostgreSQL does not answer")]
    results = await asyncio.gather(*(book.commits.submit(n) for n in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [Retry] * 5
    assert await book.commits.submit("after") == "wrote after"


async def test_a_conflict_is_told_to_the_one_that_contradicts_and_the_others_are_written(book):
    book.contradicting = {3}
    results = await asyncio.gather(*(book.commits.submit(n) for n in range(5)), return_exceptions=True)
    assert [isinstance(result, Conflict) for result in results] == [False, False, False, True, False]
    assert results[4] == "wrote 4"
    assert book.batches == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4]]


async def test_a_conflict_among_several_items_of_one_caller_is_raised_and_its_others_are_written(book):
    book.contradicting = {1}
    with pytest.raises(Conflict):
        await book.commits.submit_all([0, 1, 2])
    assert book.batches[1:] == [[0], [1], [2]]


async def test_the_database_going_away_while_a_conflict_is_sorted_out_reaches_those_not_written_yet(book):
    book.failures = [Conflict("books.conflict", "somebody contradicts")]
    write = book.write

    async def away_at_the_third(items):
        if len(book.batches) == 3:
            book.failures = [Retry("store.unavailable", "gone")]
        return await write(items)

    book.commits = GroupCommit(away_at_the_third, 100)
    results = await asyncio.gather(*(book.commits.submit(n) for n in range(4)), return_exceptions=True)
    assert [result if isinstance(result, str) else result.code for result in results] == [
        "wrote 0",
        "wrote 1",
        "store.unavailable",
        "wrote 3",
    ]


async def test_a_caller_that_gives_up_while_it_waits_hurts_nobody_else(book):
    book.open.clear()
    first = book.submit_later("a")
    await asyncio.sleep(0)
    stays, leaves = book.submit_later("stays", "leaves")
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    book.open.set()
    assert await asyncio.gather(*first, stays) == ["wrote a", "wrote stays"]
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_a_caller_that_gives_up_while_its_own_write_is_under_way_hurts_nobody_else(book):
    book.open.clear()
    stays, leaves = book.submit_later("stays", "leaves")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)
    book.open.set()
    assert await stays == "wrote stays"
    assert book.batches == [["stays", "leaves"]]
    assert await book.commits.submit("after") == "wrote after"


async def test_a_fault_of_ours_reaches_its_callers_and_writing_goes_on(book):
    book.failures = [ZeroDivisionError("our own mistake")]
    with pytest.raises(ZeroDivisionError):
        await book.commits.submit("a")
    assert await book.commits.submit("b") == "wrote b"


async def test_a_write_that_answers_for_too_few_leaves_nobody_waiting():
    async def forgetful(items):
        return items[1:]

    commits = GroupCommit(forgetful, 10)
    results = await asyncio.gather(*(commits.submit(n) for n in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError] * 3


async def test_nothing_to_write_writes_nothing(book):
    assert await book.commits.submit_all([]) == []
    assert book.batches == []
