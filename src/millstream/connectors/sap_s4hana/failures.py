"""What SAP's refusals mean to the caller, as tables. Texts are for people: they are shown, never read."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from millstream.domain.errors import Conflict, Failure, Reject, Retry
from millstream.wire.connection import AuthExpired
from millstream.wire.http import Response
from millstream.wire.retry_after import retry_after_s

LOG_TEXT_MAX: Final = 300
TEXT_MAX: Final = 600
RETRY_LOCKED_S: Final = 5.0
LOCKED_CODES: Final = frozenset({"V1/042", "MC/601"})
"""Message class and number of "somebody has this document open"; they come with the status of a refusal."""

Read = Callable[[Response, datetime], Failure]


def failure_of(response: Response, now: datetime, *, credentials: str) -> Failure | AuthExpired | None:
    """What an answer means; None = the body is what was asked for. `credentials` are the settings a refusal names."""
    status = response.status
    if 200 <= status < 300:
        return None
    if status == 401:
        text = f"SAP refuses the credentials; check {credentials}, and whether the user is locked"
        return AuthExpired(Reject("auth.refused", text, field=credentials))
    if status == 403 and response.headers.get("x-csrf-token", "").lower() == "required":
        return AuthExpired(Retry("erp.csrf_refused", "SAP refused a fresh write token; is a proxy dropping cookies?"))
    if status >= 400:
        read = STATUS_TABLE.get(status) or STATUS_TABLE[500 if status >= 500 else 400]
        return read(response, now)
    return Reject(
        "erp.redirected",
        f"SAP answered {status}: base_url leads to a logon page or elsewhere; name the address of the OData services",
        field="base_url",
    )


def _retry(code: str, message: str, *, after_s: float | None = None) -> Read:
    def read(response: Response, now: datetime) -> Failure:
        asked = retry_after_s(response.headers, now)
        return Retry(code, message, after_s=after_s if asked is None else asked, log=f"{message}: {_start(response)}")

    return read


def _refused(response: Response, now: datetime) -> Failure:
    """A rule of SAP's own; a document that somebody has open comes with the same status."""
    code, told = _told(response)
    if code in LOCKED_CODES:
        return STATUS_TABLE[423](response, now)
    return Reject(
        "erp.refused", f"SAP refused: {told}"[:TEXT_MAX], log=f"SAP {response.status} {code}: {told}"[:TEXT_MAX]
    )


def _forbidden(response: Response, _now: datetime) -> Failure:
    _, told = _told(response)
    text = f"SAP lets the hub's user not do this; see its communication scenarios and authorizations: {told}"
    return Reject("erp.forbidden", text[:TEXT_MAX])


def _missing(response: Response, _now: datetime) -> Failure:
    _, told = _told(response)
    text = f"SAP has no such service or record; is the service active and is base_url right? {told}"
    return Reject("erp.not_found", text[:TEXT_MAX], field="base_url")


def _changed(response: Response, _now: datetime) -> Failure:
    _, told = _told(response)
    return Conflict("erp.changed_meanwhile", f"Somebody changed the document in SAP meanwhile: {told}"[:TEXT_MAX])


STATUS_TABLE: Final[dict[int, Read]] = {
    400: _refused,
    403: _forbidden,
    404: _missing,
    408: _retry("erp.too_slow", "SAP took too long"),
    412: _changed,
    423: _retry("erp.locked", "Somebody has the document open in SAP", after_s=RETRY_LOCKED_S),
    428: _changed,
    429: _retry("erp.throttled", "SAP asks to slow down"),
    500: _retry("erp.server_error", "SAP failed; see its error log (transactions ST22 and /IWFND/ERROR_LOG)"),
    502: _retry("erp.unavailable", "SAP's gateway gets no answer"),
    503: _retry("erp.unavailable", "SAP is not available now"),
    504: _retry("erp.too_slow", "SAP took too long"),
}


def _start(response: Response) -> str:
    return response.text()[:LOG_TEXT_MAX]


def _told(response: Response) -> tuple[str, str]:
    """The code and everything a person should read: the message, then the details that say more."""
    try:
        error = json.loads(response.body)["error"]
        code, message = str(error["code"]), str(error["message"]["value"])
    except (ValueError, LookupError, TypeError):
        return "", f"no reason given (HTTP {response.status})"
    told = [message, *_details(error)]
    return code, " ".join(" ".join(dict.fromkeys(told)).split())


def _details(error: Any) -> list[str]:
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else None
    if not isinstance(details, list):
        return []
    errors = [one for one in details if isinstance(one, dict) and one.get("severity") != "info"]
    return [str(one["message"]) for one in errors if one.get("message")]
