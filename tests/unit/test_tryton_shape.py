"""Answers of another shape than was asked for end at the edge."""

import json
from datetime import UTC, datetime

import pytest

from fakes.tryton_answers import answer, connector, result
from millstream.connectors.tryton.codec import decode_answer
from millstream.connectors.tryton.failures import failure_of_status
from millstream.connectors.tryton.shape import ids_of, rows_of
from millstream.domain.errors import Retry
from millstream.wire.http import Response

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LOGIN = answer("04_login_ok")


def test_rows_with_every_field_that_was_asked_for_pass():
    rows = [{"id": 1, "state": "draft", "party.": {"id": 2, "name": "A"}, "lines.": [], "carrier.": None}]
    assert rows_of(rows, ("state", "party.name", "lines.moves.state", "carrier.party.name")) == rows


@pytest.mark.parametrize("fields", [("number",), ("party.name",), ("lines.note",), ("lines.moves.state",)])
def test_a_field_that_was_asked_for_and_is_missing_is_noticed(fields):
    with pytest.raises(LookupError):
        rows_of([{"id": 1, "lines.": [{"id": 2, "moves.": [{"id": 3}]}]}], fields)


@pytest.mark.parametrize("rows", [None, {}, "rows", [None], [7], [{"id": "1"}]])
def test_what_is_no_list_of_rows_is_noticed(rows):
    with pytest.raises((TypeError, LookupError)):
        rows_of(rows, ())


def test_fewer_ids_than_records_are_noticed():
    with pytest.raises(TypeError):
        ids_of([1], count=2)


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"a": {"__class__": "date", "year": 2026}}', b'{"a": '])
def test_whatever_is_no_answer_is_one_kind_of_error(body):
    with pytest.raises(ValueError):
        decode_answer(body)


async def test_an_answer_of_another_shape_is_tried_again_and_says_where_to_look():
    erp, _, _, _ = connector(LOGIN, result({"id": 1}))
    with pytest.raises(Retry, match="version") as misread:
        await erp.find_items(["A"], currency="USD", quantities={})
    assert misread.value.code == "erp.unreadable"
    assert "in place of rows" in misread.value.log


def test_a_date_in_retry_after_is_understood_and_a_long_one_capped():
    dated = Response(status=503, headers={"retry-after": "Mon, 23 Nov 2026 08:01:30 GMT"})
    assert failure_of_status(dated, NOW).after_s == 90.0
    assert failure_of_status(Response(status=429, headers={"retry-after": "999999"}), NOW).after_s == 3600.0
    assert failure_of_status(Response(status=429, headers={"retry-after": "²"}), NOW).after_s is None


async def test_a_server_that_shows_the_login_it_refused_gives_no_password_away():
    shown = json.dumps({"password": "s3cret-Pass"}).encode()
    erp, _, _, _ = connector(Response(status=500, body=shown))
    with pytest.raises(Retry) as refused:
        await erp.find_items(["A"], currency="USD", quantities={})
    assert "(concealed)" in refused.value.log
    assert "s3cret-Pass" not in refused.value.log
