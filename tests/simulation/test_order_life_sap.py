"""The whole life of an order with SAP S/4HANA as the ERP: real connectors on the sandbox systems, real ledger."""

from datetime import timedelta
from random import Random

import pytest

from fakes.house import House
from fakes.s4hana import HOST, SETTINGS
from millstream.sandbox.faults import Faults
from millstream.sandbox.sap_s4hana import create_app

ERP = {"kind": "sap_s4hana", "name": "erp", **SETTINGS, "default_customer": "10009999"}


@pytest.fixture
def house(database):
    return House(database, erp=ERP, hosts={HOST: create_app})


async def erp_orders(house):
    return [one for one in await house.sim(HOST, "GET", "orders") if not one["void"]]


async def store_view(house, order):
    return await house.sim("shop", "GET", f"orders/{order['entity_id']}")


async def crm_records(house, kind):
    return (await house.sim("localhost", "GET", "records", object=kind))[kind]


async def undone(house):
    return await house.rows("select state, subscriber, fault_code, fault_message from delivery where state <> 'done'")


async def test_an_order_is_placed_in_sap_confirmed_to_the_shopper_and_known_to_the_crm(house):
    placed = await house.place(("VALVE-050", 2), ("PUMP-CFG", 1))
    await house.settle_down()
    assert await undone(house) == []
    (order,) = await erp_orders(house)
    assert order["DeliveryBlockReason"] == ""
    assert float(order["gross"]) == placed["grand_total"]
    seen = await store_view(house, placed)
    assert seen["order"]["ext_order_id"] == order["SalesOrder"]
    (comment,) = [c for c in seen["comments"] if "confirmed" in (c["comment"] or "")]
    assert "4 December 2026" in comment["comment"]
    (purchase,) = await crm_records(house, "Order")
    assert purchase["Hub_Order_Id__c"] == order["key_text"].split()[0]
    assert purchase["Expected_Ship_Date__c"] == "2026-12-04"
    assert await house.hub.records.find_orders("1000001") == [purchase["Hub_Order_Id__c"]], "by its work order"


async def test_parcels_reach_the_store_and_the_crm_part_by_part(house):
    placed = await house.place(("VALVE-050", 3), ("GASKET-10", 2))
    await house.settle_down()
    (order,) = await erp_orders(house)
    await house.sim(HOST, "POST", "ship", {"order": order["SalesOrder"], "tracking": "T1", "quantities": {"10": 2}})
    await house.settle_down()
    await house.sim(HOST, "POST", "ship", {"order": order["SalesOrder"], "tracking": "T2"})
    await house.settle_down()
    assert await undone(house) == []
    seen = await store_view(house, placed)
    tracks = [[track["track_number"] for track in shipment["tracks"]] for shipment in seen["shipments"]]
    assert tracks == [["T1"], ["T2"]]
    assert [[item["qty"] for item in shipment["items"]] for shipment in seen["shipments"]] == [[2], [1, 2]]
    (purchase,) = await crm_records(house, "Order")
    assert {"T1", "T2"} <= set(purchase["Tracking_Numbers__c"].replace("\n", ",").replace(" ", "").split(","))


async def test_a_rest_that_a_clerk_rejects_is_told_and_the_order_is_delivered_with_what_left(house):
    placed = await house.place(("VALVE-050", 3), ("GASKET-10", 2))
    await house.settle_down()
    (order,) = await erp_orders(house)
    await house.sim(HOST, "POST", "ship", {"order": order["SalesOrder"], "tracking": "T1", "quantities": {"10": 2}})
    await house.settle_down()
    for item in ("10", "20"):
        await house.sim(HOST, "POST", f"orders/{order['SalesOrder']}", {"item": item, "SalesDocumentRjcnReason": "62"})
    await house.settle_down()
    assert await undone(house) == []
    (told,) = [one["comment"] for one in (await store_view(house, placed))["comments"] if "sorry" in one["comment"]]
    assert "1 × " in told
    assert "2 × " in told
    assert (await crm_records(house, "Order"))[0]["Hub_Status__c"] == "shipped"
    assert await house.value("select count(*) from sales_order where shipped_at is not null and cancelled_at is null")
    assert (await store_view(house, placed))["order"]["state"] != "canceled"


async def test_a_moved_production_order_changes_the_date_everywhere_once(house):
    placed = await house.place(("SKID-01", 1))
    await house.settle_down()
    (order,) = await erp_orders(house)
    await house.sim(HOST, "POST", f"production/{order['production'][0]}/reschedule", {"day": "2026-12-21"})
    await house.settle_down()
    seen = await store_view(house, placed)
    moved = [c["comment"] for c in seen["comments"] if "now expected" in (c["comment"] or "")]
    assert len(moved) == 1
    assert "22 December 2026" in moved[0]
    dates = await house.rows("select ship_date from promise where line_id is null order by id")
    assert [str(row["ship_date"]) for row in dates] == ["2026-12-15", "2026-12-22"]


async def test_a_cancellation_in_the_store_reaches_sap_and_one_in_sap_reaches_the_store(house):
    first, second = await house.place(), await house.place(("OIL-1L", 1), customer=2)
    await house.settle_down()
    assert await house.sim("shop", "POST", f"orders/{first['entity_id']}/cancel", {}) is True
    other = next(one for one in await erp_orders(house) if one["to_Item"][0]["Material"] == "OIL-1L")
    clerk = {"item": "10", "SalesDocumentRjcnReason": "62"}
    await house.sim(HOST, "POST", f"orders/{other['SalesOrder']}", clerk)
    house.world.clock.advance(5)
    await house.settle_down()
    assert {one["state"] for one in await erp_orders(house)} == {"cancelled"}
    assert (await store_view(house, second))["order"]["state"] == "canceled"
    assert all(purchase["Cancelled_At__c"] for purchase in await crm_records(house, "Order"))


async def test_an_address_change_before_a_delivery_exists_reaches_sap(house):
    placed = await house.place()
    await house.settle_down()
    house.world.clock.advance(5)
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/address", {"street": ["New Road 7"], "city": "Ulm"})
    await house.settle_down()
    (order,) = await erp_orders(house)
    address = next(one["to_Address"] for one in order["to_Partner"] if one["PartnerFunction"] == "SH")
    assert (address["CityName"], address["StreetName"]) == ("Ulm", "New Road 7")
    assert await undone(house) == []


async def test_a_shopper_never_hears_of_an_order_whose_total_sap_disputes(house):
    await house.sim(HOST, "POST", "tax", {"DE": "19"})
    placed = await house.place()
    await house.settle_down()
    (held,) = await undone(house)
    assert (held["state"], held["fault_code"]) == ("held", "erp.total_differs")
    assert [c for c in (await store_view(house, placed))["comments"] if "confirmed" in (c["comment"] or "")] == []
    (order,) = await erp_orders(house)
    assert order["DeliveryBlockReason"] == "Z1"


async def test_with_sap_down_orders_wait_and_are_placed_once_when_it_is_back(house):
    await house.sim(HOST, "POST", "outage", {"on": True})
    for _ in range(3):
        await house.place()
    for _ in range(10):
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(30)
    assert await erp_orders(house) == []
    await house.sim(HOST, "POST", "outage", {"on": False})
    await house.settle_down()
    assert len(await erp_orders(house)) == 3
    assert await undone(house) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_day_of_bad_luck_ends_with_one_order_for_each_to_the_cent(database, seed):
    house = House(database, seed=seed, erp=ERP, hosts={HOST: lambda now: create_app(now=now, faults=Faults(seed=seed))})
    dice = Random(seed)
    goods = ["VALVE-050", "GASKET-10", "PUMP-CFG", "SENSOR-P", "SERVICE-1", "OIL-1L"]
    rate = {"503": 0.03, "429": 0.01, "timeout_after": 0.03, "timeout_before": 0.02, "reset": 0.02, "500": 0.01}
    await house.sim(HOST, "POST", "faults", {"seed": seed, "rate": rate})
    placed = []
    for n in range(30):
        lines = [(sku, dice.randint(1, 5)) for sku in dice.sample(goods, dice.randint(1, 3))]
        placed.append(await house.place(*lines, customer=dice.randint(1, 5)))
        if n % 6 == 5:
            await house.sim(HOST, "POST", "sessions")
            await house.settle_down()
    await house.settle_down()
    suffered = (await house.sim(HOST, "GET", "faults"))["counts"]
    assert sum(suffered.values()) > 20, suffered
    await house.sim(HOST, "POST", "faults", {})
    house.world.clock.advance(timedelta(hours=1).total_seconds())
    await house.settle_down()
    assert await undone(house) == []
    orders = await erp_orders(house)
    assert [one["DeliveryBlockReason"] for one in orders] == [""] * 30
    assert sorted(float(one["gross"]) for one in orders) == sorted(float(one["grand_total"]) for one in placed)
    assert len({one["key_text"] for one in orders}) == 30
    made = [item for one in orders for item in one["to_Item"] if item["SalesOrderItemCategory"] == "TAK"]
    assert len(await house.sim(HOST, "GET", "production")) == len(made)
