"""The real transport against a server of one page: what leaves is what was given, what fails says how far it got."""

import asyncio
import gzip
import socket
import zlib
from contextlib import suppress

import pytest

from millstream.wire import http
from millstream.wire.http import AiohttpTransport, Request, Response, TransportError


class Listener:
    """Answers every connection with the bytes it was given; keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: bytes | None = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.cuts = False  # closes hard instead of answering
        self.heard: list[str] = []
        self.connections = 0

    async def open(self) -> str:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heard.append(head.decode())
                if self.cuts:
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                    )
                    break
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
        writer.close()

    async def close(self) -> None:
        self.server.close()

    def header(self, name: str, request: int = -1) -> str | None:
        lines = [line.partition(": ") for line in self.heard[request].splitlines()[1:]]
        return next((value for header, _, value in lines if header.lower() == name), None)


@pytest.fixture
async def listener():
    listener = Listener()
    listener.url = await listener.open()
    yield listener
    await listener.close()


@pytest.fixture
async def transport():
    transport = AiohttpTransport()
    yield transport
    await transport.close()


def answered(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    "path",
    [
        "/rest/all/V1/products/A%2FB",  # an escaped slash is part of the SKU
        "/rest/V1/orders?searchCriteria[filterGroups][0][filters][0][value]=1",
        "/rest/V1/orders?q=a+b%20c%2Bd",
        "/rest/V1/orders?since=2026-11-23%2008:00:00&x=%7e~",
        "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Account%20WHERE%20Name%20%3D%20'M%C3%BCller'",
        "/sap/API_SALES_ORDER_SRV/A_SalesOrder('1')/to_Item?$filter=Material%20eq%20'A'",
        "/rest//V1/products/%2E%2E",  # an SKU of two dots is no way up
        "/rest/V1/products/%2e%2e/media",
        "/rest/V1/../products/.",
    ],
)
async def test_an_address_is_sent_byte_for_byte_as_it_was_signed(listener, transport, path):
    await transport.send(Request(method="GET", url=listener.url + path))
    assert listener.heard[0].split(" ")[1] == path


async def test_method_body_and_header_names_are_sent_as_given(listener, transport):
    headers = {"Content-Type": "application/json", "X-Key": "order/7/create"}
    await transport.send(Request(method="PATCH", url=listener.url + "/x", headers=headers, body=b"{}"))
    assert listener.heard[0].startswith("PATCH /x HTTP/1.1\r\n")
    assert (listener.header("content-type"), listener.header("x-key")) == ("application/json", "order/7/create")
    assert listener.header("content-length") == "2"


async def test_header_values_are_sent_as_given(listener, transport):
    given = {
        "Authorization": 'OAuth realm="", oauth_signature="a%2Bb%3D"',
        "If-Match": "W/\"datetimeoffset'2026%3A1'\"",
    }
    await transport.send(Request(method="GET", url=listener.url, headers=given))
    assert {name: listener.header(name.lower()) for name in given} == given


async def test_an_answer_has_status_lower_case_headers_and_body(listener, transport):
    listener.answer = answered(b'{"a": 1.10}', "Content-Type: application/json", "X-Rate: 5", status="404 Not Found")
    answer = await transport.send(Request(method="GET", url=listener.url))
    assert (answer.status, answer.headers["x-rate"], answer.is_json) == (404, "5", True)
    assert answer.json() == {"a": 1.10}


async def test_a_cookie_is_not_sent_back(listener, transport):
    listener.answer = answered(b"", "Set-Cookie: PHPSESSID=abc; path=/")
    for _ in range(2):
        await transport.send(Request(method="GET", url=listener.url))
    assert listener.header("cookie", 1) is None


async def test_all_cookies_that_an_answer_sets_are_told(listener, transport):
    cookies = ("Set-Cookie: SAP_SESSIONID_X=a%3d; path=/; secure", "Set-Cookie: sap-usercontext=sap-client=100; path=/")
    listener.answer = answered(b"", *cookies)
    answer = await transport.send(Request(method="GET", url=listener.url))
    assert answer.cookies == {"SAP_SESSIONID_X": "a%3d", "sap-usercontext": "sap-client=100"}


async def test_a_redirect_is_an_answer_and_is_not_followed(listener, transport):
    listener.answer = answered(b"", "Location: /elsewhere", status="302 Found")
    answer = await transport.send(Request(method="GET", url=listener.url, headers={"Authorization": "Bearer x"}))
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert len(listener.heard) == 1


async def test_connections_are_kept_and_used_again(listener, transport):
    for _ in range(3):
        await transport.send(Request(method="GET", url=listener.url))
    assert listener.connections == 1


async def test_a_packed_answer_is_unpacked(listener, transport):
    for packed, coding in ((gzip.compress(b"packed"), "gzip"), (zlib.compress(b"packed"), "deflate")):
        listener.answer = answered(packed, f"Content-Encoding: {coding}")
        assert (await transport.send(Request(method="GET", url=listener.url))).text() == "packed"


async def test_an_answer_of_unknown_length_is_read_to_its_end(listener, transport):
    listener.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\n way \r\n0\r\n\r\n"
    assert (await transport.send(Request(method="GET", url=listener.url))).text() == "half way "


async def test_an_answer_that_announces_too_much_is_refused(listener, transport, monkeypatch):
    monkeypatch.setattr(http, "BODY_MAX", 1000)
    listener.answer = answered(b"x" * 1001)
    with pytest.raises(TransportError, match="larger than 1000 bytes") as lost:
        await transport.send(Request(method="GET", url=listener.url))
    assert lost.value.sent is True
    listener.answer = answered(b"x" * 1000)
    assert len((await transport.send(Request(method="GET", url=listener.url))).body) == 1000


async def test_an_answer_that_never_says_its_length_is_read_no_further_than_the_limit(listener, transport, monkeypatch):
    monkeypatch.setattr(http, "BODY_MAX", 1000)
    listener.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e9\r\n" + b"x" * 1001 + b"\r\n"
    with pytest.raises(TransportError, match="larger than 1000 bytes"):
        await transport.send(Request(method="GET", url=listener.url))


async def test_an_answer_that_unpacks_to_too_much_is_not_unpacked_to_its_end(listener, transport, monkeypatch):
    monkeypatch.setattr(http, "BODY_MAX", 200_000)
    unpacked = 0

    class Counted(bytearray):
        def __iadd__(self, more):
            nonlocal unpacked
            unpacked += len(more)
            return super().__iadd__(more)

    monkeypatch.setattr(http, "bytearray", Counted, raising=False)
    listener.answer = answered(gzip.compress(bytes(20_000_000)), "Content-Encoding: gzip")
    with pytest.raises(TransportError, match="larger than 200000 bytes"):
        await transport.send(Request(method="GET", url=listener.url))
    assert unpacked <= 200_000 + http.CHUNK


async def test_a_refused_connection_was_never_sent(transport):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(TransportError, match="cannot connect") as lost:
            await transport.send(Request(method="POST", url=url, body=b"{}"))
    assert lost.value.sent is False


async def test_a_host_that_does_not_take_the_connection_was_never_sent_anything(transport, monkeypatch):
    monkeypatch.setattr(http, "CONNECT_TIMEOUT_S", 0.05)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # room for one that nobody accepts; the next ones wait for ever
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        with pytest.raises(TransportError, match="cannot connect") as lost:
            await transport.send(
                Request(method="POST", url=f"http://127.0.0.1:{full.getsockname()[1]}", timeout_s=5, body=b"{}")
            )
    assert lost.value.sent is False


async def test_a_connection_cut_before_the_answer_may_have_been_carried_out(listener, transport):
    listener.cuts = True
    with pytest.raises(TransportError, match="connection lost") as lost:
        await transport.send(Request(method="POST", url=listener.url, body=b"{}"))
    assert lost.value.sent is True
    assert len(listener.heard) == 1


async def test_a_connection_cut_in_the_middle_of_the_answer_is_a_lost_answer(listener, transport):
    listener.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf"

    async def write_and_close(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(listener.answer)
        writer.close()

    server = await asyncio.start_server(write_and_close, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(TransportError) as lost:
        await transport.send(Request(method="POST", url=url, body=b"{}"))
    server.close()
    assert lost.value.sent is True


async def test_a_silent_server_is_given_up_after_the_timeout_and_may_have_done_it(listener, transport):
    listener.answer = None
    with pytest.raises(TransportError, match=r"no answer within 0\.05 s") as lost:
        await transport.send(Request(method="POST", url=listener.url, body=b"{}", timeout_s=0.05))
    assert lost.value.sent is True


async def test_something_that_speaks_no_http_is_a_lost_answer(listener, transport):
    listener.answer = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    with pytest.raises(TransportError) as lost:
        await transport.send(Request(method="GET", url=listener.url))
    assert lost.value.sent is True


async def test_a_closed_transport_opens_again_when_it_is_used(listener, transport):
    await transport.send(Request(method="GET", url=listener.url))
    await transport.close()
    assert (await transport.send(Request(method="GET", url=listener.url))).status == 200


def test_more_headers_leave_the_request_as_it_was():
    request = Request(method="GET", url="http://shop", headers={"Accept": "x"})
    more = request.with_headers({"Authorization": "y"})
    assert (request.headers, more.headers) == ({"Accept": "x"}, {"Accept": "x", "Authorization": "y"})


def test_bad_bytes_of_an_answer_are_replaced_in_text():
    assert Response(status=500, body=b"caf\xe9").text() == "caf�"
