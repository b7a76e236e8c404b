"""The ERP of a virtual day: packs in parts, moves dates, drops orders, refuses, and loses its answers by dice."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import msgspec

from fakes.erp import FakeErp
from millstream.domain.errors import Conflict, Reject, Retry, Unknown
from millstream.domain.fulfilment import Parcel, Shipment, ShipmentLine
from millstream.domain.values import Quantity
from millstream.ports.erp import ErpChangePage, ErpOrderChange

PAGE_SIZE = 7
REPEATED = 2  # changes of the page before that each page reports again
FAULTS = ("retry_before", "unknown_before", "conflict", "retry_after", "unknown_after")


async def _at_once() -> None:
    pass


class Works(FakeErp):
    """An ERP with a warehouse. `promised` holds every date it ever gave away, `shipments` what left and what waits."""

    def __init__(self, tap, clock, seed) -> None:
        super().__init__(tap, clock)
        self.dice = Random(f"works {seed}")
        self.rates: dict[str, float] = {}
        self.down = False
        self.out_of_credit: set[str] = set()
        self.promised: dict[str, list[date]] = {}
        self.shipments: dict[str, list[dict]] = {}
        self.moves = 0
        self.dawdle = _at_once

    # --- how it fails

    def _step(self, what, key, work) -> None:
        fault = self._draw()
        if fault == "retry_before":
            raise Retry("erp.busy", f"{what}: the ERP is busy")
        if fault == "unknown_before":
            raise Unknown("answer.lost", f"{what}: no answer", key=key)
        if fault == "conflict":
            raise Conflict("erp.concurrency", f"{what}: somebody else wrote first")
        super()._step(what, key, work)
        if fault == "retry_after":
            raise Retry("erp.busy", f"{what}: the ERP failed after it was done")
        if fault == "unknown_after":
            raise Unknown("answer.lost", f"{what}: the answer was lost", key=key)

    def _draw(self) -> str | None:
        if self.down:
            return "retry_before"
        throw = self.dice.random()
        for kind in FAULTS:
            if throw < self.rates.get(kind, 0):
                return kind
            throw -= self.rates.get(kind, 0)
        return None

    # --- the order desk

    async def place_order(self, order, *, customer_id, key):
        if order.key in self.out_of_credit:
            raise Reject("credit.limit_exceeded", f"order {order.number} exceeds the credit limit")
        if self.orders.get(order.key, {}).get("state") == "cancelled":
            raise Reject("erp.order_cancelled", f"order {order.number} was cancelled in the ERP")
        await self.dawdle()
        answer = await super().place_order(order, customer_id=customer_id, key=key)
        self._promise(order.key, answer)
        await self.dawdle()
        return answer

    async def cancel_order(self, order_key, *, reason, key):
        row = self.orders.get(order_key)
        if row is None:
            return False
        if self.shipments.get(order_key):
            raise Reject("order.too_late", "the goods are packed")
        await self.dawdle()
        self._step("cancel", key, lambda: self._cancel(order_key))
        await self.dawdle()
        return True

    def _cancel(self, order_key) -> None:
        row = self.orders[order_key]
        if row["state"] != "cancelled":
            row["state"] = "cancelled"
            self._report(order_key, "cancelled", f"sale/{row['number']}/cancelled")

    async def change_address(self, order_key, ship_to, *, key):
        row = self.orders.get(order_key)
        if row is None:
            raise Retry("erp.order_missing", f"no order {order_key} yet")
        moves = row["ship_to"] != ship_to
        if row["state"] == "cancelled" or (moves and self.shipments.get(order_key)):
            raise Reject("order.too_late", "the goods are packed or the order is cancelled")
        await super().change_address(order_key, ship_to, key=key)
        await self.dawdle()

    def _schedule(self, line, row):
        plain = super()._schedule(line, row)
        later = row.setdefault("line_delays", {}).get(line.id, 0)
        return msgspec.structs.replace(plain, ship_date=plain.ship_date + timedelta(days=later))

    def _promise(self, order_key, answer) -> None:
        dates = [answer.ship_date, *(line.ship_date for line in answer.lines)]
        self.promised.setdefault(order_key, []).extend(dates)

    # --- the feed

    async def changes(self, cursor):
        self._step("changes", "", lambda: None)
        start = (cursor or {}).get("n", 0)
        end = min(start + PAGE_SIZE, len(self.log))
        page = self.log[max(0, start - REPEATED) : end]
        return ErpChangePage(changes=tuple(page), cursor={"n": end}, more=end < len(self.log))

    def _report(self, order_key, kind, change_id, **content) -> None:
        self.log.append(
            ErpOrderChange(order_key=order_key, kind=kind, change_id=change_id, occurred_at=self.clock.now(), **content)
        )

    # --- what happens in the plant

    def open_orders(self) -> list[str]:
        """Orders that are complete in the ERP, not cancelled, and have goods left to pack."""
        return [
            key
            for key, row in self.orders.items()
            if row["state"] == "open" and len(row["steps"]) == 3 and any(self._left(key).values())
        ]

    def _left(self, order_key) -> dict[str, Decimal]:
        """Units of each ship item that are in no shipment yet: a bundle's parts travel together."""
        left: dict[str, Decimal] = {}
        for line in self.orders[order_key]["order"].lines:
            if not line.is_virtual:
                packed = sum(
                    (shipment["lines"].get(line.id, Decimal(0)) for shipment in self.shipments.get(order_key, [])),
                    Decimal(0),
                )
                left[line.ship_item_id] = (line.quantity.amount - packed) / line.per_ship_item
        return left

    def pack(self, order_key, *, whole: bool) -> None:
        """Packs all that is left, or a part of it."""
        left = {item: units for item, units in self._left(order_key).items() if units}
        units = dict(left)
        if not whole:
            units = {item: Decimal(self.dice.randint(0, int(most))) for item, most in left.items()}
            if not any(units.values()):
                units[self.dice.choice(sorted(left))] = Decimal(1)
        row = self.orders[order_key]
        made = self.shipments.setdefault(order_key, [])
        lines = {
            line.id: units.get(line.ship_item_id, Decimal(0)) * line.per_ship_item
            for line in row["order"].lines
            if not line.is_virtual and units.get(line.ship_item_id)
        }
        serial = len(made) + 1
        shipment = {"erp_id": f"{row['number']}-{serial}", "lines": lines, "state": "packed", "tracking": []}
        made.append(shipment)
        change_id = f"shipment/{shipment['erp_id']}/packed"
        self._report(order_key, "packed", change_id, shipment=self._as_told(order_key, shipment))

    def waiting_shipments(self) -> list[tuple[str, dict]]:
        """Packed and not gone."""
        return [
            (key, shipment)
            for key, made in self.shipments.items()
            for shipment in made
            if shipment["state"] == "packed"
        ]

    def send(self, order_key, shipment) -> list[str]:
        """The carrier takes it, in one parcel or two; the tracking numbers."""
        shipment["state"] = "shipped"
        shipment["tracking"] = [f"1Z{shipment['erp_id']}-{n + 1}" for n in range(self.dice.choice((1, 1, 2)))]
        change_id = f"shipment/{shipment['erp_id']}/shipped"
        self._report(order_key, "shipped", change_id, shipment=self._as_told(order_key, shipment))
        return list(shipment["tracking"])

    def _as_told(self, order_key, shipment) -> Shipment:
        skus = {line.id: line.sku for line in self.orders[order_key]["order"].lines}
        return Shipment(
            erp_id=shipment["erp_id"],
            number=f"SH-{shipment['erp_id']}",
            order_key=order_key,
            state=shipment["state"],
            warehouse="EAST",
            lines=tuple(
                ShipmentLine(line_id=line_id, sku=skus[line_id], quantity=Quantity(amount))
                for line_id, amount in shipment["lines"].items()
            ),
            parcels=tuple(
                Parcel(tracking_number=number, carrier_code="ups", carrier_title="UPS")
                for number in shipment["tracking"]
            ),
            shipped_on=self.clock.now().date() if shipment["state"] == "shipped" else None,
        )

    def drop(self, order_key) -> None:
        """The plant cannot make it and cancels on its own."""
        if self.orders[order_key]["state"] == "open" and not self.shipments.get(order_key):
            self._cancel(order_key)

    def move_dates(self, order_key) -> None:
        """A new plan: the whole order moves, or one line of it, by days that may be none at all."""
        row = self.orders[order_key]
        days = self.dice.choice((-1, 0, 2, 5, 7))
        if self.dice.random() < 0.5:
            row["delay_days"] += days
        else:
            line = self.dice.choice(row["order"].lines)
            delays = row.setdefault("line_delays", {})
            delays[line.id] = delays.get(line.id, 0) + days
        self.moves += 1
        answer = self._acknowledgement(order_key)
        self._promise(order_key, answer)
        self._report(order_key, "schedule", f"schedule/{row['number']}/{self.moves}", acknowledgement=answer)

    def current_date(self, order_key) -> date:
        """When it plans to ship the order now."""
        return self._acknowledgement(order_key).ship_date
