"""The system as an ASGI application."""

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.sandbox.faults import SPOILED, App, FaultMiddleware, Faults
from millstream.sandbox.refusals import SAP
from millstream.sandbox.sap_s4hana import sim
from millstream.sandbox.sap_s4hana.access import Access, cookies_of
from millstream.sandbox.sap_s4hana.gateway import Call, Gateway
from millstream.sandbox.sap_s4hana.odata import ROOT
from millstream.sandbox.sap_s4hana.plant import Now, Plant, system_now

TOKEN_PATH = "/oauth/token"
READS = ("GET", "HEAD")
_DOWN = b"<html><head><title>Logon Error Message</title></head><body>Service cannot be reached</body></html>"


class System:
    """The plant, who may call it, and its mood."""

    def __init__(self, now: Now) -> None:
        self.plant = Plant(now=now)
        self.gateway = Gateway(self.plant)
        self.access = Access(now)
        self.down = False
        self.refusals: list[tuple[int, str]] = []  # status and Retry-After of the next answers

    def reset(self) -> None:
        self.plant.reset()
        self.access.end_sessions()
        self.down = False
        self.refusals.clear()

    async def odata(self, request: Request) -> Response:
        if self.down:
            return Response(_DOWN, status_code=503, media_type="text/html")
        if self.refusals:
            return _slow_down(*self.refusals.pop(0))
        if not self.access.may_enter(request.headers.get("authorization", "")):
            headers = {"www-authenticate": 'Basic realm="SAP NetWeaver Application Server [S4H/100]"'}
            return Response("Anmeldung fehlgeschlagen", status_code=401, headers=headers, media_type="text/html")
        cookies = cookies_of(request.headers.get("cookie", ""))
        token = request.headers.get("x-csrf-token", "")
        if request.method not in READS and not self.access.may_write(cookies, token):
            refused = {"x-csrf-token": "Required"}
            return Response("CSRF token validation failed", status_code=403, headers=refused, media_type="text/plain")
        answer = self.gateway.answer(await _call(request))
        response = Response(answer.body, status_code=answer.status, headers=answer.headers)
        if request.method in READS and token.lower() == "fetch":
            fetched, new_cookies = self.access.open_session(cookies)
            response.headers["x-csrf-token"] = fetched
            for cookie in new_cookies:
                response.headers.append("set-cookie", cookie)
        return response

    async def token(self, request: Request) -> Response:
        if self.down:
            return Response(_DOWN, status_code=503, media_type="text/html")
        status, body = self.access.grant(await request.body(), request.headers.get("authorization", ""))
        return Response(json.dumps(body), status_code=status, media_type="application/json")


async def _call(request: Request) -> Call:
    service, _, path = str(request.path_params["rest"]).partition("/")
    return Call(
        method=request.headers.get("x-http-method", request.method),
        service=service,
        path=path,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=await request.body(),
        base=f"{request.url.scheme}://{request.headers.get('host', '')}",
        spoiled=request.scope.get(SPOILED),
    )


def _slow_down(status: int, retry_after: str) -> Response:
    fault: dict[str, Any] = {
        "fault": {"faultstring": "Rate limit quota violation", "detail": {"errorcode": "policies.ratelimit"}}
    }
    return Response(
        json.dumps(fault), status_code=status, headers={"retry-after": retry_after}, media_type="application/json"
    )


class S4Hana(FaultMiddleware):
    """The application, with a view of the system inside for those in the same process."""

    def __init__(self, app: App, faults: Faults, system: System) -> None:
        super().__init__(app, faults, SAP)
        self.system = system


def create_app(*, now: Now = system_now, faults: Faults | None = None) -> "S4Hana":
    """A system of its own: services below `/sap/opu/odata/sap/`, tokens at `/oauth/token`, control at `/_sim/`."""
    system = System(now)
    app = Starlette(
        routes=[
            Route(TOKEN_PATH, system.token, methods=["POST"]),
            Route(
                ROOT + "/{rest:path}", system.odata, methods=["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "MERGE"]
            ),
            *sim.routes(system),
        ]
    )
    return S4Hana(app, faults or Faults(), system)
