"""An ERP in memory that can die at any step and remembers what it did."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import CancelledLine, Parcel, Shipment, ShipmentLine
from millstream.domain.values import Money, Quantity
from millstream.ports.erp import ErpChangePage, ErpItem, ErpOrderChange
from millstream.ports.positions import Rewound

PRICES = {
    "PUMP-100": "1250.00",
    "PUMP-200": "1890.00",
    "PUMP-CFG": "3100.00",
    "SKID-01": "9800.00",
    "VALVE-050": "89.90",
    "VALVE-080": "129.90",
    "GASKET-10": "12.50",
    "SEAL-KIT": "59.00",
    "FILTER-5": "34.00",
    "SENSOR-P": "210.00",
    "CTRL-PLC": "2400.00",
    "OIL-1L": "9.90",
    "SERVICE-1": "150.00",
}
MADE_TO_ORDER = {"PUMP-CFG": 10, "SKID-01": 21}


class FakeErp:
    """Draft, quote, confirm, reserve: four steps, each committed on its own, each with a note before and after."""

    name = "erp"
    one_writer = False

    def __init__(self, tap, clock) -> None:
        self.tap = tap
        self.clock = clock
        self.orders: dict[str, dict] = {}
        self.creations: list[str] = []  # every time a new order row was made
        self.log: list[ErpOrderChange] = []

    def _step(self, what: str, key: str, work) -> None:
        self.tap.note("call.started", system=self.name, operation=what, key=key)
        work()
        self.tap.note("call.ended", system=self.name, operation=what, key=key, status=200, outcome="ok", ms=0.0)

    async def find_items(self, skus, *, currency, quantities):
        found = {}
        self._step("find_items", "", lambda: None)
        for sku in skus:
            if sku in PRICES:
                found[sku] = ErpItem(sku=sku, name=sku, salable=True, price=Money(Decimal(PRICES[sku]), "EUR"))
        return found

    async def place_order(self, order, *, customer_id, key):
        known = order.key in self.orders
        if not known:
            self._step("create", key, lambda: self._create(order, customer_id))
        row = self.orders[order.key]
        for state in ("quoted", "confirmed", "reserved"):
            if state not in row["steps"]:
                self._step(state, key, lambda state=state: row["steps"].append(state))
        return self._acknowledgement(order.key, created=not known)

    def _create(self, order, customer_id) -> None:
        if order.key in self.orders:
            raise AssertionError(f"second ERP order for {order.key}")
        self.creations.append(order.key)
        number = f"SO{len(self.orders) + 1:05}"
        self.orders[order.key] = {
            "order": order,
            "customer": customer_id,
            "number": number,
            "steps": [],
            "state": "open",
            "delay_days": 0,
            "ship_to": order.ship_to,
        }

    def _acknowledgement(self, key, *, created=False):
        row = self.orders[key]
        order = row["order"]
        lines = tuple(self._schedule(line, row) for line in order.lines)
        currency = order.currency
        gross = order.totals.grand_total
        return Acknowledgement(
            erp_id=row["number"].removeprefix("SO"),
            number=row["number"],
            state=row["state"],
            warehouse="EAST",
            lines=lines,
            ship_date=max((line.ship_date for line in lines if line.ships), default=None),
            net=gross - order.totals.tax,
            tax=order.totals.tax,
            gross=Money(gross.amount, currency),
            created=created,
        )

    def _schedule(self, line, row):
        lead = MADE_TO_ORDER.get(line.sku, 0)
        day = date(2026, 11, 24) + timedelta(days=lead + row["delay_days"])
        made = line.sku in MADE_TO_ORDER
        quantity = line.quantity - Quantity(row.get("off", {}).get(line.id, Decimal(0)), line.quantity.unit)
        return LineSchedule(
            line_id=line.id,
            sku=line.sku,
            quantity=quantity,
            reserved=None if made else quantity,
            ship_date=day if quantity.amount else None,
            work_orders=(f"WO-{row['number']}",) if made else (),
            reason=f"made to order, lead time {lead} days" if made else "in stock",
            ships=bool(quantity.amount),
        )

    async def read_order(self, order_key):
        return self._acknowledgement(order_key) if order_key in self.orders else None

    async def cancel_order(self, order_key, *, reason, key):
        row = self.orders.get(order_key)
        if row is None:
            return False
        if row["state"] == "shipped":
            raise Reject("order.too_late", "already shipped")
        self._step("cancel", key, lambda: row.update(state="cancelled"))
        return True

    async def change_address(self, order_key, ship_to, *, key):
        if self.orders[order_key]["ship_to"] == ship_to:
            return
        self._step("change_address", key, lambda: self.orders[order_key].update(ship_to=ship_to))

    async def changes(self, cursor):
        start = (cursor or {}).get("n", 0)
        return ErpChangePage(changes=tuple(self.log[start:]), cursor={"n": len(self.log)}, more=False)

    def rewound(self, cursor, to):
        n = next((n for n, change in enumerate(self.log) if change.occurred_at >= to), len(self.log))
        was = self.log[cursor["n"] - 1].occurred_at if cursor["n"] else None
        return Rewound(was=was, cursor={"n": min(n, cursor["n"])}, moved=n < cursor["n"])

    async def check(self):
        return ()

    # what the plant and the warehouse do

    def ship(self, order_key, tracking="1Z999", quantities=None, on=date(2026, 11, 24)) -> None:
        """All of it, or so much of each SKU."""
        row = self.orders[order_key]
        order = row["order"]
        serial = row["sent"] = row.get("sent", 0) + 1
        suffix = "" if serial == 1 else f"-{serial}"
        for state in ("packed", "shipped"):
            shipment = Shipment(
                erp_id=f"{row['number']}-{serial}",
                number=f"SH-{row['number']}{suffix}",
                order_key=order_key,
                state=state,
                warehouse="EAST",
                lines=tuple(
                    ShipmentLine(
                        line_id=line.id,
                        sku=line.sku,
                        quantity=line.quantity if quantities is None else Quantity(Decimal(quantities[line.sku])),
                    )
                    for line in order.lines
                    if not line.is_virtual and (quantities is None or line.sku in quantities)
                ),
                parcels=(Parcel(tracking_number=tracking, carrier_code="ups", carrier_title="UPS"),),
                shipped_on=on if state == "shipped" else None,
            )
            self.log.append(
                ErpOrderChange(
                    order_key=order_key,
                    kind=state,
                    change_id=f"shipment/{row['number']}{suffix}/{state}",
                    occurred_at=datetime(on.year, on.month, on.day, 10, tzinfo=UTC),
                    shipment=shipment,
                )
            )
        row["state"] = "shipped"

    def track(self, order_key, *tracking, shipment=None) -> None:
        """This shipment, or what left last, gets these numbers, whatever it had before."""
        last = next(
            change
            for change in reversed(self.log)
            if (change.order_key, change.kind) == (order_key, "shipped") and shipment in {None, change.shipment.erp_id}
        )
        parcels = tuple(Parcel(tracking_number=one, carrier_code="ups", carrier_title="UPS") for one in tracking)
        told = msgspec.structs.replace(last.shipment, parcels=parcels)
        change_id = f"{last.change_id}/{'+'.join(tracking)}"
        self.log.append(msgspec.structs.replace(last, change_id=change_id, shipment=told))

    def cancel_rest(self, order_key, quantities, at=datetime(2026, 11, 25, 9, tzinfo=UTC)) -> None:
        """So much of each SKU will not come any more; what goes on is planned anew."""
        row = self.orders[order_key]
        lines, off = row["order"].lines, row.setdefault("off", {})
        off |= {
            line.id: off.get(line.id, Decimal(0)) + Decimal(quantities[line.sku])
            for line in lines
            if line.sku in quantities
        }
        self.log.append(
            ErpOrderChange(
                order_key=order_key,
                kind="rest_cancelled",
                change_id=f"sale/{row['number']}/rest/{len(self.log)}",
                occurred_at=at,
                acknowledgement=self._acknowledgement(order_key),
                cancelled=tuple(
                    CancelledLine(line_id=line.id, sku=line.sku, quantity=Quantity(off[line.id], line.quantity.unit))
                    for line in lines
                    if off.get(line.id)
                ),
            )
        )

    def reschedule(self, order_key, days) -> None:
        row = self.orders[order_key]
        row["delay_days"] += days
        self.log.append(
            ErpOrderChange(
                order_key=order_key,
                kind="schedule",
                change_id=f"schedule/{row['number']}/{len(self.log)}",
                occurred_at=datetime(2026, 11, 24, 9, tzinfo=UTC),
                acknowledgement=self._acknowledgement(order_key),
            )
        )
