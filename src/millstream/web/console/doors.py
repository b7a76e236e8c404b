"""The pages by which one becomes somebody: plain documents that need no live line, and one small script."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from millstream.web.console.visit import CONSOLE

_STATIC: Final = files("millstream.web.console") / "static"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
_SERVED: Final = ("console.css", "console.js", "doors.js", "millstream.svg")
DOOR_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
KEPT_S: Final = 300  # a new version is noticed this soon


def console_doors(*, openid: bool) -> APIRouter:
    """`/`, sign-in, set-up, and the files of our own that pages need. `openid`: there is a provider to sign in with."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    @router.get(CONSOLE)
    async def to_console(_: Request) -> Response:
        return RedirectResponse(f"{CONSOLE}/", status_code=307)

    @router.get(f"{CONSOLE}/sign-in")
    async def sign_in() -> Response:
        body = _read("sign_in.html")
        return _page(body.replace(b"<p hidden>", b"<p>") if openid else body)

    @router.get(f"{CONSOLE}/set-up")
    async def set_up() -> Response:
        return _page(_read("set_up.html"))

    for name in _SERVED:
        router.add_api_route(f"{CONSOLE}/static/{name}", _file(name), methods=["GET"])
    return router


def _read(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


def _page(body: bytes) -> Response:
    headers = {"content-security-policy": DOOR_POLICY, "cache-control": "no-store"}
    return Response(body, media_type="text/html; charset=utf-8", headers=headers)


def _file(name: str) -> Callable[[], Awaitable[Response]]:
    body = _read(name)
    kind = _TYPES[name.rpartition(".")[2]]

    async def serve() -> Response:
        return Response(body, media_type=kind, headers={"cache-control": f"max-age={KEPT_S}"})

    return serve
