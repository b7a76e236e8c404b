"""Signed CloudEvents 1.0 from carriers, fulfilment partners and planner's tools.

A partner says `order.delivered`; what is stored is `order.delivery_reported`, its word, until a flow has found the
order it means and made our own fact of it. Likewise `order.promise_changed` and `order.promise_reported`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.requests import Request

from millstream.domain.events import (
    ORDER_DELIVERED,
    ORDER_DELIVERY_REPORTED,
    ORDER_PROMISE_CHANGED,
    ORDER_PROMISE_REPORTED,
    NewEvent,
)
from millstream.domain.fulfilment import Delivered
from millstream.web.body import decode_json, media_type, read_as, require_media_type
from millstream.web.door_settings import DoorSettings
from millstream.web.problems import FieldError, Problem
from millstream.web.signatures import verify_stamped_hmac, verify_standard_webhook
from millstream.web.trace_context import context_of, with_context

STRUCTURED: Final = "application/cloudevents+json"
MEDIA_TYPES: Final = frozenset({STRUCTURED, "application/json"})
TEXT_LENGTH_MAX: Final = 100
REASON_LENGTH_MAX: Final = 500
FUTURE_MAX: Final = timedelta(hours=1)  # clocks of carriers differ; further ahead is a mistake
PAST_MAX: Final = timedelta(days=3650)

_BINARY_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "time", "subject")
_Attribute = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of CloudEvents 1.0 that matter here; others are allowed and dropped."""

    specversion: Literal["1.0"]
    id: _Attribute
    source: _Attribute
    type: _Attribute
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    data: dict[str, Any]
    traceparent: Any = None  # of the extension for distributed tracing


class PromiseChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A planner's word on when an order ships."""

    order_number: str
    ship_date: date
    reason: str


def read_event(request: Request, body: bytes, source: str, door: DoorSettings, *, now: datetime) -> NewEvent:
    """The one event of a request. Refuses it unless it is signed lately, well formed and allowed."""
    require_media_type(request, MEDIA_TYPES)
    is_binary = media_type(request) != STRUCTURED and "ce-specversion" in request.headers
    signed_id = _verify(request.headers, body, door, is_binary=is_binary, now=now)
    raw = decode_json(body)
    if is_binary:
        raw = {**_binary_attributes(request.headers), "data": raw}
    event = read_as(raw, CloudEvent)
    _require_text(event.id, "id", TEXT_LENGTH_MAX * 2)
    if is_binary and signed_id not in {None, event.id}:
        raise _wrong("ce-id", "differs from webhook-id; in binary mode both must be the same, as only one is signed")
    if event.type not in door.partner_types:
        allowed = ", ".join(door.partner_types)
        raise Problem(
            "event.type_refused",
            f"This door accepts the types {allowed}. Ask the hub's operator to allow another.",
            errors=[FieldError(field="type", message=f"not one of: {allowed}")],
        )
    (told,) = with_context([_READERS[event.type](event, f"door:{source}", now)], context_of({}, event.traceparent))
    return told


def _verify(
    headers: Mapping[str, str], body: bytes, door: DoorSettings, *, is_binary: bool, now: datetime
) -> str | None:
    if door.scheme == "standard_webhooks":
        return verify_standard_webhook(headers, body, door.plain_secrets, now=now)
    attributes = [headers.get("ce-id", ""), headers.get("ce-type", "")] if is_binary else []
    verify_stamped_hmac(headers.get("x-signature", ""), body, door.plain_secrets, now=now, attributes=attributes)
    return None


def _binary_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[f"ce-{name}"] for name in _BINARY_ATTRIBUTES if f"ce-{name}" in headers}


def _wrong(field: str, message: str) -> Problem:
    return Problem(
        "event.invalid",
        f"`{field}` {message}.",
        errors=[FieldError(field=field, message=message)],
    )


def _require_text(text: str | None, field: str, length_max: int) -> None:
    """Text of any script passes as it is; control characters, which no system stores or prints alike, do not."""
    if text is None:
        return
    if not text.strip():
        raise _wrong(field, "is empty; leave it out if there is none")
    if len(text) > length_max:
        raise _wrong(field, f"is longer than {length_max} characters")
    if not text.isprintable():
        raise _wrong(field, "holds control characters")


def _require_moment(moment: datetime, field: str, now: datetime) -> datetime:
    if moment.tzinfo is None:
        raise _wrong(field, "has no time zone; write 2026-11-23T14:05:00Z or 2026-11-23T15:05:00+01:00")
    if not now - PAST_MAX <= moment <= now + FUTURE_MAX:
        raise _wrong(field, "lies too far in the past or the future; check the sender's clock and time zone")
    return moment.astimezone(UTC)


def _delivered(event: CloudEvent, source: str, now: datetime) -> NewEvent:
    delivered = read_as(event.data, Delivered, under="data")
    numbers = {name: getattr(delivered, name) for name in ("order_number", "shipment_number", "tracking_number")}
    for name, text in (*numbers.items(), ("received_by", delivered.received_by)):
        _require_text(text, f"data.{name}", TEXT_LENGTH_MAX)
    subject = next((number for number in numbers.values() if number), None)
    if subject is None:
        raise _wrong("data", "names no order; give one of order_number, shipment_number, tracking_number")
    delivered_at = _require_moment(delivered.delivered_at, "data.delivered_at", now)
    return NewEvent(
        source=source,
        source_id=event.id,
        type=ORDER_DELIVERY_REPORTED,
        subject=subject,
        occurred_at=delivered_at,
        data=msgspec.to_builtins(msgspec.structs.replace(delivered, delivered_at=delivered_at)),
    )


def _promise_changed(event: CloudEvent, source: str, now: datetime) -> NewEvent:
    changed = read_as(event.data, PromiseChanged, under="data")
    _require_text(changed.order_number, "data.order_number", TEXT_LENGTH_MAX)
    _require_text(changed.reason, "data.reason", REASON_LENGTH_MAX)
    if not abs(changed.ship_date - now.date()) <= PAST_MAX:
        raise _wrong("data.ship_date", "lies too far in the past or the future")
    return NewEvent(
        source=source,
        source_id=event.id,
        type=ORDER_PROMISE_REPORTED,
        subject=changed.order_number,
        occurred_at=_require_moment(event.time, "time", now) if event.time else now,
        data=msgspec.to_builtins(changed),
    )


_READERS: Final[dict[str, Callable[[CloudEvent, str, datetime], NewEvent]]] = {
    ORDER_DELIVERED: _delivered,
    ORDER_PROMISE_CHANGED: _promise_changed,
}
