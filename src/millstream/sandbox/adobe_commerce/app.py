"""The sandbox Adobe Commerce as an ASGI application."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from millstream.sandbox.adobe_commerce import inventory, invoicing, orders, reading, refunding, shipping, simulation
from millstream.sandbox.adobe_commerce.access import Access, Saas
from millstream.sandbox.adobe_commerce.call import Call, Route
from millstream.sandbox.adobe_commerce.errors import HtmlRefusal, Refusal, internal
from millstream.sandbox.adobe_commerce.events import Get, Hooks, Post
from millstream.sandbox.adobe_commerce.oauth import Integration
from millstream.sandbox.adobe_commerce.search import nest, pairs_of, project
from millstream.sandbox.adobe_commerce.senders import Sender
from millstream.sandbox.adobe_commerce.signing import KEY_PATHS, public_pem
from millstream.sandbox.adobe_commerce.state import Shop, utc_now
from millstream.sandbox.faults import FaultMiddleware, Faults, Receive, Scope, Send, Sleep
from millstream.sandbox.refusals import STORE

Json = dict[str, Any]
log = logging.getLogger(__name__)
JSON_TYPE = "application/json; charset=utf-8"
VERBS = frozenset(["GET", "POST", "PUT", "DELETE"])
ADMIN_TOKEN = ["integration", "admin", "token"]
ROUTES: list[Route] = [
    *orders.ROUTES,
    *shipping.ROUTES,
    *invoicing.ROUTES,
    *refunding.ROUTES,
    *inventory.ROUTES,
    *reading.ROUTES,
]
SERVER_ERROR_PAGE = (
    "<!doctype html>\n<html><head><title>There has been an error processing your request</title></head></html>"
)
NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"


class AdobeCommerce:
    """One sandbox store. `shop` is its memory, `faults` its bad luck, `hooks` its webhooks."""

    def __init__(self, *, shop: Shop, access: Access, faults: Faults, hooks: Hooks) -> None:
        self.shop = shop
        self.access = access
        self.faults = faults
        self.hooks = hooks
        self._faulty = FaultMiddleware(self._answer, faults, STORE)
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for route in ROUTES:
            self._routes.setdefault((route.method, route.path.count("/") + 1), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._faulty(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await self.hooks.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _read(receive)
        try:
            status, content, content_type = await self._serve(scope, headers, body)
        except Refusal as refusal:
            status, content, content_type = refusal.status, msgspec.json.encode(refusal.body), JSON_TYPE
        except HtmlRefusal as refusal:
            status, content, content_type = refusal.status, refusal.body.encode(), refusal.content_type
        self.hooks.flush()
        lines = {"content-type": content_type, "content-length": str(len(content)), "cache-control": "no-store"}
        lines["set-cookie"] = "PHPSESSID=sandbox; path=/; HttpOnly; SameSite=Lax"  # a client must not keep it
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def _serve(self, scope: Scope, headers: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        segments = [unquote_plus(part) for part in path.strip("/").split("/")]
        if segments[0] == "_sim":
            found = await simulation.answer(self.shop, self.hooks, scope["method"], segments[1:], _decode(body))
            return 200, msgspec.json.encode(found), JSON_TYPE
        if path in KEY_PATHS:
            return 200, public_pem(path), "application/x-pem-file"
        if path == "/ims/token/v3":
            status, token = self.access.ims_token(body.decode(), self.shop.now())
            return status, msgspec.json.encode(token), "application/json"
        if path == "/magento_version":
            return 200, b"Magento/2.4 (Community)", "text/plain;charset=UTF-8"
        return 200, self._rest(scope, path, segments, headers, body), JSON_TYPE

    def _rest(self, scope: Scope, path: str, segments: list[str], headers: dict[str, str], body: bytes) -> bytes:
        method = scope["method"]
        service = self._service(segments)
        if method not in VERBS:
            raise Refusal(405, f"The {method} HTTP method is not supported.")
        _check_accept(headers.get("accept", "*/*"))
        if method == "POST" and service == ADMIN_TOKEN and self.access.saas is None:
            token = self.access.admin_token(_body(headers, body), self.shop.now())
            return msgspec.json.encode(token)
        route, args = self._match(method, service)
        query = scope["query_string"].decode("latin-1")
        base_url = f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}"
        url = f"{base_url}{path}?{query}" if query else f"{base_url}{path}"
        self.access.check(headers, method=method, url=url, resource=route.resource, now=self.shop.now())
        nested = nest(pairs_of(query))
        call = Call(
            shop=self.shop,
            path=args,
            query=nested,
            body={} if method in {"GET", "DELETE"} else _body(headers, body),
            base_url=f"{base_url}/",
            is_saas=self.access.saas is not None,
        )
        try:
            found = route.serve(call)
        except (TypeError, AttributeError, KeyError) as error:
            log.warning("answered with 500: %s %s", method, path, exc_info=True)
            raise internal() from error  # as in PHP: a body of a strange shape is a 500
        return msgspec.json.encode(project(found, str(nested.get("fields", ""))))

    def _service(self, segments: list[str]) -> list[str]:
        """The path after V1. An unknown store code is a 400, anything else outside REST a web server's page."""
        saas = self.access.saas
        if saas is not None:
            if segments[:2] == [saas.tenant, "V1"]:
                return segments[2:]
        elif segments[0] == "rest":
            if segments[1:2] == ["V1"]:
                return segments[2:]
            if segments[2:3] == ["V1"]:
                if not self.shop.is_scope(segments[1]):
                    raise Refusal(400, "Specified request cannot be processed.")
                return segments[3:]
        raise HtmlRefusal(404, NOT_FOUND_PAGE)

    def _match(self, method: str, service: list[str]) -> tuple[Route, dict[str, str]]:
        for route in self._routes.get((method, len(service)), []):
            args = route.match(method, service)
            if args is not None:
                return route, args
        raise Refusal(404, "Request does not match any route.")


async def _read(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(bytes(message.get("body", b"")))
        if not message.get("more_body"):
            return b"".join(chunks)


def _check_accept(accept: str) -> None:
    if not any(kind in accept for kind in ("json", "xml", "*/*", "application/*")):
        raise HtmlRefusal(500, SERVER_ERROR_PAGE)


def _body(headers: dict[str, str], body: bytes) -> Json:
    if not body:
        return {}
    content_type = headers.get("content-type", "application/json").partition(";")[0].strip()
    if not content_type.endswith("json"):
        raise Refusal(400, f"Server cannot understand Content-Type HTTP header media type {content_type}")
    return _decode(body)


def _decode(body: bytes) -> Json:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        raise Refusal(400, "Decoding error.") from None
    return found if isinstance(found, dict) else {}


def create_app(
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Sleep = asyncio.sleep,
    seed: int = 0,
    lost: str = "raise",
    post: Post | None = None,
    get: Get | None = None,
    integrations: list[Integration] | None = None,
    saas: Saas | None = None,
    version: str = "2.4.7",
) -> AdobeCommerce:
    """A fresh store with its catalogue and customers and no orders.

    `now` and `sleep` are its clock, `seed` its dice. `lost` says how a lost answer is played: "raise" in process,
    "hang" behind a socket. Webhooks go out through `post(url, headers, body) -> status` and registrations are
    challenged through `get(url) -> (status, body)`; by default both use real HTTP. Given only `post`, no challenge.
    """
    if post is None:
        sender = Sender()
        post, get = sender.post, sender.get
    shop = Shop(now)
    faults = Faults(seed=seed, sleep=sleep, lost=lost)
    access = Access(saas=saas, version=version)
    if integrations is not None:
        access.integrations = integrations
    hooks = Hooks(shop, post=post, get=get, faults=faults, sleep=sleep, seed=seed)
    return AdobeCommerce(shop=shop, access=access, faults=faults, hooks=hooks)
