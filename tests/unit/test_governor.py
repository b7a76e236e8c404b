"""Rate, concurrency and the breaker, on a clock that stands still."""

import asyncio

import pytest

from fakes.tap import RecordingTap
from fakes.world import ManualClock
from millstream.domain.errors import Retry
from millstream.wire.governor import Governor, GovernorSettings, Undertaking


class Stand:
    """A governor with its clock and its tap."""

    def __init__(self, **settings) -> None:
        self.clock = ManualClock()
        self.tap = RecordingTap()
        self.governor = Governor("erp", GovernorSettings(**settings), clock=self.clock, tap=self.tap)

    async def call(self, *, works: bool = True, after_s: float | None = None) -> None:
        async with self.governor.slot():
            if works:
                self.governor.succeeded()
            else:
                self.governor.failed(after_s=after_s)

    async def refusal(self) -> Retry:
        with pytest.raises(Retry) as refused:
            await self.call()
        return refused.value

    async def fail(self, times: int) -> None:
        for _ in range(times):
            await self.call(works=False)


async def test_no_more_calls_run_side_by_side_than_the_other_side_takes():
    stand = Stand(concurrency=3)
    running, most, go_on = 0, 0, asyncio.Event()

    async def call():
        nonlocal running, most
        async with stand.governor.slot():
            running += 1
            most = max(most, running)
            await go_on.wait()
            running -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(call())
        for _ in range(20):
            await asyncio.sleep(0)
        assert running == 3
        go_on.set()
    assert (most, running) == (3, 0)


async def test_calls_beyond_the_rate_wait_on_the_clock():
    stand = Stand(rate_per_s=2)
    for _ in range(10):
        await stand.call()
    # Two at once from the full bucket, eight more at two a second.
    assert sum(stand.clock.slept) == pytest.approx(4.0)


async def test_a_rest_fills_the_bucket_for_one_second_at_most():
    stand = Stand(rate_per_s=5)
    await stand.call()
    stand.clock.advance(3600)
    for _ in range(5):
        await stand.call()
    assert stand.clock.slept == []
    await stand.call()
    assert sum(stand.clock.slept) == pytest.approx(0.2)


async def test_less_than_one_call_a_second_is_possible():
    stand = Stand(rate_per_s=0.1)
    await stand.call()
    await stand.call()
    assert sum(stand.clock.slept) == pytest.approx(10.0)


async def test_without_a_rate_nobody_waits():
    stand = Stand()
    for _ in range(100):
        await stand.call()
    assert stand.clock.slept == []


async def test_failures_in_a_row_open_the_breaker_and_a_success_between_them_does_not():
    stand = Stand(breaker_threshold=3)
    await stand.fail(2)
    await stand.call()
    await stand.fail(2)
    assert not stand.governor.is_open
    await stand.fail(1)
    assert stand.governor.is_open
    (opened,) = stand.tap.named("breaker.opened")
    assert (opened["system"], opened["failures"], opened["cooldown_s"]) == ("erp", 3, 1.0)


async def test_a_refusal_says_when_to_come_back_and_does_not_count():
    stand = Stand(breaker_threshold=1, breaker_cooldown_s=10)
    await stand.fail(1)
    stand.clock.advance(4)
    refused = await stand.refusal()
    assert (refused.code, refused.counts, refused.after_s) == ("breaker.open", False, 6.0)
    assert "erp failed 1 times in a row; next try in 6 s" in refused.message


async def test_after_the_cool_down_one_probe_goes_through_and_the_others_are_refused_meanwhile():
    stand = Stand(breaker_threshold=1)
    await stand.fail(1)
    stand.clock.advance(1)
    async with stand.governor.slot():
        refused = await stand.refusal()
        assert (refused.code, refused.counts) == ("breaker.open", False)
        stand.governor.succeeded()
    assert len(stand.tap.named("breaker.closed")) == 1
    await stand.call()


async def test_a_probe_that_waits_for_the_rate_is_still_the_only_one():
    stand = Stand(breaker_threshold=1, rate_per_s=1)
    await stand.fail(1)
    stand.clock.advance(1)
    stand.governor._tokens = 0.0
    stand.governor._refilled_at = stand.clock.now()
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds):
        waiting.set()
        await go_on.wait()
        stand.clock.advance(seconds)

    stand.clock.sleep = sleep
    probe = asyncio.create_task(stand.call())
    await waiting.wait()
    assert (await stand.refusal()).code == "breaker.open"
    go_on.set()
    await probe
    assert not stand.governor.is_open


async def test_calls_that_were_queued_when_the_breaker_opened_are_not_sent():
    stand = Stand(breaker_threshold=1, concurrency=1)
    go_on = asyncio.Event()

    async def first():
        async with stand.governor.slot():
            await go_on.wait()
            stand.governor.failed()

    running, queued = asyncio.create_task(first()), asyncio.create_task(stand.call())
    await asyncio.sleep(0)
    go_on.set()
    await running
    with pytest.raises(Retry) as refused:
        await queued
    assert refused.value.code == "breaker.open"


async def test_each_failed_probe_doubles_the_cool_down_up_to_its_maximum():
    stand = Stand(breaker_threshold=1)
    await stand.fail(1)
    for cooldown_s in (1, 2, 4, 8, 16, 30, 30, 30):
        stand.clock.advance(cooldown_s - 0.01)
        assert (await stand.refusal()).code == "breaker.open"
        stand.clock.advance(0.01)
        await stand.fail(1)
    cooldowns = [note["cooldown_s"] for note in stand.tap.named("breaker.opened")]
    assert cooldowns == [1, 2, 4, 8, 16, 30, 30, 30, 30]


async def test_a_success_resets_the_cool_down():
    stand = Stand(breaker_threshold=1)
    for _ in range(4):
        await stand.fail(1)
        stand.clock.advance(30)
    await stand.call()
    await stand.fail(1)
    assert stand.tap.named("breaker.opened")[-1]["cooldown_s"] == 1.0


async def test_calls_that_left_before_the_breaker_opened_and_fail_now_make_the_wait_no_longer():
    stand = Stand(breaker_threshold=1)
    await stand.fail(1)
    for _ in range(5):
        stand.governor.failed()
    stand.clock.advance(1)
    await stand.call()
    assert len(stand.tap.named("breaker.opened")) == 1


async def test_a_probe_that_ends_without_an_answer_leaves_room_for_the_next():
    stand = Stand(breaker_threshold=1)
    await stand.fail(1)
    stand.clock.advance(1)
    with pytest.raises(asyncio.CancelledError):
        async with stand.governor.slot():
            raise asyncio.CancelledError
    await stand.call()
    assert len(stand.tap.named("breaker.closed")) == 1


async def test_a_wait_the_other_side_asks_for_pauses_the_whole_connection_at_once():
    stand = Stand(breaker_threshold=5)
    await stand.call(works=False, after_s=90)
    assert (await stand.refusal()).after_s == 90.0
    stand.clock.advance(90)
    await stand.call()
    assert not stand.governor.is_open


async def test_a_call_that_left_before_the_pause_was_asked_for_does_not_end_it():
    stand = Stand(concurrency=2)
    async with stand.governor.slot():
        await stand.call(works=False, after_s=20)
        stand.governor.succeeded()
    assert (await stand.refusal()).after_s == 20.0


async def test_a_shorter_wait_asked_for_later_does_not_shorten_the_pause():
    stand = Stand(concurrency=2)
    async with stand.governor.slot():
        await stand.call(works=False, after_s=60)
        stand.governor.failed(after_s=5)
    stand.clock.advance(6)
    stand.governor.succeeded()
    assert (await stand.refusal()).after_s == 54.0


async def test_a_connection_an_operator_paused_sends_nothing_and_no_attempt_is_counted():
    stand = Stand()
    stand.governor.brake = "pause"
    refused = await stand.refusal()
    assert (refused.code, refused.counts) == ("connection.paused", False)
    stand.governor.brake = "off"
    await stand.call()


async def test_while_it_drains_what_has_begun_goes_on_and_nothing_else_begins():
    stand = Stand()
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def delivery():
        with Undertaking():
            await stand.call()
            begun.set()
            await may_end.wait()
            await stand.call()

    running = asyncio.create_task(delivery())
    await begun.wait()
    stand.governor.brake = "drain"
    assert (await stand.refusal()).code == "connection.paused"
    with Undertaking():
        assert (await stand.refusal()).counts is False
    assert stand.governor.seen().under_way == 1
    may_end.set()
    await running
    assert stand.governor.seen().under_way == 0
    assert (await stand.refusal()).code == "connection.paused"


async def test_a_pause_stops_even_what_has_begun():
    stand = Stand()
    with Undertaking():
        await stand.call()
        stand.governor.brake = "pause"
        assert (await stand.refusal()).code == "connection.paused"


async def test_a_delivery_that_fails_is_under_way_no_more():
    stand = Stand()
    with pytest.raises(RuntimeError), Undertaking():
        await stand.call()
        await stand.call()
        assert stand.governor.under_way == 1
        raise RuntimeError
    assert stand.governor.under_way == 0


def test_calls_of_a_minute_are_known_once_a_whole_minute_was_watched():
    stand = Stand()
    stand.clock.advance(30)
    governor = Governor("erp", GovernorSettings(), clock=stand.clock, tap=stand.tap)
    told = []
    for calls in (2, 3, 0, 0):
        for _ in range(calls):
            governor.called()
        told.append(governor.seen().calls_per_min)
        stand.clock.advance(60)
    assert told == [None, None, 3, 0]
    stand.clock.advance(300)
    assert (governor.seen().calls, governor.seen().calls_per_min) == (5, 0)


async def test_a_connection_is_down_from_the_first_opening_until_it_works_or_nobody_tried_for_long():
    stand = Stand(breaker_threshold=2)
    assert stand.governor.seen().down_since is None
    await stand.fail(2)
    since = stand.clock.now()
    stand.clock.advance(2)
    await stand.call(works=False)
    assert stand.governor.seen().down_since == since
    stand.clock.advance(1100)
    assert stand.governor.seen().down_since == since
    stand.clock.advance(110)
    assert stand.governor.seen().down_since is None
    await stand.call()
    assert (stand.governor.seen().down_since, stand.governor.seen().breaker) == (None, "closed")
