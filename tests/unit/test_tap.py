"""Who listens to the steps the hub takes."""

import json
import logging

import pytest

from fakes.tap import RecordingTap
from millstream.engine.tap import CountingTap, LogTap, Taps


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, logger="millstream")

    def lines():
        return [(record.levelname, json.loads(record.getMessage())) for record in caplog.records]

    return lines


def test_a_note_is_one_line_of_json(lines):
    LogTap().note("breaker.opened", system="erp", failures=5)
    assert lines() == [("WARNING", {"note": "breaker.opened", "system": "erp", "failures": 5})]


@pytest.mark.parametrize(
    ("name", "facts", "level"),
    [
        ("delivery.settled", {"state": "done", "code": None}, "DEBUG"),
        ("delivery.settled", {"state": "held", "code": "price.stale"}, "WARNING"),
        ("call.started", {"system": "erp"}, "DEBUG"),
        ("delivery.settled", {"state": "retrying", "code": "down"}, "INFO"),
        ("poll.failed", {"task": "shop.orders"}, "WARNING"),
        ("lane.was_asleep", {"lanes": 1}, "ERROR"),
        ("worker.draining", {"running": 2}, "INFO"),
    ],
)
def test_what_needs_somebody_is_loud_and_the_rest_is_quiet(lines, name, facts, level):
    LogTap().note(name, **facts)
    assert [found for found, _ in lines()] == [level]


def test_a_mistake_of_ours_is_logged_with_its_trace_and_not_as_json(caplog, lines):
    LogTap().note("delivery.crashed", delivery=7, bug=ZeroDivisionError("ours"))
    assert lines() == [("ERROR", {"note": "delivery.crashed", "delivery": 7})]
    assert caplog.records[0].exc_info[1].args == ("ours",)


def test_facts_of_any_kind_can_be_logged(lines):
    LogTap().note("poll.failed", error=ZeroDivisionError("x"), names={"a"})
    assert lines()[0][1]["error"] == "x"


def test_notes_are_counted_by_name_and_told_to_every_listener():
    counting, recording = CountingTap(), RecordingTap()
    taps = Taps([counting, recording])
    taps.note("call.ended", status=200)
    taps.note("call.ended", status=503)
    assert counting.counts == {"call.ended": 2}
    assert recording.named("call.ended") == [{"status": 200}, {"status": 503}]
