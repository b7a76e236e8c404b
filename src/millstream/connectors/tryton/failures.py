"""What Tryton's refusals mean to the caller, as tables. Texts are for people: they are shown, never read."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from millstream.domain.errors import Conflict, Failure, Reject, Retry
from millstream.wire.connection import AuthExpired
from millstream.wire.http import Response
from millstream.wire.retry_after import retry_after_s

LOG_TEXT_MAX: Final = 300
UNKNOWN_NAME: Final = "erp.unknown_name"
_BARE_NAME: Final = re.compile(r"'([\w.]+)'")  # a server error that consists of a name it looked up in vain

Read = Callable[[Response, datetime], Failure | AuthExpired]
"""One row of the status table; the second argument is the time now."""


class Warned(Reject):
    """Tryton asks for consent. `name` is how a warning is answered with yes."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(
            "erp.needs_confirmation",
            f"Tryton wants a person to confirm: {message} Do it in Tryton, or add the warning to skip_warnings.",
            log=f"UserWarning {name}: {message}",
        )
        self.name = name


def _unauthorized(_response: Response, _now: datetime) -> Failure | AuthExpired:
    return AuthExpired(Reject("erp.session_refused", "Tryton refused the session twice; see the user's access rights"))


def _reject(code: str, message: str) -> Read:
    return lambda response, _now: Reject(code, message, log=f"{message}: HTTP {response.status} {_start(response)}")


def _retry(code: str, message: str) -> Read:
    def read(response: Response, now: datetime) -> Failure:
        return Retry(code, message, after_s=retry_after_s(response.headers, now), log=f"{message}: {_start(response)}")

    return read


def _start(response: Response) -> str:
    return response.text()[:LOG_TEXT_MAX]


STATUS_TABLE: Final[dict[int, Read]] = {
    401: _unauthorized,
    403: _reject("erp.method_forbidden", "Tryton does not offer this method; is the module active?"),
    404: _reject("erp.no_such_database", "Tryton has no such database; check the setting database"),
    409: _retry("erp.busy", "Tryton could not do this now"),
    422: _reject("erp.bad_request", "Tryton could not read the request; is its version 8?"),
    429: _retry("erp.throttled", "Tryton asks to slow down"),
    500: _retry("erp.server_error", "Tryton failed"),
    502: _retry("erp.unavailable", "Tryton's gateway gets no answer"),
    503: _retry("erp.busy", "Tryton could not get a lock or its database"),
    504: _retry("erp.too_slow", "Tryton took too long"),
}


def _user_error(content: Any) -> Failure:
    texts = [text for text in (content if isinstance(content, list) else [content]) if isinstance(text, str) and text]
    message = " ".join(texts) or "no reason given"
    return Reject("erp.refused", f"Tryton refused: {message}")


def _user_warning(content: Any) -> Failure:
    match content:
        case [str(name), str(message), *_]:
            return Warned(name, message)
    return Warned("", str(content))


def _concurrency(content: Any) -> Failure:
    return Conflict("erp.changed_meanwhile", "Somebody changed the record in Tryton meanwhile", theirs=content)


def _login(content: Any) -> Failure:
    return Reject(
        "erp.login_incomplete",
        "Tryton wants more than a password from this user; give the hub a user that logs in by password alone",
        field="user",
        log=f"LoginException {str(content)[:LOG_TEXT_MAX]}",
    )


def _rate_limit(content: Any) -> Failure:
    return Retry("erp.throttled", "Tryton asks to slow down", log=str(content)[:LOG_TEXT_MAX])


ERROR_TABLE: Final[dict[str, Callable[[Any], Failure]]] = {
    "UserError": _user_error,
    "UserWarning": _user_warning,
    "ConcurrencyException": _concurrency,
    "LoginException": _login,
    "RateLimitException": _rate_limit,
}


def failure_of_status(response: Response, now: datetime) -> Failure | AuthExpired | None:
    """What the HTTP status means; None = the body decides."""
    if response.status == 200:
        return None
    read = STATUS_TABLE.get(response.status)
    if read is not None:
        return read(response, now)
    if response.status >= 500:
        return STATUS_TABLE[500](response, now)
    return STATUS_TABLE[422](response, now)


def failure_of_error(error: Any) -> Failure:
    """What an `error` member means. A first element that is no known word is the text of a server failure."""
    match error:
        case [str(kind), *rest]:
            read = ERROR_TABLE.get(kind)
            if read is not None:
                return read(rest[0] if rest else "")
            bare = _BARE_NAME.fullmatch(kind)
            if bare:
                return _unknown_name(bare[1])
    return Retry("erp.server_error", "Tryton failed; see its log", log=f"Tryton: {str(error)[:LOG_TEXT_MAX]}")


def _unknown_name(name: str) -> Reject:
    return Reject(
        UNKNOWN_NAME,
        f"Tryton does not know {name!r}: a module that brings it is not active. `millstream doctor` names the module; "
        "if nothing is missing, Tryton's log has the error",
    )
