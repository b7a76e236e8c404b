"""The stock of the sandbox S/4HANA: nothing is confirmed that is neither there nor on its way, nothing leaves twice."""

from decimal import Decimal

import pytest

from fakes.s4hana import S4Hana
from millstream.domain.errors import Retry

VALVE = "VALVE-050"


@pytest.fixture
async def sap():
    sap = S4Hana()
    await sap.sim("POST", "stock", {VALVE: 10})
    return sap


async def confirmed(sap, n=0):
    """What is confirmed to the n-th order, by day."""
    lines = (await sap.orders())[n]["to_Item"][0]["to_ScheduleLine"]
    return {
        line["ConfirmedDeliveryDate"]: Decimal(line["ConfdOrderQtyByMatlAvailCheck"])
        for line in lines
        if line["ConfirmedDeliveryDate"]
    }


async def on_hand(sap):
    rows = (await sap.sim("GET", "stock"))["on_hand"]
    return next(Decimal(row["Quantity"]) for row in rows if (row["Material"], row["Plant"]) == (VALVE, "1010"))


async def test_what_is_missing_is_confirmed_from_planned_receipts_and_then_after_the_lead_time(sap):
    await sap.sim("POST", "receipts", {"material": VALVE, "quantity": 4, "day": "2026-11-25"})
    await sap.place("shop-1-1", (VALVE, 17))
    assert await confirmed(sap) == {"2026-11-24": 10, "2026-11-26": 4, "2026-12-01": 3}
    receipts = (await sap.sim("GET", "stock"))["receipts"]
    assert sorted((Decimal(row["Quantity"]), Decimal(row["Free"])) for row in receipts) == [(3, 0), (4, 0)]


async def test_only_what_is_there_can_be_delivered_and_what_arrives_goes_to_whom_it_was_promised(sap):
    number = (await sap.place("shop-1-1", (VALVE, 12))).number
    await sap.ship(number)
    assert await on_hand(sap) == 0
    await sap.sim("POST", "deliveries", {"order": number}, status=409)
    (receipt,) = (await sap.sim("GET", "stock"))["receipts"]
    await sap.sim("POST", f"receipts/{receipt['Receipt']}/receive", {})
    await sap.ship(number, "TRACK-2")
    assert await on_hand(sap) == 0


async def test_scrapped_goods_are_promised_anew_first_come_first_served(sap):
    for n in (1, 2):
        await sap.place(f"shop-1-{n}", (VALVE, 5))
    _, cursor = await sap.changes()
    sap.world.clock.advance(5)
    await sap.sim("POST", "movements", {"type": "551", "material": VALVE, "quantity": 3})
    assert await confirmed(sap, 0) == {"2026-11-24": 5}
    assert await confirmed(sap, 1) == {"2026-11-24": 2, "2026-12-01": 3}
    told, _ = await sap.changes(cursor)
    dates = {one.order_key: str(one.acknowledgement.ship_date) for one in told}
    assert dates["shop-1-2"] == "2026-12-01"


async def test_goods_in_a_delivery_are_neither_scrapped_nor_sent_to_the_other_plant(sap):
    number = (await sap.place("shop-1-1", (VALVE, 8))).number
    await sap.sim("POST", "deliveries", {"order": number})
    await sap.sim("POST", "movements", {"type": "551", "material": VALVE, "quantity": 3}, status=409)
    transfer = {"type": "301", "material": VALVE, "quantity": 3, "to": "1020"}
    await sap.sim("POST", "movements", transfer, status=409)
    await sap.sim("POST", "movements", transfer | {"quantity": 2})
    assert await on_hand(sap) == 8


async def test_every_movement_is_in_the_books(sap):
    number = (await sap.place("shop-1-1", (VALVE, 6))).number
    await sap.sim("POST", "movements", {"type": "101", "material": VALVE, "quantity": 5})
    await sap.sim("POST", "movements", {"type": "551", "material": VALVE, "quantity": 1})
    await sap.ship(number)
    books = (await sap.sim("GET", "stock"))["movements"]
    moved = [(one["GoodsMovementType"], Decimal(one["Quantity"])) for one in books if one["Material"] == VALVE]
    assert moved[1:] == [("101", 5), ("551", -1), ("601", -6)]
    assert await on_hand(sap) == 8


async def test_a_locked_document_keeps_its_schedule_when_a_clerk_asks_for_a_new_check(sap):
    number = (await sap.place("shop-1-1", (VALVE, 5))).number
    before = await confirmed(sap)
    await sap.sim("POST", "stock", {VALVE: 0})
    await sap.sim("POST", "locks", {"order": "*", "times": 1})
    await sap.sim("POST", f"orders/{number}", {"check_again": True}, status=400)
    assert await confirmed(sap) == before
    await sap.sim("POST", f"orders/{number}", {"check_again": True})
    assert await confirmed(sap) != before


async def test_parcels_are_labelled_before_they_leave_and_not_after(sap):
    number = (await sap.place("shop-1-1", (VALVE, 5))).number
    delivery = (await sap.sim("POST", "deliveries", {"order": number}))["DeliveryDocument"]
    await sap.sim("POST", f"deliveries/{delivery}/label", {"tracking": ["T1"]}, status=409)
    await sap.sim("POST", f"deliveries/{delivery}/pick", {})
    await sap.sim("POST", f"deliveries/{delivery}/pack", {})
    await sap.sim("POST", f"deliveries/{delivery}/label", {"tracking": ["T1", "T2"]})
    await sap.sim("POST", f"deliveries/{delivery}/issue", {})
    await sap.sim("POST", f"deliveries/{delivery}/label", {"tracking": ["T3"]}, status=409)
    told, _ = await sap.changes()
    (shipped,) = [one.shipment for one in told if one.kind == "shipped"]
    assert [parcel.tracking_number for parcel in shipped.parcels] == ["T1", "T2"]


async def test_a_batch_of_which_a_part_fails_is_read_again(sap):
    for n in range(25):  # more than one filter holds
        await sap.place(f"shop-1-{n}", (VALVE, 1))
    await sap.sim("POST", "faults", {"script": [{"kind": "partial_batch", "match": "POST *$batch"}]})
    with pytest.raises(Retry):
        await sap.changes()
    assert (await sap.sim("GET", "faults"))["counts"] == {"partial_batch": 1}
    told, _ = await sap.changes()
    assert len({one.order_key for one in told}) == 25
