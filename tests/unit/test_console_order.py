"""What the page of an order works out before it draws: scale, rows, words, sums."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.world import START
from millstream.domain import events
from millstream.flows import ROUTES
from millstream.web.console.delivery.panels import tries_words
from millstream.web.console.order.cards import sum_of, unjudged_words
from millstream.web.console.order.scale import Scale, rows
from millstream.web.console.order.story import ENTRIES_MAX, entries_of
from millstream.web.console.order.words import FACTS, SUBSCRIBERS, moment_words
from millstream.web.console.parts import state_word


def at(seconds):
    return START + timedelta(seconds=seconds)


def test_seconds_and_days_are_both_readable_on_one_scale():
    scale = Scale([at(0), at(5), at(86_400 * 10)])
    assert scale.at(at(5)) > 10
    assert scale.at(at(86_400 * 10)) == 100


@given(st.lists(st.floats(min_value=0, max_value=10**8), min_size=2, max_size=60))
def test_the_scale_keeps_the_order_of_things_and_never_leaves_the_picture(seconds):
    instants = sorted({at(one) for one in seconds})
    scale = Scale(instants)
    places = [scale.at(instant) for instant in instants]
    assert all(0 <= earlier < later <= 100.0001 for earlier, later in pairwise(places))
    ticks = [scale.at(instant) for instant in scale.ticks(15.0)]
    assert all(later - earlier >= 15.0 for earlier, later in pairwise(ticks[:-1]))


def test_what_lies_between_and_outside_of_the_known_instants_has_a_place():
    scale = Scale([at(0), at(10), at(20)])
    assert scale.at(at(0)) < scale.at(at(5)) < scale.at(at(10)) < scale.at(at(15)) < scale.at(at(20))
    assert (scale.at(at(-9)), scale.at(at(99))) == (0, scale.at(at(20)))
    assert Scale([]).at(at(0)) == 0
    assert Scale([at(0)]).ticks(10) == [at(0)]


@given(
    st.lists(st.tuples(st.floats(min_value=0, max_value=100), st.floats(min_value=0.1, max_value=50)), max_size=30),
    st.integers(min_value=1, max_value=40),
)
def test_spans_in_one_row_do_not_overlap_unless_there_are_no_rows_left(given_spans, most):
    spans = sorted((left, left + width) for left, width in given_spans)
    placed = rows(spans, most=most)
    assert all(row < most for row in placed)
    for row in range(most - 1):
        mine = [span for span, its in zip(spans, placed, strict=True) if its == row]
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(mine))


@pytest.mark.parametrize(
    ("line_id", "state", "is_last", "says"),
    [
        (None, "confirmed", True, "open"),
        (None, "delivered", True, "not judged"),
        (None, "delivered", False, "replaced by a later one"),
        ("1", "delivered", True, "judged with the whole order"),
    ],
)
def test_a_promise_that_is_not_judged_says_why(line_id, state, is_last, says):
    promise = {"line_id": line_id, "ship_date": "2026-11-30"}
    assert unjudged_words(promise, state, is_last=is_last) == says
    assert unjudged_words({"line_id": None, "ship_date": None}, "confirmed", is_last=True) == "no date to judge"


@pytest.mark.parametrize(
    ("tries", "counted", "running", "says"),
    [
        (0, 0, False, "none yet"),
        (1, 1, False, "1; it counts towards giving up"),
        (1, 1, True, "1, under way; it counts towards giving up"),
        (1, 0, False, "1; it does not count towards giving up"),
        (5, 1, False, "5; 1 of them counts towards giving up"),
        (5, 3, True, "5, the last of them under way; 3 of them count towards giving up"),
        (5, 5, False, "5; all of them count towards giving up"),
        (5, 0, False, "5; none of them counts towards giving up"),
    ],
)
def test_tries_are_told_as_one_says_it(tries, counted, running, says):
    assert tries_words(tries, counted, running=running) == says


def test_what_the_ledger_calls_discarded_is_resolved_to_people():
    assert (state_word("discarded"), state_word("half_open")) == ("resolved", "half open")


def test_every_fact_and_every_subscriber_has_its_words():
    assert FACTS.keys() == events.EVENT_TYPES
    assert SUBSCRIBERS.keys() == {route.subscriber for routes in ROUTES.values() for route in routes}
    assert moment_words({"what": "order.placed to erp"}) == "Placed by the customer: told to the ERP"
    assert moment_words({"what": "order.placed"}) == "Placed by the customer"


def page(count=1, **gap):
    moment = {
        "lane": "store", "what": "order.placed", "at": at(0).isoformat(), "ended_at": None, "duration_s": 0.5,
        "delivery_id": None, "outcome": None, "code": None,
    }  # fmt: skip
    waited = {
        "lane": "erp", "name": "waiting for its turn", "began_at": at(1).isoformat(), "ended_at": at(9).isoformat(),
        "duration_s": 8.0, "delivery_id": 7, **gap,
    }  # fmt: skip
    return {"moments": [moment] * count, "gaps": [waited], "told": []}


def test_waits_under_a_second_are_left_out_and_those_that_last_are_kept():
    assert [entry.kind for entry in entries_of(page())] == ["fact", "gap"]
    assert [entry.kind for entry in entries_of(page(duration_s=0.9))] == ["fact"]
    (_, lasting) = entries_of(page(duration_s=None, ended_at=None))
    assert (lasting.lasts, lasting.took_s) == (True, None)


def test_of_too_many_entries_the_newest_are_kept():
    entries = entries_of(page(count=ENTRIES_MAX + 5))
    assert len(entries) == ENTRIES_MAX
    assert entries[-1].kind == "gap"


@pytest.mark.parametrize(
    ("confirmed", "unaccounted", "tone", "words"),
    [
        ("3", "0", "good", ""),
        (None, None, "idle", ""),
        ("3", "2", "warn", "2 neither reserved nor in production: not in stock yet."),
        ("3", "-1", "bad", "1 more than was ordered."),
        ("1", "0", "warn", "The ERP has 1 of 3 ordered."),
    ],
)
def test_a_line_that_does_not_add_up_says_why(confirmed, unaccounted, tone, words):
    line = {"ordered": "3", "confirmed": confirmed, "unaccounted": unaccounted, "reason": "not in stock yet"}
    assert sum_of(line) == (tone, words)
