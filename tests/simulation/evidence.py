"""What the systems themselves show after a day, as plain values: the only thing the checkers see."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from millstream.store.audit import AuditTrail
from millstream.wire.http import Request

Row = dict[str, Any]


@dataclass(kw_only=True)
class Evidence:
    """One day's remains."""

    store: list[Row]  # the store's orders with comments, shipments and mails
    crm: dict[str, list[Row]]
    announced: list[Row]  # platform events
    erp: dict[str, Row]  # by order key
    made: list[str]  # order keys, once for every order the ERP ever made
    reported: list[Row]  # carriers' reports that were handed in
    events: list[Row]
    deliveries: list[Row]
    attempts: list[Row]
    audit: list[Row]
    promises: list[Row]
    booked: dict[str, Row]
    left: dict[int, str]  # deliveries that people left in review, with the reason
    woken: int  # lanes found asleep
    seals: Row
    bugs: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """A line for people."""
        tries = sum(row["tries"] for row in self.deliveries)
        dead = sum(row["action"] == "delivery.dead" for row in self.audit)
        return (
            f"{len(self.store)} orders, {len(self.events)} events, {len(self.deliveries)} deliveries, {tries} tries, "
            f"{dead} dead letters"
        )


async def gather(day, database) -> Evidence:
    """Reads back the store and the CRM by their own doors, the ERP's memory and the ledger's rows."""
    house = day.house
    works = house.erp
    ids = [row["entity_id"] for row in await _read(house, "shop", "orders")]
    trail = AuditTrail(database, world=house.world)
    verdict = await trail.verify()
    return Evidence(
        store=[await _read(house, "shop", f"orders/{order_id}") for order_id in ids],
        crm=await _read(house, "localhost", "records"),
        announced=await _read(house, "localhost", "events"),
        erp={key: _erp_order(works, key) for key in works.orders},
        made=list(works.creations),
        reported=list(day.carried),
        events=await _rows(database, "select * from event order by received_at, id"),
        deliveries=await _rows(database, "select * from delivery order by id"),
        attempts=await _rows(database, "select * from attempt order by delivery_id, n"),
        audit=await _rows(database, "select * from audit order by id"),
        promises=await _rows(database, "select * from promise order by id"),
        booked={row["order_key"]: row for row in await _rows(database, "select * from sales_order")},
        left=dict(day.desk.left),
        woken=day.woken,
        seals={"broken": verdict.broken_seal, "unsealed": verdict.unsealed, "rows": verdict.rows},
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
        for name in ("data", "detail"):
            if name in row:
                row[name] = json.loads(row[name], parse_float=Decimal)
    return rows


def _erp_order(works, key: str) -> Row:
    row = works.orders[key]
    order = row["order"]
    ship_to = row["ship_to"]
    return {
        "number": row["number"],
        "state": row["state"],
        "steps": list(row["steps"]),
        "currency": order.currency,
        "total": order.totals.grand_total.amount,
        "lines": {
            line.id: {"sku": line.sku, "quantity": line.quantity.amount, "net": line.net.amount} for line in order.lines
        },
        "ship_to": ship_to and {"street": list(ship_to.street), "city": ship_to.city, "postcode": ship_to.postcode},
        "shipments": [
            {
                "id": shipment["erp_id"],
                "lines": dict(shipment["lines"]),
                "state": shipment["state"],
                "tracking": list(shipment["tracking"]),
            }
            for shipment in works.shipments.get(key, [])
        ],
        "promised": [str(day) for day in works.promised.get(key, [])],
        "date": str(works.current_date(key)),
    }
