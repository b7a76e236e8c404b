"""Connections of the real transport: kept, found dead, given up, encrypted; and what is ever sent twice."""

import asyncio
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from millstream.wire.http import AiohttpTransport, Request, TransportError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def transport():
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@asynccontextmanager
async def serving(serve, **options):
    """A server that does with each connection what `serve` does; yields its port."""

    async def connected(reader, writer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, **options)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def heard_on(reader) -> str:
    """The method of the next request, its body read."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = [line.partition(": ")[2] for line in head.splitlines() if line.startswith("Content-Length: ")]
    await reader.readexactly(int(length[0]) if length else 0)
    return head.partition(" ")[0]


class ForgetsTheSecond:
    """Answers the first request of a connection, takes the second, hangs up."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.connections = 0

    async def __call__(self, reader, writer) -> None:
        self.connections += 1
        self.heard.append(await heard_on(reader))
        writer.write(OK)
        self.heard.append(await heard_on(reader))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_must_not_happen_twice_is_not_sent_again_when_a_kept_connection_dies(transport, method):
    server = ForgetsTheSecond()
    async with serving(server) as port:
        request = Request(method=method, url=f"http://127.0.0.1:{port}/orders", body=b"{}")
        await transport.send(request)
        with pytest.raises(TransportError, match="connection lost") as lost:
            await transport.send(request)
    assert lost.value.sent is True
    assert (server.heard, server.connections) == ([method, method], 1)


class ClosesUnderTheWriter:
    """A kept connection is closed after it was chosen and before the request is written: `times` times."""

    def __init__(self, monkeypatch, *, times: int) -> None:
        self.left, write = times, ClientRequest.write_bytes

        async def write_bytes(request, writer, connection, *rest):
            if self.left:
                self.left -= 1
                connection.transport.close()
            await write(request, writer, connection, *rest)

        monkeypatch.setattr(ClientRequest, "write_bytes", write_bytes)


async def test_a_connection_that_closes_before_the_request_is_written_is_replaced(transport, monkeypatch):
    heard = []

    async def answer(reader, writer) -> None:
        while True:
            heard.append(await heard_on(reader))
            writer.write(OK)

    async with serving(answer) as port:
        request = Request(method="POST", url=f"http://127.0.0.1:{port}/orders", body=b"{}")
        await transport.send(request)
        closes = ClosesUnderTheWriter(monkeypatch, times=1)
        assert (await transport.send(request)).status == 200
    assert (heard, closes.left) == (["POST", "POST"], 0)


async def test_what_was_never_written_was_never_sent(transport, monkeypatch):
    heard = []

    async def answer(reader, writer) -> None:
        heard.append(await heard_on(reader))
        writer.write(OK)

    async with serving(answer) as port:
        ClosesUnderTheWriter(monkeypatch, times=2)
        with pytest.raises(TransportError, match="connection lost") as lost:
            await transport.send(Request(method="POST", url=f"http://127.0.0.1:{port}/orders", body=b"{}"))
    assert (lost.value.sent, heard) == (False, [])


async def test_a_question_is_asked_again_when_a_kept_connection_dies(transport):
    server = ForgetsTheSecond()
    async with serving(server) as port:
        for _ in range(2):
            answer = await transport.send(Request(method="GET", url=f"http://127.0.0.1:{port}/orders"))
    assert answer.status == 200
    assert (server.heard, server.connections) == (["GET", "GET", "GET"], 2)


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(transport):
    connections, closed = 0, asyncio.Event()

    async def once(reader, writer) -> None:
        nonlocal connections
        connections += 1
        await heard_on(reader)
        writer.write(OK)
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with serving(once) as port:
        for _ in range(3):
            closed.clear()
            answer = await transport.send(Request(method="POST", url=f"http://127.0.0.1:{port}/", body=b"{}"))
            assert answer.status == 200
            await closed.wait()
            await asyncio.sleep(0)  # the loop tells both sides of a closed socket in the same turn
    assert connections == 3


async def test_a_call_that_is_given_up_is_hung_up_at_once(transport):
    heard, hung_up = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer) -> None:
        await heard_on(reader)
        heard.set()
        assert await reader.read() == b""
        hung_up.set()

    async with serving(silent) as port:
        request = Request(method="POST", url=f"http://127.0.0.1:{port}/", body=b"{}", timeout_s=60)
        call = asyncio.create_task(transport.send(request))
        await heard.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):  # long before its own time is up
            await hung_up.wait()


async def test_an_answer_that_stalls_half_way_is_given_up_and_may_have_been_carried_out(transport):
    async def half(reader, writer) -> None:
        await heard_on(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await reader.read()

    async with serving(half) as port:
        request = Request(method="POST", url=f"http://127.0.0.1:{port}/", body=b"{}", timeout_s=0.05)
        with pytest.raises(TransportError, match=r"no answer within 0\.05 s") as lost:
            await transport.send(request)
    assert lost.value.sent is True


async def test_a_name_that_nobody_knows_was_never_sent_anything(transport, monkeypatch):
    async def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(TransportError, match="cannot connect") as lost:
        await transport.send(Request(method="POST", url="http://shop.invalid/", body=b"{}"))
    assert lost.value.sent is False


async def test_a_proxy_of_the_environment_is_not_used(transport, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def answers(reader, writer) -> None:
        await heard_on(reader)
        writer.write(OK)

    async with serving(answers) as port:
        assert (await transport.send(Request(method="GET", url=f"http://127.0.0.1:{port}/"))).status == 200


@pytest.fixture
def authority(tmp_path):
    """A certificate for 127.0.0.1, signed by itself: its file, and a server's TLS with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of this test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "authority.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, key_pem)
    return pem, tls


async def test_a_server_that_cannot_prove_who_it_is_is_sent_nothing(transport, authority):
    heard = []

    async def listens(reader, writer) -> None:
        heard.append(await heard_on(reader))

    async with serving(listens, ssl=authority[1]) as port:
        with pytest.raises(TransportError, match="certificate verify failed") as lost:
            await transport.send(Request(method="POST", url=f"https://127.0.0.1:{port}/", body=b"{}"))
    assert (lost.value.sent, heard) == (False, [])


ASK = """
import asyncio, sys
from millstream.wire.http import AiohttpTransport, Request

async def ask():
    transport = AiohttpTransport()
    answer = await transport.send(Request(method="GET", url=sys.argv[1]))
    await transport.close()
    return answer.text()

print(asyncio.run(ask()))
"""


async def test_an_authority_of_ones_own_is_named_in_the_environment(authority):
    pem, tls = authority

    async def answers(reader, writer) -> None:
        await heard_on(reader)
        writer.write(OK)
        await writer.drain()

    async with serving(answers, ssl=tls) as port:
        asking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASK, f"https://127.0.0.1:{port}/"),
            env={**os.environ, "SSL_CERT_FILE": str(pem)},
            stdout=subprocess.PIPE,
        )
        said, _ = await asking.communicate()
    assert (asking.returncode, said) == (0, b"ok\n")
