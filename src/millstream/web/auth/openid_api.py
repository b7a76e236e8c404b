"""Sign in by an OpenID provider: to it, and back."""

import base64
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from millstream.ports.access import NewSession, Sessions
from millstream.ports.tap import Tap
from millstream.web.auth.documents import without_body
from millstream.web.auth.openid import Ask, OpenIdError, OpenIdProvider, Person
from millstream.web.auth.origin import Origin
from millstream.web.auth.session_api import SessionCookies
from millstream.web.problems import Problem

ASK_COOKIE: Final = "millstream-openid"
ASK_LIFETIME_S: Final = 600  # time enough for a second factor
ASK_LENGTH_MAX: Final = 1000
CALLBACK: Final = "/api/session/openid/callback"
HOME: Final = "/"


def openid_routes(
    provider: OpenIdProvider, *, sessions: Sessions, cookies: SessionCookies, origin: Origin, tap: Tap
) -> APIRouter:
    """`/api/session/openid`. What must be remembered stays in the browser that asked, so any process can go on."""
    router = APIRouter(prefix="/api/session/openid", tags=["access"])

    def refuse(error: OpenIdError) -> Problem:
        tap.note("access.openid_refused", message=str(error))
        return Problem("access.openid_refused", str(error))

    @router.get("", summary="Sign in by the OpenID provider", **without_body(303, "To the provider"))
    async def begin(request: Request) -> Response:
        origin.require_safe_line(request)
        try:
            url, ask = await provider.begin(origin.of(request) + CALLBACK)
        except OpenIdError as error:
            raise refuse(error) from error
        response = RedirectResponse(url, status_code=303)
        origin.set_cookie(request, response, ASK_COOKIE, _packed(ask), max_age=ASK_LIFETIME_S)
        return response

    @router.get("/callback", summary="Where the OpenID provider sends people back to", **without_body(303, "Signed in"))
    async def finish(request: Request) -> Response:
        origin.require_safe_line(request)
        try:
            ask = _unpacked(origin.cookie(request, ASK_COOKIE))
            person = await provider.finish(request.url.query, ask, origin.of(request) + CALLBACK)
            session = await _begin(sessions, person)
        except OpenIdError as error:
            raise refuse(error) from error
        response = RedirectResponse(HOME, status_code=303)
        await cookies.begin(request, response, session)
        origin.set_cookie(request, response, ASK_COOKIE, "", max_age=0)
        return response

    return router


async def _begin(sessions: Sessions, person: Person) -> NewSession:
    session = await sessions.sign_in_by_provider(
        issuer=person.issuer, subject=person.subject, name=person.name, role=person.role
    )
    if session is None:
        raise OpenIdError("You may not sign in: disabled here, or your name is another user's.")
    return session


def _packed(ask: Ask) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(ask)).decode().rstrip("=")


def _unpacked(cookie: str | None) -> Ask:
    try:
        text = cookie or ""
        return msgspec.json.decode(base64.urlsafe_b64decode(text[:ASK_LENGTH_MAX] + "=" * (-len(text) % 4)), type=Ask)
    except (msgspec.DecodeError, ValueError):
        raise OpenIdError("This browser did not begin this sign-in, or too long ago. Begin again.") from None
