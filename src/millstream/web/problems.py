"""Every refusal of the web edge, in one shape (RFC 9457): what is wrong, where, and what to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from millstream.domain.errors import Failure, Retry
from millstream.web.headers import SECURITY_HEADERS

MEDIA_TYPE: Final = "application/problem+json"
INSTANCE_LENGTH_MAX: Final = 200
RETRY_AFTER_DEFAULT_S: Final = 5

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "access.csrf": (403, "The request does not show that it is meant"),
    "access.denied": (403, "This is not allowed to you"),
    "access.foreign_origin": (403, "Another site sent this request"),
    "access.insecure": (403, "The connection is not encrypted"),
    "access.key_refused": (401, "The key is not good"),
    "access.locked": (429, "Too many sign-ins failed"),
    "access.openid_refused": (403, "The OpenID provider's answer signs nobody in"),
    "access.password_weak": (422, "The password is not good enough"),
    "access.refused": (409, "The change was refused"),
    "access.setup_refused": (403, "The set-up link is not good"),
    "access.sign_in_failed": (401, "Name or password is wrong"),
    "access.unauthenticated": (401, "Nobody is signed in"),
    "access.unknown": (404, "There is no such user or key"),
    "account.unknown": (422, "The CRM has no such account"),
    "action.refused": (409, "This cannot be done to it now"),
    "alert.level_refused": (422, "The level is out of bounds"),
    "alert.not_firing": (409, "The alert does not fire"),
    "alert.unknown": (404, "There is no such alert, rule, level or channel"),
    "batch.too_large": (422, "Too many events in one request"),
    "body.incomplete": (400, "The body ended early"),
    "body.not_json": (400, "The body is not JSON"),
    "body.too_large": (413, "The body is too large"),
    "body.too_slow": (408, "The body came too slowly"),
    "bulk.unknown": (404, "There is no such bulk action"),
    "cause.unknown": (404, "Nothing fails for this cause"),
    "challenge.invalid": (400, "The challenge cannot be answered"),
    "connection.unknown": (404, "There is no such connection"),
    "content_encoding.unsupported": (415, "The body is compressed"),
    "content_type.unsupported": (415, "The content type is not accepted here"),
    "crm.refused": (409, "The CRM refused it"),
    "crm.unavailable": (503, "The CRM gave no answer that settles it"),
    "database.unreachable": (503, "The database does not answer"),
    "delivery.unknown": (404, "There is no such delivery"),
    "door.busy": (429, "Too many requests at once"),
    "door.unknown": (404, "There is no such door"),
    "event.invalid": (422, "The event is not valid"),
    "event.type_refused": (422, "The event type is not accepted here"),
    "inbox.busy": (503, "The inbox cannot store events now"),
    "internal": (500, "Something failed on our side"),
    "link.contradicts": (409, "It is linked to another one already"),
    "mapping.invalid": (422, "The mapping cannot be put in force"),
    "mapping.no_draft": (409, "There is no draft"),
    "mapping.no_sample": (404, "There is no such order to try a mapping on"),
    "mapping.overlay_failed": (422, "The mapping gives no value"),
    "mapping.unknown": (404, "There is no such mapping"),
    "method.not_allowed": (405, "The method is not allowed here"),
    "order.unknown": (404, "There is no such order"),
    "path.unknown": (404, "There is nothing under this path"),
    "payload.invalid": (422, "Nobody could read this payload"),
    "public_key.unavailable": (503, "The sender's public key cannot be read now"),
    "recipient.foreign": (401, "The event is meant for another recipient"),
    "request.invalid": (422, "The request is not valid"),
    "request.refused": (400, "The request was refused"),
    "secret.key_exposed": (409, "Everybody may read the key of the secrets"),
    "secret.key_missing": (409, "The key of the secrets is not there"),
    "secret.refused": (422, "This cannot be a secret"),
    "secret.unknown": (404, "There is no such secret"),
    "secret.unreadable": (409, "The secret cannot be opened"),
    "signature.invalid": (401, "The signature does not fit"),
    "signature.missing": (401, "The request is not signed"),
    "signature.stale": (401, "The signature is too old or from the future"),
    "validation_url.refused": (422, "The validation URL was not opened"),
    "version.stale": (412, "It changed meanwhile"),
}
"""Code -> status and title. docs/operate/doors.md explains each code; a test holds the two together."""

_OF_STATUS: Final = {404: "path.unknown", 405: "method.not_allowed"}


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One offending place of the request: a path like `data.delivered_at`, or a header's name."""

    field: str
    message: str


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every refusal."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Refuses the request. `detail` is for the sender: it never carries a secret, a value sent, or a stack trace."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.status = status or PROBLEMS[code][0]


OnProblem = Callable[[Request, Problem], None]
"""Is told of every refusal before it is answered."""


def problem_response(request: Request, problem: Problem) -> Response:
    """The refusal as an answer."""
    body, headers = problem_document(problem, request.scope["path"])
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_document(problem: Problem, path: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a refusal of what was asked for under a path."""
    details = ProblemDetails(
        type=f"urn:millstream:problem:{problem.code}",
        title=PROBLEMS[problem.code][1],
        status=problem.status,
        detail=problem.detail,
        instance=quote(path, errors="replace")[:INSTANCE_LENGTH_MAX],
        code=problem.code,
        errors=problem.errors,
    )
    # A crash is answered outside of the middleware that adds these everywhere else.
    headers = {"cache-control": "no-store", **SECURITY_HEADERS, **problem.headers}
    return msgspec.json.encode(details), headers


def _from_http(error: HTTPException) -> Problem:
    code = _OF_STATUS.get(error.status_code, "request.refused")
    detail = {
        404: "Nothing is served here. /openapi.json lists every path.",
        405: "This path exists, but not for this method; the allow header names the methods it takes.",
    }.get(error.status_code, f"{HTTPStatus(error.status_code).phrase}. Ask the hub's operator.")
    return Problem(code, detail, headers=error.headers, status=error.status_code)


def _from_validation(error: RequestValidationError) -> Problem:
    errors = [FieldError(field=".".join(map(str, item["loc"])), message=item["msg"]) for item in error.errors()]
    return Problem("request.invalid", "Some fields are missing or wrong; `errors` names each one.", errors=errors)


def _from_failure(error: Failure) -> Problem:
    """Trouble of our own is always 503: senders try that again, while some drop an event for ever on any 4xx."""
    wait_s = error.after_s if isinstance(error, Retry) and error.after_s else RETRY_AFTER_DEFAULT_S
    return Problem(
        "inbox.busy",
        "Nothing was stored. Send the same request again after the time in the retry-after header.",
        headers={"retry-after": str(max(1, ceil(wait_s)))},
    )


def _from_crash(_error: Exception) -> Problem:
    return Problem("internal", "Nothing you sent is to blame. Send it again; if it stays, tell the hub's operator.")


def install_problems(app: FastAPI, told: OnProblem) -> None:
    """Answers every refusal and every crash of the app with a problem; `told` hears of each."""

    def answer_with(translate: Callable[[Any], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def answer(request: Request, error: Exception) -> Response:  # a plain function would run in a thread
            problem = translate(error)
            told(request, problem)
            return problem_response(request, problem)

        return answer

    app.add_exception_handler(Problem, answer_with(lambda problem: problem))
    app.add_exception_handler(HTTPException, answer_with(_from_http))
    app.add_exception_handler(RequestValidationError, answer_with(_from_validation))
    app.add_exception_handler(Failure, answer_with(_from_failure))
    app.add_exception_handler(Exception, answer_with(_from_crash))  # answered here, then raised on into the log
