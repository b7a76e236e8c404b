"""A sale as Tryton shows it, read as acknowledgement and shipments. Pure: no call, no clock."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from millstream.connectors.tryton.mapping import line_id_of
from millstream.domain.acknowledgement import Acknowledgement, Change, LineSchedule
from millstream.domain.fulfilment import CancelledLine, Parcel, Shipment, ShipmentLine
from millstream.domain.order import SalesOrder
from millstream.domain.values import Money, Quantity

Row = Mapping[str, Any]

TOTAL_FIELDS: Final = ("state", "number", "total_amount", "currency.code", "lines.sequence", "lines.product")
# Nested fields of every depth come back in one answer: one call reads a whole order.
ORDER_FIELDS: Final = (
    *("state", "number", "web_id", "untaxed_amount", "tax_amount", "total_amount", "sale_date", "write_date"),
    *("currency.code", "warehouse.code", "shipment_state", "invoices.state"),
    *("lines.sequence", "lines.note", "lines.quantity", "lines.unit.digits", "lines.shipping_date"),
    *("lines.supply_state", "lines.product.code", "lines.product.type"),
    *("lines.product.production_lead_times.lead_time", "lines.product.template.product_suppliers.lead_time"),
    *("lines.moves.state", "lines.moves.quantity", "lines.moves.write_date", "lines.moves.shipment"),
    "lines.moves_ignored",
    *("lines.productions.number", "lines.productions.state", "lines.productions.planned_date"),
    *("lines.productions.write_date", "lines.productions.create_date"),
    *("lines.purchase_request.state", "lines.purchase_request.supply_date"),
    *("lines.purchase_request.purchase_line.delivery_date", "lines.purchase_request.purchase_line.write_date"),
    *("lines.purchase_request.purchase_line.purchase.write_date",),
    *("lines.purchase_request.purchase_line.moves.write_date",),
    *("shipments.number", "shipments.state", "shipments.planned_date", "shipments.effective_date"),
    *("shipments.warehouse.code", "shipments.write_date"),
    *("shipments.inventory_moves.state", "shipments.inventory_moves.quantity", "shipments.inventory_moves.origin"),
    *("shipments.packages.shipping_reference", "shipments.packages.shipping_tracking_url"),
    *("shipments.carrier.party.name",),
)
SHIPMENT_STATES: Final = {
    "draft": "planned",
    "waiting": "planned",
    "assigned": "reserved",
    "picked": "picked",
    "packed": "packed",
    "shipped": "shipped",
    "done": "shipped",  # done = it left the dock
    "cancelled": "cancelled",
}
RESERVED_STATES: Final = frozenset({"assigned", "done"})
ENDED_STATES: Final = frozenset({"done", "cancelled"})
ONE_DAY: Final = timedelta(days=1)  # Tryton plans a work order to end the day before its goods ship


def is_cancelled(sale: Row) -> bool:
    """Cancelled as such, or after processing: then nothing of it moves any more, and Tryton was told not to mind.

    Moves that were cancelled but wait for a decision (the state "exception", which a worker may be late to set) may
    still be made again.
    """
    if sale["state"] == "cancelled":
        return True
    if sale["state"] not in {"processing", "done"} or sale["shipment_state"] == "exception":
        return False
    moving = [line for line in sale["lines."] if line["moves."]]
    if moving:
        return _nothing_moves(moving) and all(line["moves_ignored"] for line in moving)
    invoices = sale["invoices."]
    return bool(invoices) and all(invoice["state"] == "cancelled" for invoice in invoices)


def cancelled_rest(sale: Row) -> tuple[CancelledLine, ...]:
    """What will not be delivered any more of a sale that is not cancelled as a whole: of each line, in all."""
    if sale["state"] not in {"processing", "done"} or _nothing_moves(sale["lines."]):
        return ()
    return tuple(
        CancelledLine(line_id=line_id, sku=line["product."]["code"], quantity=_quantity(line, given_up))
        for line in sale["lines."]
        if (line_id := line_id_of(line["note"])) is not None and (given_up := _given_up(line))
    )


def _nothing_moves(lines: Iterable[Row]) -> bool:
    return all(move["state"] == "cancelled" for line in lines for move in line["moves."])


def _given_up(line: Row) -> Decimal:
    """Of its moves, those that were cancelled and that the sale was told to ignore.

    Other cancelled moves wait for that decision, or were made again.
    """
    ignored = {*line["moves_ignored"]}
    given_up = (m["quantity"] for m in line["moves."] if m["state"] == "cancelled" and m["id"] in ignored)
    return sum((Decimal(quantity) for quantity in given_up), Decimal(0))


def acknowledgement(sale: Row, *, created: bool = False, order: SalesOrder | None = None) -> Acknowledgement:
    """The ERP's answer about a sale; with the order that was asked for, also how they differ."""
    currency = sale["currency."]["code"]
    lines = tuple(schedule for line in sale["lines."] if (schedule := _line_schedule(line, sale)) is not None)
    return Acknowledgement(
        erp_id=str(sale["id"]),
        number=sale["number"] or f"draft-{sale['id']}",
        state="cancelled" if is_cancelled(sale) else sale["state"],
        warehouse=sale["warehouse."]["code"] if sale["warehouse."] else None,
        lines=lines,
        ship_date=_order_date(lines),
        net=Money(sale["untaxed_amount"], currency),
        tax=Money(sale["tax_amount"], currency),
        gross=Money(sale["total_amount"], currency),
        changes=_changes(sale, order) if order else (),
        created=created,
    )


def _order_date(lines: Iterable[LineSchedule]) -> date | None:
    """When the whole order leaves: Tryton ships complete, so the latest date; None when one is unknown."""
    dates = [line.ship_date for line in lines if line.ships]
    known = [day for day in dates if day is not None]
    return max(known) if known and len(known) == len(dates) else None


def _moves_goods(line: Row) -> bool:
    return bool(line["product."]) and line["product."]["type"] != "service"


def _line_schedule(line: Row, sale: Row) -> LineSchedule | None:
    line_id = line_id_of(line["note"])
    if line_id is None or not line["product."]:
        return None
    quantity = _quantity(line, Decimal(line["quantity"] or 0) - _given_up(line))
    reserved = _reserved(line, sale) if _moves_goods(line) else None
    ships = _moves_goods(line) and bool(quantity.amount)
    return LineSchedule(
        line_id=line_id,
        sku=line["product."]["code"],
        quantity=quantity,
        reserved=reserved,
        ship_date=_ship_date(line, sale) if ships else None,
        work_orders=tuple(_work_order(production) for production in line["productions."]),
        reason=_reason(line, quantity, reserved) if quantity.amount else "cancelled in the ERP",
        ships=ships,
    )


def _quantity(line: Row, amount: Decimal | int | None) -> Quantity:
    digits = line["unit."]["digits"] if line["unit."] else 0
    return Quantity(round(Decimal(amount or 0), digits))


def _work_order(production: Row) -> str:
    """Its number, or its id until the planner released it and Tryton numbered it."""
    return production["number"] or f"WO-{production['id']}"


def _reserved(line: Row, sale: Row) -> Quantity:
    """What is set aside: picking moves carry it, or the outgoing moves where a warehouse has no picking step."""
    moves = {move["id"] for move in line["moves."]}
    picking = sum(
        Decimal(move["quantity"])
        for shipment in sale["shipments."]
        for move in shipment["inventory_moves."]
        if _origin_id(move["origin"]) in moves and move["state"] in RESERVED_STATES
    )
    leaving = sum(Decimal(move["quantity"]) for move in line["moves."] if move["state"] in RESERVED_STATES)
    return _quantity(line, max(Decimal(picking), Decimal(leaving)))


def _origin_id(origin: str | None) -> int | None:
    model, _, number = (origin or "").partition(",")
    return int(number) if model == "stock.move" and number.isdigit() else None


def _ship_date(line: Row, sale: Row) -> date | None:
    """Tryton's own date, moved behind open work orders and purchases: it does not move its date for them by itself."""
    if is_cancelled(sale):
        return None
    days = [line["shipping_date"]]
    days += [
        production["planned_date"] + ONE_DAY if production["planned_date"] else None
        for production in line["productions."]
        if production["state"] not in ENDED_STATES
    ]
    request = line["purchase_request."]
    if request and request["state"] not in ENDED_STATES and not _all_done(line):
        days.append(_supply_date(line, sale, request))
    known = [day for day in days if day is not None]
    return max(known) if len(known) == len(days) else None


def _all_done(line: Row) -> bool:
    return bool(line["moves."]) and all(move["state"] in ENDED_STATES for move in line["moves."])


def _supply_date(line: Row, sale: Row, request: Row) -> date | None:
    purchase_line = request.get("purchase_line.")
    if purchase_line and purchase_line["delivery_date"]:
        delivery: date = purchase_line["delivery_date"]
        return delivery
    if request["supply_date"]:
        supply: date = request["supply_date"]
        return supply
    lead = _supplier_lead(line)
    return sale["sale_date"] + lead if lead is not None and sale["sale_date"] else None


def _supplier_lead(line: Row) -> timedelta | None:
    suppliers = line["product."]["template."]["product_suppliers."]
    return suppliers[0]["lead_time"] if suppliers else None


def _reason(line: Row, quantity: Quantity, reserved: Quantity | None) -> str:
    if not _moves_goods(line):
        return "service, nothing ships"
    if line["productions."]:
        leads = line["product."]["production_lead_times."]
        return _with_lead("made to order", leads[0]["lead_time"] if leads else None)
    if line["purchase_request."]:
        return _with_lead("bought for this order", _supplier_lead(line))
    if reserved is None or not reserved.amount:
        return "not in stock yet"
    if reserved.amount < quantity.amount:
        return f"{reserved} of {quantity} in stock"
    return "in stock"


def _with_lead(what: str, lead: timedelta | None) -> str:
    if lead is None:
        return what
    return f"{what}, lead time {lead.days} day" if lead.days == 1 else f"{what}, lead time {lead.days} days"


def _changes(sale: Row, order: SalesOrder) -> tuple[Change, ...]:
    """What a person should be told: what the ERP holds differently, and lines that do not ship from stock."""
    asked = {line.id: line for line in order.lines}
    changes = []
    for line in sale["lines."]:
        schedule = _line_schedule(line, sale)
        if schedule is None or schedule.line_id not in asked:
            continue
        wanted = asked.pop(schedule.line_id)
        if wanted.quantity.amount != schedule.quantity.amount:
            changes.append(_quantity_change(schedule, wanted.quantity))
        if _moves_goods(line) and schedule.reason != "in stock":
            changes.append(_date_change(schedule))
    changes += [
        Change(
            path=f"lines[{line.id}]",
            requested=str(line.quantity),
            confirmed="0",
            text=f"{line.sku} is no longer on the order",
        )
        for line in asked.values()
    ]
    if sale["total_amount"] != order.totals.grand_total.amount:
        confirmed = Money(sale["total_amount"], sale["currency."]["code"])
        text = f"The ERP holds {confirmed}, the store {order.totals.grand_total}"
        asked_total = str(order.totals.grand_total)
        changes.append(Change(path="totals.grand_total", requested=asked_total, confirmed=str(confirmed), text=text))
    return tuple(changes)


def _quantity_change(schedule: LineSchedule, wanted: Quantity) -> Change:
    return Change(
        path=f"lines[{schedule.line_id}].quantity",
        requested=str(wanted),
        confirmed=str(schedule.quantity),
        text=f"{schedule.sku}: {schedule.quantity} confirmed instead of {wanted}",
    )


def _date_change(schedule: LineSchedule) -> Change:
    when = schedule.ship_date.isoformat() if schedule.ship_date else "date not known yet"
    return Change(
        path=f"lines[{schedule.line_id}].ship_date",
        requested="from stock",
        confirmed=when,
        text=f"{schedule.sku}: {schedule.reason}",
    )


def shipments(sale: Row) -> tuple[Shipment, ...]:
    """Every shipment of a sale with its lines and parcels."""
    return tuple(_shipment(shipment, sale) for shipment in sale["shipments."])


def _shipment(shipment: Row, sale: Row) -> Shipment:
    reference = f"stock.shipment.out,{shipment['id']}"
    lines = []
    for line in sale["lines."]:
        line_id = line_id_of(line["note"])
        moved = sum(
            Decimal(move["quantity"])
            for move in line["moves."]
            if move["shipment"] == reference and move["state"] != "cancelled"
        )
        if line_id is not None and moved:
            lines.append(
                ShipmentLine(line_id=line_id, sku=line["product."]["code"], quantity=_quantity(line, Decimal(moved)))
            )
    return Shipment(
        erp_id=str(shipment["id"]),
        number=shipment["number"] or f"draft-{shipment['id']}",
        order_key=sale["web_id"],
        state=SHIPMENT_STATES[shipment["state"]],
        warehouse=shipment["warehouse."]["code"] if shipment["warehouse."] else None,
        lines=tuple(lines),
        parcels=tuple(_parcel(package, shipment["carrier."]) for package in shipment["packages."]),
        planned_on=shipment["planned_date"],
        shipped_on=shipment["effective_date"],
    )


def _parcel(package: Row, carrier: Row | None) -> Parcel:
    tracking, url = package["shipping_reference"] or None, package["shipping_tracking_url"] or None
    if carrier is None:
        return Parcel(tracking_number=tracking, url=url)
    return Parcel(tracking_number=tracking, url=url, carrier_title=carrier["party."]["name"])
