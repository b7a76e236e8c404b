"""What an answer of the store means, as a table. First row that fits counts."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from millstream.domain.errors import Failure, Reject, Retry, Unknown
from millstream.wire.connection import AuthExpired
from millstream.wire.http import Response
from millstream.wire.retry_after import retry_after_s

TEXT_MAX: Final = 300


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """One row: answers with such a status (and words, and a named resource) mean this, and the operator should do that.

    `says` is looked for in the untranslated message, whitespace collapsed; a translated message falls through to the
    general row of its status, which is right too, only less telling.
    """

    status: range
    says: str = ""
    names_resource: bool = False
    web_page: bool = False  # the answer is no JSON
    retry: bool = False
    code: str
    advice: str
    field: str | None = None


def _only(status: int) -> range:
    return range(status, status + 1)


CREDENTIALS: Final = "the connection's credentials"

MEANINGS: Final = (
    Meaning(
        status=_only(401),
        names_resource=True,
        code="auth.not_allowed",
        advice="give the integration (or the user behind the token) access to this resource; if it has it, the token "
        "is not valid any more, or bearer tokens are switched off in the store",
        field="access_token",
    ),
    Meaning(
        status=_only(401),
        says="signature is invalid",
        code="auth.signature",
        advice="check consumer_secret and access_token_secret; behind a proxy that ends TLS set signature_base_url to "
        "the address the store sees",
        field="consumer_secret",
    ),
    Meaning(
        status=_only(401),
        says="validating the nonce",
        code="auth.clock",
        advice="this machine's clock is more than ten minutes ahead of the store's: set the clock",
    ),
    Meaning(
        status=_only(401), says="nonce is already being used", retry=True, code="auth.nonce", advice="it is signed anew"
    ),
    Meaning(status=_only(401), says="consumer", code="auth.refused", advice="check consumer_key", field="consumer_key"),
    Meaning(
        status=_only(401),
        says="revoked",
        code="auth.refused",
        advice="activate the integration again and set its new access_token and access_token_secret",
        field="access_token",
    ),
    Meaning(status=_only(401), code="auth.refused", advice="check access_token and its secret", field="access_token"),
    Meaning(
        status=_only(400),
        says="signature method",
        code="auth.signature",
        advice="the store wants another signature method than HMAC-SHA256: it is older than 2.4.4",
    ),
    Meaning(
        status=_only(403),
        code="auth.forbidden",
        advice="on Adobe's cloud check ims_org_id, the product profile and the admin role; elsewhere a firewall in "
        "front of the store refuses this machine",
        field="ims_org_id",
    ),
    Meaning(
        status=_only(400),
        says="specified request cannot be processed",
        code="commerce.scope",
        advice="the store has no such store view: check scope",
        field="scope",
    ),
    Meaning(
        status=_only(404),
        says="does not match any route",
        code="commerce.no_such_route",
        advice="check flavour and base_url, and that the store has the module this call belongs to",
        field="base_url",
    ),
    Meaning(
        status=_only(404),
        web_page=True,
        code="commerce.no_such_route",
        advice="a web server answered, not the store's REST API: check flavour and base_url",
        field="base_url",
    ),
    Meaning(status=_only(404), code="commerce.not_found", advice="the store does not have it (any more)"),
    Meaning(
        status=range(300, 400),
        code="commerce.redirected",
        advice="set base_url to the address it redirects to",
        field="base_url",
    ),
    Meaning(status=_only(408), retry=True, code="commerce.slow", advice="it is tried again"),
    Meaning(status=_only(425), retry=True, code="commerce.busy", advice="it is tried again"),
    Meaning(status=_only(429), retry=True, code="commerce.busy", advice="it is tried again when the store allows"),
    Meaning(status=range(400, 500), code="commerce.refused", advice="correct the cause in the store or in the order"),
    Meaning(status=_only(503), retry=True, code="commerce.maintenance", advice="it is tried again"),
    Meaning(
        status=range(500, 600),
        retry=True,
        code="commerce.failed",
        advice="it is tried again; the store's log under the report id says more",
    ),
)


def meaning_of(
    response: Response, *, system: str, operation: str, key: str | None, repeatable: bool, now: datetime
) -> Failure | AuthExpired | None:
    """None: a good answer. A failed write that may have happened all the same, and must not be repeated, is Unknown."""
    if 200 <= response.status < 300:
        return None if _is_json(response.body) else _no_json(response, system, operation)
    message, parameters = _message(response)
    row = next(row for row in MEANINGS if _fits(row, response, message, parameters))
    text = f"{system}: {operation} answered {response.status}: {interpolate(message, parameters)}; {row.advice}"
    if not row.retry:
        failure = Reject(row.code, text, field=row.field)
        return AuthExpired(failure) if response.status == 401 and row.code != "auth.clock" else failure
    if response.status >= 500 and response.status != 503 and not repeatable:
        return Unknown(row.code, f"{text}; it may have been carried out", key=key or operation)
    return Retry(row.code, text, after_s=retry_after_s(response.headers, now))


def _fits(row: Meaning, response: Response, message: str, parameters: Any) -> bool:
    if response.status not in row.status or row.says not in message.lower():
        return False
    if row.web_page:
        return not _is_json(response.body)
    return not row.names_resource or (isinstance(parameters, dict) and "resources" in parameters)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True


def _no_json(response: Response, system: str, operation: str) -> Reject:
    text = (
        f"{system}: {operation} was answered with something that is no JSON: {_stripped(response.text())}; "
        "check base_url, and whether a login page or firewall stands before the store"
    )
    return Reject("commerce.not_json", text, field="base_url")


def _message(response: Response) -> tuple[str, Any]:
    """The message template and its parameters, whatever the body is."""
    try:
        body = response.json()
    except msgspec.DecodeError:
        return _stripped(response.text()), None
    if not isinstance(body, dict):
        return _stripped(str(body)), None
    if isinstance(body.get("message"), str):
        return " ".join([_collapsed(body["message"]), *_details(body.get("errors"))]), body.get("parameters")
    fatal = body.get("messages")
    return " ".join(_details(fatal.get("error") if isinstance(fatal, dict) else None)) or "(no message)", None


def _details(errors: Any) -> list[str]:
    entries = errors if isinstance(errors, list) else []
    return [interpolate(str(e.get("message", "")), e.get("parameters")) for e in entries if isinstance(e, dict)]


def interpolate(template: str, parameters: Any) -> str:
    """The message with its placeholders filled: `%1` from a list, `%name` from an object.

    Some routes pair named placeholders with a list; then they are filled in order of appearance.
    """
    if isinstance(parameters, Mapping):
        values = {str(name): str(value) for name, value in parameters.items()}
    elif isinstance(parameters, list):
        values = {str(n): str(value) for n, value in enumerate(parameters, 1)}
        names = dict.fromkeys(re.findall(r"%([A-Za-z]\w*)", template))
        values |= {name: str(value) for name, value in zip(names, parameters, strict=False)}
    else:
        values = {}
    filled = re.sub(r"%(\w+)", lambda match: values.get(match[1], match[0]), template)
    return _stripped(filled)


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def _stripped(text: str) -> str:
    """Text fit for a message: no tags, no line breaks, not long."""
    body = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", text)
    plain = _collapsed(re.sub(r"<[^>]*>", " ", body))
    return plain if len(plain) <= TEXT_MAX else plain[: TEXT_MAX - 1] + "…"
