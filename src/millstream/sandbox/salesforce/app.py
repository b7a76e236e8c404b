"""The org as an ASGI application."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.sandbox.faults import SPOILED, App, FaultMiddleware, Faults
from millstream.sandbox.refusals import SALESFORCE
from millstream.sandbox.salesforce import seed, sim
from millstream.sandbox.salesforce.oauth import TokenDesk
from millstream.sandbox.salesforce.org import Now, Org, system_now
from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.rest import Answer, Call, Rest

CLIENT_ID = "3MVG9.sandbox_consumer_key"
CLIENT_SECRET = "SANDBOX0CONSUMER0SECRET"
VERSIONS = ("59.0", "60.0", "61.0", "62.0", "63.0", "64.0", "65.0", "66.0", "67.0", "68.0")
DAILY_MAX = 15000

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_TOTAL = "TotalRequests Limit exceeded."
_CONCURRENT = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."


class Salesforce:
    """The org, its sessions, its budget and its mood."""

    def __init__(self, *, now: Now, client_id: str, client_secret: str) -> None:
        self.org = Org(now=now)
        self.desk = TokenDesk(client_id=client_id, client_secret=client_secret, now=now)
        self.rest = Rest(self.org, versions=VERSIONS)
        self.reset()

    def reset(self) -> None:
        """As it started: default records, full budget, every session ended."""
        self.org.clear()
        seed.fill(self.org)
        self.desk.revoke()
        self.down = False
        self.daily_max = DAILY_MAX
        self.used = 0
        self.too_busy_times = 0
        self.event_limit_times = 0

    def answer(self, call: Call, authorization: str) -> Answer:
        """One REST call with everything that comes before it is looked at."""
        if self.down:
            return Answer(status=503, body=[{"message": "Service Unavailable", "errorCode": "SERVER_UNAVAILABLE"}])
        if not self.desk.is_good(authorization):
            error = {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
            return Answer(status=401, body=[error])
        try:
            self._spend(call)
        except Problem as problem:
            return Answer(status=problem.status, body=problem.body(), headers=self._usage())
        self.rest.limits = {
            "DailyApiRequests": {"Max": self.daily_max, "Remaining": max(self.daily_max - self.used, 0)},
            "HourlyPublishedPlatformEvents": {"Max": 50000, "Remaining": 50000 - len(self.org.events)},
        }
        answer = self.rest.call(call)
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **self._usage()})

    def _spend(self, call: Call) -> None:
        if self.used >= self.daily_max:
            raise Problem("REQUEST_LIMIT_EXCEEDED", _TOTAL, status=403)
        self.used += 1
        if self.too_busy_times:
            self.too_busy_times -= 1
            raise Problem("REQUEST_LIMIT_EXCEEDED", _CONCURRENT, status=403)
        if self.event_limit_times and call.method == "POST" and "__e" in call.url:
            self.event_limit_times -= 1
            raise Problem("LIMIT_EXCEEDED", "The hourly limit of published platform events is exceeded.")

    def _usage(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.used}/{self.daily_max}"}


def _respond(answer: Answer) -> Response:
    headers = {"Content-Type": "application/json;charset=UTF-8", **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return Response(_ENCODE(answer.body), status_code=answer.status, headers=headers)


async def _json(request: Request) -> Any:
    body = await request.body()
    if not body:
        return None
    return json.loads(body, parse_float=Decimal)


def create_app(
    *,
    now: Now = system_now,
    client_id: str = CLIENT_ID,
    client_secret: str = CLIENT_SECRET,
    public_key: str | None = None,
    username: str = "hub@maker.example",
    faults: Faults | None = None,
) -> App:
    """An org of its own: sign in at `/services/oauth2/token`, control it at `/_sim/`.

    `public_key` (PEM) lets the JWT bearer flow in for `username`. `now` is the org's clock.
    """
    salesforce = Salesforce(now=now, client_id=client_id, client_secret=client_secret)
    salesforce.desk.public_key = public_key
    salesforce.desk.username = username

    async def token(request: Request) -> Response:
        if salesforce.down:
            return Response("Service Unavailable", status_code=503, media_type="text/plain")
        base_url = f"{request.url.scheme}://{request.headers['host']}"
        status, body = salesforce.desk.answer(await request.body(), request.headers.get("authorization", ""), base_url)
        return _respond(Answer(status=status, body=body))

    async def versions(request: Request) -> Response:
        rows = [{"label": f"v{one}", "url": f"/services/data/v{one}", "version": one} for one in VERSIONS]
        return _respond(Answer(status=200, body=rows))

    async def rest(request: Request) -> Response:
        url = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
        try:
            body = await _json(request)
        except ValueError as error:
            problem = Problem("JSON_PARSER_ERROR", str(error))
            return _respond(Answer(status=400, body=problem.body()))
        call = Call(
            method=request.method,
            url=url,
            body=body,
            headers=dict(request.headers),
            spoiled=request.scope.get(SPOILED),
        )
        return _respond(salesforce.answer(call, request.headers.get("authorization", "")))

    app = Starlette(
        routes=[
            Route("/services/oauth2/token", token, methods=["POST"]),
            Route("/services/data", versions),
            Route("/services/data/", versions),
            Route("/services/data/{rest:path}", rest, methods=["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]),
            *sim.routes(salesforce),
        ]
    )
    return FaultMiddleware(app, faults or Faults(), SALESFORCE)
