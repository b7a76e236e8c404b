"""What leaves a connection: what answers come to, what is written down, who is told."""

import asyncio
import json
from contextlib import suppress

import msgspec
import pytest

from fakes.tap import RecordingTap
from fakes.transport import ScriptedTransport
from fakes.world import START, ManualWorld
from millstream.domain.errors import Conflict, Reject, Retry, Unknown
from millstream.ports.connections import TokenLife
from millstream.ports.tap import Call
from millstream.wire.auth import BearerAuth, NoAuth
from millstream.wire.connection import AuthExpired, Connection, calls_of_this_attempt, lease_of_this_attempt
from millstream.wire.governor import Governor, GovernorSettings
from millstream.wire.http import Request, Response, TransportError
from millstream.wire.kit import WireKit

REQUEST = Request(method="POST", url="http://erp/orders", body=b"{}")
OK = Response(status=200, body=b"{}")
SECRET = "a-secret-nobody-may-see"


def classify(response, key):
    """As a connector's table does."""
    if response.status == 200:
        return None
    table = {
        401: AuthExpired(Reject("auth.refused", "check password", field="password")),
        409: Conflict("order.changed", "somebody changed it"),
        429: Retry("busy", "asked to wait", after_s=30.0),
        503: Retry("down", "answered 503"),
        504: Unknown("answer.lost", "no answer in time", key=key or ""),
    }
    return table.get(response.status, Reject("refused", "not allowed"))


class RenewableAuth:
    """A credential that is renewed as often as it is asked to."""

    def __init__(self, *, renewable: bool = True) -> None:
        self.renewable = renewable
        self.renewed = 0

    async def authorize(self, request, send):
        return request.with_headers({"Authorization": f"Bearer {SECRET}-{self.renewed}"})

    async def renew(self):
        self.renewed += 1
        return self.renewable

    def token_life(self):
        return TokenLife(fetched_at=START, ends_at=None)


class Wire:
    """One connection over scripted answers."""

    def __init__(self, *answers, auth=None, **limits) -> None:
        self.world = ManualWorld()
        self.tap = RecordingTap()
        self.transport = ScriptedTransport(*answers)
        self.governor = Governor("erp", GovernorSettings(**limits), clock=self.world.clock, tap=self.tap)
        self.connection = Connection(
            "erp", transport=self.transport, governor=self.governor, auth=auth or NoAuth(), tap=self.tap
        )

    async def send(self, **how):
        return await self.connection.send(REQUEST, operation="place", classify=classify, **how)

    async def failure(self, **how):
        with pytest.raises((Retry, Reject, Conflict, Unknown)) as failed:
            await self.send(**how)
        return failed.value


async def test_a_good_answer_is_returned():
    wire = Wire(OK)
    assert await wire.send() == OK
    assert wire.transport.requests == [REQUEST]


@pytest.mark.parametrize(("status", "kind"), [(409, Conflict), (400, Reject), (503, Retry), (504, Unknown)])
async def test_what_the_table_makes_of_an_answer_is_raised(status, kind):
    assert type(await Wire(Response(status=status)).failure(key="k")) is kind


async def test_a_refused_credential_is_renewed_once_and_the_request_sent_again():
    auth = RenewableAuth()
    wire = Wire(Response(status=401), OK, auth=auth)
    assert await wire.send() == OK
    assert auth.renewed == 1
    sent = [request.headers["Authorization"] for request in wire.transport.requests]
    assert sent == [f"Bearer {SECRET}-0", f"Bearer {SECRET}-1"]


async def test_a_call_refused_with_credentials_that_were_replaced_meanwhile_is_sent_once_more_with_the_new_ones():
    old, new = RenewableAuth(renewable=False), RenewableAuth(renewable=False)
    wire = Wire(Response(status=401), OK, auth=old)

    async def replaced_under_way(request, send):
        wire.connection.auth = new
        return await RenewableAuth.authorize(old, request, send)

    old.authorize = replaced_under_way
    assert await wire.send() == OK
    assert new.renewed == 0, "it was never refused"


async def test_a_credential_refused_twice_is_a_refusal_and_is_not_renewed_again():
    auth = RenewableAuth()
    wire = Wire(Response(status=401), Response(status=401), OK, auth=auth)
    refused = await wire.failure()
    assert (refused.code, refused.field, auth.renewed) == ("auth.refused", "password", 1)
    assert len(wire.transport.requests) == 2


async def test_a_credential_that_cannot_be_renewed_is_refused_at_once():
    wire = Wire(Response(status=401), OK, auth=RenewableAuth(renewable=False))
    assert (await wire.failure()).code == "auth.refused"
    assert len(wire.transport.requests) == 1


@pytest.mark.parametrize(
    ("sent", "repeatable", "kind", "code"),
    [
        (False, True, Retry, "connection.refused"),
        (False, False, Retry, "connection.refused"),
        (True, True, Retry, "connection.lost"),
        (True, False, Unknown, "answer.lost"),
    ],
)
async def test_a_lost_answer_is_unknown_only_if_it_was_sent_and_must_not_be_repeated(sent, repeatable, kind, code):
    wire = Wire(TransportError("reset by peer", sent=sent))
    failure = await wire.failure(key="order/7/create", repeatable=repeatable)
    assert (type(failure), failure.code) == (kind, code)
    assert "erp: place: reset by peer" in failure.message
    assert not isinstance(failure, Unknown) or failure.key == "order/7/create"


async def test_a_lost_answer_to_the_question_for_a_token_leaves_no_doubt_about_the_request():
    class AskingAuth(NoAuth):
        async def authorize(self, request, send):
            await send(Request(method="POST", url="http://erp/token"))
            return request

    wire = Wire(TransportError("reset by peer", sent=True), auth=AskingAuth())
    assert type(await wire.failure(key="order/7/create", repeatable=False)) is Retry
    assert [request.url for request in wire.transport.requests] == ["http://erp/token"]


async def test_refusals_are_answers_so_they_never_open_the_breaker():
    wire = Wire(*[Response(status=400), Response(status=409)] * 10)
    for _ in range(20):
        await wire.failure()
    assert not wire.governor.is_open


@pytest.mark.parametrize("answer", [Response(status=503), Response(status=504), TransportError("gone", sent=True)])
async def test_no_answer_or_a_bad_one_brings_the_breaker_nearer_to_opening(answer):
    wire = Wire(*[answer] * 5)
    for _ in range(5):
        await wire.failure(repeatable=False)
    assert (await wire.failure()).code == "breaker.open"


async def test_a_try_that_met_a_system_known_to_be_down_does_not_count():
    wire = Wire(*[Response(status=503)] * 6)
    counted = [(await wire.failure()).counts for _ in range(5)]
    assert counted == [True, True, True, True, False]
    wire.world.clock.advance(1)
    assert (await wire.failure()).counts is False  # the probe


async def test_the_wait_an_answer_asks_for_pauses_the_connection():
    wire = Wire(Response(status=429))
    assert (await wire.failure()).after_s == 30.0
    assert (await wire.failure()).after_s == 30.0
    assert len(wire.transport.requests) == 1


@pytest.mark.parametrize(
    ("answer", "status", "outcome"),
    [
        (OK, 200, "ok"),
        (Response(status=409), 409, "order.changed"),
        (Response(status=503), 503, "down"),
        (Response(status=504), 504, "answer.lost"),
        (TransportError("x", sent=True), None, "answer.lost"),
        (TransportError("x", sent=False), None, "connection.refused"),
    ],
)
async def test_every_call_is_written_down_with_what_came_of_it(answer, status, outcome):
    calls: list[Call] = []
    calls_of_this_attempt.set(calls)
    wire = Wire(answer)
    with suppress(Conflict, Retry, Unknown):
        await wire.send(key="order/7/create", repeatable=False)
    (call,) = calls
    assert (call.system, call.operation, call.key) == ("erp", "place", "order/7/create")
    assert (call.status, call.outcome) == (status, outcome)
    assert call.ms >= 0
    (ended,) = wire.tap.named("call.ended")
    facts = msgspec.to_builtins(call)
    assert (facts.pop("exchange") is None) == (outcome == "ok"), "what was said is for the ledger alone, not for logs"
    assert ended == facts


async def test_both_sendings_around_a_renewal_are_written_down():
    calls: list[Call] = []
    calls_of_this_attempt.set(calls)
    await Wire(Response(status=401), OK, auth=RenewableAuth()).send()
    assert [(call.status, call.outcome) for call in calls] == [(401, "auth.refused"), (200, "ok")]


async def test_a_call_that_was_cut_off_or_met_a_fault_of_ours_is_not_written_down_as_good():
    calls: list[Call] = []
    calls_of_this_attempt.set(calls)
    wire = Wire(OK)
    with pytest.raises(ZeroDivisionError):
        await wire.connection.send(REQUEST, operation="place", classify=lambda *_: 1 / 0)
    wire.transport.send = _never
    sending = asyncio.create_task(wire.send())
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert [(call.status, call.outcome) for call in calls] == [(200, "interrupted"), (None, "interrupted")]


async def _never(request):
    await asyncio.Event().wait()


async def test_a_call_that_the_breaker_refused_was_none_and_is_not_written_down():
    calls: list[Call] = []
    calls_of_this_attempt.set(calls)
    wire = Wire(Response(status=429))
    await wire.failure()
    await wire.failure()
    assert len(calls) == 1


async def test_no_credential_is_in_any_note_record_or_failure():
    calls: list[Call] = []
    calls_of_this_attempt.set(calls)
    wire = Wire(Response(status=401), Response(status=401), auth=BearerAuth(SECRET))
    failure = await wire.failure()
    seen = json.dumps([wire.tap.notes, msgspec.to_builtins(calls), str(failure), failure.log, repr(failure)])
    assert wire.transport.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in seen
    assert "Authorization" not in seen


async def test_calls_of_many_deliveries_side_by_side_fall_to_the_delivery_that_made_them():
    arrived, answers = [], asyncio.Event()

    async def send(request):
        arrived.append(request)
        if len(arrived) == 20:
            answers.set()
        await answers.wait()
        return OK

    wire = Wire(concurrency=20)
    wire.transport.send = send

    async def deliver(n):
        calls: list[Call] = []
        calls_of_this_attempt.set(calls)
        async with asyncio.TaskGroup() as group:  # a flow may ask two questions at once
            for part in ("a", "b"):
                group.create_task(wire.send(key=f"{n}{part}"))
        return [call.key for call in calls]

    made = await asyncio.gather(*(asyncio.create_task(deliver(n)) for n in range(10)))
    assert [sorted(keys) for keys in made] == [[f"{n}a", f"{n}b"] for n in range(10)]


async def test_a_call_outside_any_delivery_is_told_but_belongs_to_no_attempt():
    wire = Wire(OK)
    await wire.send()
    assert calls_of_this_attempt.get() is None
    assert [name for name, _ in wire.tap.notes] == ["call.started", "call.ended"]


async def test_after_its_lease_a_worker_may_look_but_not_do_what_must_not_happen_twice():
    lease_of_this_attempt.set(lambda: False)
    wire = Wire(OK)
    failure = await wire.failure(key="order/1/confirmed", repeatable=False)
    assert (type(failure), failure.code, failure.counts) == (Retry, "lease.lost", False)
    assert wire.transport.requests == []
    await wire.send(repeatable=True)
    assert len(wire.transport.requests) == 1


async def test_the_kit_gives_each_system_a_governor_of_its_own():
    world, tap = ManualWorld(), RecordingTap()
    kit = WireKit(transport=ScriptedTransport(Response(status=429), OK), world=world, tap=tap)
    erp = kit.connect("erp", auth=NoAuth(), limits=GovernorSettings())
    crm = kit.connect("crm", auth=NoAuth(), limits=GovernorSettings())
    with pytest.raises(Retry):
        await erp.send(REQUEST, operation="place", classify=classify)
    assert (await crm.send(REQUEST, operation="find", classify=classify)).status == 200
    assert (erp.governor.is_open, crm.governor.is_open) == (True, False)


async def test_a_connection_tells_of_its_token_and_of_every_request_that_left():
    wire = Wire(OK, OK, auth=RenewableAuth())
    assert (wire.connection.seen().calls, wire.connection.seen().token.ends_at) == (0, None)
    await wire.send()
    await wire.send()
    assert (wire.connection.seen().calls, wire.connection.seen().token.fetched_at) == (2, START)
    wire.connection.brake = "drain"
    assert (wire.governor.brake, wire.connection.seen().brake) == ("drain", "drain")
