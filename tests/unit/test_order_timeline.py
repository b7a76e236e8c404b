"""Lanes, moments and gaps of an order, from rows alone."""

from datetime import timedelta
from uuid import UUID

from fakes.world import START
from millstream.flows.order_timeline import gaps_of, moments_of
from millstream.ports.desk import AttemptRow, DeliveryRow, DeliveryStory, EventRow, OrderStory, OrderSummary

EVENT = UUID(int=1)


def at(seconds):
    return START + timedelta(seconds=seconds)


def attempt(n, start, end, outcome="done", code=None):
    return AttemptRow(
        n=n, worker="w1", started_at=at(start), ended_at=at(end), outcome=outcome, code=code, message=None
    )


def story(*attempts, state="done", **steps):
    row = DeliveryRow(
        id=7, event_id=EVENT, event_type="order.placed", subject="S", subscriber="erp", state=state,
        tries=len(attempts), attempts=1, due_at=at(0), created_at=at(1), updated_at=at(99), head=True,
    )  # fmt: skip
    fact = EventRow(id=EVENT, type="order.placed", source="shop", source_id="1", occurred_at=at(0), received_at=at(1))
    return OrderStory(
        summary=OrderSummary(order_key="S", placed_at=at(0), **{name: at(when) for name, when in steps.items()}),
        aliases=(),
        events=(fact,),
        deliveries=(DeliveryStory(row=row, event=fact, data={}, amended=None, waived=(), attempts=attempts),),
        promises=(),
    )


def gaps(given, now=100):
    return [(gap.name, gap.duration_s, gap.ended_at is None) for gap in gaps_of(given, now=at(now))]


def test_a_fact_takes_as_long_as_its_way_to_the_hub_and_a_try_as_long_as_it_took():
    moments = moments_of(story(attempt(1, 3, 5)))
    assert [(one.lane, one.what, one.duration_s) for one in moments] == [
        ("store", "order.placed", 1.0), ("erp", "order.placed to erp", 2.0),
    ]  # fmt: skip


def test_waiting_between_tries_bears_the_name_of_what_it_waits_for():
    given = story(attempt(1, 3, 5, "retrying", "erp.busy"), attempt(2, 15, 16), confirmed_at=16)
    assert gaps(given) == [
        ("on the way into the ERP", 16.0, False),
        ("waiting for its turn", 2.0, False),
        ("waiting for the next try (erp.busy)", 10.0, False),
        ("in plant and warehouse", 84.0, True),
    ]


def test_a_review_lasts_until_somebody_decides():
    assert gaps(story(attempt(1, 3, 5, "held", "sku.unknown"), state="held"))[-1] == (
        "in review: a person must decide (sku.unknown)", 95.0, True,
    )  # fmt: skip
    assert gaps(story(attempt(1, 3, 5, "held", "sku.unknown"), state="discarded"))[-1][1:] == (94.0, False)


def test_a_step_that_never_came_ends_with_a_later_one_or_with_the_cancellation():
    assert gaps(story(attempt(1, 3, 5), confirmed_at=10, shipped_at=40))[-2:] == [
        ("in plant and warehouse", 30.0, False), ("on the road", 60.0, True),
    ]  # fmt: skip
    cancelled = [gap for gap in gaps(story(attempt(1, 3, 5), confirmed_at=10, cancelled_at=30)) if "plant" in gap[0]]
    assert cancelled == [("in plant and warehouse", 20.0, False)]


def test_a_delivery_nobody_has_tried_waits_for_its_turn():
    assert gaps(story(state="waiting"), now=31)[-1] == ("waiting for its turn", 30.0, True)
