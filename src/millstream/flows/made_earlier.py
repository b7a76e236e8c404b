"""An order that an earlier try made in the ERP, whose answer was lost or refused: in which words is it there?

The store's order or a human's amendment may have moved on since. What the hub books is what the ERP has; where that
cannot be brought about, nobody is told of the order before a person has decided.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.delivery import Delivery
from millstream.domain.errors import Reject
from millstream.domain.order import SalesOrder
from millstream.flows.hub import Hub

TOO_LATE: Final = "order.too_late"  # how an ERP refuses to take back or redirect: plant or warehouse have begun


async def as_the_erp_has_it(
    order: SalesOrder, acknowledgement: Acknowledgement, delivery: Delivery, hub: Hub
) -> SalesOrder:
    """The order to book. An earlier try may have sent another address: the ERP is told the one that is wanted now.

    Too late for it: booked as it was placed, the order differs from the store's, and the change of address that
    follows asks a person. An amendment must hold as it was written: Reject("order.amended_too_late").
    """
    if delivery.amended is not None:
        refuse_unless_made_so(order, acknowledgement)
    if order.ship_to is None or (not delivery.again and delivery.amended is None):
        # The first try of this hub, perhaps after a restore: what stands in the ERP may have been mended by its people.
        return order
    key = f"order/{order.key}/ship_to/{order.ship_to.fingerprint()}"
    try:
        await hub.erp.change_address(order.key, order.ship_to, key=key)
    except Reject as refusal:
        if refusal.code != TOO_LATE:
            raise
        if delivery.amended is not None:
            raise _amended_too_late(order, acknowledgement, refusal.message) from refusal
        return with_first_address(order, delivery, hub)
    return order


def with_first_address(order: SalesOrder, delivery: Delivery, hub: Hub) -> SalesOrder:
    """The order with the address it was placed with, the likeliest one that it goes to."""
    try:
        placed = hub.store.interpret(dict(delivery.event.data["order"]))
    except Reject:
        return order  # as it was placed it can never have gone out
    return msgspec.structs.replace(order, ship_to=placed.ship_to)


def made_earlier(acknowledgement: Acknowledgement, delivery: Delivery, hub: Hub) -> SalesOrder:
    """The order that the ERP has from an earlier try: as a human amended it where it agrees, else as it was placed."""
    amended = None if delivery.amended is None else hub.store.interpret(dict(delivery.amended["order"]))
    if amended is not None and not tuple(differences(amended, acknowledgement)):
        return amended
    try:
        return hub.store.interpret(dict(delivery.event.data["order"]))
    except Reject:
        if amended is None:
            raise
        return amended  # as it was placed it can never have gone out


def refuse_unless_made_so(order: SalesOrder, acknowledgement: Acknowledgement) -> None:
    """Holds an order that was amended when the ERP had made it already, with other goods or another total."""
    found = "; ".join(differences(order, acknowledgement))
    if found:
        raise _amended_too_late(order, acknowledgement, found)


def differences(order: SalesOrder, acknowledgement: Acknowledgement) -> Iterator[str]:
    """How what the ERP made differs from an order in goods and total; how it is priced within the total is its own."""
    made = {line.line_id: line for line in acknowledgement.lines}
    for line in order.lines:
        there = made.pop(line.id, None)
        if there is None:
            yield f"{line.sku} is not on it"
        elif there.sku.casefold() not in {sku.casefold() for sku in line.skus}:
            yield f"{there.sku} in place of {line.sku}"
        elif there.quantity.amount != line.quantity.amount:
            yield f"{there.quantity} of {line.sku} in place of {line.quantity}"
    yield from (f"{left.sku} is on it, too" for left in made.values() if left.quantity.amount)
    if acknowledgement.gross != order.totals.grand_total:
        yield f"it comes to {acknowledgement.gross} in place of {order.totals.grand_total}"


def address_in_store(order: SalesOrder, delivery: Delivery) -> str | None:
    """The fingerprint of the store's address behind the order: another address in the store later is a change.

    A human's amendment is none of the store's: its own address, unchanged, must not take the amended one back.
    """
    if delivery.amended is not None:
        told = delivery.event.data.get("ship_to_fingerprint")
        return None if told is None else str(told)
    return order.ship_to.fingerprint() if order.ship_to else None


def _amended_too_late(order: SalesOrder, acknowledgement: Acknowledgement, found: str) -> Reject:
    return Reject(
        "order.amended_too_late",
        f"Order {order.number} was amended when the ERP had made {acknowledgement.number} of it already, "
        f"and there it is not as amended: {found}. Change {acknowledgement.number} in the ERP to what was amended and "
        "retry; or cancel it there and in the store, then resolve this.",
        field="order",
    )
