"""An order as the desk sees it: where it stands, who bought, promises, money, and what the customer was told."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import acknowledgement_from_json
from millstream.domain.errors import Failure
from millstream.domain.order import SalesOrder
from millstream.domain.values import CENT, Money
from millstream.flows.hub import Policy
from millstream.flows.order_timeline import facts_with_data
from millstream.flows.order_to_erp import main_reason
from millstream.flows.words import (
    confirmed_text,
    delivered_text,
    packed_text,
    promise_changed_text,
    rest_cancelled_text,
)
from millstream.ports.desk import DeliveryStory, OrderStory, PromiseRow
from millstream.ports.records import BookedOrder

_WORDS: Final = {
    events.ORDER_CONFIRMED: "confirmed",
    events.ORDER_PACKED: "packed",
    events.ORDER_SHIPPED: "shipped",
    events.ORDER_DELIVERED: "delivered",
    events.ORDER_PROMISE_CHANGED: "promise changed",
    events.ORDER_REST_CANCELLED: "rest cancelled",
}
_EMAILED: Final = frozenset({"confirmed", "shipped", "promise changed", "rest cancelled"})
_STATE_UNBOOKED: Final = {
    "held": "review",
    "dead": "review",
    "retrying": "retrying",
    "discarded": "discarded",
    "done": "cancelled",  # done without an order in the books: it was cancelled before the ERP had it
}

Interpret = Callable[[dict[str, Any]], SalesOrder]


class PromiseNow(msgspec.Struct, frozen=True, kw_only=True):
    """The first date given for the whole order, the one that stands now, and how many days it moved (None: unknown)."""

    first: date | None
    now: date | None
    moved_days: int | None
    reason: str
    kept: bool | None


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Who bought, and where. `customer_id` is the hub's; None while nobody knows who it is."""

    customer_id: str | None
    name: str
    company: str | None
    email: str
    store: str
    store_view: str


class MoneyStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The total three times over. `hub` is added up line by line; `rounding` is the ERP's total less the store's."""

    currency: str | None
    store: Decimal | None
    hub: Decimal | None
    erp: Decimal | None
    rounding: Decimal | None
    verdict: Literal["agrees", "rounding", "differs", "unknown"]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer was told when. `text` is worded as the hub words it today; None: the store wrote its own."""

    at: datetime
    what: str
    text: str | None
    emailed: bool


def order_of(story: OrderStory, booked: BookedOrder | None, interpret: Interpret) -> SalesOrder | None:
    """The order as booked, else as placed; None if nobody can read it."""
    if booked is not None:
        return booked.order
    for placed in facts_with_data(story, events.ORDER_PLACED):
        try:
            return interpret(dict(placed.data["order"]))
        except (Failure, KeyError, TypeError, ValueError):
            return None
    return None


def state_of(story: OrderStory) -> str:
    """Where the order stands, in the words of `ports.lookup.OrderHit`."""
    summary = story.summary
    steps = (
        (summary.cancelled_at, "cancelled"),
        (summary.delivered_at, "delivered"),
        (summary.shipped_at, "shipped"),
        (summary.packed_at, "packed"),
        (summary.confirmed_at, "confirmed"),
    )
    for at, state in steps:
        if at is not None:
            return state
    into_erp = [
        one.row.state
        for one in story.deliveries
        if one.row.subscriber == "erp" and one.row.event_type == events.ORDER_PLACED
    ]
    return _STATE_UNBOOKED.get(into_erp[0], "placed") if into_erp else "placed"


def buyer_of(order: SalesOrder | None, booked: BookedOrder | None) -> Buyer | None:
    """None if nobody can read the order."""
    if order is None:
        return None
    return Buyer(
        customer_id=booked.customer_id if booked else None,
        name=order.customer.name,
        company=order.customer.company,
        email=order.customer.email,
        store=order.store,
        store_view=order.store_view_id,
    )


def promise_of(story: OrderStory) -> PromiseNow | None:
    """None while nobody promised anything for the whole order."""
    whole: list[PromiseRow] = [promise for promise in story.promises if promise.line_id is None]
    if not whole:
        return None
    first, last = whole[0].ship_date, whole[-1].ship_date
    return PromiseNow(
        first=first,
        now=last,
        moved_days=(last - first).days if first and last else None,
        reason=whole[-1].reason,
        kept=whole[-1].kept,
    )


def money_of(order: SalesOrder | None, booked: BookedOrder | None) -> MoneyStanding:
    """The store's total, ours, the ERP's, and whether they agree."""
    if order is None:
        return MoneyStanding(currency=None, store=None, hub=None, erp=None, rounding=None, verdict="unknown")
    store, hub = order.totals.grand_total.amount, _added_up(order).amount
    erp = booked.acknowledgement.gross.amount if booked else None
    rounding = None if erp is None else erp - store
    return MoneyStanding(
        currency=order.currency,
        store=store,
        hub=hub,
        erp=erp,
        rounding=rounding,
        verdict=_verdict(store, hub, rounding),
    )


def _added_up(order: SalesOrder) -> Money:
    parts = [line.net for line in order.lines]
    parts += [order.totals.shipping, order.totals.tax, *(one.amount for one in order.totals.adjustments)]
    return sum(parts, Money.zero(order.currency)).to_cent()


def _verdict(
    store: Decimal, hub: Decimal, rounding: Decimal | None
) -> Literal["agrees", "rounding", "differs", "unknown"]:
    if hub != store:
        return "differs"
    if rounding is None:
        return "unknown"
    if rounding == 0:
        return "agrees"
    return "rounding" if abs(rounding) <= CENT else "differs"


def told_of(story: OrderStory, order: SalesOrder | None, policy: Policy) -> tuple[Told, ...]:
    """Everything that reached the store for the customer to see, by time. Names of receivers are left out."""
    language = policy.language if order is None else policy.language_of(order)
    told = [
        one
        for delivery in story.deliveries
        if delivery.row.subscriber == "store" and delivery.row.state == "done" and not delivery.row.note
        for one in _said(delivery, policy, language)
    ]
    return tuple(sorted(told, key=lambda one: one.at))


def _said(delivery: DeliveryStory, policy: Policy, language: str) -> Iterator[Told]:
    what = _WORDS.get(delivery.row.event_type)
    if what is not None:
        yield Told(
            at=delivery.attempts[-1].ended_at if delivery.attempts else delivery.row.updated_at,
            what=what,
            text=_text(delivery, language),
            emailed=policy.notify_customer and what in _EMAILED,
        )


def _text(delivery: DeliveryStory, language: str) -> str | None:
    """None where the store words it itself, and where the payload is not what it is today."""
    payload = delivery.amended if delivery.amended is not None else delivery.data
    with suppress(KeyError, TypeError, ValueError):
        match delivery.row.event_type:
            case events.ORDER_CONFIRMED:
                ack = acknowledgement_from_json(payload["acknowledgement"])
                return confirmed_text(ack.number, ack.ship_date, main_reason(ack), language)
            case events.ORDER_PACKED:
                return packed_text(language, part=bool(payload.get("part")))
            case events.ORDER_DELIVERED:
                return delivered_text(None, language, part=bool(payload.get("part")))
            case events.ORDER_PROMISE_CHANGED:
                now, before = (payload[name] and date.fromisoformat(payload[name]) for name in ("ship_date", "before"))
                rest = bool(payload.get("rest"))
                return promise_changed_text(now, before, str(payload["reason"]), language, rest=rest)
            case events.ORDER_REST_CANCELLED:
                return rest_cancelled_text(payload["lines"], language)
    return None
