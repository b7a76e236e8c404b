"""Everything there is to report about one order now. Pure: no call; the time is an argument."""

from datetime import UTC, datetime, time
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.connectors.sap_s4hana import odata
from millstream.connectors.sap_s4hana.reading import (
    View,
    acknowledgement,
    cancelled_rest,
    confirmed_days,
    delivery_state,
    is_cancelled,
    is_held,
    is_void,
    order_key_of,
    shipment,
)
from millstream.connectors.sap_s4hana.rows import Delivery
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.fulfilment import Shipment
from millstream.ports.erp import ErpOrderChange

PACKED_STATES: Final = frozenset({"packed", "shipped"})
LEFT_STATES: Final = frozenset({"shipped"})


def changes_of(view: View, settings: S4HanaSettings, *, now: datetime) -> list[ErpOrderChange]:
    """Nothing about documents that are held or set aside: nobody was told of them as orders."""
    order = view.order
    if is_void(order, settings) or is_held(order, settings):
        return []
    if is_cancelled(order):
        return [_change(view, settings, "cancelled", f"order/{order.sales_order}/cancelled", order.changed_at)]
    changes = []
    for delivery in view.deliveries:
        sent = shipment(delivery, view, settings)
        for kind, states in (("packed", PACKED_STATES), ("shipped", LEFT_STATES)):
            if sent.state in states and sent.lines:
                numbers = _numbers(sent) if kind == "shipped" else ""
                change_id = f"delivery/{delivery.delivery_document}/{order.sales_order}/{kind}{numbers}"
                at = _happened(delivery, kind, settings, now)
                changes.append(_change(view, settings, kind, change_id, at, shipment=sent))
    rest = cancelled_rest(view, settings)
    if rest:
        change_id = f"order/{order.sales_order}/rest/{_digest_of(rest)}"
        content = {"acknowledgement": acknowledgement(view, settings), "cancelled": rest}
        changes.append(_change(view, settings, "rest_cancelled", change_id, order.changed_at, **content))
    if _still_open(view):
        answer = acknowledgement(view, settings)
        change_id = f"schedule/{order.sales_order}/{_digest(view)}"
        changes.append(_change(view, settings, "schedule", change_id, _newest(view), acknowledgement=answer))
    return changes


def _change(
    view: View, settings: S4HanaSettings, kind: str, change_id: str, at: datetime, **content: Any
) -> ErpOrderChange:
    key = order_key_of(view.order, settings)
    return ErpOrderChange(order_key=key, kind=kind, change_id=change_id, occurred_at=at, **content)


def _numbers(sent: Shipment) -> str:
    """Makes a delivery that left another change with every number its parcels get."""
    return f"/{_digest_of(sorted(sent.tracking_numbers))}" if sent.tracking_numbers else ""


def _still_open(view: View) -> bool:
    left = sum(1 for delivery in view.deliveries if delivery_state(delivery) == "shipped")
    return view.order.process_status != "C" or left < len(view.deliveries)


def _happened(delivery: Delivery, kind: str, settings: S4HanaSettings, now: datetime) -> datetime:
    """When it was packed or left, as well as SAP tells."""
    on, at = delivery.actual_goods_movement_date, delivery.actual_goods_movement_time
    if kind == "packed" and delivery.units:
        on, at = delivery.units[-1].creation_date, delivery.units[-1].creation_time
    on = on or delivery.last_change_date
    day = odata.day(on)
    if day is None:
        return now
    moment = odata.local_moment(day, at, settings.zone) if at else datetime.combine(day, time(12), UTC)
    return min(moment, now)


def _newest(view: View) -> datetime:
    stamps = [one.last_change_date_time for one in view.work if one.last_change_date_time]
    written = [datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC) for stamp in stamps]
    return max([view.order.changed_at, *written])


def _digest(view: View) -> str:
    """Changes with every confirmed day and work order, and with every return to an earlier day: when counts too."""
    confirmed = [(item.number, confirmed_days(item)) for item in view.order.items]
    work = [(one.manufacturing_order, one.end, one.last_change_date_time) for one in view.work]
    return _digest_of((confirmed, work, view.order.last_change_date_time))


def _digest_of(content: Any) -> str:
    return sha256(msgspec.json.encode(content)).hexdigest()[:16]
