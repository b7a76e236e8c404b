"""Faults happen by seed, by rate or by script, and a lost answer is lost after the deed."""

import json

import pytest

from fakes.transport import AsgiTransport
from millstream.sandbox.faults import REQUEST_KINDS, FaultMiddleware, Faults, LostAnswer
from millstream.sandbox.refusals import SALESFORCE, SAP, STORE
from millstream.wire.http import Request, TransportError


class Counter:
    """Counts what reached it."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        self.seen.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"done"})


class Slept:
    """A sleep that only remembers."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)


def sandbox(**options):
    app, slept = Counter(), Slept()
    return app, slept, AsgiTransport(box=FaultMiddleware(app, Faults(sleep=slept, **options), STORE))


async def send(transport, path, method="GET", body=None):
    content = None if body is None else json.dumps(body).encode()
    return await transport.send(Request(method=method, url=f"http://box{path}", body=content))


async def outcomes(plan, count=40):
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", plan)
    seen = []
    for number in range(count):
        try:
            seen.append((await send(transport, f"/x/{number}")).status)
        except TransportError as lost:
            seen.append(str(lost))
    return seen


RATES = dict.fromkeys(REQUEST_KINDS, 0.1)


async def test_the_same_seed_gives_the_same_faults():
    assert await outcomes({"seed": 7, "rate": RATES}) == await outcomes({"seed": 7, "rate": RATES})


async def test_another_seed_gives_other_faults():
    assert await outcomes({"seed": 7, "rate": RATES}) != await outcomes({"seed": 8, "rate": RATES})


async def test_every_kind_of_fault_happens_and_is_counted():
    app, slept, transport = sandbox()
    script = [{"kind": kind} for kind in REQUEST_KINDS]
    await send(transport, "/_sim/faults", "POST", {"script": script})
    for kind in REQUEST_KINDS:
        if kind in {"timeout_before", "timeout_after", "reset", "refused"}:
            with pytest.raises(TransportError, match=kind):
                await send(transport, f"/{kind}")
        else:
            await send(transport, "/composite" if kind == "partial_batch" else f"/{kind}")
    counts = (await send(transport, "/_sim/faults")).json()["counts"]
    assert counts == dict.fromkeys(REQUEST_KINDS, 1)
    assert app.seen == ["/latency", "/timeout_after", "/composite"]
    assert len(slept.seconds) == 1


async def test_only_a_call_that_carries_several_can_fail_in_part():
    _, _, transport = sandbox()
    plan = {"rate": {"partial_batch": 1.0}, "script": [{"kind": "partial_batch"}]}
    await send(transport, "/_sim/faults", "POST", plan)
    for path in ("/orders", "/composite/sobjects", "/sap/$batch", "/services/composite"):
        await send(transport, path)
    assert (await send(transport, "/_sim/faults")).json()["counts"] == {"partial_batch": 2}


async def test_a_request_timed_out_after_acceptance_was_carried_out():
    app, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"script": [{"kind": "timeout_after"}]})
    with pytest.raises(TransportError) as lost:
        await send(transport, "/ship", "POST", {})
    assert lost.value.sent
    assert app.seen == ["/ship"]


async def test_a_request_timed_out_before_acceptance_was_not_carried_out():
    app, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"script": [{"kind": "timeout_before"}]})
    with pytest.raises(TransportError) as lost:
        await send(transport, "/ship", "POST", {})
    assert lost.value.sent  # the client cannot know better
    assert app.seen == []


def test_only_a_refused_connection_is_known_to_be_unsent():
    assert [kind for kind in REQUEST_KINDS if not LostAnswer(kind).sent] == ["refused"]


async def test_too_many_requests_says_when_to_come_again():
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"rate": {"429": 1}, "retry_after_s": 17})
    answer = await send(transport, "/x")
    assert (answer.status, answer.headers["retry-after"]) == (429, "17")


async def test_maintenance_answers_with_a_page_and_not_with_json():
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"rate": {"503_html": 1}})
    answer = await send(transport, "/x")
    assert (answer.status, answer.is_json) == (503, False)


REFUSED = ("429", "500", "503", "503_html")


@pytest.mark.parametrize("refusals", [STORE, SALESFORCE, SAP], ids=["store", "salesforce", "sap"])
def test_every_system_has_its_answer_to_every_refusal_and_a_page_is_never_json(refusals):
    tables = [refusals.usual, *refusals.elsewhere.values()]
    assert refusals.usual.keys() == set(REFUSED)
    for table in tables:
        assert table.keys() <= set(REFUSED)
        for refusal in table.values():
            is_json = "json" in refusal.media_type
            assert is_json is refusal.body.startswith((b"{", b"["))
            assert not is_json or json.loads(refusal.body)
    assert not any(refusal.asks for table in tables for refusal in table.values()) or refusals is not SALESFORCE


async def test_rates_apply_to_the_named_operations_only():
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"rate": {"500": 1}, "operations": ["POST */ship"]})
    assert (await send(transport, "/order/1/ship", "POST", {})).status == 500
    assert (await send(transport, "/order/1/ship")).status == 200


async def test_the_script_hits_the_first_match_as_often_as_it_says():
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"script": [{"kind": "503", "match": "* /b", "times": 2}]})
    assert [(await send(transport, path)).status for path in ("/a", "/b", "/b", "/b")] == [200, 503, 503, 200]


async def test_the_simulation_door_is_never_faulted():
    app, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"rate": {"500": 1}})
    assert (await send(transport, "/_sim/orders")).status == 200
    assert app.seen == ["/_sim/orders"]


async def test_ending_the_plan_keeps_the_counts():
    _, _, transport = sandbox()
    await send(transport, "/_sim/faults", "POST", {"rate": {"500": 1}})
    await send(transport, "/x")
    ended = (await send(transport, "/_sim/faults", "DELETE")).json()
    assert (ended["counts"], ended["rate"]) == ({"500": 1}, {})
    assert (await send(transport, "/x")).status == 200


async def test_an_unknown_kind_is_refused_and_the_known_ones_are_named():
    _, _, transport = sandbox()
    answer = await send(transport, "/_sim/faults", "POST", {"rate": {"flood": 1}})
    assert answer.status == 400
    assert "timeout_after" in answer.json()["message"]


def test_webhooks_are_dropped_doubled_and_reordered():
    faults = Faults()
    faults.configure({"script": [{"kind": "drop"}, {"kind": "duplicate"}, {"kind": "reorder"}]})
    assert [faults.deal(name) for name in "abcd"] == [[], ["b", "b"], [], ["d", "c"]]
    assert faults.counts == {"drop": 1, "duplicate": 1, "reorder": 1}


def test_a_kept_back_webhook_is_released_when_nothing_follows():
    faults = Faults()
    faults.configure({"rate": {"reorder": 1}})
    assert faults.deal("a") == []
    assert faults.release() == ["a"]
    assert faults.release() == []
