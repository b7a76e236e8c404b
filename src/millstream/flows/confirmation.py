"""What the ERP confirmed is told to the shopper and to the CRM.

Each in its own delivery: neither waits for the other.
"""

from decimal import Decimal
from typing import Any, Final

from millstream.domain import events
from millstream.domain.acknowledgement import Acknowledgement, acknowledgement_from_json
from millstream.domain.delivery import NOTHING, Delivery, Settlement
from millstream.domain.events import NewEvent
from millstream.domain.order import SalesOrder, order_from_json
from millstream.domain.purchase import Purchase
from millstream.domain.values import Money
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import main_reason
from millstream.flows.words import confirmed_text

CANCELLED: Final = Settlement(note="cancelled meanwhile")


def by_customer(event: NewEvent) -> str:
    """CRM lanes are one per customer: a purchase locks its account there, and lifetime value must not go back."""
    return str(event.data.get("customer_id") or event.subject)


def by_incomplete_order(event: NewEvent) -> str:
    """A lane of its own for each order that waits for a product: nothing else of its customer waits behind it."""
    return f"{event.subject}/incomplete"


def confirmed_order(delivery: Delivery) -> tuple[SalesOrder, Acknowledgement]:
    """The order and acknowledgement an event carries, see `domain.events.Confirmed`."""
    payload: Any = delivery.payload
    return order_from_json(payload["order"]), acknowledgement_from_json(payload["acknowledgement"])


async def confirm_in_store(delivery: Delivery, hub: Hub) -> Settlement:
    """ERP number and status on the order, then the comment that is the e-mail.

    One that was cancelled meanwhile gets the number alone: people look for it by that, and shoppers expect nothing.
    """
    order, acknowledgement = confirmed_order(delivery)
    stands = not await is_cancelled(order.key, hub)
    await hub.store.acknowledge(
        order.store_order_id,
        order.number,
        erp_number=acknowledgement.number,
        status=hub.policy.confirmed_status if stands else None,
        ship_date=acknowledgement.ship_date if stands else None,
        key=f"order/{order.key}/acknowledge",
    )
    if not stands:
        return CANCELLED
    reason = main_reason(acknowledgement)
    language = hub.policy.language_of(order)
    await hub.store.tell_customer(
        order.store_order_id,
        confirmed_text(acknowledgement.number, acknowledgement.ship_date, reason, language),
        notify=hub.policy.notify_customer,
        key=f"order/{order.key}/confirmed",
        again=delivery.again,
    )
    return NOTHING


async def record_purchase(delivery: Delivery, hub: Hub) -> Settlement:
    """Purchase, lifetime value and the event that starts the CRM's own follow-up.

    A purchase that lacks a product there is recorded as far as it goes; completing it is a delivery of its own. One
    that was cancelled meanwhile is recorded, so that its cancellation finds it, and nothing follows from it.
    """
    order, acknowledgement = confirmed_order(delivery)
    purchase = await purchase_of(order, acknowledgement, str(delivery.payload["customer_id"]), hub)
    is_complete = await hub.crm.record_purchase(purchase, key=f"order/{order.key}/purchase")
    if await is_cancelled(order.key, hub):
        return CANCELLED
    await hub.crm.announce_purchase(
        purchase, event_id=f"order/{order.key}/purchased", key=f"order/{order.key}/announce"
    )
    if is_complete:
        return NOTHING
    incomplete = NewEvent(
        source="millstream",
        source_id=f"order/{order.key}/incomplete_in_crm",
        type=events.ORDER_INCOMPLETE_IN_CRM,
        subject=order.key,
        occurred_at=hub.world.clock.now(),
        data=dict(delivery.payload),
    )
    return Settlement(events=(incomplete,))


async def complete_purchase(delivery: Delivery, hub: Hub) -> Settlement:
    """What a purchase lacked, once the CRM has the products. Until then a person is asked for them.

    Completed it counts as sold there: one that was cancelled meanwhile stays a draft.
    """
    order, acknowledgement = confirmed_order(delivery)
    if await is_cancelled(order.key, hub):
        return CANCELLED
    purchase = await purchase_of(order, acknowledgement, str(delivery.payload["customer_id"]), hub)
    await hub.crm.complete_purchase(purchase, key=f"order/{order.key}/complete")
    return NOTHING


async def is_cancelled(order_key: str, hub: Hub) -> bool:
    """Whether the books have it cancelled, on whichever side."""
    booked = await hub.records.booked_order(order_key)
    return booked is not None and booked.cancelled_at is not None


async def purchase_of(order: SalesOrder, acknowledgement: Acknowledgement, customer_id: str, hub: Hub) -> Purchase:
    """The purchase with the customer's lifetime value as the hub's books have it now."""
    value, orders_count = await lifetime_value(customer_id, order.base_currency or order.currency, hub)
    return Purchase(
        order_key=order.key,
        order_number=order.number,
        erp_number=acknowledgement.number,
        customer_id=customer_id,
        purchased_at=order.placed_at,
        lines=order.lines,
        order_total=order.totals.grand_total,
        lifetime_value=value,
        orders_count=orders_count,
        expected_ship_date=acknowledgement.ship_date,
        order=order,
    )


async def lifetime_value(customer_id: str, currency: str, hub: Hub) -> tuple[Money, int]:
    """What the customer's orders that stand are worth, as the books have it now, and how many they are."""
    values = {value.currency: value for value in await hub.records.lifetime_value(customer_id)}
    value = values.get(currency)
    return Money(value.amount if value else Decimal(0), currency), value.orders if value else 0
