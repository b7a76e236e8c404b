"""What stands between a browser and the pages: their security policy, and who may open their live line."""

import re
from secrets import token_urlsafe
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.domain.errors import Retry
from millstream.web.auth.gate import WATCHING_HEADER, Gate
from millstream.web.auth.origin import Origin
from millstream.web.console.doors import away
from millstream.web.console.visit import link_to, whole_path
from millstream.web.problems import Problem

NICEGUI_PATH: Final = "/_nicegui"  # its assets, and its live line
LIVE_PATH: Final = "/_nicegui_ws/"
_SCRIPT: Final = re.compile(rb"<script(?=[\s>])")


def page_policy(nonce: str) -> str:
    """The policy of a page: scripts of our own and those that carry this page's nonce; nothing from elsewhere.

    NiceGUI evaluates the handlers it sends over the live line, hence `unsafe-eval`: it lets no markup run.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


class ConsoleGuard:
    """ASGI middleware around the pages.

    Strangers are shown to the sign-in before any page is made for them. Pages get a policy with a nonce of their own,
    and no cache keeps them. The live line is opened only to our own pages, in a browser whose session is good; the
    page's unguessable id says which page, the API who looks, at each call.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, public_url: str | None) -> None:
        self._app = app
        self._gate = gate
        self._origin = Origin(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves."""
        path = scope.get("path", "")
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif LIVE_PATH in path and not await self._may_listen(scope):
            await _refuse(scope, receive, send)
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif NICEGUI_PATH in path:
            await self._app(scope, receive, _with_policy(send))
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            is_known = await self._is_known(Request(scope))
        except Retry:
            await away()(scope, receive, send)
            return
        if is_known:
            await self._app(scope, receive, _with_policy(send))
            return
        answer = RedirectResponse(link_to("/sign-in", next=whole_path(Request(scope))), status_code=303)
        await answer(scope, receive, send)

    async def _is_known(self, request: Request) -> bool:
        try:
            return await self._gate.authenticate(request) is not None
        except Problem:
            return False

    async def _may_listen(self, scope: Scope) -> bool:
        # A request reads a web socket's headers, too; its URL says ws, and pages say http. The browser opens the line
        # by itself, and again whenever it breaks: nobody did anything.
        headers = [*scope["headers"], (WATCHING_HEADER.encode(), b"1")]
        scheme = _plain(scope["scheme"])
        asked = Request({**scope, "type": "http", "method": "GET", "scheme": scheme, "headers": headers})
        try:
            self._origin.require_same_origin(asked)
        except Problem:
            return False
        return await self._is_known(asked)


def _plain(scheme: str) -> str:
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await Response(status_code=403)(scope, receive, send)


def _with_policy(send: Send) -> Send:
    """Holds a page back until it is whole, because its nonce goes into head and body alike."""
    nonce = token_urlsafe(16)
    held: list[Message] = []
    body: list[bytes] = []

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                held.append(message)
                return
        elif held and message["type"] == "http.response.body":
            body.append(message.get("body", b""))
            if message.get("more_body"):
                return
            start, page = held.pop(), _SCRIPT.sub(b'<script nonce="%s"' % nonce.encode(), b"".join(body))
            headers = MutableHeaders(scope=start)
            headers["content-security-policy"] = page_policy(nonce)
            headers["cache-control"] = "no-store"
            headers["content-length"] = str(len(page))
            await send(start)
            await send({"type": "http.response.body", "body": page})
            return
        await send(message)

    return sending
