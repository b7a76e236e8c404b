"""A date that moves is told everywhere, once, with the reason."""

from datetime import date
from typing import Any, Final

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import Acknowledgement, acknowledgement_from_json
from millstream.domain.crosswalk import Alias
from millstream.domain.delivery import NOTHING, Delivery, OrderMark, Settlement
from millstream.domain.events import NewEvent
from millstream.domain.fulfilment import still_to_leave, way_of
from millstream.domain.promise import Promise
from millstream.flows.booked import booked, reported_on
from millstream.flows.fulfilment import find_reported_order, handed_on
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import main_reason, promises_of
from millstream.flows.words import promise_changed_text
from millstream.ports.records import BookedOrder

OVER: Final = "already shipped or cancelled: no date to promise any more"


async def compare_promise(delivery: Delivery, hub: Hub) -> Settlement:
    """What the ERP plans now against what it said last: equal dates are no news, whatever a planner said in between."""
    acknowledgement = acknowledgement_from_json(dict(delivery.payload["acknowledgement"]))
    order_key = delivery.event.subject
    order = await reported_on(delivery, order_key, hub)
    if is_over(order):
        return Settlement(note=OVER)
    aliases = tuple(Alias(order_key=order_key, kind="work_order", value=n) for n in acknowledgement.work_orders)
    before, now = await _still_planned(order, acknowledgement, hub)
    has_news = now.ship_date != before.ship_date
    new_date = now.ship_date if has_news else msgspec.UNSET
    mark = OrderMark(order_key=order_key, acknowledgement=acknowledgement, ship_date=new_date)
    whole, *lines = promises_of(order_key, now, hub)
    if not has_news:
        moved = _dates(now) != _dates(before)
        note = "a line moved, the order ships as promised" if moved else "the dates are as the ERP said last"
        return Settlement(marks=(mark,), aliases=aliases, promises=tuple(lines) if moved else (), note=note)
    if now.ship_date == order.ship_date:
        note = "the ERP plans as promised"
        return Settlement(marks=(mark,), aliases=aliases, promises=(whole, *lines), note=note)
    fact = _changed(delivery, hub, order, ship_date=now.ship_date, reason=main_reason(now))
    return Settlement(events=(fact,), marks=(mark,), aliases=aliases, promises=(whole, *lines))


async def _still_planned(
    order: BookedOrder, acknowledgement: Acknowledgement, hub: Hub
) -> tuple[Acknowledgement, Acknowledgement]:
    """What the ERP said last and what it says now. Once a part has left, of what is still to leave alone."""
    if not order.has_left:
        return order.acknowledgement, acknowledgement
    way = way_of(await hub.records.steps_on_the_way(order.order.key))
    rest = still_to_leave(order.order, acknowledgement, way.left, order.cancelled)
    return _part(order.acknowledgement, rest), _part(acknowledgement, rest)


def _part(acknowledgement: Acknowledgement, line_ids: tuple[str, ...]) -> Acknowledgement:
    """These lines of it: they ship when the last of them does, on no known day where one of them has none."""
    lines = tuple(line for line in acknowledgement.lines if line.line_id in line_ids)
    days = [line.ship_date for line in lines if line.ship_date is not None]
    last = max(days) if days and len(days) == len(line_ids) else None
    return msgspec.structs.replace(acknowledgement, lines=lines, ship_date=last)


def is_over(order: BookedOrder) -> bool:
    """Nothing of it will leave any more."""
    return order.shipped_at is not None or order.cancelled_at is not None


async def book_reported_promise(delivery: Delivery, hub: Hub) -> Settlement:
    """A planner's tool names a new date for an order. It stands until the ERP's own date moves."""
    payload: Any = delivery.payload
    order_key = payload.get("order_key")
    if order_key is None:
        return handed_on(delivery, await find_reported_order(delivery, hub), f"promise/{delivery.event.source_id}")
    order = await reported_on(delivery, order_key, hub)
    ship_date = date.fromisoformat(payload["ship_date"])
    if is_over(order):
        return Settlement(note=OVER)
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
    fact = _changed(delivery, hub, order, ship_date=ship_date, reason=reason)
    return Settlement(events=(fact,), promises=(promise,), marks=(OrderMark(order_key=order_key, ship_date=ship_date),))


def _dates(acknowledgement: Acknowledgement) -> dict[str, date | None]:
    return {line.line_id: line.ship_date for line in acknowledgement.lines}


def _changed(delivery: Delivery, hub: Hub, order: BookedOrder, *, ship_date: date | None, reason: str) -> NewEvent:
    order_key = order.order.key
    return NewEvent(
        source="millstream",
        # Named by what moved the date, not by an id of ours: told after a restore, it is recognised as told before.
        source_id=f"order/{order_key}/promise/{delivery.event.source}/{delivery.event.source_id}",
        type=events.ORDER_PROMISE_CHANGED,
        subject=order_key,
        occurred_at=hub.world.clock.now(),
        data={
            "customer_id": order.customer_id,
            "ship_date": msgspec.to_builtins(ship_date),
            "before": msgspec.to_builtins(order.ship_date),
            "reason": reason,
            "rest": order.has_left,
        },
    )


def _date(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(value)


async def promise_changed_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The shopper is told the newest date: a retry after a second change tells that one, not the stale one."""
    order = await booked(delivery.event.subject, hub)
    told = _date(delivery.payload["ship_date"])
    if is_over(order):
        return Settlement(note="shipped or cancelled meanwhile")
    if order.ship_date != told:
        return Settlement(note="a newer date is on its way to the shopper")
    before, reason = _date(delivery.payload["before"]), str(delivery.payload["reason"])
    language, rest = hub.policy.language_of(order.order), bool(delivery.payload.get("rest"))
    await hub.store.promise(
        order.order.store_order_id, order.order.number, ship_date=told, key=delivery.event.source_id
    )
    await hub.store.tell_customer(
        order.order.store_order_id,
        promise_changed_text(told, before, reason, language, rest=rest),
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
