"""One answer for everybody who watches, and none of them sees less than before."""

import asyncio

import pytest

from fakes.world import ManualClock
from millstream.web.api.shared import KEPT_FOR, QUESTIONS_MAX, Shared


class Asked:
    """Counts how often it is asked; answers once it may."""

    def __init__(self, *, fails=False):
        self.times = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fails = fails

    async def __call__(self):
        self.times += 1
        mine = self.times
        await self.may_answer.wait()
        if self.fails:
            raise RuntimeError("the database is away")
        return mine


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def shared(clock):
    return Shared(clock)


async def test_all_who_watch_at_once_wait_for_one_answer(shared):
    asked = Asked()
    asked.may_answer.clear()
    watching = [asyncio.create_task(shared.ask("today", asked, watching=True)) for _ in range(20)]
    await asyncio.sleep(0)
    asked.may_answer.set()
    assert await asyncio.gather(*watching) == [1] * 20
    assert asked.times == 1


async def test_an_answer_is_good_for_a_second_and_no_longer(shared, clock):
    asked = Asked()
    assert await shared.ask("today", asked, watching=True) == 1
    clock.advance(KEPT_FOR.total_seconds() - 0.01)
    assert await shared.ask("today", asked, watching=True) == 1
    clock.advance(0.01)
    assert await shared.ask("today", asked, watching=True) == 2


async def test_a_clock_that_was_set_back_keeps_no_answer_alive(shared, clock):
    asked = Asked()
    await shared.ask("today", asked, watching=True)
    clock.advance(-3600)
    assert await shared.ask("today", asked, watching=True) == 2


async def test_who_did_something_is_never_told_how_it_was_before(shared):
    asked = Asked()
    asked.may_answer.clear()
    before = asyncio.create_task(shared.ask("today", asked, watching=True))
    await asyncio.sleep(0)
    after = asyncio.create_task(shared.ask("today", asked, watching=False))
    await asyncio.sleep(0)
    asked.may_answer.set()
    assert (await before, await after) == (1, 2)
    assert await shared.ask("today", asked, watching=True) == 2, "nor is who watches from now on"


async def test_each_question_has_its_own_answer(shared):
    day, hour = Asked(), Asked()
    await shared.ask(("today", 24), day, watching=True)
    await shared.ask(("today", 1), hour, watching=True)
    assert (day.times, hour.times) == (1, 1)


async def test_a_failure_is_told_to_those_who_wait_and_not_kept(shared):
    asked = Asked(fails=True)
    asked.may_answer.clear()
    waiting = [asyncio.create_task(shared.ask("today", asked, watching=True)) for _ in range(3)]
    await asyncio.sleep(0)
    asked.may_answer.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in told] == [RuntimeError] * 3
    asked.fails = False
    assert await shared.ask("today", asked, watching=True) == 2


async def test_one_who_goes_away_does_not_take_the_answer_from_the_others(shared):
    asked = Asked()
    asked.may_answer.clear()
    first = asyncio.create_task(shared.ask("today", asked, watching=True))
    await asyncio.sleep(0)
    second = asyncio.create_task(shared.ask("today", asked, watching=True))
    await asyncio.sleep(0)
    first.cancel()
    asked.may_answer.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_it_remembers_no_more_than_so_many_questions(shared):
    asked = Asked()
    for hours in range(QUESTIONS_MAX + 1):
        await shared.ask(hours, asked, watching=True)
    assert await shared.ask(0, asked, watching=True) == QUESTIONS_MAX + 2, "the oldest was forgotten"
    assert await shared.ask(QUESTIONS_MAX, asked, watching=True) == QUESTIONS_MAX + 1
