"""What a store's event must hold so that the order can be read back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from millstream.domain.events import ORDER_HINTED, NewEvent

_ENTITY_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_STORE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_AGE_MAX: Final = timedelta(days=3650)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one request brought: events to store, how many were of no interest, and why some could not be read."""

    events: tuple[NewEvent, ...] = ()
    ignored: int = 0
    unreadable: tuple[str, ...] = ()


def entity_id(value: object) -> str | None:
    """A store's id as text: stores send it as a number or as digits. Anything else is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _ENTITY_ID.fullmatch(text) else None


def store_time(value: object) -> str | None:
    """A store's own `YYYY-MM-DD HH:MM:SS` (UTC), unless it is something else."""
    return value if isinstance(value, str) and _STORE_TIME.fullmatch(value) else None


def moment(value: object, now: datetime) -> datetime:
    """The time an event says it happened; now, where it says nothing sensible."""
    try:
        told = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return now
    if told.tzinfo is None or not now - _AGE_MAX <= told <= now:
        return now
    return told.astimezone(UTC)


def order_hint(store: str, order_id: str, *, source_id: str, updated_at: str | None, occurred_at: datetime) -> NewEvent:
    """`order.hinted`: look at this order. Its subject is a placeholder until the order itself was read."""
    data: dict[str, Any] = {"store_order_id": order_id, "updated_at": updated_at}
    return NewEvent(
        source=store,
        source_id=source_id,
        type=ORDER_HINTED,
        subject=f"{store}-{order_id}",
        occurred_at=occurred_at,
        data=data,
    )
