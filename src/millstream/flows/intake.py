"""Orders in, whichever door they came through: what a store reports becomes facts, each stored once.

Polling is the truth; a webhook is a hint to look at one order now instead of at the next poll.
"""

from datetime import datetime
from typing import Any

from millstream.domain import events
from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.errors import Reject
from millstream.domain.events import NewEvent
from millstream.flows.hub import Hub
from millstream.ports.commerce import OrderPage, StoreOrder
from millstream.ports.records import KnownOrder


def feed_of(store: str) -> str:
    """The recurring question what changed in a store, by name."""
    return f"{store}.orders"


def facts_about(
    order: StoreOrder, known: KnownOrder | None, *, store: str, restored_until: datetime | None = None
) -> tuple[NewEvent, ...]:
    """The events this sight of an order gives rise to. Seeing it again gives the same source ids: no-ops.

    An order the store has not finished with (payment pending, on hold) gives none: it moves again when it is ready.
    A cancelled order the hub never heard of gives none either: there is nothing to take back. Unless it is from before
    a backup was restored: the hub may have placed it and forgotten. What the settings do not ask for is the caller's to
    leave out.
    """
    if known is None:
        if order.cancelled and restored_until is not None and order.placed_at <= restored_until:
            return (_fact(order, store, events.ORDER_CANCELLED, "cancelled"),)
        if order.cancelled or not order.ready:
            return ()
        return (_fact(order, store, events.ORDER_PLACED, "placed"),)
    if order.cancelled:
        return () if known.cancelled else (_fact(order, store, events.ORDER_CANCELLED, "cancelled"),)
    if order.ship_to_fingerprint != known.ship_to_fingerprint and order.ship_to_fingerprint is not None:
        # The time goes into the id: an address that changes there and back again is two changes.
        moved = f"ship_to/{order.ship_to_fingerprint}/{order.updated_at:%Y%m%dT%H%M%S}"
        return (_fact(order, store, events.ORDER_ADDRESS_CHANGED, moved),)
    return ()


def _fact(order: StoreOrder, store: str, event_type: str, what: str) -> NewEvent:
    placed = event_type == events.ORDER_PLACED
    return NewEvent(
        source=store,
        source_id=f"order/{order.store_order_id}/{what}",
        type=event_type,
        subject=order.key,
        occurred_at=order.placed_at if placed else order.updated_at,
        data={
            "store_order_id": order.store_order_id,
            "number": order.number,
            "ship_to_fingerprint": order.ship_to_fingerprint,
            **({"replaces": order.replaces} if placed and order.replaces else {}),
            "order": order.raw,
        },
    )


async def facts_of_page(page: OrderPage, hub: Hub) -> tuple[NewEvent, ...]:
    """The events of one page of changed orders."""
    store = hub.store.name
    known = await hub.records.known_orders(store, [order.store_order_id for order in page.orders])
    until = await hub.records.restored_until()
    facts = [
        fact
        for order in page.orders
        for fact in facts_about(order, known.get(order.store_order_id), store=store, restored_until=until)
    ]
    return (*facts, *(_unreadable(row, hub) for row in page.unreadable))


def _unreadable(row: dict[str, Any], hub: Hub) -> NewEvent:
    """A row nobody can read is a fact too: it is stored, and held for a human by `look_at_hinted_order`."""
    now = hub.world.clock.now()
    fingerprint = str(row.get("fingerprint") or hub.world.ids.new())
    return NewEvent(
        source=hub.store.name,
        source_id=f"unreadable/{fingerprint}",
        type=events.ORDER_HINTED,
        subject=f"unreadable-{fingerprint}",
        occurred_at=now,
        data={"store_order_id": None, "row": row},
    )


async def look_at_hinted_order(delivery: Delivery, hub: Hub) -> Settlement:
    """Reads the order a webhook pointed at and stores what is new about it."""
    store_order_id = delivery.payload.get("store_order_id")
    if not store_order_id:
        raise Reject(
            "order.unreadable",
            "The store sent an order without an id. Look at the row in the payload, correct it in the store, "
            "then discard this delivery: the next change of the order brings it in again.",
            field="store_order_id",
        )
    order = await hub.store.read_order(str(store_order_id))
    known = (await hub.records.known_orders(hub.store.name, [order.store_order_id])).get(order.store_order_id)
    until = await hub.records.restored_until()
    facts = facts_about(order, known, store=hub.store.name, restored_until=until)
    if facts and known is None and not await _is_wanted(order, hub):
        return Settlement(note="placed before the start, or in a store view that is left out")
    return Settlement(events=facts, note="" if facts else "nothing new about this order")


async def _is_wanted(order: StoreOrder, hub: Hub) -> bool:
    """A door may point at any order; polling reports only those that the settings ask for, and so does this."""
    return hub.store.wants(order, await hub.records.poll_cursor(feed_of(hub.store.name)))
