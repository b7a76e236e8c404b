"""On hold and off hold in the store, because a person said so."""

from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.events import NewEvent
from millstream.flows.hub import Hub


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


def _key(delivery: Delivery, deed: str) -> str:
    return f"order/{delivery.event.subject}/{deed}/{delivery.event.id}"
