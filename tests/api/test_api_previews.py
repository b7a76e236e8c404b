"""What deliveries of every kind would send, by the hub's real books. Nothing is written, and nobody is asked."""

from datetime import date

import msgspec

from fakes.operating_desk import operator
from millstream.domain import events
from millstream.domain.events import NewEvent
from millstream.flows import ROUTES
from millstream.store.database import Database

ALL_ROUTES = {(kind, route.subscriber) for kind, routes in ROUTES.items() for route in routes}


async def lived(desk):
    """An order that was confirmed, moved, shipped and delivered; others that were cancelled and went elsewhere."""
    house = desk.house
    keys = []
    for _ in range(3):
        placed = await house.place(("VALVE-050", 2))
        keys.append((f"shop-1-{placed['increment_id']}", placed["entity_id"]))
    await house.settle_down()
    (whole, _), (_, off_id), (moved, moved_id) = keys
    await house.sim("shop", "POST", f"orders/{off_id}/cancel")
    await house.sim("shop", "POST", f"orders/{moved_id}/address", {"city": "Ulm"})
    house.erp.reschedule(whole, 9)
    await house.settle_down()
    house.erp.ship(whole, tracking="1Z5", on=date(2026, 11, 24))
    await house.settle_down()
    await house.hub.ledger.accept([told(house, *one) for one in reports(house, whole, moved, moved_id)])
    await house.settle_down()
    return keys


def reports(house, whole, moved, moved_id):
    now = house.world.clock.now().isoformat()
    acknowledged = msgspec.to_builtins(house.erp._acknowledgement(moved))
    lines = [
        {"line_id": line["line_id"], "sku": "VALVE-050", "quantity": {"amount": "1"}} for line in acknowledged["lines"]
    ]
    order = {"store_order_id": str(moved_id), "number": moved}
    schedule = {"kind": "schedule", "shipment": None, "acknowledgement": acknowledged}
    return (
        (events.ORDER_HINTED, moved, order),
        (events.ORDER_DELIVERY_REPORTED, "1Z5", {"delivered_at": now, "tracking_number": "1Z5"}),
        (events.ORDER_PROMISE_REPORTED, moved, {"order_number": moved.rpartition("-")[2], "ship_date": "2027-01-08"}),
        (events.ORDER_REST_CANCELLED_BY_ERP, moved, {**schedule, "kind": "rest_cancelled", "cancelled": lines}),
        (events.ORDER_HOLD_WANTED, moved, order),
        (events.ORDER_UNHOLD_WANTED, moved, order),
        (events.ORDER_CANCELLED_BY_ERP, moved, {"kind": "cancelled"}),
    )  # fmt: skip


def told(house, event_type, subject, data):
    return NewEvent(
        source="door", source_id=f"{event_type}/{subject}", type=event_type, subject=subject,
        occurred_at=house.world.clock.now(), data=data,
    )  # fmt: skip


async def follow(house, key, before, after):
    """An event that carries what an earlier one of the order did."""
    data = await house.value("select data from event where type = $1 and subject = $2", before, key)
    await house.hub.ledger.accept([told(house, after, key, msgspec.json.decode(data))])


def refuse(what):
    def refused(*_args, **_kwargs):
        raise AssertionError(what)

    return refused


def nothing_writes_or_sends(desk, monkeypatch):
    house = desk.house
    monkeypatch.setattr(house.transport, "send", refuse("a system was asked"))
    monkeypatch.setattr(Database, "transaction", refuse("something was written"))
    for verb in ("accept", "claim", "settle", "extend_leases", "claim_task", "finish_task"):
        monkeypatch.setattr(house.hub.ledger, verb, refuse(f"the ledger was written: {verb}"))
    for name in ("place_order", "cancel_order", "change_address", "find_items", "read_order", "changes"):
        monkeypatch.setattr(house.erp, name, refuse(f"the ERP was asked: {name}"))


async def kept(house):
    """Every row there is, and by which transaction it is as it is."""
    tables = [
        row["name"] for row in await house.rows("select tablename as name from pg_tables where schemaname = 'public'")
    ]
    return {name: await house.rows(f'select xmin::text, ctid::text from "{name}" order by 1, 2') for name in tables}


async def test_deliveries_of_every_route_are_worked_out_by_the_books_and_nothing_is_written_or_sent(
    database, monkeypatch
):
    async with operator(database) as desk:
        (whole, whole_id), (off, _), (moved, _) = await lived(desk)
        await follow(desk.house, moved, events.ORDER_CONFIRMED, events.ORDER_INCOMPLETE_IN_CRM)
        await follow(desk.house, whole, events.ORDER_SHIPPED, events.ORDER_TRACKED)
        rows = await desk.house.rows(
            "select d.id, e.type, e.subject, d.subscriber from delivery d join event e on e.id = d.event_id"
        )
        assert {(row["type"], row["subscriber"]) for row in rows} == ALL_ROUTES
        comments = (await desk.house.sim("shop", "GET", f"orders/{whole_id}"))["comments"]
        before = await kept(desk.house)
        assert len(before["delivery"]) == len(rows)
        with monkeypatch.context() as patched:
            nothing_writes_or_sends(desk, patched)
            found = {
                (row["type"], row["subscriber"], row["subject"]): await desk.get(f"/deliveries/{row['id']}/preview")
                for row in rows
            }
        assert await kept(desk.house) == before

    assert [(route, one["fault"]) for route, one in found.items() if one["fault"]] == []
    assert [
        route for route, one in found.items() if not any(map(one.get, ("requests", "needs", "facts", "note")))
    ] == []
    (packed,) = found[events.ORDER_PACKED, "store", whole]["requests"]
    assert any(packed["fields"]["text"] in comment["comment"] for comment in comments)
    (progress,) = found[events.ORDER_SHIPPED, "crm", whole]["requests"]
    assert (progress["fields"]["tracking_numbers"], progress["fields"]["status"]) == (["1Z5"], "delivered")
    restated, _ = found[events.ORDER_CANCELLATION_CONFIRMED, "crm", off]["requests"]
    assert restated["fields"]["orders_count"] == 1
    assert found[events.ORDER_ADDRESS_CHANGED, "erp", moved]["needs"] == "needs an answer of shop: read order"
    confirmed = found[events.ORDER_CONFIRMED, "crm", whole]
    assert [record["target"] for record in confirmed["records"]][:2] == ["order", "account"]
    assert [request["operation"] for request in confirmed["requests"]] == ["record_purchase", "announce_purchase"]
