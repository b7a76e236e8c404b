"""How the operator API reads and writes JSON, and how /openapi.json tells of it: from the same types."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from millstream.domain.errors import Conflict, Reject
from millstream.ports.places import Place, place_in
from millstream.web.body import decode_json, field_errors, read_body, require_media_type
from millstream.web.openapi_doors import problem_answers
from millstream.web.problems import PROBLEMS, FieldError, Problem

PAGE_SIZE: Final = 50
PAGE_SIZE_MAX: Final = 200
BODY_BYTES_MAX: Final = 2 * 1024 * 1024  # an order of a thousand lines
BODY_TIMEOUT_S: Final = 10.0
TEXT_MAX: Final = 1000
ID_MAX: Final = 2**63 - 1
PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"  # what can stand in a line, and in a database
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_REF: Final = "#/components/schemas/{name}"
_USUAL: Final = (401, 403, 422, 500, 503)
_BODY: Final = (400, 408, 413, 415)

T = TypeVar("T")


class IdPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a list by id ended."""

    id: Annotated[int, msgspec.Meta(ge=1, le=ID_MAX)]


class Shapes:
    """Collects the types that the routes name, so that the description can hold them all."""

    def __init__(self) -> None:
        self._types: list[Any] = []

    def answers(
        self, shape: Any, *statuses: int, status: int = 200, says: str = "What was asked for"
    ) -> dict[str, Any]:
        """The keywords of a route that answers in this shape, or with a problem."""
        content = {"application/json": {"schema": self._schema(shape)}}
        return {
            "response_class": Response,
            "status_code": status,
            "responses": {status: {"description": says, "content": content}, **problem_answers(*_USUAL, *statuses)},
        }

    def takes(self, shape: Any, answer: Any, *statuses: int, status: int = 200) -> dict[str, Any]:
        """The same for a route that is sent a document of one shape and answers in another."""
        content = {"application/json": {"schema": self._schema(shape)}}
        keywords = self.answers(answer, *_BODY, *statuses, status=status, says="What became of it")
        return {**keywords, "openapi_extra": {"requestBody": {"required": True, "content": content}}}

    def streams(self, media_type: str, says: str) -> dict[str, Any]:
        """The same for a route that answers with a stream of this type."""
        content = {media_type: {"schema": {"type": "string"}}}
        return {
            "response_class": Response,
            "responses": {200: {"description": says, "content": content}, **problem_answers(*_USUAL)},
        }

    def _schema(self, shape: Any) -> Any:
        self._types.append(shape)
        (schema,), _ = msgspec.json.schema_components([shape], ref_template=_REF)
        return schema

    def describe(self, app: FastAPI) -> None:
        """Puts every shape into the app's /openapi.json."""
        usual = app.openapi

        def openapi() -> dict[str, Any]:
            if app.openapi_schema is None:
                _, components = msgspec.json.schema_components(self._types, ref_template=_REF)
                described = usual()
                described.setdefault("components", {}).setdefault("schemas", {}).update(components)
            return app.openapi_schema or usual()

        setattr(app, "openapi", openapi)  # noqa: B010 - how FastAPI is told; mypy knows no assigned methods


def document(shape: type[T]) -> Any:
    """A dependency: the body in this shape. Refuses what is too large, too slow, or not wholly understood."""

    async def read(request: Request) -> T:
        require_media_type(request, frozenset({"application/json"}))
        body = await read_body(request, bytes_max=BODY_BYTES_MAX, timeout_s=BODY_TIMEOUT_S)
        try:
            return msgspec.convert(decode_json(body), shape)
        except msgspec.ValidationError as error:
            raise invalid(error) from None

    return Depends(read)


def invalid(error: msgspec.ValidationError) -> Problem:
    """The refusal that names the place."""
    errors = field_errors(error)
    return Problem("request.invalid", f"`{errors[0].field}` is missing or wrong; `errors` says how.", errors=errors)


def answer(content: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that nobody caches."""
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/json", headers={**_HEADERS, **(headers or {})})


def read_place(text: str | None, shape: type[Place]) -> Place | None:
    """Reads one back. Refuses a word that was not given by the same list."""
    if not text:
        return None
    place = place_in(text, shape)
    if place is None:
        errors = [FieldError(field="query.after", message="no place in this list")]
        raise Problem("request.invalid", "`after` must be the `next` of the page before.", errors=errors)
    return place


_OF_REFUSAL: Final = {
    "bulk.category": "request.invalid",
    **dict.fromkeys(
        (
            *("delivery.not_mendable", "delivery.overtaken", "rule.not_waivable", "bulk.not_now", "bulk.too_large"),
            *("order.not_holdable", "order.not_releasable", "position.none", "position.refused"),
        ),
        "action.refused",
    ),
}


@asynccontextmanager
async def refusals() -> AsyncIterator[None]:
    """What the store refuses becomes a problem."""
    try:
        yield
    except Conflict as conflict:
        raise Problem("version.stale", conflict.message) from None
    except Reject as refusal:
        code = _OF_REFUSAL.get(refusal.code, refusal.code)
        if code not in PROBLEMS:
            raise
        errors = [FieldError(field=refusal.field, message=refusal.message)] if refusal.field else []
        raise Problem(code, refusal.message, errors=errors) from None


def masked_email(email: str) -> str:
    """Enough of it to recognise, not enough to write to."""
    name, _, domain = email.partition("@")
    return f"{name[:2]}…@{domain}"
