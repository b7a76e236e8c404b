"""$batch: several requests in one multipart body; what stands in a changeset happens as a whole or not at all."""

import re
from typing import NamedTuple

from millstream.sandbox.sap_s4hana.problems import Problem

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
NEWLINE = "\r\n"


class Inner(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


Part = Inner | list[Inner]  # a read, or a changeset


def parts_of(body: bytes, content_type: str) -> list[Part]:
    parts: list[Part] = []
    for headers, content in _split(body, content_type):
        if headers.get("content-type", "").startswith("multipart/mixed"):
            parts.append([_inner(inner) for _, inner in _split(content, headers["content-type"])])
        else:
            parts.append(_inner(content))
    return parts


def _split(body: bytes, content_type: str) -> list[tuple[dict[str, str], bytes]]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise Problem(400, "/IWBEP/CM_MGW_RT/159", "The boundary of the batch is missing")
    pieces = body.split(b"--" + match[1].encode())
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Problem(400, "/IWBEP/CM_MGW_RT/160", "The batch ends before its last boundary")
    return [_head(piece.removeprefix(b"\r\n").removesuffix(b"\r\n")) for piece in pieces[1:-1]]


def _head(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, _, rest = piece.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode().split(NEWLINE) if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}, rest


def _inner(content: bytes) -> Inner:
    line, _, rest = content.partition(b"\r\n")
    method, _, after = line.decode().partition(" ")
    url = after.rsplit(" ", 1)[0]
    headers, body = _head(rest) if rest.strip() else ({}, b"")
    return Inner(method, url, headers, body)


class Outcome(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def written(answers: list[Outcome | list[Outcome]], boundary: str) -> bytes:
    """The multipart answer: one part per read, a nested one per changeset that went well."""
    text = b""
    for n, answer in enumerate(answers, 1):
        text += f"--{boundary}{NEWLINE}".encode()
        if isinstance(answer, list):
            inner = f"{boundary}-{n}"
            body = b"".join(f"--{inner}{NEWLINE}".encode() + _part(one) for one in answer)
            body += f"--{inner}--{NEWLINE}".encode()
            head = f"Content-Type: multipart/mixed; boundary={inner}{NEWLINE}Content-Length: {len(body)}{NEWLINE * 2}"
            text += head.encode() + body + NEWLINE.encode()
        else:
            text += _part(answer)
    return text + f"--{boundary}--{NEWLINE}".encode()


def _part(answer: Outcome) -> bytes:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    lines = "".join(f"{name}: {value}{NEWLINE}" for name, value in headers.items())
    content = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}{NEWLINE}{lines}{NEWLINE}".encode()
    content += answer.body
    head = f"Content-Type: application/http{NEWLINE}Content-Length: {len(content)}{NEWLINE}"
    return f"{head}content-transfer-encoding: binary{NEWLINE * 2}".encode() + content + NEWLINE.encode()


_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    412: "Precondition Failed",
}
