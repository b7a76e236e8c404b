"""What is sent to the access API by people nobody knows yet: small, and read with limits of its own."""

from typing import Any, Final, TypeVar

import msgspec
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from millstream.web.api.shapes import invalid
from millstream.web.body import decode_json, read_body, require_media_type
from millstream.web.openapi_doors import problem_answers

DOCUMENT_BYTES_MAX: Final = 16 * 1024
DOCUMENT_TIMEOUT_S: Final = 10.0
JSON: Final = frozenset({"application/json"})

T = TypeVar("T")


def document(shape: type[T]) -> Any:
    """A dependency: the body in this shape. Refuses what is too large, too slow, or not wholly understood."""

    async def read(request: Request) -> T:
        require_media_type(request, JSON)
        body = await read_body(request, bytes_max=DOCUMENT_BYTES_MAX, timeout_s=DOCUMENT_TIMEOUT_S)
        try:
            return msgspec.convert(decode_json(body), shape)
        except msgspec.ValidationError as error:
            raise invalid(error) from None

    return Depends(read)


def without_body(status: int, says: str, *statuses: int) -> dict[str, Any]:
    """The keywords of a route whose answer has no body, or is a problem."""
    return {
        "response_class": Response,
        "status_code": status,
        "responses": {status: {"description": says}, **problem_answers(401, 403, 500, 503, *statuses)},
    }
