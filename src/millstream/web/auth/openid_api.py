"""Sign in by an OpenID provider: to it, and back."""

import base64
import re
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Query
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
SIGN_IN: Final = "/console/sign-in"
TROUBLE_COOKIE: Final = "millstream-openid-trouble"
"""Why nobody was signed in, as base64, for the sign-in page that the person is led back to."""
TROUBLE_LIFETIME_S: Final = 60
_OURS = re.compile(r"/console/(?![/\\])[!-~]{0,500}", re.ASCII)  # "//elsewhere" and "/\elsewhere" are other sites

NextPage = Annotated[str, Query(max_length=600)]


def openid_routes(
    provider: OpenIdProvider, *, sessions: Sessions, cookies: SessionCookies, origin: Origin, tap: Tap
) -> APIRouter:
    """`/api/session/openid`. What must be remembered stays in the browser that asked, so any process can go on."""
    router = APIRouter(prefix="/api/session/openid", tags=["access"])

    def refuse(request: Request, error: OpenIdError, to: str) -> Response:
        """A person is led back to the sign-in page, which says why; a program gets the problem."""
        tap.note("access.openid_refused", message=str(error))
        if "text/html" not in request.headers.get("accept", ""):
            raise Problem("access.openid_refused", str(error)) from error
        response = RedirectResponse(f"{SIGN_IN}?{urlencode({'next': to})}", status_code=303)
        text = base64.urlsafe_b64encode(str(error).encode()).decode()
        response.set_cookie(
            TROUBLE_COOKIE, text, max_age=TROUBLE_LIFETIME_S, path=SIGN_IN, httponly=True, samesite="lax",
            secure=origin.is_secure(request.scope),
        )  # fmt: skip
        return response

    @router.get("", summary="Sign in by the OpenID provider", **without_body(303, "To the provider"))
    async def begin(request: Request, next: NextPage = HOME) -> Response:  # noqa: A002 - as the sign-in page names it
        origin.require_safe_line(request)
        to = next if _OURS.fullmatch(next) else HOME
        try:
            url, ask = await provider.begin(origin.of(request) + CALLBACK, to=to)
        except OpenIdError as error:
            return refuse(request, error, to)
        response = RedirectResponse(url, status_code=303)
        origin.set_cookie(request, response, ASK_COOKIE, _packed(ask), max_age=ASK_LIFETIME_S)
        return response

    @router.get("/callback", summary="Where the OpenID provider sends people back to", **without_body(303, "Signed in"))
    async def finish(request: Request) -> Response:
        origin.require_safe_line(request)
        to = HOME
        try:
            ask = _unpacked(origin.cookie(request, ASK_COOKIE))
            to = ask.next if _OURS.fullmatch(ask.next) else HOME
            person = await provider.finish(request.url.query, ask, origin.of(request) + CALLBACK)
            session = await _begin(sessions, person)
        except OpenIdError as error:
            return refuse(request, error, to)
        response = RedirectResponse(to, status_code=303)
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
