"""What only a real socket shows: slow, endless and broken senders, against uvicorn on loopback."""

import asyncio
from contextlib import asynccontextmanager

import uvicorn

from fakes.edge import MAX, Edge, delivered, encoded, webhook_headers
from fakes.tap import RecordingTap


class TellingServer(uvicorn.Server):
    def __init__(self, config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.listening.set()


class TellingTap(RecordingTap):
    def __init__(self) -> None:
        super().__init__()
        self.noted = asyncio.Event()

    def note(self, name: str, /, **facts) -> None:
        super().note(name, **facts)
        self.noted.set()


@asynccontextmanager
async def served(edge: Edge):
    server = TellingServer(uvicorn.Config(edge.app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    try:
        await server.listening.wait()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def connection(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()


def head(length: int | str, headers: dict | None = None) -> bytes:
    lines = ["POST /in/events/carrier HTTP/1.1", "host: hub", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {"content-type": "application/json"}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_a_signed_event_is_stored_over_a_socket():
    edge = Edge()
    body = encoded(delivered())
    async with served(edge) as port, connection(port) as (reader, writer):
        writer.write(head(len(body), webhook_headers(body, edge.clock.now())) + body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
    assert len(edge.inbox.events) == 1


async def test_a_body_that_trickles_is_cut_off():
    edge = Edge(body_timeout_s=0.3)
    async with served(edge) as port, connection(port) as (reader, writer):
        writer.write(head(1000) + b'{"slow":')
        await writer.drain()
        answer = await reader.read()  # to the end: the server closes
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"body.too_slow"' in answer
    assert edge.refusals.of_door("carrier") == {"body.too_slow": 1}
    assert edge.inbox.events == []


async def test_a_slow_sender_keeps_nobody_else_waiting():
    edge = Edge(body_timeout_s=5.0)
    body = encoded(delivered())
    async with served(edge) as port, connection(port) as (_, slow), connection(port) as (reader, writer):
        slow.write(head(1000) + b"{")
        await slow.drain()
        writer.write(head(len(body), webhook_headers(body, edge.clock.now())) + body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")


async def test_a_declared_oversize_is_refused_before_it_is_sent():
    edge = Edge()
    async with served(edge) as port, connection(port) as (reader, writer):
        writer.write(head(10 * MAX))
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"body.too_large"' in answer


async def test_an_endless_stream_is_cut_off_at_the_limit():
    edge = Edge()
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    start = head(0).replace(b"content-length: 0", b"transfer-encoding: chunked")
    sent = 0
    async with served(edge) as port, connection(port) as (reader, writer):
        writer.write(start)
        try:
            while sent < 4000 and not writer.is_closing():
                writer.write(chunk)
                await writer.drain()
                sent += 1
        except ConnectionError:
            sent += 0  # cut off, as it should be
        answer = b"" if sent == 4000 else await _rest(reader)
    assert sent < 4000
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert edge.refusals.of_door("carrier") == {"body.too_large": 1}


async def _rest(reader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_a_sender_that_hangs_up_midway_leaves_nothing_behind():
    edge = Edge(tap=TellingTap())
    async with served(edge) as port:
        async with connection(port) as (_, writer):
            writer.write(head(1000) + b"{")
            await writer.drain()
        async with asyncio.timeout(5):
            await edge.tap.noted.wait()
    assert edge.refusals.of_door("carrier") == {"body.incomplete": 1}
    assert edge.inbox.events == []
