"""Several requests in one: the multipart bodies of $batch. Pure: no call, no clock."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from millstream.wire.http import Response

BOUNDARY: Final = "millstream-batch"
CHANGESET: Final = "millstream-changeset"
CONTENT_TYPE: Final = f"multipart/mixed; boundary={BOUNDARY}"
_END: Final = b"\r\n"
_NAMED: Final = re.compile(r'boundary="?([^";\s]+)"?')
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One write of a changeset."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes = b""


def reads(addresses: Sequence[str]) -> bytes:
    """The body that asks for all of these."""
    parts = [_application(f"GET {address} HTTP/1.1", {"Accept": "application/json"}, b"") for address in addresses]
    return _multipart(BOUNDARY, parts)


def changeset(changes: Sequence[Change]) -> bytes:
    """The body that does all of these, or none."""
    parts = [_application(f"{one.method} {one.address} HTTP/1.1", one.headers, one.body) for one in changes]
    head = f"Content-Type: multipart/mixed; boundary={CHANGESET}".encode() + _END * 2
    return _multipart(BOUNDARY, [head + _multipart(CHANGESET, parts)])


def _application(line: str, headers: Mapping[str, str], body: bytes) -> bytes:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    length = {"Content-Length": str(len(body))} if body else {}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **length}.items())
    return f"{head}{line}\r\n{lines}\r\n".encode() + body


def _multipart(boundary: str, parts: Sequence[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + _END + part + _END for part in parts) + mark + b"--" + _END


def answers(response: Response) -> list[Response]:
    """The answers inside, in order; those of a changeset one by one. Raises ValueError when it is no such body."""
    return _answers(response.body, response.headers.get("content-type", ""))


def _answers(body: bytes, content_type: str) -> list[Response]:
    named = _NAMED.search(content_type)
    if named is None:
        raise ValueError("an answer without a boundary")
    mark = re.escape(named[1].encode())
    whole, *rest = re.split(rb"(?:\A|\r\n)--" + mark + rb"--[ \t]*(?:\r\n|\Z)", body, maxsplit=1)
    if not rest:
        raise ValueError("an answer that ends too early")
    found = []
    # A mark is a line of its own: that of a changeset may begin like that of the batch around it.
    for piece in re.split(rb"(?:\A|\r\n)--" + mark + rb"[ \t]*\r\n", whole)[1:]:
        headers, content = _head(piece)
        inner = headers.get("content-type", "")
        found += _answers(content, inner) if inner.startswith("multipart/mixed") else [_answer(content)]
    return found


def _answer(content: bytes) -> Response:
    status = _STATUS.match(content)
    if status is None:
        raise ValueError("a part without a status")
    _, _, rest = content.partition(_END)
    headers, body = ({}, rest[2:]) if rest.startswith(_END) else _head(rest)
    return Response(status=int(status[1]), headers=headers, body=body)


def _head(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, _, rest = piece.partition(_END * 2)
    lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
    return {name.strip().lower(): value.strip() for name, _, value in lines}, rest
