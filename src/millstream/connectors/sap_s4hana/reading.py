"""A sales order with its work orders and deliveries, read as acknowledgement and shipments. Pure: no call, no clock."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from millstream.connectors.sap_s4hana.mapping import key_and_digest, line_id_of
from millstream.connectors.sap_s4hana.odata import day
from millstream.connectors.sap_s4hana.rows import (
    Delivery,
    DeliveryItem,
    HandlingUnit,
    Item,
    ProductionOrder,
    SalesOrder,
)
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.acknowledgement import Acknowledgement, Change, LineSchedule
from millstream.domain.fulfilment import CancelledLine, Parcel, Shipment, ShipmentLine
from millstream.domain.order import SalesOrder as StoreOrder
from millstream.domain.values import Money, Quantity

ONE_DAY: Final = timedelta(days=1)  # goods leave the day after a work order ends
NOTHING: Final = Decimal(0)
STATES: Final = {"A": "open", "B": "processing", "C": "done"}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One order with all that belongs to it. `expected` has dates SAP expects for what it did not confirm, by item."""

    order: SalesOrder
    work: tuple[ProductionOrder, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    expected: Mapping[str, date] = {}

    def work_of(self, item: Item) -> tuple[ProductionOrder, ...]:
        """Work orders for one item that were not given up."""
        return tuple(one for one in self.work if one.item == item.number and not one.is_dropped)

    def delivered(self, item: Item) -> Decimal:
        """What deliveries carry of one item, whether they have left or not."""
        return sum((part.quantity for delivery in self.deliveries for part in self.parts_of(item, delivery)), NOTHING)

    def parts_of(self, item: Item, delivery: Delivery) -> tuple[DeliveryItem, ...]:
        """What one delivery has of one item; it may carry several orders."""
        number = self.order.sales_order
        return tuple(one for one in delivery.items if (one.sales_order, one.item) == (number, item.number))


def is_held(order: SalesOrder, settings: S4HanaSettings) -> bool:
    """Made by the hub and not released yet."""
    return order.delivery_block_reason == settings.hold_block


def is_void(order: SalesOrder, settings: S4HanaSettings) -> bool:
    """Set aside for another document of the same order."""
    return {item.rejection for item in order.items} == {settings.superseded_reason}


def is_cancelled(order: SalesOrder) -> bool:
    """Every item is rejected, and nothing was delivered before."""
    return bool(order.items) and not order.open_items and not order.deliveries


def cancelled_rest(view: View, settings: S4HanaSettings) -> tuple[CancelledLine, ...]:
    """What will not be delivered any more of an order that is not cancelled as a whole: of each line, in all."""
    return tuple(
        CancelledLine(line_id=line_id, sku=item.material, quantity=_quantity(rest))
        for item in view.order.items
        if item.rejection
        and (line_id := line_id_of(item.texts, settings.line_text)) is not None
        and (rest := item.requested_quantity - view.delivered(item)) > 0
    )


def order_key_of(order: SalesOrder, settings: S4HanaSettings) -> str:
    """The hub's key, empty for orders that are none of the hub's."""
    return key_and_digest(order.texts, settings.key_text)[0]


def acknowledgement(
    view: View, settings: S4HanaSettings, *, created: bool = False, asked: StoreOrder | None = None
) -> Acknowledgement:
    """The ERP's answer about an order; with the order that was asked for, also how they differ."""
    order = view.order
    currency = order.transaction_currency
    schedules = [(item, found) for item in order.items if (found := line_schedule(item, view, settings)) is not None]
    return Acknowledgement(
        erp_id=order.sales_order,
        number=order.sales_order,
        state=_state(order, settings),
        warehouse=_warehouse(order, settings),
        lines=tuple(found for _, found in schedules),
        ship_date=_order_date([found for item, found in schedules if _ships(item, settings)]),
        net=Money(order.total_net_amount, currency),
        tax=Money(order.tax, currency),
        gross=Money(order.gross, currency),
        changes=_changes(view, asked, settings) if asked else (),
        created=created,
    )


def _state(order: SalesOrder, settings: S4HanaSettings) -> str:
    if is_cancelled(order):
        return "cancelled"
    return "held" if is_held(order, settings) else STATES.get(order.process_status, "open")


def _warehouse(order: SalesOrder, settings: S4HanaSettings) -> str | None:
    plant = next((item.plant for item in order.items if item.plant), None)
    return None if plant is None else settings.warehouses.get(plant, plant)


def _ships(item: Item, settings: S4HanaSettings) -> bool:
    return not item.rejection and item.category not in settings.service_categories


def _order_date(schedules: list[LineSchedule]) -> date | None:
    """When the whole order has left: the latest date; None when one is unknown."""
    dates = [schedule.ship_date for schedule in schedules]
    known = [day for day in dates if day is not None]
    return max(known) if known and len(known) == len(dates) else None


def line_schedule(item: Item, view: View, settings: S4HanaSettings) -> LineSchedule | None:
    """When one line ships and why then; None for items that are no line of the store's."""
    line_id = line_id_of(item.texts, settings.line_text)
    if line_id is None:
        return None
    ships = _ships(item, settings)
    stocked = ships and not (view.work_of(item) or item.category in _per_order(settings))
    quantity = view.delivered(item) if item.rejection else item.requested_quantity
    return LineSchedule(
        line_id=line_id,
        sku=item.material,
        quantity=_quantity(quantity),
        reserved=_quantity(_in_stock(item, view, settings)) if stocked else None,
        ship_date=_ship_date(item, view, settings) if ships else _delivery_date(item, view),
        work_orders=tuple(one.manufacturing_order for one in view.work_of(item)),
        reason=_reason(item, view, settings),
        ships=ships or bool(quantity and item.rejection),
    )


def _per_order(settings: S4HanaSettings) -> tuple[str, ...]:
    return settings.made_to_order_categories + settings.bought_to_order_categories


def _quantity(amount: Decimal) -> Quantity:
    plain = amount.normalize()
    return Quantity(
        plain if plain == plain.to_integral() and plain.as_tuple().exponent == 0 else Decimal(format(plain, "f"))
    )


def confirmed_days(item: Item) -> list[tuple[date, Decimal]]:
    """What is confirmed for which day."""
    return [(line.day, line.confirmed) for line in item.schedule if line.confirmed > 0 and line.day is not None]


def is_confirmed(item: Item) -> bool:
    """Whether SAP gave a day for all of it."""
    return sum((amount for _, amount in confirmed_days(item)), NOTHING) >= item.requested_quantity


def _in_stock(item: Item, view: View, settings: S4HanaSettings) -> Decimal:
    """What is confirmed so soon that it must be on the shelf."""
    until = view.order.ordered_on + timedelta(days=settings.in_stock_days + settings.transit_days)
    return sum((amount for day, amount in confirmed_days(item) if day <= until), NOTHING)


def _ship_date(item: Item, view: View, settings: S4HanaSettings) -> date | None:
    """The latest confirmed day, less the way; moved behind open work orders: SAP confirms anew only when told to."""
    if is_confirmed(item):
        found: date | None = max(day for day, _ in confirmed_days(item)) - timedelta(days=settings.transit_days)
    else:
        found = view.expected.get(item.number)
    for one in view.work_of(item):
        if one.is_done or found is None:
            continue
        found = None if one.ends_on is None else max(found, one.ends_on + ONE_DAY)
    return found


def _delivery_date(item: Item, view: View) -> date | None:
    """When what was delivered of a rejected item leaves, or left."""
    days = [
        day(delivery.actual_goods_movement_date or delivery.planned_goods_issue_date)
        for delivery in view.deliveries
        if view.parts_of(item, delivery)
    ]
    return max((one for one in days if one is not None), default=None)


def _reason(item: Item, view: View, settings: S4HanaSettings) -> str:
    if item.rejection:
        return "rejected in the ERP"
    if item.category in settings.service_categories:
        return "service, nothing ships"
    if view.work_of(item) or item.category in settings.made_to_order_categories:
        return _with_lead("made to order", item, view)
    if item.category in settings.bought_to_order_categories:
        return _with_lead("bought for this order", item, view)
    there = _in_stock(item, view, settings)
    if there >= item.requested_quantity:
        return "in stock"
    return f"{_quantity(there)} of {_quantity(item.requested_quantity)} in stock" if there else "not in stock yet"


def _with_lead(what: str, item: Item, view: View) -> str:
    """The lead time as SAP first confirmed it; rescheduling does not change it."""
    days = [(day - view.order.ordered_on).days for day, _ in confirmed_days(item)]
    if not days:
        return what
    return f"{what}, lead time {max(days)} day" if max(days) == 1 else f"{what}, lead time {max(days)} days"


def _changes(view: View, asked: StoreOrder, settings: S4HanaSettings) -> tuple[Change, ...]:
    """What a person should be told: what SAP holds differently, and lines that do not ship from stock."""
    missing = {line.id: line for line in asked.lines}
    changes = []
    for item in view.order.items:
        schedule = line_schedule(item, view, settings)
        wanted = missing.pop(schedule.line_id, None) if schedule else None
        if schedule is None or wanted is None:
            continue
        if wanted.quantity.amount != schedule.quantity.amount:
            text = f"{schedule.sku}: {schedule.quantity} confirmed instead of {wanted.quantity}"
            changes.append(_change(f"lines[{wanted.id}].quantity", str(wanted.quantity), str(schedule.quantity), text))
        if _ships(item, settings) and schedule.reason != "in stock":
            when = schedule.ship_date.isoformat() if schedule.ship_date else "date not known yet"
            text = f"{schedule.sku}: {schedule.reason}"
            changes.append(_change(f"lines[{wanted.id}].ship_date", "from stock", when, text))
    changes += [
        _change(f"lines[{line.id}]", str(line.quantity), "0", f"{line.sku} is no longer on the order")
        for line in missing.values()
    ]
    if view.order.gross != asked.totals.grand_total.amount:
        theirs = str(Money(view.order.gross, view.order.transaction_currency))
        text = f"The ERP holds {theirs}, the store {asked.totals.grand_total}"
        changes.append(_change("totals.grand_total", str(asked.totals.grand_total), theirs, text))
    return tuple(changes)


def _change(path: str, requested: str, confirmed: str, text: str) -> Change:
    return Change(path=path, requested=requested, confirmed=confirmed, text=text)


def delivery_state(delivery: Delivery) -> str:
    """How far a delivery is. Where packing is no business of SAP's, picked is as good as packed."""
    if delivery.movement == "C":
        return "shipped"
    if delivery.packing == "C" or (not delivery.packing.strip() and delivery.picking == "C"):
        return "packed"
    return "planned" if delivery.picking in {"", "A"} else "picked"


def shipment(delivery: Delivery, view: View, settings: S4HanaSettings) -> Shipment:
    """What one delivery carries of this order; a delivery may carry several orders."""
    items = {item.number: item for item in view.order.items}
    lines, plant = [], None
    for part in delivery.items:
        item = items.get(part.item)
        if part.sales_order != view.order.sales_order or item is None or not part.quantity:
            continue
        plant = plant or part.plant or None
        line_id = line_id_of(item.texts, settings.line_text)
        if line_id is not None:
            lines.append(ShipmentLine(line_id=line_id, sku=part.material, quantity=_quantity(part.quantity)))
    return Shipment(
        erp_id=delivery.delivery_document,
        number=delivery.delivery_document,
        order_key=order_key_of(view.order, settings),
        state=delivery_state(delivery),
        warehouse=None if plant is None else settings.warehouses.get(plant, plant),
        lines=tuple(lines),
        parcels=_parcels(delivery, settings),
        planned_on=day(delivery.planned_goods_issue_date),
        shipped_on=day(delivery.actual_goods_movement_date),
    )


def _parcels(delivery: Delivery, settings: S4HanaSettings) -> tuple[Parcel, ...]:
    if settings.tracking_field == "BillOfLading":
        numbers = [delivery.bill_of_lading] if delivery.bill_of_lading or delivery.units else []
    else:
        numbers = [_tracking(unit, settings) for unit in delivery.units]
    return tuple(Parcel(tracking_number=number or None, carrier_title=settings.carrier_title) for number in numbers)


def _tracking(unit: HandlingUnit, settings: S4HanaSettings) -> str | None:
    own = settings.tracking_field == "HandlingUnitExternalID"
    return unit.external_id if own else unit.second_external_id
