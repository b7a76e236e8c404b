"""What every connector promises, whatever system it speaks to. To add a connector, add its bench to BENCHES.

The promises are explained in docs/connectors/writing-a-connector.md, the benches in fakes/promise_bench.py.
"""

import asyncio
import json
import logging
import re
import traceback
from base64 import b64encode
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import pytest

from contract.promises.bench_adobe_commerce import AdobeCloudBench, AdobeCommerceBench
from contract.promises.bench_salesforce import SalesforceBench
from contract.promises.bench_sap_s4hana import S4HanaBench, S4HanaOAuthBench
from contract.promises.bench_tryton import RealTrytonBench, TrytonBench
from fakes.promise_bench import (
    Throttling,
    answers,
    loses_answer,
    loses_request,
    refuses,
    spoils,
    with_body,
)
from fakes.world import START
from millstream.bootstrap import CONNECTORS, published
from millstream.domain.errors import Conflict, Failure, Reject, Retry, Unknown
from millstream.wire.connection import calls_of_this_attempt
from millstream.wire.governor import GovernorSettings
from millstream.wire.http import Response

BENCHES = (
    AdobeCommerceBench,
    AdobeCloudBench,
    SalesforceBench,
    S4HanaBench,
    S4HanaOAuthBench,
    TrytonBench,
    RealTrytonBench,
)

ROOT = Path(__file__).parents[2]
SPECS = tuple(published(folder) for folder in CONNECTORS.values())
DOCUMENTED = frozenset(
    code
    for page in (ROOT / "docs").rglob("*.md")
    for code in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page.read_text())
)
LIMITS = GovernorSettings()
TRIES_MAX = 8
REQUESTS_OF_A_REFUSED_LOGIN_MAX = 2  # as it is, and once more with a fresh token or the other signature
REQUESTS_OF_A_WRITE_MAX = 40
MUTATIONS_MAX = 400
SECRET_SETTINGS = {
    name for spec in SPECS for name, field in spec.settings.model_fields.items() if "SecretStr" in str(field.annotation)
}

HTML = {"content-type": "text/html"}
PLAIN = {"content-type": "text/plain"}
PAGE = b"<!doctype html><html><head><title>Error</title></head><body><h1>Bad Gateway</h1></body></html>"
TROUBLES = {
    "500": answers(Response(status=500, headers=PLAIN, body=b"An error has happened during application run.")),
    "500 without a body": answers(Response(status=500)),
    "502 page": answers(Response(status=502, headers=HTML, body=PAGE)),
    "503 page": answers(Response(status=503, headers=HTML, body=PAGE)),
    "504": answers(Response(status=504, headers=PLAIN, body=b"upstream request timeout")),
    "reset": loses_request,
    "silence": loses_answer,
    "refused": refuses,
}
LOSSES = {
    "the answer": loses_answer,
    "the request": loses_request,
    "the answer, to a gateway's error page": spoils(lambda _answer: Response(status=504, headers=HTML, body=PAGE)),
}
NO_JSON = {
    "a page": PAGE,
    "nothing": b"",
    "half an object": b'{"items": [{"entity_id": 1, "st',
    "not even text": b"\xff\xfe\x00\x9f",
}
OTHER_SHAPES = (b"null", b"true", b"7", b'"text"', b"[]", b"{}", b"[null]", b"[[]]", b"[7]", b'{"unexpected": [1, {}]}')


@pytest.fixture(params=[pytest.param(kind, id=kind.name, marks=kind.marks) for kind in BENCHES])
async def bench(request):
    opened = await request.param.open(request)
    yield opened
    await opened.close()


# --- what is asked of every failure, wherever one is met --------------------------------------------------------------


def assert_teaches(failure: Failure) -> None:
    """One of the four words, two messages, and a dotted code that some document explains."""
    assert isinstance(failure, Retry | Reject | Conflict | Unknown)
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", failure.code), failure.code
    assert failure.code in DOCUMENTED, f"{failure.code} is explained nowhere under docs/"
    assert len(failure.message) > 12, failure
    assert failure.log
    assert "\n" not in failure.message
    assert len(failure.message) < 1500, failure
    if isinstance(failure, Unknown):
        assert failure.key


async def outcome(call):
    """The result, or the failure. Anything else a connector lets escape ends the test."""
    try:
        return await call
    except Failure as failure:
        assert_teaches(failure)
        return failure


async def finish(bench, port, wanted) -> None:
    """Calls again as the engine would, until it is done."""
    for _ in range(TRIES_MAX):
        result = await outcome(bench.write(port, wanted, again=True))
        if not isinstance(result, Failure):
            return
        assert isinstance(result, Retry | Unknown | Conflict), f"repeating it was refused: {result}"
        bench.world.clock.advance(getattr(result, "after_s", None) or 30.0)
    pytest.fail(f"not done after {TRIES_MAX} tries: {result}")


# --- 1 health ---------------------------------------------------------------------------------------------------------


async def test_the_check_of_a_good_system_is_content_and_says_what_it_looked_at(bench):
    findings = await bench.connect().check()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []
    assert all(finding.what and finding.detail for finding in findings)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_check_of_a_system_in_trouble_raises_nothing_and_says_what_to_do(bench, trouble):
    bench.needs("troubles")
    port = bench.connect()
    bench.wire.always(TROUBLES[trouble])
    bad = [finding for finding in await port.check() if not finding.ok]
    assert bad
    assert all(finding.detail and finding.fix for finding in bad)


# --- 2 bad credentials ------------------------------------------------------------------------------------------------


async def test_wrong_credentials_are_refused_once_and_the_setting_is_named(bench):
    bench.needs("bad credentials")
    for wrong in bench.wrong_credentials:
        port = bench.connect(**wrong.changed)
        before = len(bench.wire.requests)
        for _ in range(2):
            refused = await outcome(bench.read(port))
            assert isinstance(refused, Reject), f"{wrong}: {refused!r}"
            assert refused.code.startswith("auth."), refused
            assert wrong.names in f"{refused.message} {refused.field}"
        assert len(bench.wire.requests) - before <= 2 * REQUESTS_OF_A_REFUSED_LOGIN_MAX
        bad = [finding for finding in await port.check() if not finding.ok]
        assert any(wrong.names in f"{finding.detail} {finding.fix}" for finding in bad), bad
        told = f"{refused!r} {refused} {refused.log} {bad} {bench.tap.notes}"
        assert [value for name, value in wrong.changed.items() if name in SECRET_SETTINGS and value in told] == []


# --- 3 throttling -----------------------------------------------------------------------------------------------------


def common_throttlings() -> tuple[Throttling, ...]:
    body = b'{"message": "Too Many Requests"}'
    at = (START.replace(minute=1, second=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return (
        Throttling(Response(status=429, headers={"retry-after": "7"}, body=body), 7.0),
        Throttling(Response(status=429, headers={"retry-after": at} | HTML, body=PAGE), 90.0),
    )


async def test_a_system_that_asks_to_slow_down_is_left_alone_for_as_long_as_it_says(bench):
    bench.needs("throttling")
    for throttling in (*common_throttlings(), *bench.throttlings):
        bench.world.clock.advance((START - bench.world.clock.now()).total_seconds())
        port = bench.connect()
        await bench.read(port)
        bench.wire.at(1, answers(throttling.answer))
        told = await outcome(bench.read(port))
        assert isinstance(told, Retry), told
        assert told.after_s == throttling.delay_s
        if throttling.delay_s is not None:
            sent = len(bench.wire.requests)
            bench.world.clock.advance(throttling.delay_s - 1)
            waiting = await outcome(bench.read(port))
            assert isinstance(waiting, Retry)
            assert not waiting.counts
            assert waiting.after_s == 1.0
            assert len(bench.wire.requests) == sent
            bench.world.clock.advance(1)
        assert not isinstance(await outcome(bench.read(port)), Failure)


# --- 4 a system in trouble --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_trouble_is_tried_again_and_never_costs_more_than_the_breaker_allows(bench, trouble):
    bench.needs("troubles")
    port = bench.connect()
    good = await bench.read(port)
    bench.wire.always(TROUBLES[trouble])
    before = len(bench.wire.requests)
    for n in range(1, LIMITS.breaker_threshold + 1):
        failed = await outcome(bench.read(port))
        assert isinstance(failed, Retry), failed
        assert failed.counts == (n < LIMITS.breaker_threshold)  # the try that finds it down is no fault of its delivery
    assert len(bench.wire.requests) - before == LIMITS.breaker_threshold
    closed = await outcome(bench.read(port))
    assert isinstance(closed, Retry)
    assert (closed.code, closed.counts) == ("breaker.open", False)
    assert len(bench.wire.requests) - before == LIMITS.breaker_threshold

    bench.world.clock.advance(closed.after_s)
    probes = await asyncio.gather(*(outcome(bench.read(port)) for _ in range(4)))
    assert all(isinstance(probe, Retry) and not probe.counts for probe in probes)
    assert len(bench.wire.requests) - before == LIMITS.breaker_threshold + 1

    bench.wire.heal()
    bench.world.clock.advance((await outcome(bench.read(port))).after_s)
    assert await bench.read(port) == good


# --- 5 lost answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
async def test_whichever_answer_of_a_keyed_write_is_lost_calling_again_ends_with_one_effect(bench, loss):
    bench.needs("effects")
    for nth in range(1, REQUESTS_OF_A_WRITE_MAX):
        wanted = await bench.wanted(nth)
        port = bench.connect()
        played = bench.wire.played
        bench.wire.at(nth, LOSSES[loss], only=bench.may_have_an_effect)
        lost = await outcome(bench.write(port, wanted, again=False))
        if bench.wire.played == played:
            bench.wire.heal()
            break
        if isinstance(lost, Failure):
            assert isinstance(lost, Retry | Unknown), f"request {nth}: {lost}"
        if isinstance(lost, Unknown):
            assert lost.key.startswith(wanted.key)
        await finish(bench, port, wanted)
        assert await bench.effects(wanted) == 1, f"request {nth}"
    assert nth > 1


async def test_an_unreadable_answer_to_a_keyed_write_does_not_make_it_happen_twice(bench):
    bench.needs("effects")
    for nth in range(1, REQUESTS_OF_A_WRITE_MAX):
        wanted = await bench.wanted(nth)
        port = bench.connect()
        played = bench.wire.played
        bench.wire.at(nth, spoils(with_body(PAGE)), only=bench.may_have_an_effect)
        await outcome(bench.write(port, wanted, again=False))
        if bench.wire.played == played:
            bench.wire.heal()
            break
        await finish(bench, port, wanted)
        assert await bench.effects(wanted) == 1, f"request {nth}"
    assert nth > 1


# --- 6 one effect per key ---------------------------------------------------------------------------------------------


async def test_the_same_key_twice_is_one_effect(bench):
    bench.needs("effects")
    wanted = await bench.wanted(1)
    assert await bench.effects(wanted) in {0, -1}
    first, second = bench.connect(), bench.connect()
    await bench.write(first, wanted, again=False)
    await bench.write(first, wanted, again=True)
    await bench.write(second, wanted, again=True)
    assert await bench.effects(wanted) == 1


async def test_the_same_key_four_times_at_once_is_one_effect(bench):
    bench.needs("effects")
    wanted = await bench.wanted(1)
    ports = [bench.connect() for _ in range(4)]
    if getattr(ports[0], "one_writer", False):  # then the hub writes over one connection only
        ports = ports[:1] * 4
    results = await asyncio.gather(*(outcome(bench.write(port, wanted, again=True)) for port in ports))
    assert not [result for result in results if isinstance(result, Reject)]
    for port in ports:
        await finish(bench, port, wanted)
    assert await bench.effects(wanted) == 1


# --- 7 feeds ----------------------------------------------------------------------------------------------------------


async def test_the_feed_drops_nothing_and_falls_silent_while_rows_are_inserted_between_its_pages(bench):
    bench.needs("feed")
    port = bench.connect()
    cursor = await bench.newest()
    inserted = {await bench.insert() for _ in range(5)}
    seen: set[str] = set()
    for page in range(200):
        names, cursor, more = await bench.feed(port, json.loads(json.dumps(cursor)))
        seen.update(names)
        if page < 3:
            inserted.add(await bench.insert())
        elif not more:
            break
    assert inserted <= seen
    bench.world.clock.advance(bench.quiet_s)
    quiet = []
    for _ in range(50):
        names, cursor, more = await bench.feed(port, cursor)
        quiet += names
        if not more:
            break
    assert not more
    assert quiet == []


# --- 8 and 11 answers of another shape --------------------------------------------------------------------------------


def with_unknown_members(value):
    match value:
        case dict():
            return {name: with_unknown_members(inner) for name, inner in value.items()} | {"x_future": {"a": [1, None]}}
        case list():
            return [with_unknown_members(inner) for inner in value]
    return value


def without(names, value):
    match value:
        case dict():
            return {name: without(names, inner) for name, inner in value.items() if name not in names}
        case list():
            return [without(names, inner) for inner in value]
    return value


def changes_json(change):
    """A fault that changes the JSON of every answer."""

    def changed(response):
        return (
            with_body(json.dumps(change(json.loads(response.body))).encode())(response) if response.body else response
        )

    return spoils(changed)


async def test_members_that_nobody_knows_yet_change_nothing(bench):
    bench.needs("misread answers")
    good = await bench.read(bench.connect())
    bench.wire.always(changes_json(with_unknown_members))
    assert await bench.read(bench.connect()) == good
    wanted = await bench.wanted(1)
    await bench.write(bench.connect(), wanted, again=False)


async def test_optional_members_may_be_missing(bench):
    bench.needs("optional members")
    bench.wire.always(changes_json(lambda answer: without(bench.optional, answer)))
    assert not isinstance(await outcome(bench.read(bench.connect())), Failure)


@pytest.mark.parametrize("body", NO_JSON)
async def test_an_answer_that_is_no_json_is_a_failure_with_advice(bench, body):
    bench.needs("misread answers")
    bench.wire.always(spoils(with_body(NO_JSON[body])))
    told = await outcome(bench.read(bench.connect()))
    assert isinstance(told, Retry | Reject), told
    assert not all(finding.ok for finding in await bench.connect().check())


async def each_request(bench, call, body):
    """Plays one spoilt answer at the first request of the call, then at the second, and so on."""
    for nth in range(1, REQUESTS_OF_A_WRITE_MAX):
        played = bench.wire.played
        bench.wire.at(nth, spoils(with_body(body)))
        await call()
        bench.wire.heal()
        if bench.wire.played == played:
            return
    pytest.fail("the call never ends")


@pytest.mark.parametrize("body", OTHER_SHAPES)
async def test_json_of_another_shape_is_a_result_or_a_failure_and_never_a_crash(bench, body):
    bench.needs("misread answers")
    await assert_no_crash(bench, body)


async def test_an_answer_that_holds_nothing_is_a_result_or_a_failure_and_never_a_crash(bench):
    bench.needs("misread answers")
    assert bench.nothing
    for body in bench.nothing:
        await assert_no_crash(bench, body)


async def assert_no_crash(bench, body):
    """One answer after the other of a read, a check and a write is replaced by this body."""

    async def read():
        await outcome(bench.read(bench.connect()))

    async def check():
        await bench.connect().check()

    await each_request(bench, read, body)
    await each_request(bench, check, body)
    for nth in range(1, REQUESTS_OF_A_WRITE_MAX):
        wanted = await bench.wanted(nth)
        played = bench.wire.played
        bench.wire.at(nth, spoils(with_body(body)))
        await outcome(bench.write(bench.connect(), wanted, again=False))
        bench.wire.heal()
        if bench.wire.played == played:
            break


def places_in(value, place=()):
    yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places_in(inner, (*place, name))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from places_in(inner, (*place, n))


GONE = object()


def changed_at(value, place, new):
    """The value with one place replaced, or taken out."""
    if not place:
        return new if new is not GONE else None
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1 and new is GONE:
        del copy[place[0]]
    else:
        copy[place[0]] = changed_at(value[place[0]], place[1:], new)
    return copy


@pytest.mark.parametrize("call", ["read", "check"])
async def test_one_member_missing_or_of_another_kind_is_a_result_or_a_failure_and_never_a_crash(bench, call):
    bench.needs("misread answers")

    def called():
        return bench.read(bench.connect()) if call == "read" else bench.connect().check()

    bench.wire.answers.clear()
    await called()
    good = [json.loads(answer.body) for answer in bench.wire.answers]
    mutations = [
        (nth, place, new)
        for nth, answer in enumerate(good, 1)
        for place in places_in(answer)
        for new in (GONE, None, "text", 7, [], {}, [[]], True)
    ]
    for nth, place, new in Random(1).sample(mutations, min(MUTATIONS_MAX, len(mutations))):
        body = json.dumps(changed_at(good[nth - 1], place, new)).encode()
        bench.wire.at(nth, spoils(with_body(body)))
        try:
            await outcome(called())
        except Exception as crash:
            crash.add_note(f"answer {nth}, {place} = {'(gone)' if new is GONE else new!r}")
            raise
        bench.wire.heal()


# --- 9 secrets --------------------------------------------------------------------------------------------------------


def forms_of(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), b64encode(secret.encode()).decode().rstrip("=")}


def credentials_sent(bench) -> set[str]:
    """What stood in Authorization headers: signatures, sessions, pairs in base64."""
    found = set()
    for request in bench.wire.requests:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        found.update(re.findall(r'oauth_signature="([^"]+)"', credential) if scheme == "OAuth" else [credential])
    return found - {""}


def echoes(status):
    """A page that shows the request it was sent, as some proxies and debug pages do."""

    async def fault(request, send):
        shown = f"<pre>{request.headers}\n{(request.body or b'').decode()}</pre>"
        return Response(status=status, headers=HTML, body=shown.encode())

    return fault


async def everything(bench, told: list) -> None:
    """A whole good run, then every kind of trouble."""

    async def tell(call):
        try:
            told.append(repr(await call))
        except Failure as failure:
            told.extend([repr(failure), str(failure), failure.message, failure.log, repr(vars(failure))])
            told.extend(traceback.format_exception(failure))

    wanted = await bench.wanted(1)
    port = bench.connect()
    told.append(repr([port, vars(port), bench.spec.settings.model_validate(bench.settings())]))
    for call in (port.check(), bench.read(port), bench.write(port, wanted, again=False)):
        await tell(call)
    faults = [*TROUBLES.values(), *(spoils(with_body(body)) for body in NO_JSON.values())]
    faults += [echoes(status) for status in (200, 400, 401, 403, 500)]
    faults += [answers(Response(status=status, headers=HTML, body=PAGE)) for status in (400, 401, 403, 404, 409, 429)]
    for n, fault in enumerate(faults):
        port = bench.connect()
        for nth in (1, 2, 3):
            bench.wire.at(nth, fault)
            await tell(bench.write(port, wanted, again=True))
            bench.wire.heal()
            bench.world.clock.advance(3600)
        bench.wire.always(fault)
        for call in (bench.read(bench.connect()), bench.connect().check()):
            await tell(call)
        bench.wire.heal()
        assert n < 100
    for wrong in bench.wrong_credentials:
        port = bench.connect(**wrong.changed)
        for call in (bench.read(port), port.check()):
            await tell(call)


async def test_no_secret_in_any_log_error_repr_note_or_call_record(bench, caplog):
    bench.needs("troubles")
    told: list[str] = []
    calls = []
    noted = calls_of_this_attempt.set(calls)
    with caplog.at_level(logging.DEBUG):
        await everything(bench, told)
    calls_of_this_attempt.reset(noted)
    told += [logging.Formatter().format(record) for record in caplog.records]
    told += [repr(bench.tap.notes), repr(calls)]
    assert calls
    assert caplog.records
    text = "\n".join(told)
    changed = [item for wrong in bench.wrong_credentials for item in wrong.changed.items()]
    wrong = {value for name, value in changed if name in SECRET_SETTINGS}
    for secret in {*bench.secrets, *wrong}:
        assert [form for form in forms_of(secret) if form in text] == []
    assert [sent for sent in credentials_sent(bench) if sent in text] == []


# --- 10 stale writes --------------------------------------------------------------------------------------------------


async def test_a_write_of_a_record_that_moved_on_is_a_conflict(bench):
    bench.needs("stale writes")
    assert "refuses stale writes" in bench.spec.capabilities
    stale = await outcome(bench.stale_write(bench.connect()))
    assert isinstance(stale, Conflict), stale


# --- 12 is asked by `assert_teaches` of every failure met above, and by tidy/test_mend_guide of every other -----------


def test_every_connector_is_on_a_bench():
    assert {spec.name for spec in SPECS} == {bench.spec.name for bench in BENCHES}
