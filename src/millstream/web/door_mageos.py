"""Mage-OS async events: the whole order, signed with the subscription's verification token."""

import re
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from millstream.web.order_hint import Reading, entity_id, order_hint, store_time

_WORD = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)


def _version(entity: dict[str, Any]) -> str:
    """Differs for every change worth a look; where the usual fields are odd, the whole entity speaks."""
    updated_at, state, status = store_time(entity.get("updated_at")), entity["state"], entity["status"]
    if updated_at and all(isinstance(word, str) and _WORD.fullmatch(word) for word in (state, status)):
        return f"{updated_at}/{state}-{status}"
    return sha256(msgspec.json.encode(entity)).hexdigest()[:32]


def read_entity(raw: object, store: str, *, now: datetime) -> Reading:
    """The hint an entity gives. Entities that are no order are ignored.

    An order has `state`, `status` and `increment_id`; shipments, invoices, credit memos, customers and products
    lack one of them. Newer versions wrap the entity as `data` of a CloudEvent.
    """
    entity: Any = raw
    if isinstance(raw, dict) and "specversion" in raw:
        entity = raw.get("data")
    if not isinstance(entity, dict) or not {"increment_id", "state", "status"} <= entity.keys():
        return Reading(ignored=1)
    order_id = entity_id(entity.get("entity_id"))
    if order_id is None:
        return Reading(unreadable=("an order without `entity_id`",))
    hint = order_hint(
        store,
        order_id,
        source_id=f"mageos/{order_id}/{_version(entity)}",
        updated_at=store_time(entity.get("updated_at")),
        occurred_at=now,
    )
    return Reading(events=(hint,))
