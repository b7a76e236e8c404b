"""Salesforce's error codes as a table, and the readers of its three error shapes."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.errors import Conflict, Failure, Reject, Retry
from millstream.wire.http import Response

# What stands in for the real reason in the other parts of a call that was undone as a whole.
FOLLOWERS: Final = frozenset({"PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"})
TOTAL_LIMIT: Final = "TotalRequests"
KEY_FIELD_MISSING: Final = "external ID field does not exist"
FOREIGN_KEY: Final = "Foreign key external ID"
MESSAGE_LENGTH_MAX: Final = 500
ANNOUNCING: Final = "purchase.announce"  # the one call whose limit is that of events
NAMED_MAX: Final = 5  # records in one message

_COLUMN = re.compile(r"No such column '([^']+)' on (?:sobject of type|entity) '?(\w+)")
_UNWRITABLE = re.compile(r"Unable to create/update fields: ([\w, ]+)")


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """One error as Salesforce tells it. `where` names the part of the call it belongs to."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    where: str = ""
    resembles: tuple[str, ...] = ()  # the records that a duplicate rule found, named
    rule: str = ""  # the duplicate rule


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What an errorCode asks of the caller.

    A Retry with scope "record" concerns one record (a lock): it must not trip the breaker of the whole connection.
    A limit that was reached is no failure: it does not count towards the attempts (`counts`).
    """

    word: Literal["retry", "reject", "conflict"]
    code: str
    scope: Literal["record", "system"] = "record"
    after_s: float | None = None
    counts: bool = True
    fix: str = ""


ERRORS: Final[dict[str, Meaning]] = {
    "UNABLE_TO_LOCK_ROW": Meaning(word="retry", code="crm.locked"),
    "LIMIT_EXCEEDED": Meaning(word="retry", code="crm.event_limit", after_s=300.0, counts=False),
    "PLATFORM_EVENT_PUBLISHING_UNAVAILABLE": Meaning(word="retry", code="crm.events_unavailable"),
    "PLATFORM_EVENT_PUBLISH_FAILED": Meaning(word="retry", code="crm.events_unavailable"),
    "SERVER_UNAVAILABLE": Meaning(word="retry", code="crm.unavailable", scope="system"),
    "SERVICE_UNAVAILABLE": Meaning(word="retry", code="crm.unavailable", scope="system"),
    "UNKNOWN_EXCEPTION": Meaning(word="retry", code="crm.broke", scope="system"),
    "QUERY_TIMEOUT": Meaning(word="retry", code="crm.query_timeout"),
    "PRECONDITION_FAILED": Meaning(word="conflict", code="crm.changed"),
    "DUPLICATE_VALUE": Meaning(
        word="reject",
        code="crm.duplicate_value",
        fix="another record carries this value in a unique field; open the record named above and merge or correct it",
    ),
    "DUPLICATES_DETECTED": Meaning(
        word="reject",
        code="crm.duplicates_detected",
        fix="a duplicate rule refuses the record; use one of those it found, or exempt the integration user",
    ),
    "REQUIRED_FIELD_MISSING": Meaning(
        word="reject",
        code="crm.field_required",
        fix="the org demands a field the hub does not fill; give the field a default, or make it optional",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Meaning(
        word="reject",
        code="crm.validation_rule",
        fix="a validation rule of the org refuses the record; exempt the integration user, or correct the data",
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Meaning(
        word="reject",
        code="crm.field_read_only",
        fix="give the integration user edit access to the field (Permission Set > Object Settings > Field Permissions)",
    ),
    "INSUFFICIENT_ACCESS": Meaning(
        word="reject",
        code="crm.access",
        fix="give the integration user the guide's permission set, with Activate Orders and Edit Activated Orders",
    ),
    "STRING_TOO_LONG": Meaning(word="reject", code="crm.too_long", fix="lengthen the field, or shorten the value"),
    "MALFORMED_ID": Meaning(word="reject", code="crm.malformed_id", fix="check ids in the settings (pricebook)"),
    "ENTITY_IS_DELETED": Meaning(
        word="reject",
        code="crm.deleted",
        fix="the record was deleted or merged in Salesforce; undelete it, or unlink the customer in the hub",
    ),
    "INVALID_TYPE": Meaning(
        word="reject",
        code="crm.object_missing",
        fix="enable the object (Setup > Order Settings for orders) and let the integration user read it",
    ),
    "API_DISABLED_FOR_ORG": Meaning(word="reject", code="crm.api_disabled", fix="the edition of the org has no API"),
    "MULTIPLE_CHOICES": Meaning(
        word="reject",
        code="crm.key_not_unique",
        fix="several records carry one key; make the external id field unique and merge the records",
    ),
}
ACCESS_CODES: Final = frozenset(
    {
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    }
)


def read_errors(response: Response) -> tuple[ApiError, ...]:
    """The errors in the answer to one plain call; empty if it is fine."""
    if response.status < 300:
        return ()
    try:
        body = response.json()
    except msgspec.DecodeError:
        body = None
    if response.status == 412:  # its body is not the same everywhere
        return (ApiError(code="PRECONDITION_FAILED", message="the record changed meanwhile"),)
    if response.status == 300:
        return (ApiError(code="MULTIPLE_CHOICES", message=", ".join(map(str, _listed(body)))),)
    return _from_body(body) or (ApiError(code=f"HTTP_{response.status}", message=_excerpt(response)),)


def read_composite_errors(parts: Sequence[dict[str, Any]]) -> tuple[ApiError, ...]:
    """The errors in the parts of a composite answer, the ones that caused the roll-back first."""
    found = [
        msgspec.structs.replace(error, where=str(part.get("referenceId", "")))
        for part in parts
        for error in _part_errors(part)
    ]
    return tuple(sorted(found, key=lambda error: error.code in FOLLOWERS))


def _part_errors(part: dict[str, Any]) -> tuple[ApiError, ...]:
    errors = _from_body(part.get("body"))
    status = part.get("httpStatusCode")
    status = status if isinstance(status, int) else 500
    if not errors and status >= 300:
        return (ApiError(code=f"HTTP_{status}", message=""),)
    return errors


def _from_body(body: Any) -> tuple[ApiError, ...]:
    """Reads `[{"errorCode"}]` of a call and `[{"success": false, "errors": [{"statusCode"}]}]` of a collection."""
    rows = body if isinstance(body, list) else [body]
    errors: list[ApiError] = []
    for row in rows:
        if not isinstance(row, dict):
            continue
        if "errorCode" in row:
            errors.append(_error(row))
        elif row.get("success") is False:
            errors.extend(_error(one) for one in _listed(row.get("errors")) or [{}] if isinstance(one, dict))
    return tuple(errors)


def _error(raw: dict[str, Any]) -> ApiError:
    # Some versions of the platform spell the member wrong.
    duplicates = raw.get("duplicateResult") or raw.get("duplicateResut")
    duplicates = duplicates if isinstance(duplicates, dict) else {}
    return ApiError(
        code=str(raw.get("errorCode") or raw.get("statusCode") or "UNKNOWN"),
        message=str(raw.get("message", ""))[:MESSAGE_LENGTH_MAX],
        fields=tuple(map(str, _listed(raw.get("fields")))),
        resembles=tuple(_matches(duplicates))[:NAMED_MAX],
        rule=str(duplicates.get("duplicateRule") or ""),
    )


def _matches(duplicates: dict[str, Any]) -> Iterator[str]:
    """The records a duplicate rule found: accounts by name and id, persons by id alone."""
    results = [one for one in _listed(duplicates.get("matchResults")) if isinstance(one, dict)]
    for match in (match for one in results for match in _listed(one.get("matchRecords"))):
        record = match.get("record") if isinstance(match, dict) else None
        if not isinstance(record, dict) or not record.get("Id"):
            continue
        attributes = record.get("attributes")
        sobject = str(attributes.get("type", "record")) if isinstance(attributes, dict) else "record"
        name = f"{record['Name']} " if sobject == "Account" and record.get("Name") else ""
        yield f"{sobject} {name}({record['Id']})"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _excerpt(response: Response) -> str:
    return response.text()[:200] if "html" not in response.headers.get("content-type", "") else "an HTML page"


class Interpreter:
    """Turns Salesforce's errors into the hub's words, with the settings' names in the texts."""

    def __init__(self, system: str, settings: SalesforceSettings) -> None:
        self.system = system
        self._settings = settings

    def failure(self, error: ApiError, *, status: int = 400, doing: str) -> Failure:
        """What one error means to the caller."""
        told = f"{self.system}: {doing}: {error.message or error.code} ({error.code})"
        if error.resembles:
            told += f". The duplicate rule {error.rule} found {'; '.join(error.resembles)}"
        if error.code == "REQUEST_LIMIT_EXCEEDED":
            return self._limit(error, told)
        if error.code == "INVALID_FIELD" or KEY_FIELD_MISSING in error.message:
            return self._field(error, told)
        meaning = ERRORS["INSUFFICIENT_ACCESS"] if error.code in ACCESS_CODES else ERRORS.get(error.code)
        if meaning is None:
            return self._unlisted(error, told, status)
        if meaning.word == "retry":
            return Retry(meaning.code, told, after_s=meaning.after_s, counts=meaning.counts or doing != ANNOUNCING)
        if meaning.word == "conflict":
            return Conflict(meaning.code, told)
        return Reject(meaning.code, f"{told}. {_sentence(meaning.fix)}", field=_place(error))

    def is_record_level(self, error: ApiError) -> bool:
        """Whether the error is a passing one of a single record, which says nothing about the connection."""
        meaning = ERRORS.get(error.code)
        return meaning is not None and meaning.word == "retry" and meaning.scope == "record"

    def _limit(self, error: ApiError, told: str) -> Failure:
        if TOTAL_LIMIT in error.message:
            text = f"{told}. The org's budget of API calls for 24 hours is used up; the hub pauses and tries again"
            return Retry("crm.budget_exhausted", text, after_s=self._settings.budget_pause_s)
        return Retry("crm.too_busy", told, after_s=self._settings.busy_pause_s)

    def _field(self, error: ApiError, told: str) -> Failure:
        if FOREIGN_KEY in error.message:
            fix = f"No account carries this key in {self._settings.fields.account_key}; match the customer first"
            return Reject("customer.not_in_crm", f"{told}. {fix}", field=self._settings.fields.account_key)
        if KEY_FIELD_MISSING in error.message:
            fix = "Create it as text of 80 characters, External ID and Unique, and let the integration user see it"
            return Reject("crm.field_missing", f"{told}. {fix}", field=error.message.rpartition(": ")[2])
        match = _COLUMN.search(error.message)
        if match is None:
            return Reject("crm.field_invalid", told, field=_place(error))
        column, sobject = match[1], match[2]
        fix = (
            f"Create the field {column} on {sobject} (Setup > Object Manager > {sobject} > Fields & Relationships) and "
            "let the integration user edit it, or empty its name under `fields` in this connection's settings"
        )
        return Reject("crm.field_missing", f"{told}. {fix}", field=f"{sobject}.{column}")

    def _unlisted(self, error: ApiError, told: str, status: int) -> Failure:
        if status >= 500:
            return Retry("crm.unavailable", told)
        if status == 404:
            return Reject("crm.not_found", f"{told}. Check login_url and api_version, and that the object exists")
        return Reject("crm.refused", told, field=_place(error))


def _place(error: ApiError) -> str | None:
    if error.fields:
        return ", ".join(error.fields)
    match = _UNWRITABLE.search(error.message)
    return match[1] if match else error.where or None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
