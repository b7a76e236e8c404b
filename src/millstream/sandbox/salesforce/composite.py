"""Several calls in one: the composite resource and record collections."""

import re
from typing import TYPE_CHECKING, Any

from millstream.sandbox.salesforce.duplicates import Options
from millstream.sandbox.salesforce.org import Org, Row
from millstream.sandbox.salesforce.problems import Problem, not_found

if TYPE_CHECKING:
    from millstream.sandbox.salesforce.rest import Answer, Rest

SUBREQUESTS_MAX = 25
COLLECTIONS_MAX = 5
ROWS_MAX = 200

HALTED = {
    "errorCode": "PROCESSING_HALTED",
    "message": "The transaction was rolled back since another operation in the same transaction failed.",
}
ROLLED_BACK = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "fields": [],
}
LOCKED = Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records")
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.\w+|\[\d+\])*)\}")


def run(rest: "Rest", body: Any, *, spoiled: int | None = None) -> Row:
    """All sub-requests in the order given; with `allOrNone` one failure undoes them all.

    `spoiled` (modulo their number) meets a row that somebody has locked.
    """
    parts = body.get("compositeRequest") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not parts:
        raise Problem("JSON_PARSER_ERROR", "Missing required field: compositeRequest")
    if len(parts) > SUBREQUESTS_MAX:
        message = f"The number of subrequests exceeds the limit of {SUBREQUESTS_MAX}"
        raise Problem("LIMIT_EXCEEDED", message)
    if sum(1 for part in parts if "/composite/sobjects" in part["url"] or "/query" in part["url"]) > COLLECTIONS_MAX:
        message = f"The number of collection and query subrequests exceeds the limit of {COLLECTIONS_MAX}"
        raise Problem("LIMIT_EXCEEDED", message)
    all_or_none = bool(body.get("allOrNone"))
    answers: list[Answer | None] = []
    with rest.org.transaction(keep=lambda: not all_or_none or (None not in answers and not any(map(_failed, answers)))):
        locked = None if spoiled is None else spoiled % len(parts)
        _each(rest, parts, answers, all_or_none=all_or_none, locked=locked)
    culprit = next((one for one in answers if one is not None and _failed(one)), None)
    undone = all_or_none and culprit is not None
    return {
        "compositeResponse": [
            _shown(part, None if undone and answer is not culprit else answer)
            for part, answer in zip(parts, answers, strict=True)
        ]
    }


def _each(rest: "Rest", parts: list[Row], answers: list[Any], *, all_or_none: bool, locked: int | None) -> None:
    from millstream.sandbox.salesforce.rest import Answer, Call  # noqa: PLC0415 - the two modules call each other

    results: dict[str, Any] = {}
    stopped = False
    for n, part in enumerate(parts):
        if stopped:
            answers.append(None)
            continue
        if n == locked:
            answers.append(Answer(status=400, body=LOCKED.body()))
            stopped = all_or_none
            continue
        try:
            url = _filled(part["url"], results)
            content = _filled(part.get("body"), results)
        except KeyError:
            answers.append(None)  # it depends on one that failed
            continue
        if all_or_none and "/composite/sobjects" in url:
            content = {**content, "allOrNone": True}
        headers = {name.lower(): value for name, value in (part.get("httpHeaders") or {}).items()}
        answer = rest.call(Call(method=part["method"], url=url, body=content, headers=headers))
        answers.append(answer)
        if _failed(answer):
            stopped = all_or_none
        else:
            results[part["referenceId"]] = answer.body


def _failed(answer: "Answer | None") -> bool:
    if answer is None:
        return True
    rows = answer.body if isinstance(answer.body, list) else []
    return answer.status >= 300 or any(row.get("success") is False for row in rows if isinstance(row, dict))


def _shown(part: Row, answer: "Answer | None") -> Row:
    reference = part["referenceId"]
    if answer is None:
        return {"body": [HALTED], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": reference}
    return {
        "body": answer.body,
        "httpHeaders": answer.headers,
        "httpStatusCode": answer.status,
        "referenceId": reference,
    }


def _filled(value: Any, results: dict[str, Any]) -> Any:
    """`@{name.id}` replaced by what an earlier sub-request answered. Raises KeyError if there is none."""
    if isinstance(value, dict):
        return {name: _filled(one, results) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, results) for one in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda match: str(_looked_up(results[match[1]], match[2])), value)


def _looked_up(found: Any, path: str) -> Any:
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        found = found[name] if name else found[int(index)]
    return found


def collection(org: Org, method: str, path: list[str], body: Any, options: Options) -> list[Row]:
    """Up to 200 records at once, one result per record in the order given."""
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise Problem("JSON_PARSER_ERROR", "Missing required field: records")
    records = body["records"]
    if len(records) > ROWS_MAX:
        raise Problem(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {ROWS_MAX} records into this call"
        )
    results: list[Row] = []
    all_or_none = bool(body.get("allOrNone"))
    with org.transaction(keep=lambda: not all_or_none or all(one["success"] for one in results)):
        for one in records:
            try:
                with org.transaction():
                    results.append(_saved(org, method, path, one, options))
            except Problem as problem:
                results.append({"success": False, "errors": [problem.row()]})
    if all_or_none and not all(one["success"] for one in results):
        results = [one if not one["success"] else {"success": False, "errors": [ROLLED_BACK]} for one in results]
    return results


def _saved(org: Org, method: str, path: list[str], one: Row, options: Options) -> Row:
    sobject = org.schema.find(path[0] if path else one["attributes"]["type"])
    body = {name: value for name, value in one.items() if name != "attributes"}
    match [method, *path]:
        case ["POST"]:
            return {"id": org.create(sobject, body, options), "success": True, "errors": []}
        case ["PATCH"]:
            record_id = next(str(body.pop(name)) for name in list(body) if name.lower() == "id")
            return {"id": org.update(sobject, record_id, body, options), "success": True, "errors": []}
        case ["PATCH", _name, key]:
            field = org.key_field(sobject, key)
            value = body.pop(field.name, None)
            if value is None:
                message = f"{field.name} not specified"
                raise Problem("MISSING_ARGUMENT", message)
            record_id, created = org.upsert(sobject, key, str(value), body, update_only=False, options=options)
            return {"id": record_id, "success": True, "errors": [], "created": created}
        case _:
            raise not_found()
