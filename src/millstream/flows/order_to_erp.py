"""An order placed in the store becomes an order in the ERP, or rests in review with the reason.

Everything that can refuse the order is settled before the ERP is touched. Run again at any time: the ERP
knows the order by its key, so a second run completes what a first one began.
"""

from decimal import Decimal
from hashlib import sha256

from millstream.domain import events
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.crosswalk import Alias, Link
from millstream.domain.delivery import Delivery, OrderRecord, Settlement
from millstream.domain.errors import Reject, Retry
from millstream.domain.events import NewEvent
from millstream.domain.order import Customer, SalesOrder, order_gaps
from millstream.domain.promise import Promise
from millstream.domain.values import Money
from millstream.flows.hub import Hub
from millstream.flows.made_earlier import TOO_LATE, address_in_store, as_the_erp_has_it, made_earlier
from millstream.flows.prices import item_of, refuse_stale_prices
from millstream.flows.replaced import UNFINISHED, refuse_while_replaced_lives

WAIVABLE = frozenset({"price.stale", "price.other_currency", UNFINISHED})
"""Rules a human may release an order from; the others need their cause mended."""


async def order_to_erp(delivery: Delivery, hub: Hub) -> Settlement:
    """Placed → validated → reserved in the ERP → confirmed."""
    order = await order_as_it_is(delivery, hub)
    if order is None:
        return await cancelled_meanwhile(delivery, hub)
    refuse_unless_money_closes(order)
    await refuse_while_replaced_lives(order, delivery, hub)
    customer_id, links = await known_customer(order, hub)
    await refuse_unless_items_are_current(order, delivery, hub)
    key = f"order/{order.key}/create"
    acknowledgement = await hub.erp.place_order(order, customer_id=customer_id, key=key)
    if not acknowledgement.created:
        order = await as_the_erp_has_it(order, acknowledgement, delivery, hub)
    return confirmed(
        order, customer_id, acknowledgement, links, hub, ship_to_fingerprint=address_in_store(order, delivery)
    )


async def cancelled_meanwhile(delivery: Delivery, hub: Hub) -> Settlement:
    """Takes back what an earlier try may have made; what the ERP is under way with is booked.

    The answer of that try may have been lost. An order that is made, and that nobody has on the books, ships without
    anybody being told; booked, the cancellation behind it and every report about it find it.
    """
    order_key = delivery.event.subject
    try:
        had_it = await hub.erp.cancel_order(order_key, reason="cancelled in the store", key=f"order/{order_key}/cancel")
    except Reject as refusal:
        acknowledgement = await hub.erp.read_order(order_key) if refusal.code == TOO_LATE else None
        if acknowledgement is None:
            raise
        order = made_earlier(acknowledgement, delivery, hub)
        customer_id, links = await known_customer(order, hub)
        ship_to_fingerprint = address_in_store(order, delivery)
        return confirmed(order, customer_id, acknowledgement, links, hub, ship_to_fingerprint=ship_to_fingerprint)
    where = "and in the ERP, before it was confirmed to anybody" if had_it else "before it reached the ERP"
    return Settlement(note=f"cancelled in the store {where}")


async def order_as_it_is(delivery: Delivery, hub: Hub) -> SalesOrder | None:
    """The order to place: as placed on the first try, as the store has it now afterwards, as amended by a human.

    Whatever its words, it is placed only while the store wants it. None: cancelled meanwhile; its cancellation follows
    in the same lane and takes back what an earlier try did.
    """
    if delivery.amended is None and not delivery.again:
        return hub.store.interpret(dict(delivery.payload["order"]))
    amended = None if delivery.amended is None else hub.store.interpret(dict(delivery.amended["order"]))
    if amended is not None:
        refuse_unless_money_closes(amended)  # a preview tells its author so, and asks nobody
    now = await hub.store.read_order(str(delivery.event.data["store_order_id"]))
    if now.cancelled:
        return None
    if not now.ready:
        raise Retry("order.not_ready", f"Order {now.number} is on hold in the store", after_s=60.0, counts=False)
    return hub.store.interpret(now.raw) if amended is None else amended


def refuse_unless_money_closes(order: SalesOrder) -> None:
    """Holds an order whose lines, shipping, tax and adjustments do not sum to its grand total, to the cent."""
    gaps = order_gaps(order)
    if gaps:
        raise Reject(
            "totals.gap",
            f"Order {order.number} does not close to the cent: {'; '.join(gaps)}. "
            "Correct the order in the store and retry, or amend it.",
            field="totals",
        )


async def known_customer(order: SalesOrder, hub: Hub) -> tuple[str, tuple[Link, ...]]:
    """The customer's hub id; new links if the CRM had to be asked. A linked customer needs no live CRM."""
    customer = order.customer
    linked = await hub.records.find_link("login", hub.store.name, customer.external_id)
    if linked is not None:
        return linked, ()
    account = await hub.crm.find_customer(customer)
    if account is None:
        if hub.policy.unknown_customer != "create":
            raise Reject(
                "customer.unknown",
                f"No account in {hub.crm.name} has the customer's e-mail ({customer.masked_email}). "
                "Link the customer to an account or create one (`millstream reviews`), "
                'or correct the account there and retry; or set unknown_customer = "create".',
                field="customer",
            )
        hub_id = await free_customer_id(order, hub)
        crm_id = await hub.crm.create_customer(customer, hub_id=hub_id, key=f"customer/{hub_id}/create")
    else:
        crm_id = account.crm_id
        proposed = account.hub_id or new_customer_id(order.store, customer)
        hub_id = account.hub_id or await hub.crm.adopt_customer(
            crm_id, hub_id=proposed, key=f"customer/{proposed}/adopt"
        )
    return hub_id, (
        Link(kind="login", system=hub.store.name, external_id=customer.external_id, hub_id=hub_id),
        Link(kind="customer", system=hub.crm.name, external_id=crm_id, hub_id=hub_id),
    )


def new_customer_id(store: str, customer: Customer) -> str:
    """Derived from who it is, so that two orders of a new customer arriving together agree on it."""
    return customer_id_from(f"{store}|{customer.external_id}")


def customer_id_from(text: str) -> str:
    """A hub id that everybody who derives it from the same text agrees on."""
    return "C-" + sha256(text.encode()).hexdigest()[:20]


async def free_customer_id(order: SalesOrder, hub: Hub) -> str:
    """The hub id of an account to be made for this customer: the derived one.

    It may name an account the customer was wrongly linked to and is unlinked from; then the next one derived from it.
    If the customer has been linked meanwhile, the id it was linked by.
    """
    derived = new_customer_id(order.store, order.customer)
    while await hub.records.external_id("customer", hub.crm.name, derived) is not None:
        linked = await hub.records.find_link("login", hub.store.name, order.customer.external_id)
        if linked is not None:
            return linked
        derived = customer_id_from(derived)
    return derived


async def refuse_unless_items_are_current(order: SalesOrder, delivery: Delivery, hub: Hub) -> None:
    """Holds an order with a SKU the ERP does not sell, or a price that moved beyond the tolerance or has no measure."""
    quantities: dict[str, Decimal] = {}
    for line in order.lines:
        for sku in line.skus:
            quantities[sku] = quantities.get(sku, Decimal(0)) + line.quantity.amount
    items = await hub.erp.find_items(sorted(quantities), currency=order.currency, quantities=quantities)
    unknown = sorted({line.sku for line in order.lines if item_of(line, items) is None})
    if unknown:
        raise Reject(
            "sku.unknown",
            f"{hub.erp.name} does not sell {', '.join(unknown)}. Create or activate the item there, then retry.",
            field="lines.sku",
        )
    if hub.policy.check_prices and "price.stale" not in delivery.waived:
        refuse_stale_prices(order, items, hub.policy.price_tolerance_percent, waived=delivery.waived)


def confirmed(
    order: SalesOrder,
    customer_id: str,
    acknowledgement: Acknowledgement,
    links: tuple[Link, ...],
    hub: Hub,
    *,
    ship_to_fingerprint: str | None,
) -> Settlement:
    """What the hub books when the ERP has the order, and the event that tells the others."""
    now = hub.world.clock.now()
    base = base_total(order)
    record = OrderRecord(
        order=order,
        customer_id=customer_id,
        erp=hub.erp.name,
        acknowledgement=acknowledgement,
        confirmed_at=now,
        base_total=base.amount,
        base_currency=base.currency,
        ship_to_fingerprint=ship_to_fingerprint,
    )
    event = NewEvent(
        source="millstream",
        source_id=f"order/{order.key}/confirmed",
        type=events.ORDER_CONFIRMED,
        subject=order.key,
        occurred_at=now,
        data={"customer_id": customer_id, "order": order, "acknowledgement": acknowledgement},
    )
    return Settlement(
        events=(event,),
        orders=(record,),
        links=(*links, Link(kind="order", system=hub.erp.name, external_id=acknowledgement.erp_id, hub_id=order.key)),
        promises=promises_of(order.key, acknowledgement, hub),
        aliases=aliases_of(order, acknowledgement),
    )


def base_total(order: SalesOrder) -> Money:
    """The grand total in the store's base currency: its own where it tells it, else by the rate of the day.

    Without that rate it stays in the order's currency: an amount is never given the name of another one.
    """
    if order.base_total is not None:
        return order.base_total.to_cent()
    if order.base_currency is None or not order.base_rate:
        return order.totals.grand_total.to_cent()
    return Money(order.totals.grand_total.amount / order.base_rate, order.base_currency).to_cent()


def promises_of(order_key: str, acknowledgement: Acknowledgement, hub: Hub) -> tuple[Promise, ...]:
    """The order's date and each line's, as the ERP gave them."""
    now = hub.world.clock.now()
    whole = Promise(
        order_key=order_key,
        line_id=None,
        ship_date=acknowledgement.ship_date,
        reason=main_reason(acknowledgement),
        promised_by=hub.erp.name,
        promised_at=now,
    )
    return (
        whole,
        *(
            Promise(
                order_key=order_key,
                line_id=line.line_id,
                ship_date=line.ship_date,
                reason=line.reason,
                promised_by=hub.erp.name,
                promised_at=now,
            )
            for line in acknowledgement.lines
        ),
    )


def main_reason(acknowledgement: Acknowledgement) -> str:
    """Why the order ships when it does: the reason of the line that takes longest."""
    dated = [(line.ship_date, line.reason) for line in acknowledgement.lines if line.ship_date is not None]
    return max(dated)[1] if dated else ""


def aliases_of(order: SalesOrder, acknowledgement: Acknowledgement) -> tuple[Alias, ...]:
    """Every number somebody may ask for this order by."""
    numbers = [
        ("store", order.number),
        ("store_id", order.store_order_id),
        ("erp", acknowledgement.number),
        ("erp_id", acknowledgement.erp_id),
        ("email", order.customer.email),
        *([("po", order.po_number)] if order.po_number else []),
        *(("work_order", number) for number in acknowledgement.work_orders),
    ]
    return tuple(Alias(order_key=order.key, kind=kind, value=value) for kind, value in numbers if value)
