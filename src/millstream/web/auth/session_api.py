"""Sign in, sign out, who am I."""

from datetime import datetime
from math import ceil
from typing import Annotated

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from millstream.domain.access import RIGHTS_OF, Identity, Right
from millstream.ports.access import Locked, NewSession, Sessions
from millstream.web.access import Authenticate
from millstream.web.api.shapes import Shapes, answer
from millstream.web.auth.documents import document, without_body
from millstream.web.auth.gate import SESSION_COOKIE, Gate, csrf_token
from millstream.web.auth.origin import Origin, address_of
from millstream.web.problems import Problem


class SignIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person types."""

    name: str
    password: str


class Myself(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in and what they may do. `csrf_token` goes with every change a browser asks for."""

    name: str
    kind: str
    rights: list[Right]
    csrf_token: str | None = None
    ends_at: datetime | None = None
    openid: bool = False


class SessionCookies:
    """Begins and ends sessions in a browser."""

    def __init__(self, *, sessions: Sessions, gate: Gate, origin: Origin) -> None:
        self._sessions = sessions
        self._gate = gate
        self._origin = origin

    async def begin(self, request: Request, response: Response, session: NewSession) -> None:
        """A new secret at every sign-in; the session the browser had until now ends."""
        await self.end(request)
        self._origin.set_cookie(request, response, SESSION_COOKIE, session.secret, max_age=_lifetime_s(session))

    async def end(self, request: Request) -> None:
        """Ends the session of this browser, if it has one."""
        secret = self._gate.session_secret(request)
        if secret is not None:
            await self._sessions.sign_out(secret)

    def forget(self, request: Request, response: Response) -> None:
        """Takes the cookie away."""
        self._origin.set_cookie(request, response, SESSION_COOKIE, "", max_age=0)


def _lifetime_s(session: NewSession) -> int:
    return max(1, ceil((session.ends_at - session.began_at).total_seconds()))


def session_routes(
    shapes: Shapes, *, sessions: Sessions, gate: Gate, cookies: SessionCookies, origin: Origin, openid: bool
) -> APIRouter:
    """`/api/session`. Open to everybody: it is how one becomes somebody."""
    router = APIRouter(prefix="/api/session", tags=["access"])
    authenticate: Authenticate = gate.authenticate

    @router.post("", summary="Sign in with name and password", **shapes.takes(SignIn, Myself, 429))
    async def sign_in(request: Request, given: Annotated[SignIn, document(SignIn)]) -> Response:
        origin.require_safe_line(request)
        origin.require_same_origin(request)
        session = await sessions.sign_in(given.name, given.password, address=address_of(request))
        if isinstance(session, Locked):
            raise Problem(
                "access.locked",
                "Too many sign-ins failed under this name or from this address. Try again after retry-after.",
                headers={"retry-after": str(max(1, ceil(session.after_s)))},
            )
        if session is None:
            raise Problem("access.sign_in_failed", "Name or password is wrong, or the user is disabled.")
        body = Myself(
            name=session.user.name,
            kind="user",
            rights=sorted(RIGHTS_OF[session.user.role]),
            csrf_token=csrf_token(session.secret),
            ends_at=session.ends_at,
            openid=openid,
        )
        response = answer(body)
        await cookies.begin(request, response, session)
        return response

    @router.get("", summary="Who is signed in, and what they may do", **shapes.answers(Myself))
    async def who(request: Request) -> Response:
        identity = await authenticate(request)
        if identity is None:
            way = " or by GET /api/session/openid" if openid else ""
            raise Problem("access.unauthenticated", f"Nobody is signed in. Sign in by POST /api/session{way}.")
        return answer(_myself(request, identity, gate, openid=openid))

    @router.delete("", summary="Sign out", **without_body(204, "Nobody is signed in now"))
    async def sign_out(request: Request) -> Response:
        await authenticate(request)  # refuses a sign-out that a page of another site asks for
        await cookies.end(request)
        response = Response(status_code=204)
        cookies.forget(request, response)
        return response

    return router


def _myself(request: Request, identity: Identity, gate: Gate, *, openid: bool) -> Myself:
    secret = gate.session_secret(request) if identity.kind == "user" else None
    return Myself(
        name=identity.name,
        kind=identity.kind,
        rights=sorted(identity.rights),
        csrf_token=csrf_token(secret) if secret is not None else None,
        openid=openid,
    )
