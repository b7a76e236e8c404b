"""What shoppers are told, in every language there is."""

from datetime import date

import pytest

from millstream.flows.words import (
    LANGUAGES,
    TEXTS,
    confirmed_text,
    delivered_text,
    long_date,
    packed_text,
    promise_changed_text,
    rest_cancelled_text,
)

DAY, BEFORE = date(2026, 9, 14), date(2026, 9, 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_names_its_number_and_date_and_leaves_no_placeholder(language):
    told = [
        confirmed_text("SO-7", DAY, "in stock", language),
        confirmed_text("SO-7", None, "", language),
        promise_changed_text(DAY, BEFORE, "made to order, lead time 10 days", language),
        promise_changed_text(DAY, None, "", language),
        promise_changed_text(None, BEFORE, "", language),
        packed_text(language),
        delivered_text("M. Miller", language),
        delivered_text(None, language),
        rest_cancelled_text([{"quantity": "2", "name": "Pump"}, {"quantity": "0.5 m", "name": "Hose"}], language),
    ]
    assert all(text and "{" not in text and "None" not in text for text in told)
    assert "SO-7" in told[0]
    assert long_date(DAY, language) in told[0]
    assert long_date(DAY, language) in told[2]
    assert long_date(BEFORE, language) in told[2]
    assert "M. Miller" in told[6]
    assert "2 × Pump, 0.5 m × Hose" in told[8]
    assert len(TEXTS[language].months) == 12


def test_dates_are_written_as_the_language_writes_them():
    assert long_date(DAY) == "14 September 2026"
    assert long_date(date(2026, 3, 1), "de") == "1. März 2026"


def test_the_reason_of_a_lead_time_is_told_in_the_language_of_the_shopper_or_left_out():
    assert "made to order, lead time 10 days" in confirmed_text("1", DAY, "made to order, lead time 10 days")
    assert "Fertigung nach Auftrag, 10 Tage" in confirmed_text("1", DAY, "made to order, lead time 10 days", "de")
    assert "Grund" not in confirmed_text("1", DAY, "something no table knows", "de")
