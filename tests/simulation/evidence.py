"""What the systems themselves show after a day, as plain values: the only thing the checkers see."""

import json
from dataclasses import dataclass, field, fields
from decimal import Decimal
from hashlib import sha256
from typing import Any

from millstream.sandbox.sap_s4hana import pricing
from millstream.store.audit import AuditTrail
from millstream.wire.http import Request
from simulation import documents
from simulation.factory import OTHER_PLANT, PLANT, SCARCE
from simulation.premises import SKEW_PROCESS_S

Row = dict[str, Any]


@dataclass(kw_only=True)
class Evidence:
    """One day's remains."""

    store: list[Row]  # the store's orders with comments, shipments and mails
    crm: dict[str, list[Row]]
    announced: list[Row]  # platform events
    erp: dict[str, Row]  # by order key
    made: list[str]  # order keys, once for every order the ERP has or had to deliver
    stock: dict[str, Row]  # by material
    movements: list[Row]
    oversold: list[str]  # moments at which more was confirmed than was there or on its way
    reported: list[Row]  # carriers' reports that were handed in
    events: list[Row]
    deliveries: list[Row]
    attempts: list[Row]
    audit: list[Row]
    promises: list[Row]
    booked: dict[str, Row]
    off: list[Row]  # lines of which a part is cancelled in the books
    left: dict[int, str]  # deliveries that people left in review, with the reason
    woken: int  # lanes found asleep
    seals: Row
    skew_s: float  # how far apart the clocks of two processes may be
    suffered: dict[str, int]
    bugs: list[str] = field(default_factory=list)

    def differences(self, other: "Evidence") -> list[str]:
        """What is not the same in two days' remains. How the trail was cut into seals is the database's affair."""
        return [name for name, mine in self._compared() if mine != getattr(other, name)]

    def digest(self) -> str:
        """Equal for equal days."""
        return sha256(repr(self._compared()).encode()).hexdigest()

    def _compared(self) -> list[tuple[str, Any]]:
        return [(one.name, getattr(self, one.name)) for one in fields(self)]

    def summary(self) -> str:
        """A line for people."""
        tries = sum(row["tries"] for row in self.deliveries)
        dead = sum(row["action"] == "delivery.dead" for row in self.audit)
        return (
            f"{len(self.store)} orders, {len(self.events)} events, {len(self.deliveries)} deliveries, {tries} tries, "
            f"{dead} dead letters, {sum(self.suffered.values())} faults of {len(self.suffered)} kinds"
        )


async def gather(day, database) -> Evidence:
    """Reads back the store and the CRM by their own doors, the ERP's documents and the ledger's rows."""
    house = day.house
    factory = house.factory
    ids = [row["entity_id"] for row in await _read(house, "shop", "orders")]
    trail = AuditTrail(database, world=house.world)
    verdict = await trail.verify()
    return Evidence(
        store=[await _read(house, "shop", f"orders/{order_id}") for order_id in ids],
        crm=await _read(house, "localhost", "records"),
        announced=await _read(house, "localhost", "events"),
        erp=_erp_orders(factory),
        made=[documents.key_of(one) for one in factory.plant.orders.values() if documents.is_made(one)],
        stock=_stock(factory),
        movements=[dict(one) for one in factory.plant.movements],
        oversold=list(factory.oversold),
        reported=list(day.carried),
        events=await _rows(database, "select * from event order by received_at, id"),
        deliveries=await _rows(database, "select * from delivery order by id"),
        attempts=await _rows(database, "select * from attempt order by delivery_id, n"),
        audit=await _rows(database, "select * from audit order by id"),
        promises=await _rows(database, "select * from promise order by id"),
        booked={row["order_key"]: row for row in await _rows(database, "select * from sales_order order by order_key")},
        off=await _rows(
            database, "select order_key, line_id, cancelled from order_line where cancelled > 0 order by 1, 2"
        ),
        left=dict(day.desk.left),
        woken=day.woken,
        seals={"broken": verdict.broken_seal, "unsealed": verdict.unsealed, "rows": verdict.rows},
        skew_s=2 * SKEW_PROCESS_S,
        suffered=dict(day.suffered.counts),
        bugs=list(house.journal.bugs),
    )


async def _read(house, host: str, path: str) -> Any:
    answer = await house.transport.send(Request(method="GET", url=f"http://{host}/_sim/{path}"))
    assert answer.status == 200, answer.text()
    return json.loads(answer.body, parse_float=Decimal)


async def _rows(database, query: str) -> list[Row]:
    async with database.connection() as connection:
        rows = [dict(row) for row in await connection.fetch(query)]
    for row in rows:
        for name in ("data", "detail", "acknowledgement"):
            if isinstance(row.get(name), str):
                row[name] = json.loads(row[name], parse_float=Decimal)
    return rows


def _erp_orders(factory) -> dict[str, Row]:
    keys = dict.fromkeys(documents.key_of(order) for order in factory.plant.orders.values())
    found = {key: factory.order_of(key) for key in keys}
    return {key: _erp_order(factory, key, order) for key, order in found.items() if order is not None}


def _erp_order(factory, key: str, order: Row) -> Row:
    plant = factory.plant
    day = documents.planned_days(plant, order)[None]
    return {
        "number": order["SalesOrder"],
        "state": "cancelled" if documents.is_cancelled(plant, order) else "open",
        "released": documents.is_released(order),
        "currency": order["TransactionCurrency"],
        "total": documents.total_of(order),
        "charged": pricing.gross(order),
        "lines": {
            documents.line_of(item): {
                "sku": item["Material"],
                "quantity": item["RequestedQuantity"],
                "net": documents.net_of(item),
            }
            for item in order["to_Item"]
        },
        "reserved": {
            documents.line_of(item): documents.reserved_of(plant, item, order["SalesOrderDate"])
            for item in order["to_Item"]
        },
        "ship_to": documents.ship_to_of(order),
        "services": documents.services_of(order),
        "given_up": documents.given_up(plant, order),
        "shipments": documents.shipments_of(plant, order),
        "promised": sorted(str(day) for day in factory.promised[key]),
        "date": None if day is None else str(day),
    }


def _stock(factory) -> dict[str, Row]:
    """By material that is kept in stock: each place, what is claimed there and what is on its way."""
    return {
        material: {
            "places": {
                at: {
                    "opening": factory.opening.get((material, at), Decimal(0)),
                    "on_hand": factory.plant.on_hand(material, at),
                    "sells": at == PLANT,
                }
                for at in (PLANT, OTHER_PLANT)
            },
            "claimed": factory.claimed(material),
            "planned": factory.on_its_way(material),
        }
        for material in SCARCE
    }
