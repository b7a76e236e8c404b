"""HTTP as values: a request, a response, and something that carries one to the other."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol, Self

import aiohttp
import msgspec
from yarl import URL

BODY_MAX = 32 * 1024 * 1024  # a larger answer is refused: nobody sends that on purpose
CHUNK = 64 * 1024
CONNECT_TIMEOUT_S = 10.0
KEPT_S = 30.0  # how long an unused connection is kept
TIMEOUTS_MAX = 64  # connectors use a handful


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to be sent. Header names as the connector writes them; `url` is already percent-encoded."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes | None = None
    timeout_s: float = 30.0

    def with_headers(self, extra: dict[str, str]) -> Self:
        """The same request with more headers."""
        return msgspec.structs.replace(self, headers={**self.headers, **extra})


class Response(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An answer. Header names are lower case; `cookies` are those it sets, which may be several."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    cookies: dict[str, str] = {}

    @property
    def is_json(self) -> bool:
        """Whether the answer says that it is JSON."""
        return "json" in self.headers.get("content-type", "")

    def json(self) -> Any:
        """The decoded body, the same object every time. Raises msgspec.DecodeError when it is no JSON."""
        kept = self.__dict__  # classifiers and readers all want it: decoded once
        if "_decoded" not in kept:
            kept["_decoded"] = msgspec.json.decode(self.body)
        return kept["_decoded"]

    def text(self) -> str:
        """The body as text, bad bytes replaced; for messages only."""
        return self.body.decode("utf-8", "replace")


class TransportError(Exception):
    """No answer came. `sent` False = the request certainly never reached the other side."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class Transport(Protocol):
    """Carries requests. The seam where tests run the real client against an in-process system."""

    async def send(self, request: Request) -> Response:
        """One answer for one request. Raises TransportError."""
        ...

    async def close(self) -> None:
        """Closes kept connections."""
        ...


@lru_cache(maxsize=TIMEOUTS_MAX)
def _timeout(total_s: float, connect_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=connect_s)


async def _read_capped(answer: aiohttp.ClientResponse) -> bytes:
    """The body, read no further than the limit: what is sent small may unpack to anything."""
    length = answer.content_length
    if length is not None and length <= min(CHUNK, BODY_MAX) and "Content-Encoding" not in answer.headers:
        return await answer.read()  # nothing to unpack, and no more than announced is read
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > BODY_MAX:
            raise TransportError(f"answer larger than {BODY_MAX} bytes", sent=True)
    return bytes(body)


def _cookies(answer: aiohttp.ClientResponse) -> dict[str, str]:
    if "Set-Cookie" not in answer.headers:
        return {}
    return {name: morsel.value for name, morsel in answer.cookies.items()}


def _nothing_written(error: aiohttp.ClientError) -> bool:
    """Whether the other side had closed the connection before the request was written to it.

    aiohttp writes head and body of our requests in one go, and says in words alone that it did not write at all.
    Words that it does not know mean "may have been sent", which is the safe side.
    """
    cause = error.__cause__ or error
    return isinstance(cause, aiohttp.ClientConnectionResetError) and "closing transport" in str(cause)


class AiohttpTransport:
    """Sends over sockets, connections kept and reused."""

    def __init__(self, *, limit: int = 100, connector: Callable[[], aiohttp.TCPConnector] | None = None) -> None:
        self._connector = connector or partial(aiohttp.TCPConnector, limit=limit, keepalive_timeout=KEPT_S)
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),  # a store's PHPSESSID must not be kept
                auto_decompress=True,
            )
        return self._session

    async def send(self, request: Request) -> Response:
        """See Transport. A kept connection that turns out closed before a byte was written is replaced by another."""
        try:
            return await self._send(request)
        except TransportError as error:
            if not isinstance(error.__cause__, aiohttp.ClientError) or not _nothing_written(error.__cause__):
                raise
        return await self._send(request)

    async def _send(self, request: Request) -> Response:
        try:
            answer = await self._open().request(
                request.method,
                URL(request.url, encoded=True),  # sent exactly as signed
                headers=request.headers,
                data=request.body,
                timeout=_timeout(request.timeout_s, CONNECT_TIMEOUT_S),
                allow_redirects=False,
            )
            try:
                body = await _read_capped(answer)
            except BaseException:
                answer.close()  # half read: the connection is not fit for another request
                raise
            return Response(
                status=answer.status,
                headers={k.lower(): v for k, v in answer.headers.items()},
                body=body,
                cookies=_cookies(answer),
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise TransportError(f"cannot connect: {error}", sent=False) from error
        except TimeoutError as error:
            raise TransportError(f"no answer within {request.timeout_s:g} s", sent=True) from error
        except aiohttp.ClientError as error:
            raise TransportError(f"connection lost: {error}", sent=not _nothing_written(error)) from error

    async def close(self) -> None:
        """See Transport."""
        if self._session is not None:
            await self._session.close()
            self._session = None
