"""What a failure means for its delivery."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.world import START, ManualWorld
from millstream.domain.delivery import Delivery
from millstream.domain.errors import Conflict, Failure, Reject, Retry, Unknown
from millstream.domain.events import Event
from millstream.domain.states import DeliveryState
from millstream.engine.retry import RetryPolicy, fingerprint, outcome_of_failure

POLICY = RetryPolicy(attempts_max=5, first_delay_s=1, delay_max_s=60, unknown_delay_s=0.5)


def delivery(attempts=1, tries=None):
    world = ManualWorld()
    event = Event(
        id=world.ids.new(),
        source="shop",
        source_id="1",
        type="order.placed",
        subject="shop-1-7",
        occurred_at=START,
        received_at=START,
        correlation_id=world.ids.new(),
        causation_id=None,
        data={},
    )
    return Delivery(
        id=1, subscriber="erp", lane="erp/shop-1-7", event=event, tries=tries or attempts, attempts=attempts
    )


def outcome(failure, *, attempts=1, policy=POLICY, seed=1):
    return outcome_of_failure(failure, delivery(attempts), policy, ManualWorld(seed))


def wait_s(failure, **circumstances):
    return (outcome(failure, **circumstances).due_at - START).total_seconds()


DOWN = Retry("down", "answered 503")


@given(attempt=st.integers(1, 200), seed=st.integers(0, 1000))
def test_the_delay_lies_between_half_and_the_whole_of_a_doubling_one_and_never_above_the_maximum(attempt, seed):
    ceiling = min(POLICY.delay_max_s, 2 ** (attempt - 1))
    assert ceiling / 2 <= POLICY.delay_s(attempt, ManualWorld(seed)) <= ceiling


def test_the_delay_grows_from_try_to_try():
    policy = RetryPolicy(attempts_max=99, first_delay_s=1, delay_max_s=1000)
    delays = [wait_s(DOWN, attempts=n, policy=policy) for n in range(1, 9)]
    assert delays == sorted(delays)
    assert delays[-1] > 64


def test_two_deliveries_that_fail_together_do_not_come_back_together():
    assert len({wait_s(DOWN, attempts=4, seed=seed) for seed in range(20)}) == 20


def test_a_wait_the_other_side_asks_for_is_kept_and_hardly_longer():
    for seed in range(20):
        assert 90 <= wait_s(Retry("busy", "later", after_s=90), attempts=3, seed=seed) <= 99


def test_a_wait_asked_for_may_be_longer_than_our_own_maximum():
    assert wait_s(Retry("busy", "tomorrow", after_s=3600)) >= 3600


@pytest.mark.parametrize("after_s", [0, -5])
def test_a_wait_of_nothing_is_now_and_never_the_past(after_s):
    assert wait_s(Retry("busy", "now", after_s=after_s)) == 0


def test_a_try_that_was_none_is_taken_back_and_never_brings_the_dead_letters_nearer():
    closed = Retry("breaker.open", "waits", after_s=1, counts=False)
    waited = outcome(closed, attempts=99)
    assert (waited.state, waited.counts) == (DeliveryState.RETRYING, False)


@pytest.mark.parametrize("failure", [DOWN, Conflict("changed", "moved on"), Unknown("lost", "no answer", key="k")])
def test_the_last_attempt_makes_a_dead_letter_with_the_reason_and_no_date(failure):
    assert outcome(failure, attempts=4).state is DeliveryState.RETRYING
    dead = outcome(failure, attempts=5)
    assert (dead.state, dead.due_at, dead.fault_code) == (DeliveryState.DEAD, None, failure.code)


def test_a_refusal_is_held_for_a_human_at_the_first_try_and_at_the_last():
    refused = Reject("price.stale", "sold too cheap", field="lines")
    for attempts in (1, 5, 50):
        held = outcome(refused, attempts=attempts)
        assert (held.state, held.due_at, held.counts) == (DeliveryState.HELD, None, True)


def test_a_lost_answer_is_looked_up_soon_but_not_for_ever_soon():
    lost = Unknown("answer.lost", "no answer", key="order/7/create")
    assert 0.5 <= wait_s(lost, attempts=1) <= 1.0
    assert wait_s(lost, attempts=4) >= 4


def test_a_record_that_moved_on_is_read_again_after_a_short_wait_each_time():
    for attempts in (1, 2, 4):
        assert wait_s(Conflict("changed", "moved on"), attempts=attempts) <= POLICY.first_delay_s


def test_a_delivery_whose_attempts_were_all_taken_back_waits_like_a_first_one():
    assert 0.5 <= wait_s(DOWN, attempts=0) <= 1.0


def test_what_is_written_down_names_the_kind_the_code_and_the_words_for_the_operator():
    failure = Retry("down", "The ERP answered 503", log="trace nobody needs to see")
    told = outcome(failure)
    assert (told.fault_class, told.fault_code, told.fault_message) == ("Retry", "down", "The ERP answered 503")
    assert told.fingerprint == fingerprint("erp", failure)


def test_failures_of_one_cause_share_a_fingerprint_whatever_numbers_they_name():
    first = Reject("sku.unknown", "Order 000000042: PUMP-7 is not sold")
    second = Reject("sku.unknown", "Order 000000999: PUMP-8 is not sold")
    assert fingerprint("erp", first) == fingerprint("erp", second)


@pytest.mark.parametrize(
    ("subscriber", "failure"),
    [
        ("crm", Reject("sku.unknown", "PUMP is not sold")),
        ("erp", Reject("sku.gone", "PUMP is not sold")),
        ("erp", Reject("sku.unknown", "VALVE is not sold")),
    ],
)
def test_another_place_code_or_text_is_another_fingerprint(subscriber, failure):
    assert fingerprint(subscriber, failure) != fingerprint("erp", Reject("sku.unknown", "PUMP is not sold"))


def test_due_times_come_from_the_clock_given():
    world = ManualWorld()
    world.clock.advance(1000)
    due = outcome_of_failure(Retry("busy", "x", after_s=0), delivery(), POLICY, world).due_at
    assert due == START + timedelta(seconds=1000)


def test_a_failure_carries_words_for_the_operator_and_words_for_the_log():
    plain, both = Failure("a.code", "what to do"), Failure("a.code", "what to do", log="HTTP 500 <html>")
    assert (str(plain), plain.log) == ("a.code: what to do", "what to do")
    assert (str(both), both.log) == ("a.code: what to do", "HTTP 500 <html>")
