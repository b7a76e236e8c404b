"""How Magento refuses: a status and a message template whose placeholders it leaves unfilled."""

from typing import Any

NO_ENTITY = "The entity that was requested doesn't exist. Verify the entity and try again."
NO_PRODUCT = "The product that was requested doesn't exist. Verify the product and try again."
REPORT_ID = "webapi-6b03f96af0639"


class Refusal(Exception):  # noqa: N818 - an answer of the system, not a mistake of the sandbox
    """An answer that is not 200."""

    def __init__(self, status: int, message: str, parameters: Any = None, **members: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, **members}
        if parameters is not None:
            self.body["parameters"] = parameters


class HtmlRefusal(Exception):  # noqa: N818 - as above
    """An answer that is no JSON at all."""

    def __init__(self, status: int, body: str, content_type: str = "text/html; charset=UTF-8") -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.content_type = content_type


def no_entity() -> Refusal:
    return Refusal(404, NO_ENTITY)


def no_such(field: str, value: Any) -> Refusal:
    return Refusal(404, "No such entity with %fieldName = %fieldValue", {"fieldName": field, "fieldValue": value})


def required(field: str) -> Refusal:
    return Refusal(400, '"%fieldName" is required. Enter and try again.', {"fieldName": field})


def unsupported(field: str) -> Refusal:
    camel = "".join(part[:1].upper() + part[1:] for part in field.split("_"))
    return Refusal(400, '"%fieldName" is not supported. Correct the field name and try again.', {"fieldName": camel})


def wrong_type(field: str, value: Any, expected: str) -> Refusal:
    return Refusal(
        400,
        f'Error occurred during "{field}" processing. The "{value}" value\'s type is invalid. '
        f'The "{expected}" type was expected. Verify and try again.',
    )


def wrong_path_type(value: str, expected: str) -> Refusal:
    return Refusal(
        400, f'The "{value}" value\'s type is invalid. The "{expected}" type was expected. Verify and try again.'
    )


def internal() -> Refusal:
    return Refusal(500, f"Internal Error. Details are available in Magento log file. Report ID: {REPORT_ID}")


def not_authorized(resource: str) -> Refusal:
    return Refusal(401, "The consumer isn't authorized to access %resources.", {"resources": resource})
