"""What was said in a call that failed: enough to mend it, nothing to break in with."""

import pytest
from test_connection import REQUEST, SECRET, RenewableAuth, Wire

from fakes.operating_desk import operator
from millstream.wire.connection import calls_of_this_attempt
from millstream.wire.exchange import CHARACTERS_MAX, exchange_of
from millstream.wire.http import Request, Response


def asked(body, **more):
    return exchange_of(Request(method="POST", url="http://erp/orders?a=1", body=body, **more), None, ())


def test_method_path_and_body_are_shown_and_no_answer_is_none():
    said = asked(b'{"sku": "A"}')
    assert said.request == 'POST /orders?a=1\n\n{"sku": "A"}'
    assert said.response is None
    assert exchange_of(Request(method="GET", url="http://erp/x"), Response(status=404), ()).response == "404"


@pytest.mark.parametrize("name", ["password", "client_secret", "access_token", "apiKey", "API_KEY"])
def test_members_that_are_called_like_secrets_are_concealed(name):
    said = asked(f'{{"{name}": "hush \\" hush", "sku": "A"}}'.encode())
    assert "hush" not in said.request
    assert said.request.endswith(f'{{"{name}": "(concealed)", "sku": "A"}}')


def test_credentials_an_answer_repeats_are_concealed():
    said = exchange_of(REQUEST, Response(status=500, body=f"debug: {SECRET}".encode()), (SECRET,))
    assert said.response == "500\n\ndebug: (concealed)"


def test_what_is_long_is_cut_and_says_how_much():
    said = asked(b"x" * (CHARACTERS_MAX + 5))
    assert said.request.endswith("x\n… 5 more characters")


def test_what_is_no_text_is_shown_as_far_as_it_can_be():
    assert asked(b"\xff\xfea").request.endswith("\n\n\ufffd\ufffda")


async def test_a_call_keeps_it_only_when_it_did_not_go_well():
    wire = Wire(Response(status=200, body=b"{}"), Response(status=400, body=b"no: " + SECRET.encode() + b"-0"))
    wire.connection.auth = RenewableAuth()
    calls = []
    token = calls_of_this_attempt.set(calls)
    try:
        await wire.send()
        await wire.failure(key="k")
    finally:
        calls_of_this_attempt.reset(token)
    well, badly = calls
    assert well.exchange is None
    assert badly.exchange.request == "POST /orders\n\n{}"
    assert badly.exchange.response == "400\n\nno: (concealed)"


async def test_of_a_delivery_the_last_failed_call_is_kept_and_shown_to_who_may_see_payloads(database):
    async with operator(database) as desk:
        house = desk.house
        await house.place()
        await house.settle_down()  # from here on the hub holds a token
        assert await house.rows("select 1 from failed_call") == []
        await house.sim("localhost", "POST", "faults", {"rate": {"503": 1.0}})
        await house.place()
        await house.settle_down()
        failed = await house.rows("select delivery_id, n, request, response from failed_call")
        assert len(failed) == 1
        bad = await house.rows("select n, status from call where delivery_id = $1 and outcome <> 'ok' order by n, step",
                               failed[0]["delivery_id"])  # fmt: skip
        assert (failed[0]["n"], failed[0]["response"][:3]) == (bad[-1]["n"], str(bad[-1]["status"]))
        path = f"/deliveries/{failed[0]['delivery_id']}"
        page = await desk.get(path)
        assert page["failed_call"]["request"] == failed[0]["request"]
        assert page["failed_call"]["n"] == failed[0]["n"]
        call = page["attempts"][failed[0]["n"] - 1]["calls"][page["failed_call"]["step"] - 1]
        assert call["status"] == bad[-1]["status"]
        seen = (await desk.ask("GET", path, role="viewer")).json()
        assert seen["failed_call"] is None
        others = await house.rows("select id from delivery where id <> $1", failed[0]["delivery_id"])
        assert [(await desk.get(f"/deliveries/{row['id']}"))["failed_call"] for row in others] == [None] * len(others)
