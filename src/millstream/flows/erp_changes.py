"""What the plant and the warehouse did becomes facts about orders."""

from typing import Final

import msgspec

from millstream.domain import events
from millstream.domain.events import NewEvent
from millstream.ports.erp import ErpOrderChange

_TYPES: Final = {
    "packed": events.ORDER_SHIPMENT_REPORTED,
    "shipped": events.ORDER_SHIPMENT_REPORTED,
    "schedule": events.ORDER_RESCHEDULED,
    "cancelled": events.ORDER_CANCELLED_BY_ERP,
    "rest_cancelled": events.ORDER_REST_CANCELLED_BY_ERP,
}


def changes_of(erp: str) -> str:
    """The recurring question what changed in an ERP, by name."""
    return f"{erp}.changes"


def facts_of_changes(changes: tuple[ErpOrderChange, ...], *, erp: str) -> tuple[NewEvent, ...]:
    """One event per change; the change id makes a repeated report a no-op."""
    return tuple(
        NewEvent(
            source=erp,
            source_id=change.change_id,
            type=_TYPES[change.kind],
            subject=change.order_key,
            occurred_at=change.occurred_at,
            data={
                "kind": change.kind,
                "shipment": msgspec.to_builtins(change.shipment),
                "acknowledgement": msgspec.to_builtins(change.acknowledgement),
                "cancelled": msgspec.to_builtins(change.cancelled),
            },
        )
        for change in changes
    )
