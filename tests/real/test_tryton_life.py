"""The whole life of an order through the hub: sandbox store and CRM, the real ledger, the real Tryton."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from fakes.edge import WEBHOOK_SECRET, delivered, encoded, webhook_headers
from fakes.tryton_house import TrytonHouse
from millstream.sandbox.tryton.people import find_sale
from millstream.web.app import create_app
from millstream.web.door_settings import DoorSettings

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

QUIET_S = 15 * 60  # from then on nothing is read again that did not change itself
TODAY = datetime.now(UTC).date()


@pytest.fixture
async def house(database, tryton):
    house = TrytonHouse(database, tryton)
    await house.open()
    yield house
    await house.close()


def said(day):
    """A date as the shopper reads it."""
    return f"{day.day} {day:%B %Y}"


async def placed(house, *lines):
    """The house's one order, taken from the store to the ERP: as the store has it, and the number the ERP gave it."""
    order = await house.place(*lines)
    await house.settle_down()
    assert await undone(house) == []
    return order, await house.value("select erp_number from sales_order")


async def undone(house):
    return await house.rows("select state, subscriber, fault_code, fault_message from delivery where state <> 'done'")


async def store_view(house, order):
    return await house.sim("shop", "GET", f"orders/{order['entity_id']}")


async def comments(house, order, words):
    told = [comment["comment"] or "" for comment in (await store_view(house, order))["comments"]]
    return [comment for comment in told if words in comment]


async def purchase(house):
    (row,) = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    return row


async def promises(house):
    return [
        row["ship_date"] for row in await house.rows("select ship_date from promise where line_id is null order by id")
    ]


async def hears(house, words, day, *, order, times=1):
    """Store, CRM and books have this date, and the shopper was told as often as it moved."""
    told = await comments(house, order, words)
    assert len(told) == times, told
    assert said(day) in told[-1]
    assert (await purchase(house))["Expected_Ship_Date__c"] == day.isoformat()
    assert (await promises(house))[-1] == day


async def carrier_reports(house, tracking_number):
    """Through the signed door, as over the network."""
    app = create_app(
        inbox=house.hub.ledger,
        clock=house.world.clock,
        tap=house.tap,
        doors={"carrier": DoorSettings(kind="events", secrets=[WEBHOOK_SECRET])},
        health=house.hub.health,
        public_key=None,
    )
    now = house.world.clock.now()
    body = encoded(delivered(tracking_number=tracking_number, delivered_at=now.isoformat()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        forged = await client.post("/in/events/carrier", content=body, headers={"content-type": "application/json"})
        answer = await client.post("/in/events/carrier", content=body, headers=webhook_headers(body, now))
    assert (forged.status_code, answer.status_code) == (401, 202), (forged.text, answer.text)


async def test_an_order_lives_from_the_basket_to_the_door(house, planner, warehouse):
    order, number = await placed(house, ("VALVE-050", 2), ("PUMP-CFG", 1))
    assert (await store_view(house, order))["order"]["ext_order_id"] == number
    await hears(house, "is confirmed", TODAY + timedelta(days=15), order=order)
    (work_order,) = planner.work_orders(number)
    assert len(await house.hub.records.find_orders(f"WO-{work_order}")) == 1

    planner.release(work_order)
    planner.reschedule(work_order, TODAY + timedelta(days=40))
    await house.settle_down()
    await hears(house, "now expected", TODAY + timedelta(days=41), order=order)

    planner.make(work_order)
    warehouse.deliver(number, "1Z-LIFE")
    await house.settle_down()
    (shipment,) = (await store_view(house, order))["shipments"]
    assert [track["track_number"] for track in shipment["tracks"]] == ["1Z-LIFE"]
    assert sorted(item["qty"] for item in shipment["items"]) == [1, 2]
    seen = await purchase(house)
    assert "1Z-LIFE" in seen["Tracking_Numbers__c"]
    assert seen["Delivered_At__c"] is None

    await carrier_reports(house, "1Z-LIFE")
    await house.settle_down()
    assert len(await comments(house, order, "delivered")) == 1
    assert (await purchase(house))["Delivered_At__c"]
    assert await house.value("select delivered_at from sales_order") is not None
    assert await undone(house) == []


async def test_a_new_address_and_then_a_cancellation_reach_tryton(house, people):
    order, number = await placed(house, ("VALVE-050", 1), ("PUMP-CFG", 1), ("SENSOR-P", 1))
    house.world.clock.advance(5)
    await house.sim("shop", "POST", f"orders/{order['entity_id']}/address", {"street": ["New Road 7"], "city": "Ulm"})
    await house.settle_down()
    ours = [["moves.sale.number", "=", number]]
    addresses = people.find("stock.shipment.out", ours, ["delivery_address.street", "delivery_address.city"])
    assert {(row["delivery_address."]["street"], row["delivery_address."]["city"]) for row in addresses} == {
        ("New Road 7", "Ulm")
    }

    assert await house.sim("shop", "POST", f"orders/{order['entity_id']}/cancel", {}) is True
    house.world.clock.advance(5)
    await house.settle_down()
    sale = find_sale(people, number)
    states = [row["state"] for row in sale["shipments."]]
    states += [production["state"] for line in sale["lines."] for production in line["productions."]]
    assert set(states) == {"cancelled"}
    assert sale["state"] == "done"
    assert (await purchase(house))["Cancelled_At__c"]
    assert await undone(house) == []


async def test_a_date_that_goes_and_comes_back_is_told_both_times(house, warehouse):
    order, number = await placed(house, ("VALVE-050", 1))
    first, later = TODAY + timedelta(days=1), TODAY + timedelta(days=9)
    for times, day in enumerate((later, first, later), 1):
        warehouse.postpone(number, day)
        await house.settle_down()
        await hears(house, "now expected", day, order=order, times=times)
    assert await promises(house) == [first, later, first, later]
    await house.settle_down()
    assert len(await promises(house)) == 4, "what was told is not told again"


async def test_a_suppliers_new_date_is_told_once_and_its_return_too(house, buyer):
    order, number = await placed(house, ("SENSOR-P", 2))
    first, later = TODAY + timedelta(days=7), TODAY + timedelta(days=21)
    buyer.buy(number)
    await house.settle_down()
    assert await promises(house) == [first], "bought, and the date is as promised"
    for times, day in enumerate((later, first), 1):
        house.world.clock.advance(QUIET_S)
        await house.hub.poller.poll_all()
        buyer.postpone(number, day)
        await house.settle_down()
        await hears(house, "now expected", day, order=order, times=times)
    assert await promises(house) == [first, later, first]
    assert await undone(house) == []


async def test_a_late_number_is_told_and_a_rest_that_is_given_up_ends_the_order_with_what_left(house, warehouse):
    order, number = await placed(house, ("VALVE-050", 3), ("GASKET-10", 4))
    warehouse.hold_back(number, "VALVE-050", 1)
    for step in (warehouse.reserve, warehouse.pick, warehouse.pack, warehouse.ship, warehouse.do):
        step(number)
    await house.settle_down()
    assert (await purchase(house))["Hub_Status__c"] == "partly shipped"
    assert not (await purchase(house))["Tracking_Numbers__c"]

    warehouse.label(number, "1Z-PART")
    await house.settle_down()
    (shipment,) = (await store_view(house, order))["shipments"]
    assert [track["track_number"] for track in shipment["tracks"]] == ["1Z-PART"]
    assert (await purchase(house))["Tracking_Numbers__c"] == "1Z-PART"

    warehouse.cancel_rest(number)
    await house.settle_down()
    assert await undone(house) == []
    (told,) = await comments(house, order, "we cannot deliver this part")
    assert "1 × " in told
    assert (await purchase(house))["Hub_Status__c"] == "shipped"
    (booked,) = await house.rows("select shipped_at, cancelled_at from sales_order")
    assert (booked["shipped_at"] is not None, booked["cancelled_at"]) == (True, None)
    assert await house.value("select cancelled from order_line where sku = 'VALVE-050'") == 1
    assert await house.value("select kept from promise where line_id is null order by id desc limit 1") is True

    await carrier_reports(house, "1Z-PART")
    await house.settle_down()
    assert (await purchase(house))["Hub_Status__c"] == "delivered"


PLUGS = {
    "when the sale was made and nobody was told": ("model.sale.sale.create", None),
    "while it confirms the sale": ("model.sale.sale.confirm", 0.1),
}


@pytest.mark.parametrize("plug", PLUGS)
async def test_tryton_dies_over_an_order_and_there_is_one_order_in_the_end(house, tryton, people, plug):
    method, after_s = PLUGS[plug]
    house.transport.pull(method, after_s=after_s)
    order = await house.place(("VALVE-050", 1), ("PUMP-CFG", 1), ("SENSOR-P", 1))
    try:
        for _ in range(12):  # a few minutes of the hub's time, with nobody at the other end
            await house.hub.poller.poll_all()
            await house.hub.worker.run_due()
            house.world.clock.advance(20)
        assert house.transport.pulled == [method]
        assert house.transport.refused > 0
        (waiting,) = await house.rows("select state, tries from delivery where subscriber = 'erp'")
        assert waiting["state"] == "retrying"
        assert waiting["tries"] > 2
        assert await comments(house, order, "is confirmed") == []
    finally:
        tryton.start()
    await house.settle_down()
    assert await undone(house) == []
    sales = people.find("sale.sale", [["web_shop.name", "=", house.erp_section["web_shop"]]], ["state", "number"])
    (sale,) = sales
    assert sale["state"] == "processing"
    parts = [["origin.number", "=", sale["number"], "sale.sale"]]
    assert len(people.find("purchase.request", parts)) == 1
    assert len(people.find("production", [["origin.sale.number", "=", sale["number"], "sale.line"]])) == 1
    assert len(people.find("stock.shipment.out", [["moves.sale.number", "=", sale["number"]]])) == 1
    (told,) = await comments(house, order, "is confirmed")
    assert sale["number"] in told
    assert (await store_view(house, order))["order"]["ext_order_id"] == sale["number"]
    assert (await purchase(house))["Hub_Order_Id__c"]
