"""Refusals, in the shape OData V2 errors have."""

from typing import Any


class Problem(Exception):  # noqa: N818 - the wire calls it an error, we raise it as an answer
    def __init__(self, status: int, code: str, message: str, *, details: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or ((code, message),)

    def body(self, transaction: str) -> dict[str, Any]:
        details = [
            {"code": code, "message": message, "propertyref": "", "severity": "error", "target": ""}
            for code, message in self.details
        ]
        inner = {"application": {}, "transactionid": transaction, "timestamp": "", "errordetails": details}
        return {
            "error": {"code": self.code, "message": {"lang": "en", "value": self.message}, "innererror": inner},
        }


def not_found(what: str) -> Problem:
    return Problem(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{what}'.")


def bad_property(name: str, entity: str) -> Problem:
    return Problem(400, "005056A509B11EE1B9A8FEC11C21D78E", f"Property {name} not found in type {entity}.")


def bad_query(why: str) -> Problem:
    return Problem(400, "005056A509B11ED199F1F2D1BC9B1E6A", f"Invalid parametertype used at function: {why}")
