"""Adobe I/O Events: registration, whose events they are, and which of them hint at an order."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from millstream.web.body import read_as
from millstream.web.order_hint import Reading, entity_id, moment, order_hint, store_time
from millstream.web.problems import FieldError, Problem

BATCH_MAX: Final = 20  # events in one request, as Adobe promises

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]{1,200}", re.ASCII)
_PREFIX: Final = "com.adobe.commerce."
_ADOBE_URL: Final = re.compile(r"https://([a-z0-9-]{1,63}\.){1,5}adobe\.io(/[A-Za-z0-9/_?&=%.~-]{0,400})?", re.ASCII)
_EVENT_ID: Final = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)

_ORDER: Final = (("entity_id",), ("id",))
_CHILD: Final = (("order_id",),)
ORDER_ID_PATHS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "observer.checkout_submit_all_after": (("order", "entity_id"), ("order", "id")),
    "observer.sales_order_save_after": _ORDER,
    "observer.sales_order_save_commit_after": _ORDER,
    "plugin.sales.api.order_management.place": _ORDER,
    "plugin.sales.api.order_repository.save": _ORDER,
    "observer.sales_order_invoice_save_after": _CHILD,
    "observer.sales_order_creditmemo_save_after": _CHILD,
    "observer.sales_order_shipment_save_after": _CHILD,
    "observer.sales_order_shipment_track_save_after": _CHILD,
    "observer.sales_order_status_history_save_after": (("parent_id",),),
}
"""Event name -> where its payload keeps the order's id. Which fields arrive depends on the subscription."""


class IoEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope. The two names with underscores are the older spelling, still sent by some."""

    type: str
    eventid: str | None = None
    event_id: str | None = None
    recipientclientid: str | None = None
    recipient_client_id: str | None = None
    time: Any = None
    data: Any = None

    @property
    def dedupe_id(self) -> str:
        """Adobe's id of the event: the same on every delivery of it."""
        return self.eventid or self.event_id or ""

    @property
    def recipient(self) -> str:
        """The client id it is meant for."""
        return self.recipientclientid or self.recipient_client_id or ""


def answer_challenge(challenge: str | None) -> str:
    """The text that proves to Adobe that this door wants its events. Echoes ids only, never markup."""
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        detail = "Adobe sends `?challenge=<id>`: letters, digits and . _ ~ - only, at most 200 of them."
        raise Problem("challenge.invalid", detail)
    return challenge


def adobe_validation_url(raw: object) -> str | None:
    """The URL of Adobe's second way to validate a door, None if the body is something else.

    It is never opened from here, so that nobody can make the hub call an address of their choice. Refuses an
    address that is not Adobe's.
    """
    if not isinstance(raw, dict) or "validationUrl" not in raw:
        return None
    url = raw["validationUrl"]
    if isinstance(url, str) and _ADOBE_URL.fullmatch(url):
        return url
    raise Problem(
        "validation_url.refused",
        "The hub opens no address it is sent. Register this door again: Adobe then asks it by GET with ?challenge=.",
        errors=[FieldError(field="validationUrl", message="not an https address below adobe.io")],
    )


def read_batch(raw: object, *, store: str, client_id: str, sub_events: tuple[str, ...], now: datetime) -> Reading:
    """Hints of one event or of a batch. Refuses the whole request if one event is malformed or meant for others."""
    events = _envelopes(raw)
    hints, ignored, unreadable = [], 0, []
    for place, event in events:
        _require_ours(event, place, client_id)
        name = event.type.removeprefix(_PREFIX)
        paths = ORDER_ID_PATHS.get(name) or (_ORDER if name in sub_events else None)
        value = event.data.get("value") if isinstance(event.data, dict) else None
        if paths is None:
            ignored += 1
        elif (order_id := _first_id(value, paths)) is None:
            unreadable.append(f"{name} without {' or '.join('.'.join(path) for path in paths)}")
        else:
            hints.append(
                order_hint(
                    store,
                    order_id,
                    source_id=f"io/{event.dedupe_id}",
                    updated_at=store_time(_at(value, ("updated_at",))),
                    occurred_at=moment(event.time, now),
                )
            )
    return Reading(events=tuple(hints), ignored=ignored, unreadable=tuple(unreadable))


def _envelopes(raw: object) -> list[tuple[str, IoEvent]]:
    """The events, each with its place in the body."""
    if not isinstance(raw, list):
        return [("", read_as(raw, IoEvent))]
    if len(raw) > BATCH_MAX:
        detail = f"A batch may hold {BATCH_MAX} events; this one holds {len(raw)}. Lower the batch size."
        raise Problem("batch.too_large", detail)
    return [(f"[{n}].", event) for n, event in enumerate(read_as(raw, list[IoEvent]))]


def _require_ours(event: IoEvent, place: str, client_id: str) -> None:
    if event.recipient != client_id:
        raise Problem(
            "recipient.foreign",
            "`recipientclientid` is not the client id of this door. Register the door under the project it belongs to.",
            errors=[FieldError(field=f"{place}recipientclientid", message="not the client id of this door")],
        )
    if not _EVENT_ID.fullmatch(event.dedupe_id):
        message = "missing, or not plain text of at most 200 characters"
        raise Problem(
            "event.invalid",
            f"`{place}eventid` is {message}.",
            errors=[FieldError(field=f"{place}eventid", message=message)],
        )


def _first_id(value: object, paths: tuple[tuple[str, ...], ...]) -> str | None:
    return next((found for path in paths if (found := entity_id(_at(value, path)))), None)


def _at(value: object, path: tuple[str, ...]) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
