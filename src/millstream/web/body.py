"""Reading what a stranger sends: capped, timed, and decoded without trust."""

import asyncio
import re
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from millstream.web.problems import FieldError, Problem

LENGTH_DIGITS_MAX: Final = 12  # a content-length with more digits is too large whatever it says
HANG_UP: Final = {"connection": "close"}  # the rest of the body is not read, so the connection cannot be reused

_WHERE = re.compile(r" - at `(?:key in )?\$?\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")

T = TypeVar("T")


def media_type(request: Request) -> str:
    """The content type without parameters, in lower case; empty if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_media_type(request: Request, allowed: frozenset[str]) -> str:
    """The content type, if it is one of those allowed and the body is not compressed. Refuses with 415."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise Problem("content_encoding.unsupported", "Send the body uncompressed: the signature covers its raw bytes.")
    given = media_type(request)
    if given not in allowed:
        names = " or ".join(sorted(allowed))
        raise Problem("content_type.unsupported", f"Send the header content-type: {names}, in UTF-8.")
    return given


async def read_body(request: Request, *, bytes_max: int, timeout_s: float) -> bytes:
    """The raw body. Refuses one that is too large (declared or streamed), too slow, or cut off."""
    too_large = Problem(
        "body.too_large",
        f"A body may have {bytes_max} bytes here. Send less in one request.",
        headers=HANG_UP,
    )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit():
        digits = declared.lstrip("0")
        if len(digits) > LENGTH_DIGITS_MAX or int(digits or "0") > bytes_max:
            raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                if len(body) + len(chunk) > bytes_max:
                    raise too_large
                body += chunk
    except TimeoutError:
        detail = f"The whole body must arrive within {timeout_s:g} s. Nothing was stored; send it again."
        raise Problem("body.too_slow", detail, headers=HANG_UP) from None
    except ClientDisconnect:
        raise Problem("body.incomplete", "The connection closed before the body was complete.") from None
    return bytes(body)


def decode_json(body: bytes) -> Any:
    """The body as JSON. Refuses what is no JSON, is nested too deep, or holds numbers or text nobody can store."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        reason = "it is nested too deep"
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except msgspec.DecodeError as error:
        reason = str(error)
    raise Problem("body.not_json", f"The body could not be read: {reason}. Send one JSON document in UTF-8.")


def field_errors(error: msgspec.ValidationError, *, under: str = "") -> tuple[FieldError, ...]:
    """Which field a validation error is about, as a path below `under`."""
    text = str(error)
    where = _WHERE.search(text)
    parts = [under, where.group(1) if where else ""]
    missing = _MISSING.search(text)
    if missing:
        parts.append(missing.group(1))
    path = ".".join(part for part in parts if part).replace(".[", "[")
    return (FieldError(field=path or "(the whole body)", message=_WHERE.sub("", text)),)


def read_as(raw: object, shape: type[T], *, under: str = "") -> T:
    """The value in its shape. Refuses with the path of the offending field."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        errors = field_errors(error, under=under)
        detail = f"`{errors[0].field}` is missing or wrong; `errors` says how. Correct it and send it again."
        raise Problem("event.invalid", detail, errors=errors) from None
