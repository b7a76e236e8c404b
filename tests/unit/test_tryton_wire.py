"""Tryton's wire: encoding, the tables of refusals, the session."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from fakes.tryton_answers import answer, connector, result
from millstream.connectors.tryton.codec import decode_answer, encode_call
from millstream.connectors.tryton.failures import Warned, failure_of_error, failure_of_status
from millstream.domain.errors import Conflict, Reject, Retry, Unknown
from millstream.domain.values import Money
from millstream.wire.connection import AuthExpired
from millstream.wire.http import Response, TransportError

LOGIN = answer("04_login_ok")
EMPTY = result([])
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def error_of(name):
    return failure_of_error(decode_answer(answer(name).body)["error"])


def methods(transport):
    return [json.loads(request.body)["method"] for request in transport.requests]


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1250.0000"),
        Decimal("0.1"),
        date(2026, 11, 23),
        datetime(2026, 11, 23, 8, 51, 37, 464546, tzinfo=UTC),
        timedelta(days=10),
        b"label",
    ],
)
def test_every_value_class_survives_the_way_there_and_back(value):
    assert decode_answer(encode_call("m", [value]))["params"] == [value]


def test_numbers_with_a_point_are_read_exactly():
    assert decode_answer(b'{"quantity": 0.1}')["quantity"] == Decimal("0.1")


def test_a_call_has_exactly_the_three_keys_that_give_json_errors():
    assert set(json.loads(encode_call("m", []))) == {"id", "method", "params"}


def test_what_has_no_form_in_tryton_is_refused():
    with pytest.raises(TypeError, match="set"):
        encode_call("m", [set()])


def test_a_user_error_is_a_reject_that_shows_its_text():
    failure = error_of("98_credit_limit")
    assert isinstance(failure, Reject)
    assert failure.code == "erp.refused"
    assert "credit limit" in failure.message


def test_a_warning_is_a_reject_that_knows_the_warnings_name():
    failure = error_of("73a_pack_warning")
    assert isinstance(failure, Warned)
    assert failure.code == "erp.needs_confirmation"
    assert failure.name.endswith(".no_carrier")


def test_a_stale_write_is_a_conflict():
    assert isinstance(error_of("97_err_concurrency"), Conflict)


def test_a_failure_without_a_word_of_its_own_is_a_server_error():
    failure = failure_of_error(["'NoneType' object has no attribute 'id'", "Traceback"])
    assert isinstance(failure, Retry)
    assert failure.code == "erp.server_error"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (403, Reject, "erp.method_forbidden"),
        (404, Reject, "erp.no_such_database"),
        (422, Reject, "erp.bad_request"),
        (418, Reject, "erp.bad_request"),
        (429, Retry, "erp.throttled"),
        (500, Retry, "erp.server_error"),
        (503, Retry, "erp.busy"),
        (504, Retry, "erp.too_slow"),
        (599, Retry, "erp.server_error"),
    ],
)
def test_each_status_means_what_the_caller_does_next(status, kind, code):
    failure = failure_of_status(Response(status=status, headers={"retry-after": "7"}), NOW)
    assert isinstance(failure, kind)
    assert failure.code == code
    if kind is Retry:
        assert failure.after_s == 7.0


def test_recorded_statuses_are_in_the_table():
    assert failure_of_status(answer("91_err_forbidden_method"), NOW).code == "erp.method_forbidden"
    assert failure_of_status(answer("96_err_no_context"), NOW).code == "erp.bad_request"
    assert isinstance(failure_of_status(answer("07_bad_session"), NOW), AuthExpired)


async def test_the_session_is_opened_once_and_put_on_every_call():
    erp, transport, _, _ = connector(LOGIN, result([{"id": 1, "code": "USD"}]), EMPTY, EMPTY)
    await erp.find_items(["A"], currency="USD", quantities={})
    await erp.find_items(["A"], currency="USD", quantities={})
    assert methods(transport) == [
        "common.db.login",
        "model.currency.currency.search_read",
        "model.product.product.search_read",
        "model.product.product.search_read",
    ]
    assert {request.headers["Authorization"][:8] for request in transport.requests[1:]} == {"Session "}
    assert transport.requests[1].url == "http://erp.test:8000/mfg/rpc/"


async def test_prices_are_asked_for_in_the_orders_currency_so_that_tryton_converts_them_by_its_own_rate():
    row = {"id": 1, "code": "A", "name": "A", "type": "goods", "active": True, "salable": True}
    row |= {"sale_price_uom": 55, "lead_time": None, "sale_uom.": {"id": 1, "digits": 0}}
    erp, transport, _, _ = connector(LOGIN, result([{"id": 7, "code": "USD"}]), result([row]))
    found = await erp.find_items(["A"], currency="USD", quantities={})
    assert (found["A"].price, found["A"].other_prices) == (Money(Decimal(55), "USD"), ())
    assert json.loads(transport.requests[-1].body)["params"][-1]["currency"] == 7


async def test_an_ended_session_is_renewed_once_without_anybody_noticing():
    rows = result([{"id": 1, "code": "USD"}])
    erp, transport, world, _ = connector(LOGIN, rows, EMPTY)
    await erp.find_items(["A"], currency="USD", quantities={})
    world.clock.advance(3600)
    transport.answers += [answer("07_bad_session"), LOGIN, EMPTY]
    assert await erp.find_items(["A"], currency="USD", quantities={}) == {}
    assert methods(transport)[-3:] == [
        "model.product.product.search_read",
        "common.db.login",
        "model.product.product.search_read",
    ]


async def test_a_wrong_password_names_the_setting_and_is_not_tried_again_for_ten_minutes():
    erp, transport, world, _ = connector(answer("03_login_bad"))
    for _ in range(5):
        with pytest.raises(Reject) as refused:
            await erp.find_items(["A"], currency="USD", quantities={})
        assert (refused.value.code, refused.value.field) == ("auth.refused", "password")
    assert len(transport.requests) == 1
    world.clock.advance(601)
    transport.answers += [LOGIN, result([{"id": 1, "code": "USD"}]), EMPTY]
    assert await erp.find_items(["A"], currency="USD", quantities={}) == {}


async def test_a_lost_login_is_retried_because_the_call_itself_never_left():
    erp, _, _, _ = connector(TransportError("reset", sent=True))
    with pytest.raises(Retry) as lost:
        await erp.find_items(["A"], currency="USD", quantities={})
    assert lost.value.code == "connection.refused"


async def test_a_server_without_its_database_loaded_says_how_to_start_it():
    erp, _, _, _ = connector(Response(status=200, body=b'{"id":1,"error":["\'res.user\'",""]}'))
    with pytest.raises(Retry) as failure:
        await erp.find_items(["A"], currency="USD", quantities={})
    assert failure.value.code == "erp.not_ready"
    assert "-d" in failure.value.message


async def test_an_answer_that_is_no_json_is_tried_again():
    erp, _, _, _ = connector(LOGIN, Response(status=200, body=b"<html>maintenance"))
    with pytest.raises(Retry) as failure:
        await erp.find_items(["A"], currency="USD", quantities={})
    assert failure.value.code == "erp.not_json"


async def test_no_secret_reaches_errors_notes_or_the_settings_repr():
    erp, _, _, tap = connector(answer("03_login_bad"))
    findings = await erp.check()
    seen = repr([findings, tap.notes, erp._settings])
    assert "s3cret-Pass" not in seen
    assert "Session " not in seen


async def test_a_create_whose_answer_is_lost_is_unknown_under_its_key():
    erp, _, _, _ = connector(LOGIN, TransportError("timeout", sent=True))
    with pytest.raises(Unknown) as lost:
        await erp._client.create("sale.sale", [{}], key="order/1/create")
    assert lost.value.key == "order/1/create"


async def test_a_whitelisted_warning_is_skipped_and_the_button_pressed_again():
    erp, transport, _, _ = connector(LOGIN, answer("73a_pack_warning"), result(None), result(None))
    await erp._client.press("model.stock.shipment.out.pack", 3)
    assert methods(transport)[1:] == [
        "model.stock.shipment.out.pack",
        "model.res.user.warning.skip",
        "model.stock.shipment.out.pack",
    ]
    skipped = json.loads(transport.requests[2].body)["params"]
    assert skipped[0].endswith(".no_carrier")
    assert skipped[1] is False


async def test_any_other_warning_needs_a_person():
    erp, transport, _, _ = connector(LOGIN, answer("73a_pack_warning"), skip_warnings=())
    with pytest.raises(Reject) as refused:
        await erp._client.press("model.stock.shipment.out.pack", 3)
    assert refused.value.code == "erp.needs_confirmation"
    assert len(transport.requests) == 2
