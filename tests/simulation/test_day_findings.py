"""What virtual days once brought to light, each as a scene of its own."""

from datetime import timedelta
from decimal import Decimal

import pytest

from fakes.crash import Crash
from fakes.house import House
from millstream.domain.events import NewEvent
from simulation.works import Works

LEASE_S = 31

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def house(database):
    house = House(database)
    house.erp = Works(house, house.world.clock, 1)
    house.hub = house.build()
    return house


async def confirmed(house, *lines, **wish):
    """An order the ERP has; the store's receipt and the order key."""
    placed = await house.place(*lines, **wish)
    await house.settle_down()
    return placed, f"shop-{wish.get('store_id', 1)}-{placed['increment_id']}"


async def purchase(house, key):
    orders = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    return next(order for order in orders if order["Hub_Order_Id__c"] == key)


async def comments(house, placed):
    return [c["comment"] for c in (await house.sim("shop", "GET", f"orders/{placed['entity_id']}"))["comments"]]


def report(house, **numbers):
    now = house.world.clock.now()
    return NewEvent(
        source="door:ups",
        source_id="report-1",
        type="order.delivery_reported",
        subject=next(iter(numbers.values())),
        occurred_at=now,
        data={"delivered_at": now.isoformat(), **numbers},
    )


async def die_after(house, step, key_part):
    """The process dies right after this call; another one starts when its leases have run out."""

    class Deadly:
        dead = False

        def note(self, name, /, **facts):
            self.dead = self.dead or (name == "call.ended" and facts["operation"] == step and key_part in facts["key"])
            if self.dead:
                raise Crash(step)

    house.extra_taps = [Deadly()]
    house.hub = house.build()
    with pytest.raises(Crash):
        await house.settle_down()
    house.extra_taps = []
    house.hub = house.build()
    house.world.clock.advance(LEASE_S)


async def test_a_carriers_report_is_not_taken_for_an_order_of_that_number(house):
    _, key = await confirmed(house)
    house.erp.pack(key, whole=True)
    (tracking,) = house.erp.send(key, house.erp.shipments[key][0])[:1]
    await house.settle_down()
    await house.hub.ledger.accept([report(house, tracking_number=tracking)])
    await house.settle_down()
    assert await house.rows("select subject from event where type = 'order.delivered'") == [{"subject": key}]


async def test_a_second_shipment_leaves_the_tracking_number_of_the_first_in_the_crm(house):
    _, key = await confirmed(house, ("VALVE-050", 4), ("OIL-1L", 4))
    house.erp.pack(key, whole=False)
    first = house.erp.send(key, house.erp.shipments[key][0])
    await house.settle_down()
    house.erp.pack(key, whole=True)
    second = house.erp.send(key, house.erp.shipments[key][1])
    await house.settle_down()
    assert (await purchase(house, key))["Tracking_Numbers__c"] == ", ".join([*first, *second])


async def test_a_delivery_reported_before_the_shipment_stays_delivered_in_the_crm(house):
    placed, key = await confirmed(house)
    await house.hub.ledger.accept([report(house, order_number=placed["increment_id"])])
    await house.settle_down()
    house.erp.pack(key, whole=True)
    house.erp.send(key, house.erp.shipments[key][0])
    await house.settle_down()
    shown = await purchase(house, key)
    assert shown["Hub_Status__c"] == "delivered"
    assert shown["Shipped_At__c"]


async def test_a_retried_step_never_overtakes_the_next_one_in_the_crm(house):
    placed, key = await confirmed(house)
    house.erp.pack(key, whole=True)
    house.erp.send(key, house.erp.shipments[key][0])
    script = [{"kind": "503", "match": "PATCH *Order*", "times": 2}]
    await house.sim("localhost", "POST", "faults", {"script": script})
    house.world.clock.advance(30)
    await house.hub.poller.poll_all()
    await house.hub.ledger.accept([report(house, order_number=placed["increment_id"])])
    await house.settle_down()
    assert (await purchase(house, key))["Hub_Status__c"] == "delivered"
    lanes = await house.rows("select distinct lane from delivery where subscriber = 'crm'")
    assert len(lanes) == 1


async def test_a_line_that_moves_without_moving_the_order_is_booked_and_not_told(house):
    placed, key = await confirmed(house, ("SKID-01", 1), ("VALVE-050", 1))
    row = house.erp.orders[key]
    valve = next(line for line in row["order"].lines if line.sku == "VALVE-050")
    row.setdefault("line_delays", {})[valve.id] = 3
    answer = house.erp._acknowledgement(key)
    house.erp._report(key, "schedule", "schedule/1", acknowledgement=answer)
    await house.settle_down()
    assert not [text for text in await comments(house, placed) if "now expected" in text]
    days = await house.rows("select ship_date from promise where line_id = $1 order by id", valve.id)
    assert [str(day["ship_date"]) for day in days] == ["2026-11-24", "2026-11-27"]


async def test_a_cancelled_order_leaves_the_customers_lifetime_value_at_once(house):
    kept, _ = await confirmed(house, ("OIL-1L", 1))
    dropped, _ = await confirmed(house, ("SKID-01", 1))
    house.world.clock.advance(5)
    await house.sim("shop", "POST", f"orders/{dropped['entity_id']}/cancel", {})
    await house.settle_down()
    accounts = (await house.sim("localhost", "GET", "records", object="Account"))["Account"]
    (account,) = [one for one in accounts if one["Hub_Customer_Id__c"]]
    assert Decimal(str(account["Lifetime_Value__c"])) == Decimal(str(kept["grand_total"]))


async def test_a_shopper_who_moves_between_two_tries_of_placing_gets_the_goods(house):
    placed = await house.place()
    await die_after(house, "reserved", "create")
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", {"street": ["New 1"], "city": "Ulm"})
    await house.settle_down()
    (row,) = house.erp.orders.values()
    assert row["ship_to"].city == "Ulm"


async def test_a_shopper_who_moves_back_while_the_change_is_unsettled_gets_the_goods(house):
    placed, key = await confirmed(house)
    home = house.erp.orders[key]["ship_to"]
    there = {"street": ["New 1"], "city": "Ulm"}
    back = {"street": list(home.street), "city": home.city}
    house.world.clock.advance(5)
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", there)
    await die_after(house, "change_address", "ship_to")
    assert house.erp.orders[key]["ship_to"].city == "Ulm"
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", back)
    await house.settle_down()
    assert house.erp.orders[key]["ship_to"] == home


async def test_a_dollar_order_counts_what_the_store_counts_it_in_base_currency(house):
    placed, key = await confirmed(house, ("VALVE-050", 2), currency="USD", tax_percent="8.875")
    order = (await house.sim("shop", "GET", f"orders/{placed['entity_id']}"))["order"]
    booked = await house.value("select base_total from sales_order where order_key = $1", key)
    assert booked == Decimal(str(order["base_grand_total"]))


async def test_too_many_requests_at_the_crm_is_a_pause_and_no_refusal(house):
    script = [{"kind": "429", "match": "* /services/data/*", "times": 2}]
    await house.sim("localhost", "POST", "faults", {"script": script})
    await confirmed(house)
    codes = await house.rows("select distinct outcome, code from attempt where code is not null")
    assert codes == [{"outcome": "retrying", "code": "crm.too_busy"}]
    assert len(house.erp.orders) == 1


async def test_an_outage_of_two_hours_makes_no_dead_letter(house):
    await confirmed(house)
    await house.sim("localhost", "POST", "outage", {"on": True})
    await house.place(("OIL-1L", 1))
    until = house.world.clock.now() + timedelta(hours=2)
    while house.world.clock.now() < until:
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(45)
    await house.sim("localhost", "POST", "outage", {"on": False})
    await house.settle_down()
    assert await house.value("select count(*) from attempt where outcome = 'dead'") == 0
    assert await house.value("select count(*) from delivery where state <> 'done'") == 0


async def test_a_shipment_reported_long_before_its_order_is_booked_waits_for_it(house):
    shipment = {"erp_id": "S-1", "number": "S-1", "order_key": "shop-1-000000001", "state": "packed"}
    early = NewEvent(
        source="erp",
        source_id="shipment/S-1/packed",
        type="order.shipment_reported",
        subject="shop-1-000000001",
        occurred_at=house.world.clock.now(),
        data={"kind": "packed", "shipment": {**shipment, "warehouse": None, "lines": []}},
    )
    await house.hub.ledger.accept([early])
    for _ in range(20):
        await house.hub.worker.run_due()
        house.world.clock.advance(15)
    placed, _ = await confirmed(house)
    assert any("is packed" in text for text in await comments(house, placed))
