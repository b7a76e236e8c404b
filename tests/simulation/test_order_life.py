"""The whole life of an order through the real connectors, the sandbox store and CRM, and the ledger."""

import asyncio
from decimal import Decimal

import msgspec
import pytest

from fakes.edge import Edge, delivered, encoded
from fakes.house import House
from millstream.domain.errors import Reject, Retry
from millstream.domain.events import NewEvent
from millstream.ports.desk import Filter

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def house(database):
    return House(database)


async def store_view(house, order):
    return await house.sim("shop", "GET", f"orders/{order['entity_id']}")


async def crm_records(house, kind):
    return (await house.sim("localhost", "GET", "records", object=kind))[kind]


async def test_an_order_is_reserved_in_the_erp_confirmed_to_the_shopper_and_known_to_the_crm(house):
    placed = await house.place(("VALVE-050", 2), ("PUMP-CFG", 1))
    await house.settle_down()
    assert await house.rows("select state, subscriber, fault_message from delivery where state <> 'done'") == []
    (key,) = house.erp.orders
    assert house.erp.creations == [key]
    seen = await store_view(house, placed)
    assert seen["order"]["ext_order_id"] == "SO00001"
    (comment,) = [c for c in seen["comments"] if "confirmed" in (c["comment"] or "")]
    assert "4 December 2026" in comment["comment"]
    assert comment["is_customer_notified"] == 1
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Hub_Order_Id__c"] == key
    (account,) = [a for a in await crm_records(house, "Account") if a.get("Hub_Customer_Id__c")]
    assert Decimal(str(account["Lifetime_Value__c"])) == Decimal(str(placed["grand_total"]))
    (event,) = await house.sim("localhost", "GET", "events")
    assert event["Hub_Event_Id__c"].endswith("purchased")


async def test_packed_shipped_and_delivered_reach_the_store_and_the_crm(house):
    placed = await house.place()
    await house.settle_down()
    (key,) = house.erp.orders
    house.erp.ship(key, tracking="1Z4711")
    await house.settle_down()
    seen = await store_view(house, placed)
    (shipment,) = seen["shipments"]
    assert [track["track_number"] for track in shipment["tracks"]] == ["1Z4711"]
    assert [item["qty"] for item in shipment["items"]] == [2]
    (purchase,) = await crm_records(house, "Order")
    assert "1Z4711" in purchase["Tracking_Numbers__c"]
    assert (purchase["Hub_Status__c"], purchase["Shipped_At__c"][:10]) == ("shipped", "2026-11-24")
    assert purchase["Delivered_At__c"] is None
    assert await house.value("select kept from promise where line_id is null") is True
    carrier = Edge(inbox=house.hub.ledger, clock=house.world.clock)
    word = delivered(tracking_number="1z4711", received_by="Lager <Tor 3>")
    assert (await carrier.carrier(encoded(word))).status_code == 202
    await house.settle_down()
    told = [(c["comment"], c["is_customer_notified"]) for c in (await store_view(house, placed))["comments"]]
    said = [text.partition(" (ref")[0] for text, _ in told]
    assert said[-2] == "Your order is packed and waits for the carrier."
    assert said[-1].startswith("Your order was delivered. Received by: Lager")
    assert [mailed for _, mailed in told[-2:]] == [0, 0]
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Hub_Status__c"] == "delivered"
    assert purchase["Delivered_At__c"].startswith("2026-11-23T07:30:00")
    assert await house.value("select delivered_at is not null from sales_order") is True


async def test_a_changed_plan_changes_the_date_everywhere_once(house):
    placed = await house.place(("SKID-01", 1))
    await house.settle_down()
    (key,) = house.erp.orders
    house.erp.reschedule(key, days=7)
    await house.settle_down()
    seen = await store_view(house, placed)
    moved = [c["comment"] for c in seen["comments"] if "now expected" in (c["comment"] or "")]
    assert len(moved) == 1
    assert "22 December 2026" in moved[0]
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Expected_Ship_Date__c"] == "2026-12-22"
    dates = await house.rows("select ship_date from promise where line_id is null order by id")
    assert [str(row["ship_date"]) for row in dates] == ["2026-12-15", "2026-12-22"]


async def test_the_books_follow_a_changed_plan_line_by_line(house):
    await house.place(("SKID-01", 1))
    await house.settle_down()
    (key,) = house.erp.orders
    house.erp.reschedule(key, days=7)
    await house.settle_down()
    (line,) = await house.rows("select reserved, ship_date from order_line where order_key = $1", key)
    assert (line["reserved"], str(line["ship_date"])) == (None, "2026-12-22")


async def test_a_plan_that_loses_its_date_is_told_once_and_the_date_is_unknown_from_then_on(house):
    placed = await house.place(("SKID-01", 1))
    await house.settle_down()
    (key,) = house.erp.orders
    for change in ("schedule/1", "schedule/2"):
        house.erp.reschedule(key, days=0)
        known = house.erp.log[-1]
        lines = tuple(msgspec.structs.replace(line, ship_date=None) for line in known.acknowledgement.lines)
        unknown = msgspec.structs.replace(known.acknowledgement, ship_date=None, lines=lines)
        house.erp.log[-1] = msgspec.structs.replace(known, change_id=change, acknowledgement=unknown)
        await house.settle_down()
    (order,) = await house.rows("select ship_date from sales_order where order_key = $1", key)
    (line,) = await house.rows("select ship_date from order_line where order_key = $1", key)
    assert (order["ship_date"], line["ship_date"]) == (None, None)
    comments = [c["comment"] or "" for c in (await store_view(house, placed))["comments"]]
    assert len([comment for comment in comments if "being set anew" in comment]) == 1
    dates = await house.rows("select ship_date from promise where line_id is null order by id")
    assert [row["ship_date"] and str(row["ship_date"]) for row in dates] == ["2026-12-15", None]
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Expected_Ship_Date__c"] is None


def hint_of(house, store_order_id, source_id):
    """As a door stores it."""
    return NewEvent(
        source="shop",
        source_id=source_id,
        type="order.hinted",
        subject=f"shop-{store_order_id}",
        occurred_at=house.world.clock.now(),
        data={"store_order_id": store_order_id, "updated_at": None},
    )


async def test_an_order_whose_money_does_not_close_is_held_with_the_gap_and_goes_on_once_the_store_is_right(house):
    placed = await house.place(("VALVE-050", 2))
    order = house.store_app.shop.orders[placed["entity_id"]]
    right = order["grand_total"]
    order["grand_total"] = right + 0.01
    await house.settle_down()
    (held,) = await house.hub.desk.list_deliveries(Filter(states=("held",)), limit=5)
    assert held.code == "totals.gap"
    assert "194.81" in held.message
    assert house.erp.creations == []
    order["grand_total"] = right
    await house.hub.desk.retry(Filter(ids=(held.id,)), actor="test")
    await house.settle_down()
    assert len(house.erp.creations) == 1


async def test_the_poll_and_three_hints_of_one_order_place_it_once(house):
    placed = await house.place()
    number = str(placed["entity_id"])
    for hint in (f"io/{number}-first", f"io/{number}-again", f"mageos/{number}/new"):
        await house.hub.ledger.accept([hint_of(house, number, hint)])
        await house.hub.worker.run_due()
        await house.hub.poller.poll_all()
        house.world.clock.advance(10)
    await house.settle_down()
    assert len(house.erp.creations) == 1
    assert await house.value("select count(*) from event where type = 'order.hinted'") == 3
    assert await house.value("select count(*) from event where type = 'order.placed'") == 1


async def test_a_worker_that_let_its_own_lease_lapse_tells_the_shopper_once(house):
    """No heartbeat came through: PostgreSQL was away, or the machine stood still. The next claim came first."""
    client = house.hub.hub.store.client
    update, comment = client.update_order, client.add_comment
    called, told, slow = asyncio.Event(), asyncio.Event(), asyncio.Event()
    said = []

    async def update_order(entity, *, key):
        await update(entity, key=key)
        if not called.is_set():
            called.set()
            await slow.wait()

    async def add_comment(order_id, history, *, key):
        await comment(order_id, history, key=key)
        said.append(key)
        told.set()
        await slow.wait()

    client.update_order, client.add_comment = update_order, add_comment
    placed = await house.place()
    await house.hub.poller.poll_all()
    first = asyncio.create_task(house.hub.worker.run_due())
    await called.wait()
    house.world.clock.advance(31)
    second = asyncio.create_task(house.hub.worker.run_due())
    await told.wait()
    slow.set()
    await asyncio.gather(first, second)
    await house.settle_down()
    assert len(said) == 1
    templates = [mail["template"] for mail in (await store_view(house, placed))["emails"]]
    assert templates == ["order_new", "order_update"]


async def test_with_the_crm_down_orders_of_known_customers_still_reach_the_erp_and_unknown_ones_wait(house):
    await house.place()
    await house.settle_down()
    await house.sim("localhost", "POST", "outage", {"on": True})
    await house.place(("OIL-1L", 1))
    await house.place(("OIL-1L", 1), customer=2)
    for _ in range(10):
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(6)
    assert len(house.erp.creations) == 2
    waiting = await house.rows(
        "select e.type, d.state from delivery d join event e on e.id = d.event_id where d.state <> 'done'"
    )
    assert {row["state"] for row in waiting} <= {"retrying", "waiting"}
    assert sum(1 for row in waiting if row["type"] == "order.placed") == 1
    listed = await house.hub.desk.list_deliveries(Filter(states=("retrying",), subscriber="erp"), limit=5)
    (row,) = [one for one in listed if one.event_type == "order.placed"]
    assert row.message.startswith("crm")
    story = await house.hub.desk.order_story(row.subject)
    failed = [attempt for one in story.deliveries for attempt in one.attempts if attempt.outcome == "retrying"]
    assert failed
    assert all(attempt.message.startswith("crm") for attempt in failed)
    assert any(call.system == "crm" for attempt in failed for call in attempt.calls)
    await house.sim("localhost", "POST", "outage", {"on": False})
    await house.settle_down()
    assert len(house.erp.creations) == 3
    assert len(await crm_records(house, "Order")) == 3


async def test_an_unknown_sku_holds_the_order_with_the_reason_and_a_retry_takes_todays_data(house):
    await house.place(("GHOST-1", 1))
    await house.settle_down()
    (held,) = await house.rows("select id, state, fault_code, fault_message from delivery where state = 'held'")
    assert held["fault_code"] == "sku.unknown"
    assert "GHOST-1" in held["fault_message"]
    from fakes.erp import PRICES

    order = next(iter(await house.rows("select data from event where type = 'order.placed'")))
    assert "GHOST-1" in order["data"]
    PRICES["GHOST-1"] = "49.00"  # the item is created in the ERP, and in the CRM
    await house.sim("localhost", "POST", "seed", {"products": [{"code": "GHOST-1"}]})
    try:
        await house.hub.desk.retry(Filter(ids=(held["id"],)), actor="test")
        await house.settle_down()
    finally:
        del PRICES["GHOST-1"]
    assert len(house.erp.creations) == 1
    assert await house.rows("select id from delivery where state <> 'done'") == []


async def test_an_unknown_customer_is_held_for_review_and_goes_on_once_the_crm_knows_it(house):
    await house.place(guest={"email": "new@buyer.example", "firstname": "Nora", "lastname": "New"})
    await house.settle_down()
    (held,) = await house.rows("select id, fault_code from delivery where state = 'held'")
    assert held["fault_code"] == "customer.unknown"
    contact = {"LastName": "New", "Email": "new@buyer.example"}
    await house.sim("localhost", "POST", "seed", {"accounts": [{"Name": "New Buyer Ltd", "contacts": [contact]}]})
    await house.hub.desk.retry(Filter(ids=(held["id"],)), actor="test")
    await house.settle_down()
    assert len(house.erp.creations) == 1


async def test_a_cancellation_in_the_store_is_followed_through(house):
    placed = await house.place()
    await house.settle_down()
    assert await house.sim("shop", "POST", f"orders/{placed['entity_id']}/cancel", {}) is True
    house.world.clock.advance(5)
    await house.settle_down()
    (row,) = house.erp.orders.values()
    assert row["state"] == "cancelled"
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Cancelled_At__c"]


async def test_an_order_that_was_cancelled_while_the_store_took_no_mail_is_not_confirmed_to_anybody(house):
    refusing = {"tell_customer": house.hub.hub.store, "announce_purchase": house.hub.hub.crm}
    asked = {name: getattr(system, name) for name, system in refusing.items()}

    async def not_now(*_, **__):
        raise Retry("commerce.maintenance", "maintenance", after_s=600, counts=False)

    for name, system in refusing.items():
        setattr(system, name, not_now)
    placed = await house.place()
    await house.hub.poller.poll_all()
    while await house.hub.worker.run_due():
        pass
    for name, system in refusing.items():
        setattr(system, name, asked[name])
    assert await house.sim("shop", "POST", f"orders/{placed['entity_id']}/cancel", {}) is True
    house.world.clock.advance(15)
    await house.settle_down()
    seen = await store_view(house, placed)
    assert seen["order"]["ext_order_id"] == "SO00001"
    assert [mail["template"] for mail in seen["emails"]] == ["order_new"], "the store's own, and none of ours"
    assert await house.sim("localhost", "GET", "events") == []
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Hub_Status__c"] == "cancelled"
    notes = "select note from delivery d join event e on e.id = d.event_id where e.type = 'order.confirmed'"
    assert [row["note"] for row in await house.rows(notes)] == ["cancelled meanwhile"] * 2


async def test_an_address_change_before_shipping_reaches_the_erp(house):
    placed = await house.place()
    await house.settle_down()
    house.world.clock.advance(5)
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", {"street": ["New Road 7"], "city": "Ulm"})
    await house.settle_down()
    (row,) = house.erp.orders.values()
    assert row["ship_to"].city == "Ulm"
    assert await house.value("select count(*) from event where type = 'order.address_changed'") == 1


async def test_a_new_address_that_the_erp_refuses_waits_for_a_person_once_whatever_else_changes(house):
    placed = await house.place()
    await house.settle_down()

    async def too_late(*_, **__):
        raise Reject("order.too_late", "packed already")

    async def move(city):
        house.world.clock.advance(5)
        await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", {"city": city})
        await house.settle_down()
        rows = "select d.state from delivery d join event e on e.id = d.event_id where e.type = 'order.address_changed'"
        return [row["state"] for row in await house.rows(f"{rows} order by d.id")]

    taking = house.erp.change_address
    house.erp.change_address = too_late
    assert await move("Ulm") == ["held"]
    assert await move("Ulm") == ["held"]
    await house.hub.desk.discard(Filter(code="order.too_late"), actor="test", reason="the carrier knows")
    assert await move("Ulm") == ["discarded"]
    house.erp.change_address = taking
    assert await move("Bonn") == ["discarded", "done"]
    assert await move("Ulm") == ["discarded", "done", "done"]
    (row,) = house.erp.orders.values()
    assert row["ship_to"].city == "Ulm"


async def test_the_story_of_an_order_is_found_by_any_number_and_complete(house):
    placed = await house.place(("PUMP-CFG", 1), po_number="PO-7")
    await house.settle_down()
    (key,) = house.erp.orders
    for number in (placed["increment_id"], "SO00001", "so00001", "PO-7", "WO-SO00001", "anna@acme-water.example"):
        assert await house.hub.records.find_orders(number) == [key]
    story = await house.hub.desk.order_story(key)
    assert {event.type for event in story.events} == {"order.placed", "order.confirmed"}
    calls = [call for d in story.deliveries for attempt in d.attempts for call in attempt.calls]
    assert len(calls) >= 6
    assert story.promises


async def test_hostile_text_in_an_order_stops_nobody_and_stays_text(house):
    await house.place(note="nul \x00 and '; drop table event; -- \\u0000 😀")
    await house.place(customer=2, address={"firstname": "<script>alert(1)</script>\x00", "street": ["{{7*7}}"]})
    await house.place(customer=3)
    await house.settle_down()
    assert len(house.erp.creations) == 3
    assert await house.rows("select id from delivery where state <> 'done'") == []
    notes = await house.rows(
        "select data -> 'order' ->> 'customer_note' as note from event where type = 'order.placed'"
    )
    assert "nul \ufffd and '; drop table event; -- \\u0000 😀" in [row["note"] for row in notes]


async def test_each_store_view_is_told_in_its_language(database):
    house = House(database, languages={"2": "de"})
    first = await house.place(("PUMP-CFG", 1))
    second = await house.place(("PUMP-CFG", 1), store_id=2)
    await house.settle_down()
    (told,) = [c["comment"] for c in (await store_view(house, first))["comments"] if "confirmed" in c["comment"]]
    assert "made to order, lead time 10 days" in told
    (told,) = [c["comment"] for c in (await store_view(house, second))["comments"] if "bestätigt" in c["comment"]]
    assert "4. Dezember 2026" in told
    assert "Fertigung nach Auftrag, 10 Tage" in told
