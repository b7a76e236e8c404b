"""What is below the app: heads that never end, heads that never come, bytes that are no HTTP."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
import uvicorn
from test_doors_sockets import TellingServer

from fakes.attacker import PROBLEM, read_answer
from fakes.edge import Edge
from millstream.web import http
from millstream.web.http import LimitedHttp


@asynccontextmanager
async def served():
    edge = Edge()
    config = uvicorn.Config(edge.app, host="127.0.0.1", port=0, log_config=None, lifespan="off", http=LimitedHttp)
    server = TellingServer(config)
    running = asyncio.create_task(server.serve())
    try:
        await server.listening.wait()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def connection(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()


def assert_refused(answer, status):
    problem = msgspec.json.decode(answer.body)
    assert (answer.status, problem["status"], problem["code"]) == (status, status, "request.refused")
    assert set(problem) == PROBLEM
    assert (answer.media_type, answer.closes) == ("application/problem+json", True)
    assert b"x-content-type-options: nosniff" in answer.head


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00", b"SSH-2.0-x\r\n\r\n", b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n"]
)
async def test_what_is_no_http_is_refused_in_the_shape_of_all_refusals(sent):
    async with served() as port, connection(port) as (reader, writer):
        writer.write(sent)
        assert_refused(await read_answer(reader), 400)
        assert await reader.read() == b""


async def test_two_ways_to_say_how_long_a_body_is_are_refused_with_what_hides_behind_them():
    hidden = b"POST /in/events/carrier HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    async with served() as port, connection(port) as (reader, writer):
        head = b"POST /in/events/carrier HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + b"0\r\n\r\n" + hidden)
        assert_refused(await read_answer(reader), 400)
        assert await read_answer(reader) is None


async def test_a_head_without_end_is_cut_off():
    pieces = 400
    async with served() as port, connection(port) as (_, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: ")
        try:
            while pieces and not writer.is_closing():
                writer.write(b"y" * 8192)
                await writer.drain()
                await asyncio.sleep(0)  # the server lives in the same loop
                pieces -= 1
        except ConnectionError:
            pieces += 0  # cut off while it was being sent, as it should be
    assert pieces


async def test_a_large_head_within_the_limit_is_served():
    async with served() as port, connection(port) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: ")
        for _ in range(3):
            writer.write(b"y" * 16_384)
            await writer.drain()
        writer.write(b"\r\n\r\n")
        assert (await read_answer(reader)).status == 200


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: "])
async def test_a_head_that_does_not_come_is_not_waited_for(begun, monkeypatch):
    monkeypatch.setattr(http, "HEAD_S", 0.2)
    async with served() as port, connection(port) as (reader, writer):
        writer.write(begun)
        assert_refused(await read_answer(reader), 408)
        assert await reader.read() == b""


async def test_one_connection_serves_many_requests_each_with_time_of_its_own(monkeypatch):
    monkeypatch.setattr(http, "HEAD_S", 0.5)
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    async with served() as port, connection(port) as (reader, writer):
        for _ in range(4):
            writer.write(request * 5)
            for _ in range(5):
                assert (await read_answer(reader)).status == 200
            await asyncio.sleep(0.2)  # longer in all than one head may take
        writer.write(request)
        assert (await read_answer(reader)).status == 200
