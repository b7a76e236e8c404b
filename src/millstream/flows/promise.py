"""A date that moves is told everywhere, once, with the reason."""

from datetime import date
from typing import Any

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import Acknowledgement, acknowledgement_from_json
from millstream.domain.crosswalk import Alias
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.events import NewEvent
from millstream.domain.promise import Promise
from millstream.flows.fulfilment import booked, find_reported_order
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import main_reason, promises_of
from millstream.flows.words import promise_changed_text


async def compare_promise(delivery: Delivery, hub: Hub) -> Settlement:
    """What the ERP plans now against what was promised; equal dates are no news."""
    acknowledgement = acknowledgement_from_json(dict(delivery.payload["acknowledgement"]))
    order_key = delivery.event.subject
    order = await booked(order_key, hub)
    mark = OrderMark(order_key=order_key, acknowledgement=acknowledgement, ship_date=acknowledgement.ship_date)
    aliases = tuple(Alias(order_key=order_key, kind="work_order", value=n) for n in acknowledgement.work_orders)
    if order.shipped_at or order.cancelled_at:
        return Settlement(note="already shipped or cancelled: no date to promise any more")
    if _dates(acknowledgement) == _dates(order.acknowledgement) and acknowledgement.ship_date == order.ship_date:
        return Settlement(marks=(mark,), aliases=aliases, note="the dates are as promised")
    promises = promises_of(order_key, acknowledgement, hub)
    if acknowledgement.ship_date == order.ship_date:
        return Settlement(
            marks=(mark,), aliases=aliases, promises=promises, note="a line moved, the order ships as promised"
        )
    fact = _changed(
        delivery,
        hub,
        order.customer_id,
        ship_date=acknowledgement.ship_date,
        before=order.ship_date,
        reason=main_reason(acknowledgement),
    )
    return Settlement(events=(fact,), marks=(mark,), aliases=aliases, promises=promises)


async def book_reported_promise(delivery: Delivery, hub: Hub) -> Settlement:
    """A planner's tool names a new date for an order."""
    payload: Any = delivery.payload
    order_key = await find_reported_order(delivery, hub)
    order = await booked(order_key, hub)
    ship_date = date.fromisoformat(payload["ship_date"])
    if ship_date == order.ship_date:
        return Settlement(note="the date is as promised")
    reason = str(payload.get("reason") or "")
    promise = Promise(
        order_key=order_key,
        line_id=None,
        ship_date=ship_date,
        reason=reason,
        promised_by=delivery.event.source,
        promised_at=hub.world.clock.now(),
    )
    fact = _changed(
        delivery, hub, order.customer_id, ship_date=ship_date, before=order.ship_date, reason=reason, subject=order_key
    )
    return Settlement(events=(fact,), promises=(promise,), marks=(OrderMark(order_key=order_key, ship_date=ship_date),))


def _dates(acknowledgement: Acknowledgement) -> dict[str, date | None]:
    return {line.line_id: line.ship_date for line in acknowledgement.lines}


def _changed(
    delivery: Delivery,
    hub: Hub,
    customer_id: str,
    *,
    ship_date: date | None,
    before: date | None,
    reason: str,
    subject: str | None = None,
) -> NewEvent:
    order_key = subject or delivery.event.subject
    return NewEvent(
        source="millstream",
        # Named by what moved the date, not by an id of ours: told after a restore, it is recognised as told before.
        source_id=f"order/{order_key}/promise/{delivery.event.source}/{delivery.event.source_id}",
        type=events.ORDER_PROMISE_CHANGED,
        subject=order_key,
        occurred_at=hub.world.clock.now(),
        data={
            "customer_id": customer_id,
            "ship_date": msgspec.to_builtins(ship_date),
            "before": msgspec.to_builtins(before),
            "reason": reason,
        },
    )


def _date(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(value)


async def promise_changed_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The shopper is told the newest date: a retry after a second change tells that one, not the stale one."""
    order = await booked(delivery.event.subject, hub)
    told = _date(delivery.payload["ship_date"])
    if order.ship_date != told:
        return Settlement(note="a newer date is on its way to the shopper")
    before, reason = _date(delivery.payload["before"]), str(delivery.payload["reason"])
    await hub.store.promise(
        order.order.store_order_id, order.order.number, ship_date=told, key=delivery.event.source_id
    )
    await hub.store.tell_customer(
        order.order.store_order_id,
        promise_changed_text(told, before, reason, hub.policy.language_of(order.order)),
        notify=hub.policy.notify_customer,
        key=delivery.event.source_id,
        again=delivery.again,
    )
    return NOTHING


async def promise_changed_in_crm(delivery: Delivery, hub: Hub) -> Settlement:
    """The expected ship date on the purchase, as the books have it now."""
    order = await booked(delivery.event.subject, hub)
    await hub.crm.record_progress(
        delivery.event.subject, key=delivery.event.source_id, expected_ship_date=order.ship_date
    )
    return NOTHING
