"""How the doors are described in /openapi.json: they read raw bytes, so nothing can be derived from types."""

from typing import Any, Final

from starlette.responses import PlainTextResponse, Response

from millstream.web.problems import MEDIA_TYPE, PROBLEMS

_STRING: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": _STRING,
        "title": _STRING,
        "status": {"type": "integer"},
        "detail": _STRING,
        "instance": _STRING,
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _STRING, "message": _STRING},
            },
        },
    },
}
_RECEIPT_SCHEMA: Final[dict[str, Any]] = {
    "title": "Receipt",
    "type": "object",
    "required": ["accepted", "duplicates", "ignored"],
    "properties": {"accepted": _COUNT, "duplicates": _COUNT, "ignored": _COUNT},
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of one path, each with the codes it may carry."""
    return {
        status: {
            "description": ", ".join(sorted(code for code, (of, _) in PROBLEMS.items() if of == status)),
            "content": {MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}},
        }
        for status in statuses
    }


def _receipts() -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": _RECEIPT_SCHEMA}}
    return {
        200: {"description": "Nothing new: stored before, or of no interest", "content": content},
        202: {"description": "Stored, after the commit", "content": content},
    }


_REFUSALS: Final = problem_answers(400, 401, 404, 408, 413, 415, 422, 429, 500, 503)


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": _STRING, "description": description}


def _body(*media_types: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {name: {"schema": schema} for name in media_types}}


ADOBE_IO_CHALLENGE: Final[dict[str, Any]] = {
    "summary": "Adobe I/O Events asks whether this door wants its events",
    "response_class": PlainTextResponse,
    "responses": problem_answers(400, 404, 422, 500),
}
ADOBE_IO: Final[dict[str, Any]] = {
    "summary": "Adobe I/O Events delivers one event or a batch",
    "description": "Events about orders become `order.hinted`; all others are acknowledged and counted as ignored.",
    "response_class": Response,
    "responses": {**_receipts(), **_REFUSALS},
    "openapi_extra": {
        "parameters": [
            _header("x-adobe-digital-signature-1", "base64 RSA-SHA256 over the raw body; either of the two must fit"),
            _header("x-adobe-digital-signature-2", "see x-adobe-digital-signature-1"),
            _header("x-adobe-public-key1-path", "where the key of the first signature lies, below /prod/keys/"),
            _header("x-adobe-public-key2-path", "where the key of the second signature lies"),
        ],
        "requestBody": _body(
            "application/json",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            schema={"oneOf": [{"type": "object"}, {"type": "array", "maxItems": 20}]},
        ),
    },
}
MAGEOS: Final[dict[str, Any]] = {
    "summary": "Mage-OS async events delivers an entity",
    "description": "Orders become `order.hinted`; other entities are acknowledged and counted as ignored.",
    "response_class": Response,
    "responses": {**_receipts(), **_REFUSALS},
    "openapi_extra": {
        "parameters": [_header("x-magento-signature", "hex HMAC-SHA256 over the raw body", required=True)],
        "requestBody": _body("application/json", schema={"type": "object"}),
    },
}
EVENTS: Final[dict[str, Any]] = {
    "summary": "A carrier, a fulfilment partner or a planner's tool sends one CloudEvent",
    "description": "CloudEvents 1.0, structured or binary mode, signed by Standard Webhooks or by x-signature.",
    "response_class": Response,
    "responses": {**_receipts(), **_REFUSALS},
    "openapi_extra": {
        "parameters": [
            _header("webhook-id", "Standard Webhooks: id of the message"),
            _header("webhook-timestamp", "Standard Webhooks: seconds since 1970"),
            _header("webhook-signature", "Standard Webhooks: v1,<base64>"),
            _header("x-signature", "the other scheme: t=<seconds since 1970>,v1=<hex>"),
        ],
        "requestBody": _body(
            "application/cloudevents+json",
            "application/json",
            schema={
                "type": "object",
                "required": ["specversion", "id", "source", "type", "data"],
                "properties": {
                    "specversion": {"type": "string", "enum": ["1.0"]},
                    "id": _STRING,
                    "source": _STRING,
                    "type": {"type": "string", "enum": ["order.delivered", "order.promise_changed"]},
                    "time": {"type": "string", "format": "date-time"},
                    "data": {"type": "object"},
                },
            },
        ),
    },
}
