"""On hold and off hold in the store, because a person said so."""

from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.events import ORDER_PLACED, NewEvent
from millstream.domain.holding import CANCELLED_BY, DEEDS, Deed, HoldStanding, Step
from millstream.flows.hub import Hub
from millstream.ports.desk import OrderStory


def by_hold(event: NewEvent) -> str:
    """A lane of its own for each order: hold and release keep their order, and wait for nothing else of it."""
    return f"{event.subject}/hold"


async def hold_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The store ships nothing of the order any more. The ERP is not told."""
    await hub.store.hold(str(delivery.payload["store_order_id"]), key=_key(delivery, "hold"))
    return Settlement()


async def unhold_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """The store goes on with the order where it stood."""
    await hub.store.unhold(str(delivery.payload["store_order_id"]), key=_key(delivery, "unhold"))
    return Settlement()


def deeds_possible(story: OrderStory) -> tuple[Deed, ...]:
    """Which of the two somebody may want of an order now; neither of one that no store reported."""
    types = {event.type for event in story.events}
    if ORDER_PLACED not in types:
        return ()
    summary = story.summary
    steps = (
        Step(id=one.row.id, state=one.row.state, code=one.row.code, deed=DEEDS.get(one.row.event_type))
        for one in story.deliveries
    )
    return HoldStanding(
        number=summary.number or summary.order_key,
        cancelled=summary.cancelled_at is not None or not types.isdisjoint(CANCELLED_BY),
        shipped=summary.shipped_at is not None or summary.delivered_at is not None,
        steps=tuple(steps),
    ).can()


def _key(delivery: Delivery, deed: str) -> str:
    return f"order/{delivery.event.subject}/{deed}/{delivery.event.id}"
