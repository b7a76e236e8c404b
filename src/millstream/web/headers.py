"""What every answer tells a browser it may do with it."""

from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Final = {
    # Nothing that is served here is a page; a page brings its own policy, and that one stays.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS: Final = "max-age=31536000"  # a year; sent over https alone, browsers ignore it elsewhere
API_PATH: Final = "/api"


def is_api(path: str) -> bool:
    """Whether a path belongs to the API, whose answers nobody may keep."""
    return path == API_PATH or path.startswith(f"{API_PATH}/")


class SecurityHeaders:
    """ASGI middleware: adds them to every answer, without taking away what the answer set itself.

    `is_secure` says whether people reach the hub over https, which the connection alone does not tell behind a proxy.
    """

    def __init__(self, app: ASGIApp, *, is_secure: Callable[[Scope], bool]) -> None:
        self._app = app
        self._is_secure = is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if self._is_secure(scope):
                    headers.setdefault("strict-transport-security", HSTS)
                if is_api(scope["path"]):
                    headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)
