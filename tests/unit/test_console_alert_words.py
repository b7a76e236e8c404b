"""Alerts and their levels in the words of the console."""

import pytest

from millstream.alerting import level_of
from millstream.engine.alerts.levels import MEANINGS
from millstream.engine.alerts.rules import RULES
from millstream.settings import Settings
from millstream.web.console.alert.words import behind, cause_in_words, state_in_words
from millstream.web.console.settings.levels import bounds_in_words, value_in_words

LEVELS = {name: {key: getattr(level, key) for key in level.__struct_fields__}
          for name in MEANINGS for level in [level_of(Settings(), name)]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("slo.oldest_item_s", 900.0, "15 min"),
        ("alerts.every_s", 1.5, "1.5 s"),
        ("slo.drift_percent", 0.5, "0.5 %"),
        ("slo.promise_window_days", 7, "7 d"),
        ("alerts.backlog_depth", 1000, "1000"),
        ("alerts.escalate_to", ["boss", "desk"], "boss, desk"),
        ("alerts.escalate_to", None, "none"),
        ("alerts.quiet_from", "22:00", "22:00"),
    ],
)
def test_a_value_has_its_unit_and_no_value_is_said(name, value, words):
    assert value_in_words(LEVELS[name], value) == words


def test_bounds_are_whole_sentences_with_whole_numbers():
    assert bounds_in_words(LEVELS["slo.oldest_item_s"]) == "A number of seconds, more than 0, at most 2592000."
    assert bounds_in_words(LEVELS["alerts.canary_orders_min"]) == "A whole number, at least 1, at most 20."
    assert bounds_in_words(LEVELS["alerts.digest_at"]) == "A time of day as HH:MM; left empty: none."


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("workers", "no worker is alive"),
        ("connection/erp", "the connection erp does not answer"),
        ("drift", "drift"),
        ("of-a-newer-version/x", "of-a-newer-version/x"),
    ],
)
def test_a_cause_is_said_in_words_and_an_unknown_one_as_it_is(cause, words):
    assert cause_in_words(cause) == words


@pytest.mark.parametrize("code", RULES)
def test_every_alert_leads_somewhere(code):
    text, address = behind({"code": code, "id": 7})
    assert text
    assert address.startswith("/console/")


def test_what_was_told_with_another_names_it():
    assert state_in_words({"state": "firing", "told_with": 3}) == "told together with alert 3"
    assert state_in_words({"state": "firing", "told_with": None}) == "nobody is on it yet"
