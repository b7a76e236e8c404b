"""The pages by which one becomes somebody: plain documents that need no live line, and one small script."""

import base64
from collections.abc import Awaitable, Callable
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from millstream.web.auth.openid_api import SIGN_IN, TROUBLE_COOKIE
from millstream.web.console.visit import CONSOLE

_STATIC: Final = files("millstream.web.console") / "static"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
_SERVED: Final = ("console.css", "console.js", "doors.js", "millstream.svg")
DOOR_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PROVIDER: Final = b"/api/session/openid"
KEPT_S: Final = 300  # a new version is noticed this soon


def console_doors(*, openid: bool) -> APIRouter:
    """`/`, sign-in, set-up, and the files of our own that pages need. `openid`: there is a provider to sign in with."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    @router.get(CONSOLE)
    async def to_console(_: Request) -> Response:
        return RedirectResponse(f"{CONSOLE}/", status_code=307)

    @router.get(f"{CONSOLE}/sign-in")
    async def sign_in(request: Request) -> Response:
        body = _read("sign_in.html")
        if openid:
            there = _PROVIDER + b"?" + urlencode({"next": request.query_params.get("next", "/")}).encode()
            body = body.replace(b"<p hidden>", b"<p>").replace(_PROVIDER, escape(there.decode()).encode())
        return _with_trouble(request, body)

    @router.get(f"{CONSOLE}/set-up")
    async def set_up() -> Response:
        return _page(_read("set_up.html"))

    for name in _SERVED:
        router.add_api_route(f"{CONSOLE}/static/{name}", _file(name), methods=["GET"])
    return router


def away() -> Response:
    """In place of any page, while the database does not answer; it tries again by itself."""
    response = _page(_read("away.html"))
    response.status_code = 503
    return response


def _read(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


def _with_trouble(request: Request, body: bytes) -> Response:
    """Says, once, why the provider signed nobody in."""
    kept = request.cookies.get(TROUBLE_COOKIE)
    if kept is None:
        return _page(body)
    try:
        told = base64.urlsafe_b64decode(kept).decode()
    except ValueError:
        told = "The provider signed nobody in. Begin again."
    response = _page(body.replace(b" hidden></p>", b">" + escape(told).encode() + b"</p>", 1))
    response.delete_cookie(TROUBLE_COOKIE, path=SIGN_IN)
    return response


def _page(body: bytes) -> Response:
    headers = {"content-security-policy": DOOR_POLICY, "cache-control": "no-store"}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


def _file(name: str) -> Callable[[], Awaitable[Response]]:
    body = _read(name)
    kind = _TYPES[name.rpartition(".")[2]]

    async def serve() -> Response:
        return Response(body, media_type=kind, headers={"cache-control": f"max-age={KEPT_S}"})

    return serve
