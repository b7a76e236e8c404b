"""Duplicate rules: a record that resembles one on record is refused, or saved if the caller has seen the alert."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.schema import SObject

if TYPE_CHECKING:
    from millstream.sandbox.salesforce.org import Org, Row

HEADER = "sforce-duplicate-rule-header"
MESSAGE = "Use one of these records?"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One active rule: records are alike if every one of these fields is filled in and the same but for case."""

    sobject: str
    fields: tuple[str, ...]
    action: Literal["alert", "block"] = "alert"
    name: str = "Standard_Account_Duplicate_Rule"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a caller says in its header. Without one nothing that an alert is about is saved."""

    allow_save: bool = False
    record_details: bool = False


def options_of(headers: dict[str, str]) -> Options:
    """From the header of a call; names are in lower case."""
    parts = (part.partition("=") for part in headers.get(HEADER, "").split(";"))
    said = {name.strip().lower(): value.strip().lower() == "true" for name, _, value in parts}
    return Options(allow_save=said.get("allowsave", False), record_details=said.get("includerecorddetails", False))


def refuse(org: "Org", sobject: SObject, row: "Row", changed: "Row", options: Options) -> None:
    """Raises the Problem of the first rule that finds somebody. A rule about fields that stay as they are is silent."""
    for rule in org.duplicate_rules:
        if rule.sobject != sobject.name or not any(name in changed for name in rule.fields):
            continue
        if rule.action == "alert" and options.allow_save:
            continue
        found = [one for one in org.all(sobject.name) if one["Id"] != row.get("Id") and _alike(rule, one, row)]
        if found:
            raise Problem("DUPLICATES_DETECTED", MESSAGE, duplicates=_result(rule, found, options))


def _alike(rule: Rule, one: "Row", other: "Row") -> bool:
    values = [(one.get(name), other.get(name)) for name in rule.fields]
    return all(mine and theirs and str(mine).casefold() == str(theirs).casefold() for mine, theirs in values)


def _result(rule: Rule, found: list["Row"], options: Options) -> dict[str, Any]:
    return {
        "allowSave": rule.action == "alert",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.sobject,
        "errorMessage": MESSAGE,
        "matchResults": [
            {
                "entityType": rule.sobject,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [_match(rule, one, options) for one in found],
                "rule": f"{rule.name}_Match",
                "size": len(found),
                "success": True,
            }
        ],
    }


def _match(rule: Rule, one: "Row", options: Options) -> dict[str, Any]:
    url = f"/services/data/v66.0/sobjects/{rule.sobject}/{one['Id']}"
    known = one if options.record_details else {"Id": one["Id"]}
    record = {"attributes": {"type": rule.sobject, "url": url}, **known}
    return {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record}
