"""An order's life as lanes beside each other: what happened where, how long it took, and what it waited for."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

import msgspec

from millstream.domain import events
from millstream.ports.desk import AttemptRow, DeliveryStory, EventRow, OrderStory

Lane = Literal["store", "hub", "erp", "plant", "warehouse", "crm"]

LANES: Final[dict[str, Lane]] = {
    events.ORDER_HINTED: "store",
    events.ORDER_PLACED: "store",
    events.ORDER_CANCELLED: "store",
    events.ORDER_ADDRESS_CHANGED: "store",
    events.ORDER_CONFIRMED: "erp",
    events.ORDER_INCOMPLETE_IN_CRM: "crm",
    events.ORDER_CANCELLATION_CONFIRMED: "erp",
    events.ORDER_CANCELLED_BY_ERP: "erp",
    events.ORDER_REST_CANCELLED_BY_ERP: "erp",
    events.ORDER_REST_CANCELLED: "erp",
    events.ORDER_HOLD_WANTED: "hub",
    events.ORDER_UNHOLD_WANTED: "hub",
    events.ORDER_RESCHEDULED: "plant",
    events.ORDER_PROMISE_REPORTED: "plant",
    events.ORDER_PROMISE_CHANGED: "hub",
    events.ORDER_SHIPMENT_REPORTED: "warehouse",
    events.ORDER_PACKED: "warehouse",
    events.ORDER_SHIPPED: "warehouse",
    events.ORDER_TRACKED: "warehouse",
    events.ORDER_DELIVERED: "warehouse",
    events.ORDER_DELIVERY_REPORTED: "warehouse",
}
"""Where a fact is at home: a test holds it complete."""

_LANE_OF_SUBSCRIBER: Final[dict[str, Lane]] = {"erp": "erp", "store": "store", "crm": "crm"}
_RESTS: Final = {
    "held": "in review: a person must decide",
    "dead": "dead letter: a person must decide",
    "retrying": "waiting for the next try",
    "lost": "waiting for another worker to take over",
}
_STEPS: Final[tuple[tuple[str, str, str, Lane], ...]] = (
    ("placed_at", "confirmed_at", "on the way into the ERP", "hub"),
    ("confirmed_at", "packed_at", "in plant and warehouse", "plant"),
    ("packed_at", "left_at", "waiting for the carrier", "warehouse"),
    ("left_at", "shipped_at", "the rest in plant and warehouse", "plant"),
    ("shipped_at", "delivered_at", "on the road", "warehouse"),
)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A fact (`ended_at` None) or one try at a delivery. `duration_s` of a fact is its way to the hub."""

    lane: Lane
    what: str
    at: datetime
    ended_at: datetime | None = None
    duration_s: float
    delivery_id: int | None = None
    outcome: str | None = None
    code: str | None = None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which nothing happened, and its name. `ended_at` None: it lasts."""

    lane: Lane
    name: str
    began_at: datetime
    ended_at: datetime | None
    duration_s: float
    delivery_id: int | None = None


def moments_of(story: OrderStory) -> tuple[Moment, ...]:
    """Every fact and every try, by time."""
    facts = (_fact(event) for event in story.events)
    tries = (_try(delivery, attempt) for delivery in story.deliveries for attempt in delivery.attempts)
    return tuple(sorted((*facts, *tries), key=lambda moment: moment.at))


def gaps_of(story: OrderStory, *, now: datetime) -> tuple[Gap, ...]:
    """What the order waited for: its steps, and the rests of its deliveries."""
    rests = (gap for delivery in story.deliveries for gap in _rests(delivery, now))
    return tuple(sorted((*_steps(story, now), *rests), key=lambda gap: gap.began_at))


def _fact(event: EventRow) -> Moment:
    return Moment(
        lane=LANES.get(event.type, "hub"),
        what=event.type,
        at=event.occurred_at,
        duration_s=_seconds(event.occurred_at, event.received_at),
    )


def _lane(delivery: DeliveryStory) -> Lane:
    return _LANE_OF_SUBSCRIBER.get(delivery.row.subscriber, "hub")


def _try(delivery: DeliveryStory, attempt: AttemptRow) -> Moment:
    return Moment(
        lane=_lane(delivery),
        what=f"{delivery.row.event_type} to {delivery.row.subscriber}",
        at=attempt.started_at,
        ended_at=attempt.ended_at,
        duration_s=_seconds(attempt.started_at, attempt.ended_at),
        delivery_id=delivery.row.id,
        outcome=attempt.outcome,
        code=attempt.code,
    )


def _steps(story: OrderStory, now: datetime) -> Iterator[Gap]:
    """From step to step; a step that did not come yet lasts until now, unless a later one came or the order is off."""
    summary = story.summary
    parts = [event.occurred_at for event in story.events if event.type == events.ORDER_SHIPPED]
    reached = {**msgspec.structs.asdict(summary), "left_at": min(parts, default=summary.shipped_at)}
    for n, (since, until, name, lane) in enumerate(_STEPS):
        began, ended = reached[since], reached[until]
        if began is None or (since == "left_at" and began == ended):
            continue
        later = [at for _, step, _, _ in _STEPS[n + 1 :] if (at := reached[step]) is not None]
        ended = ended or min((at for at in (*later, summary.cancelled_at) if at is not None), default=None)
        yield Gap(
            lane=lane,
            name=name,
            began_at=began,
            ended_at=ended,
            duration_s=_seconds(began, ended or now),
        )


def _rests(delivery: DeliveryStory, now: datetime) -> Iterator[Gap]:
    attempts = delivery.attempts
    is_open = delivery.row.state not in {"done", "discarded"}
    first = attempts[0].started_at if attempts else None
    if first is not None or is_open:
        yield _gap(delivery, "waiting for its turn", delivery.row.created_at, first, now)
    for earlier, later in pairwise(attempts):
        yield _gap(delivery, _rest(earlier), earlier.ended_at, later.started_at, now)
    if attempts and attempts[-1].outcome in _RESTS:
        ended = None if is_open and delivery.row.state != "running" else delivery.row.updated_at
        yield _gap(delivery, _rest(attempts[-1]), attempts[-1].ended_at, ended, now)


def _rest(attempt: AttemptRow) -> str:
    name = _RESTS.get(attempt.outcome, "waiting")
    return f"{name} ({attempt.code})" if attempt.code else name


def _gap(delivery: DeliveryStory, name: str, began: datetime, ended: datetime | None, now: datetime) -> Gap:
    return Gap(
        lane=_lane(delivery),
        name=name,
        began_at=began,
        ended_at=ended,
        duration_s=_seconds(began, ended or now),
        delivery_id=delivery.row.id,
    )


def _seconds(began: datetime, ended: datetime) -> float:
    """Never negative: a store's clock may be ahead of ours."""
    return max((ended - began).total_seconds(), 0.0)


def facts_with_data(story: OrderStory, event_type: str) -> Sequence[DeliveryStory]:
    """One delivery for each fact of this type, to read its data from."""
    found = {one.row.event_id: one for one in story.deliveries if one.row.event_type == event_type}
    return tuple(found.values())
