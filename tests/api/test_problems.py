"""One shape for every refusal."""

import asyncio
import logging

import pytest
from fastapi import APIRouter, HTTPException

from fakes.edge import SECRETS, Edge, delivered, encoded
from millstream.domain.errors import Failure, Reject, Retry, Unknown
from millstream.web.problems import PROBLEMS, Problem

HOSTILE = "<script>alert(1)</script>\u0000 Traceback secret"


def assert_problem(answer, status: int, code: str) -> dict:
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "instance", "code"}
    assert problem["type"] == f"urn:millstream:problem:{code}"
    assert problem["title"] == PROBLEMS[code][1]
    assert len(problem["detail"]) > 10
    assert all(set(error) == {"field", "message"} for error in problem.get("errors", []))
    assert "Traceback" not in answer.text
    return problem


def rooms() -> APIRouter:
    """Routes that end in every way a route can end."""
    router = APIRouter(prefix="/rooms")

    @router.get("/numbers")
    async def numbers(n: int):
        return n

    @router.get("/http/{status}")
    async def http(status: int):
        raise HTTPException(status, HOSTILE, headers={"retry-after": "9"})

    @router.get("/crash")
    async def crash():
        raise RuntimeError(HOSTILE)

    @router.get("/failure/{word}")
    async def failure(word: str):
        raise {
            "retry": Retry("store.down", HOSTILE, after_s=0.2),
            "reject": Reject("x", HOSTILE),
            "unknown": Unknown("x", HOSTILE, key="k"),
        }[word]

    return router


@pytest.mark.parametrize("path", ["/", "/nothing", "/in", "/in/", "/in/events", "/healthz/", "/docs", "/%00", "/é"])
async def test_unknown_path(path):
    assert_problem(await Edge().request("GET", path), 404, "path.unknown")


@pytest.mark.parametrize("path", ["/in/events/carrier", "/in/mageos/mage", "/healthz"])
async def test_wrong_method_names_the_right_one(path):
    answer = await Edge().request("DELETE", path)
    assert_problem(answer, 405, "method.not_allowed")
    assert answer.headers["allow"] in {"GET", "POST"}


async def test_wrong_parameter_names_the_field():
    answer = await Edge(routers=[rooms()]).request("GET", "/rooms/numbers", params={"n": HOSTILE})
    problem = assert_problem(answer, 422, "request.invalid")
    assert problem["errors"][0]["field"] == "query.n"
    assert "script" not in answer.text


@pytest.mark.parametrize("status", [400, 401, 403, 409, 418, 429, 503])
async def test_http_exception_of_a_route_keeps_its_status_and_headers_but_not_its_text(status):
    answer = await Edge(routers=[rooms()]).request("GET", f"/rooms/http/{status}")
    assert_problem(answer, status, "request.refused")
    assert answer.headers["retry-after"] == "9"
    assert "script" not in answer.text


async def test_a_crash_tells_the_sender_nothing_and_the_log_everything():
    edge = Edge(routers=[rooms()])
    answer = await edge.request("GET", "/rooms/crash")
    assert_problem(answer, 500, "internal")
    assert "script" not in answer.text


@pytest.mark.parametrize("word", ["retry", "reject", "unknown"])
async def test_a_failure_of_our_own_is_503(word):
    answer = await Edge(routers=[rooms()]).request("GET", f"/rooms/failure/{word}")
    assert_problem(answer, 503, "inbox.busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert "script" not in answer.text


async def test_refusals_outside_the_doors_are_not_counted_as_refusals_of_a_door():
    edge = Edge(routers=[rooms()])
    await edge.request("GET", "/rooms/crash")
    assert edge.refusals.by_code() == {}
    assert edge.tap.named("door.refused") == []


async def test_instance_is_the_path_in_safe_characters():
    answer = await Edge().request("GET", "/a%22%3Cscript%3E%0A" + "x" * 500)
    instance = assert_problem(answer, 404, "path.unknown")["instance"]
    assert instance.startswith("/a%22%3Cscript%3E%0Axxx")
    assert len(instance) == 200


def test_every_code_is_an_http_error_with_a_title():
    assert all(400 <= status < 600 and title for status, title in PROBLEMS.values())
    with pytest.raises(KeyError):
        Problem("no.such_code", "")


async def test_no_secret_is_in_any_answer_or_log(caplog):
    caplog.set_level(logging.DEBUG)
    edge = Edge(routers=[rooms()])
    edge.inbox.failures = [Retry("store.down", "x"), RuntimeError("x")]
    body = encoded(delivered())
    answers = [
        await edge.carrier(body),
        await edge.carrier(body),
        await edge.carrier(body, secret="whsec_bm90IHRoZSByaWdodCBzZWNyZXQh"),
        await edge.planner(body, secret="wrong"),
        await edge.mage({}),
        await edge.adobe({"type": "x", "eventid": "1", "recipientclientid": "x"}),
        await edge.request("GET", "/openapi.json"),
        await edge.request("GET", "/readyz"),
    ]
    told = repr(edge.tap.notes) + caplog.text + "".join(answer.text + repr(answer.headers) for answer in answers)
    assert not [secret for secret in SECRETS if secret in told or secret.removeprefix("whsec_") in told]


class TestHealth:
    async def test_live_whenever_the_process_answers(self):
        edge = Edge()
        edge.health_failure = Retry("store.down", "x")
        answer = await edge.request("GET", "/healthz")
        assert (answer.status_code, answer.json()) == (200, {"state": "live"})

    async def test_ready_when_the_database_answers(self):
        answer = await Edge().request("GET", "/readyz")
        assert answer.json() == {"state": "ready", "database": "answers", "doors_refused": {}}

    @pytest.mark.parametrize(
        "trouble",
        [Retry("store.down", HOSTILE), ConnectionRefusedError(HOSTILE), TimeoutError(), Failure("x", HOSTILE)],
    )
    async def test_not_ready_when_it_does_not(self, trouble):
        edge = Edge()
        edge.health_failure = trouble
        answer = await edge.request("GET", "/readyz")
        assert_problem(answer, 503, "database.unreachable")
        assert "script" not in answer.text


class TestOpenApi:
    async def test_describes_every_door_with_its_refusals(self):
        spec = (await Edge().request("GET", "/openapi.json")).json()
        assert set(spec["paths"]) == {
            "/in/adobe-io/{door}", "/in/mageos/{door}", "/in/events/{source}", "/healthz", "/readyz",
        }  # fmt: skip
        for path, verb in [
            ("/in/adobe-io/{door}", "post"),
            ("/in/mageos/{door}", "post"),
            ("/in/events/{source}", "post"),
        ]:
            operation = spec["paths"][path][verb]
            assert {"200", "202", "401", "404", "413", "415", "422", "429", "503"} <= set(operation["responses"])
            assert "application/problem+json" in operation["responses"]["401"]["content"]
            assert "application/json" in operation["requestBody"]["content"]

    async def test_names_every_code_a_door_can_answer_with(self):
        spec = (await Edge().request("GET", "/openapi.json")).json()
        answers = spec["paths"]["/in/events/{source}"]["post"]["responses"]
        described = {code for answer in answers.values() for code in answer["description"].split(", ")}
        assert {code for code in PROBLEMS if code.startswith(("body.", "signature.", "event.", "inbox."))} <= described


async def test_two_apps_share_nothing():
    one, other = Edge(), Edge()
    await asyncio.gather(one.post("/in/events/carrier", b""), one.post("/in/events/carrier", b""))
    assert (len(one.tap.notes), len(other.tap.notes)) == (2, 0)
    assert other.refusals.by_code() == {}
