"""What the org says about its objects."""

from typing import Any

from millstream.sandbox.salesforce.schema import Field, SObject


def _urls(sobject: SObject, version: str) -> dict[str, str]:
    base = f"/services/data/v{version}/sobjects/{sobject.name}"
    return {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"}


def brief(sobject: SObject, version: str) -> dict[str, Any]:
    stored = not sobject.is_event
    return {
        "name": sobject.name,
        "label": sobject.name.split("__")[0].replace("_", " "),
        "keyPrefix": sobject.prefix,
        "custom": "__" in sobject.name,
        "createable": True,
        "updateable": stored,
        "deletable": stored,
        "queryable": stored,
        "urls": _urls(sobject, version),
    }


def full(sobject: SObject, version: str) -> dict[str, Any]:
    return {**brief(sobject, version), "fields": [_field(one) for one in sobject.fields.values()]}


def _field(field: Field) -> dict[str, Any]:
    number = field.type in {"double", "currency"}
    text = field.type in {"string", "textarea", "email", "phone", "picklist", "id", "reference"}
    return {
        "name": field.name,
        "label": field.name.removesuffix("__c").replace("_", " "),
        "type": field.type,
        "length": field.length if text else 0,
        "precision": 18 if number else 0,
        "scale": field.scale if number else 0,
        "custom": field.custom,
        "createable": field.create,
        "updateable": field.update,
        "nillable": not field.required,
        "defaultedOnCreate": field.default is not None,
        "unique": field.unique,
        "externalId": field.external_id,
        "idLookup": field.type == "id" or field.external_id,
        "caseSensitive": False,
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relationship,
    }
