"""How each HTTP client is called: opened once, then one POST after another, the answer taken in whole.

Every one does what the hub needs of an answer: its status, its headers by lower-case name, its body. None follows a
redirect or keeps a cookie. A client is imported where it is opened, in the process that measures it and in no other.
"""
# ruff: noqa: PLC0415

import asyncio
import importlib.metadata
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

TIMEOUT_S = 30.0
HEADERS = {
    "Accept": "application/json",
    "User-Agent": "Millstream",
    "Content-Type": "application/json",
    "Authorization": "Bearer 00D5e000000000000!AQcAQH0dMHEXAMPLEb3mAjx5g4vXl",
}

Call = Callable[[str, bytes], Awaitable[tuple[int, dict[str, str], bytes]]]
"""POSTs a body to an address; status, headers by lower-case name, body."""


@asynccontextmanager
async def open_hub() -> AsyncIterator[Call]:
    """What the hub uses: the transport, its checks included."""
    from millstream.wire import http

    transport = http.AiohttpTransport()

    async def call(url: str, body: bytes):
        answer = await transport.send(http.Request(method="POST", url=url, headers=HEADERS, body=body))
        return answer.status, answer.headers, answer.body

    yield call
    await transport.close()


@asynccontextmanager
async def open_aiohttp() -> AsyncIterator[Call]:
    import aiohttp

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=100),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=10),
    )

    async def call(url: str, body: bytes):
        async with session.post(url, headers=HEADERS, data=body, allow_redirects=False) as answer:
            content = await answer.read()
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, content

    yield call
    await session.close()


def _pyreqwest_client():
    from datetime import timedelta

    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder().follow_redirects(False).connect_timeout(timedelta(seconds=10))
    return builder.build(), timedelta(seconds=TIMEOUT_S)


@asynccontextmanager
async def open_pyreqwest_whole() -> AsyncIterator[Call]:
    client, timeout = _pyreqwest_client()

    async def call(url: str, body: bytes):
        answer = await client.post(url).headers(HEADERS).body_bytes(body).timeout(timeout).build().send()
        return answer.status, dict(answer.headers.items()), (await answer.bytes()).to_bytes()

    yield call
    await client.close()


@asynccontextmanager
async def open_pyreqwest_streamed() -> AsyncIterator[Call]:
    client, timeout = _pyreqwest_client()

    async def call(url: str, body: bytes):
        request = client.post(url).headers(HEADERS).body_bytes(body).timeout(timeout).build_streamed()
        async with request as answer:
            content = bytearray()
            while chunk := await answer.body_reader.read_chunk():
                content += memoryview(chunk)
            return answer.status, dict(answer.headers.items()), bytes(content)

    yield call
    await client.close()


@asynccontextmanager
async def open_httpx() -> AsyncIterator[Call]:
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=100), timeout=TIMEOUT_S)

    async def call(url: str, body: bytes):
        answer = await client.post(url, headers=HEADERS, content=body)
        return answer.status_code, dict(answer.headers), answer.content

    yield call
    await client.aclose()


@asynccontextmanager
async def open_niquests() -> AsyncIterator[Call]:
    import niquests

    session = niquests.AsyncSession(pool_connections=10, pool_maxsize=100)

    async def call(url: str, body: bytes):
        answer = await session.post(url, headers=HEADERS, data=body, timeout=TIMEOUT_S, allow_redirects=False)
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content

    yield call
    await session.close()


@asynccontextmanager
async def open_primp() -> AsyncIterator[Call]:
    import primp

    client = primp.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, cookie_store=False)

    async def call(url: str, body: bytes):
        answer = await client.post(url, headers=HEADERS, content=body)
        return answer.status_code, dict(answer.headers), answer.content

    yield call


@asynccontextmanager
async def open_aiosonic() -> AsyncIterator[Call]:
    import aiosonic

    connector = aiosonic.TCPConnector(
        pool_configs={":default": aiosonic.pools.PoolConfig(size=100, max_conn_requests=None)}
    )
    client = aiosonic.HTTPClient(connector)

    async def call(url: str, body: bytes):
        answer = await client.post(url, headers=HEADERS, data=body)
        content = await answer.content()
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, content

    yield call
    await connector.cleanup()


@asynccontextmanager
async def open_curl_cffi() -> AsyncIterator[Call]:
    from curl_cffi.requests import AsyncSession

    session = AsyncSession(max_clients=100, timeout=TIMEOUT_S, discard_cookies=True)

    async def call(url: str, body: bytes):
        answer = await session.post(url, headers=HEADERS, data=body, allow_redirects=False)
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content

    yield call
    await session.close()


class _Bare(asyncio.Protocol):
    """One answer at a time, without a limit, without a timeout that does anything, without TLS: no client."""

    def __init__(self, idle: list["_Bare"]) -> None:
        self._idle = idle

    def connection_made(self, transport) -> None:
        import httptools

        self.transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self.answer: asyncio.Future | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        self.answer.set_result((self._parser.get_status_code(), self._headers, b"".join(self._body)))
        self._idle.append(self)


@asynccontextmanager
async def open_floor() -> AsyncIterator[Call]:
    """What asyncio's sockets and a parser in C cost alone: no client on this loop can be cheaper."""
    loop, idle = asyncio.get_running_loop(), []

    async def call(url: str, body: bytes):
        host, slash, path = url.removeprefix("http://").partition("/")
        if not idle:
            name, _, port = host.partition(":")
            idle.append((await loop.create_connection(lambda: _Bare(idle), name, int(port)))[1])
        connection = idle.pop()
        connection.answer = loop.create_future()
        lines = [f"POST {slash}{path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in HEADERS.items()]
        timeout = loop.call_later(TIMEOUT_S, connection.transport.abort)
        connection.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            return await connection.answer
        finally:
            timeout.cancel()

    yield call
    for connection in idle:
        connection.transport.close()


# name: (what is imported, how it is opened)
CLIENTS = {
    "hub": ("millstream", open_hub),
    "aiohttp": ("aiohttp", open_aiohttp),
    "pyreqwest": ("pyreqwest", open_pyreqwest_whole),
    "pyreqwest, streamed": ("pyreqwest", open_pyreqwest_streamed),
    "httpx": ("httpx", open_httpx),
    "niquests": ("niquests", open_niquests),
    "primp": ("primp", open_primp),
    "aiosonic": ("aiosonic", open_aiosonic),
    "curl_cffi": ("curl_cffi", open_curl_cffi),
    "floor": ("httptools", open_floor),
}


def version(module: str) -> str | None:
    """The installed version; None: it is not installed."""
    if importlib.util.find_spec(module) is None:
        return None
    return importlib.metadata.version(module)
