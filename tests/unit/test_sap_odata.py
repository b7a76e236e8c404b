"""OData V2 on paper, and many requests in one body."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.connectors.sap_s4hana import batch, odata
from millstream.sandbox.sap_s4hana.batch import Inner, Outcome, parts_of, written
from millstream.sandbox.sap_s4hana.filters import parse_filter
from millstream.wire.http import Response


def test_dates_are_read_with_and_without_an_offset():
    assert odata.day("/Date(1795392000000)/") == date(2026, 11, 23)
    assert odata.moment("/Date(1795420800123+0000)/") == datetime(2026, 11, 23, 8, 0, 0, 123000, tzinfo=UTC)
    assert odata.moment("/Date(-86400000)/") == datetime(1969, 12, 31, tzinfo=UTC)
    assert odata.day(None) is None
    assert odata.day("") is None


@pytest.mark.parametrize("text", ["2026-11-23", "/Date()/", "/Date(1)", "/Date(1)/ and more"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="no date"):
        odata.day(text)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(9999, 12, 30)))
def test_a_day_written_is_the_day_read(day):
    assert odata.day(odata.day_value(day)) == day


def test_a_local_time_is_told_in_utc():
    berlin = ZoneInfo("Europe/Berlin")
    assert odata.local_moment(date(2026, 7, 1), "PT08H30M00S", berlin) == datetime(2026, 7, 1, 6, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time of day"):
        odata.local_moment(date(2026, 7, 1), "08:30", berlin)


@given(st.text())
def test_no_text_breaks_out_of_its_literal(text):
    row = {"Name": text}
    assert parse_filter(f"Name eq {odata.text(text)}", {"Name"}, "Set").test(row)
    assert not parse_filter(f"Name ne {odata.text(text)}", {"Name"}, "Set").test(row)


def test_collections_become_lists_deferred_links_vanish_and_versions_stay():
    shown = {
        "__metadata": {"etag": 'W/"1"', "uri": "x"},
        "to_Item": {"results": [{"__metadata": {}, "to_Text": {"__deferred": {"uri": "x"}}, "A": "1"}], "later": 1},
        "to_One": {"B": None},
    }
    assert odata.plain(shown) == {"to_Item": [{"A": "1"}], "to_One": {"B": None}, odata.VERSION: 'W/"1"'}


def test_addresses_are_percent_encoded_and_keys_quoted():
    path = odata.entity("A_SalesOrderItem", SalesOrder="1", SalesOrderItem="10")
    assert path == "A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10')"
    assert odata.entity("A_Product", Product="O'Neil 5") == "A_Product('O''Neil 5')"
    assert odata.address("A_Product('a b')", {"$filter": "X eq 'ü&=+'"}) == (
        "A_Product('a%20b')?$filter=X%20eq%20'%C3%BC%26%3D%2B'"
    )


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.booleans())
def test_whatever_the_answers_hold_a_batch_is_read_as_it_was_written(bodies, as_changeset):
    outcomes = [Outcome(200, {"content-type": "application/json"}, body) for body in bodies]
    text = written([outcomes] if as_changeset else list(outcomes), "b1")
    answer = Response(status=202, headers={"content-type": "multipart/mixed; boundary=b1"}, body=text)
    if any(b"--b1" in body for body in bodies):
        return  # no writer chooses a boundary that stands in what it writes
    assert [(one.status, one.body) for one in batch.answers(answer)] == [(200, body) for body in bodies]


def test_a_changeset_reaches_the_server_as_one():
    change = batch.Change(method="PATCH", address="A('1')", headers={"If-Match": "v"}, body=b'{"a":"b"}')
    (parts,) = parts_of(batch.changeset([change, change]), batch.CONTENT_TYPE)
    assert isinstance(parts, list)
    assert parts[0] == Inner("PATCH", "A('1')", {"if-match": "v", "content-length": "9"}, b'{"a":"b"}')
    assert [one.url for one in parts_of(batch.reads(["A?$top=1", "B"]), batch.CONTENT_TYPE)] == ["A?$top=1", "B"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"--b\r\n"),
        (
            {"content-type": "multipart/mixed; boundary=b"},
            b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK",
        ),
        (
            {"content-type": "multipart/mixed; boundary=b"},
            b"--b\r\nContent-Type: application/http\r\n\r\nno\r\n--b--\r\n",
        ),
    ],
)
def test_half_a_batch_is_no_batch(headers, body):
    with pytest.raises(ValueError, match=r"without|too early"):
        batch.answers(Response(status=202, headers=headers, body=body))
