"""How the org says no."""

from typing import Any


class Problem(Exception):  # noqa: N818 - it is the org's answer, not a mistake of the sandbox
    """One refusal: HTTP status, errorCode, message and the fields it is about."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: tuple[str, ...] = (),
        duplicates: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields
        self.duplicates = duplicates

    def body(self) -> list[dict[str, Any]]:
        """As a call of its own is answered. Refusals about no record carry no `fields` at all."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.duplicates is not None:
            return [{"duplicateResult": self.duplicates, **error}]
        if self.status == 400 and self.code not in {"MALFORMED_QUERY", "JSON_PARSER_ERROR"}:
            error["fields"] = list(self.fields)
        return [error]

    def row(self) -> dict[str, Any]:
        """As one row of a collection is answered: the code is called `statusCode` there."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


def not_found() -> Problem:
    return Problem("NOT_FOUND", "The requested resource does not exist", status=404)
