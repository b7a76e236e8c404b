"""An order edited in the store is a new order and the cancellation of the old one: never both are made.

The two travel in different lanes. The new one waits until the ERP has let the old one go, and is held if it does not.
"""

from typing import Final, Literal

from millstream.domain.delivery import Delivery
from millstream.domain.errors import Reject, Retry
from millstream.domain.order import SalesOrder, order_key
from millstream.flows.hub import Hub
from millstream.ports.records import Placement

UNFINISHED: Final = "order.replaces_unfinished"
PENDING: Final = "order.replaces_pending"
LOOK_AGAIN_S: Final = 15.0  # later with every look
LOOK_AGAIN_MAX_S: Final = 300.0
EDITS_MAX: Final = 50  # of one order, one after the other
_REFUSED: Final = frozenset({"held", "dead", "discarded"})

Fate = Literal["gone", "pending", "refused"]


async def refuse_while_replaced_lives(order: SalesOrder, delivery: Delivery, hub: Hub) -> None:
    """Waits for the cancellation of the order this one replaces; holds this one where it was refused.

    What was never made in the ERP may itself have replaced an order that still is.
    """
    if UNFINISHED in delivery.waived:
        return
    replaced = replaced_key(order)
    for _ in range(EDITS_MAX):
        earlier = None if replaced is None else await hub.records.placement(replaced)
        if earlier is None:
            return  # none, or the hub never placed it
        match fate_of(earlier):
            case "pending":
                after_s = min(LOOK_AGAIN_S * delivery.tries, LOOK_AGAIN_MAX_S)
                raise Retry(PENDING, _waits(order, earlier), after_s=after_s, counts=False)
            case "refused":
                raise Reject(UNFINISHED, _unfinished(order, earlier), field="replaces")
        replaced = None if earlier.is_booked else earlier.replaces


def replaced_key(order: SalesOrder) -> str | None:
    """The key of the order that an edit replaced by this one."""
    return order_key(order.store, order.store_view_id, order.replaces) if order.replaces else None


def fate_of(earlier: Placement) -> Fate:
    """Whether the ERP has let a replaced order go, never had it, or is to keep it.

    An order whose way in a person resolved may be in the ERP all the same: made by a try that never heard so, or by
    hand. Only its cancellation, which asks the ERP, tells.
    """
    was_let_go = earlier.placing == "done" or (earlier.placing == "discarded" and earlier.cancelling == "done")
    if earlier.is_cancelled or (was_let_go and not earlier.is_booked):
        return "gone"
    return "refused" if earlier.cancelling in _REFUSED else "pending"


def _waits(order: SalesOrder, earlier: Placement) -> str:
    message = f"Order {order.number} replaces {earlier.number}, whose cancellation is not through yet"
    if earlier.placing in {"held", "dead"}:
        message += f": {earlier.number} itself waits for a person. Decide about that one first"
    return f"{message}."


def _unfinished(order: SalesOrder, earlier: Placement) -> str:
    return (
        f"Order {order.number} replaces {earlier.number}, which the ERP would not take back. Retry the cancellation of "
        f"{earlier.number} once plant and warehouse have undone it, then retry this one; release this one to have both "
        "made; or cancel this one in the store and discard it."
    )
