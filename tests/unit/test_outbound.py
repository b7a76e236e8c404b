"""An address that somebody typed never leads into the own network, whatever it is dressed up as."""

import asyncio
import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver

from millstream.domain.errors import Reject
from millstream.wire.http import Request, TransportError
from millstream.wire.outbound import OutboundGuard, guarded_transport

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # metadata of most clouds
    "100.100.100.200",  # of Alibaba's
    "192.0.0.192",  # of Oracle's
    "168.63.129.16",  # of Azure's
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of AWS
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
]
OUTSIDE = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address):
    assert not OutboundGuard().permits(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_permitted(address):
    assert OutboundGuard().permits(ip_address(address))


def test_what_the_operator_allows_is_permitted_and_nothing_beside_it():
    guard = OutboundGuard(["10.1.2.0/24", "fd00:1::/32"])
    assert guard.permits(ip_address("10.1.2.3"))
    assert guard.permits(ip_address("::ffff:10.1.2.3"))
    assert guard.permits(ip_address("fd00:1::5"))
    assert not guard.permits(ip_address("10.1.3.3"))
    assert not guard.permits(ip_address("fd00:2::5"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "//example.com/",
        "http:///nowhere",
        "http://user:secret@example.com/",
        "http://example.com:99999/",
        "http://[::1/",
        "http://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://exa mple.com/",
        "http://example.com/\r\nX-Injected: 1",
        "http://ex\u00e4mple.com/",
        "http://example.com/" + "a" * 2000,
    ],
)
def test_a_url_nobody_should_call_is_refused_when_it_is_set(url):
    with pytest.raises(Reject) as refused:
        OutboundGuard().require_callable(url)
    assert refused.value.code == "outbound.refused"


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/x?y=1", "http://93.184.215.14:8080/", "https://[2606:2800:21f:cb07::1]/"]
)
def test_a_plain_url_is_accepted(url):
    OutboundGuard().require_callable(url)


class Answering:
    """A server on loopback that counts who reaches it."""

    def __init__(self, answer=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"):
        self.answer = answer
        self.reached = 0

    async def _serve(self, reader, writer):
        self.reached += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()


class Names(AbstractResolver):
    """A name server that says something else every time it is asked."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": each,
                "port": port,
                "family": socket.AF_INET6 if ":" in each else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for each in found
        ]

    async def close(self):
        pass


async def sent(url, *, allow=(), resolver=None):
    transport = guarded_transport(OutboundGuard(allow), resolver=resolver)
    try:
        return await transport.send(Request(method="GET", url=url, timeout_s=5))
    finally:
        await transport.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"]
)
async def test_no_spelling_of_loopback_is_reached(host):
    async with Answering() as server:
        with pytest.raises(TransportError) as refused:
            await sent(f"http://{host}:{server.port}/")
        assert (server.reached, refused.value.sent) == (0, False)


async def test_an_allowed_network_is_reached():
    async with Answering() as server:
        answer = await sent(f"http://127.0.0.1:{server.port}/", allow=["127.0.0.0/8"])
        assert (answer.status, server.reached) == (200, 1)


@pytest.mark.parametrize("inside", ["127.0.0.1", "::ffff:127.0.0.1"])
async def test_a_name_that_means_an_address_inside_is_not_called(inside):
    async with Answering() as server:
        with pytest.raises(TransportError) as refused:
            await sent(f"http://hooks.example.com:{server.port}/", resolver=Names([inside]))
        assert (server.reached, refused.value.sent) == (0, False)


async def test_a_name_that_is_rebound_between_check_and_call_is_not_called():
    names = Names(["93.184.215.14"], ["127.0.0.1"])
    guard = OutboundGuard()
    guard.require_callable("http://hooks.example.com/")
    (first,) = await names.resolve("hooks.example.com")
    assert guard.permits(ip_address(first["host"])), "a check in advance would have been content"
    async with Answering() as server:
        with pytest.raises(TransportError):
            await sent(f"http://hooks.example.com:{server.port}/", resolver=names)
        assert server.reached == 0


async def test_of_several_addresses_only_those_outside_are_tried():
    async with Answering() as server:
        with pytest.raises(TransportError):
            await sent(f"http://hooks.example.com:{server.port}/", resolver=Names(["10.0.0.1", "127.0.0.1", "::1"]))
        assert server.reached == 0


async def test_a_redirect_inwards_is_handed_back_and_not_followed():
    async with Answering() as inner:
        there = f"http://127.0.0.1:{inner.port}/".encode()
        redirect = b"HTTP/1.1 302 Found\r\nlocation: " + there + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        async with Answering(redirect) as outer:
            answer = await sent(f"http://127.0.0.1:{outer.port}/", allow=["127.0.0.1/32"])
        assert (answer.status, outer.reached, inner.reached) == (302, 1, 0)
