"""The order that a fact of ours or somebody's report is about, from the books."""

from typing import Final

from millstream.domain.delivery import Delivery
from millstream.domain.errors import Retry
from millstream.flows.hub import Hub
from millstream.ports.records import BookedOrder

LOOK_AGAIN_MAX_S: Final = 300.0
_OVER: Final = frozenset({"done", "discarded"})


async def booked(order_key: str, hub: Hub) -> BookedOrder:
    """The order of a fact of ours; Retry while its confirmation is still being written."""
    order = await hub.records.booked_order(order_key)
    if order is None:
        raise _not_booked(order_key)
    return order


async def reported_on(delivery: Delivery, order_key: str, hub: Hub) -> BookedOrder:
    """The order of a report from outside; Retry until the ERP has confirmed it.

    An order that is on its way there, or waits in review, may take days: looking at it uses up no attempts. One that is
    on no way any more is looked for as often as anything.
    """
    order = await hub.records.booked_order(order_key)
    if order is not None:
        return order
    placement = await hub.records.placement(order_key)
    if placement is None or placement.placing in _OVER:
        raise _not_booked(order_key)
    wait_s = 2.0 ** min(delivery.tries - 1, 16)
    raise _not_booked(order_key, after_s=min(wait_s, LOOK_AGAIN_MAX_S), counts=False)


def _not_booked(order_key: str, *, after_s: float | None = None, counts: bool = True) -> Retry:
    text = f"Order {order_key} is not confirmed by the ERP yet"
    return Retry("order.not_booked", text, after_s=after_s, counts=counts)
