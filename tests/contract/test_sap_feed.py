"""What plant and warehouse did, as the feed tells it: nothing dropped, nothing that is no order yet."""

from datetime import UTC, date, datetime, timedelta

import pytest

from fakes.s4hana import S4Hana
from millstream.domain.errors import Reject

KEY = "shop-1-000000042"
NUMBER = "5000001"


@pytest.fixture
def s4():
    return S4Hana()


def kinds(changes):
    return [change.kind for change in changes]


async def test_a_parcel_is_packed_and_shipped_with_its_tracking_number(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("GASKET-10", 2))
    _, cursor = await s4.changes()
    s4.world.clock.advance(3600)
    await s4.ship(NUMBER, "1Z4711")
    changes, cursor = await s4.changes(cursor)
    packed, shipped = (change for change in changes if change.shipment)
    assert (packed.kind, shipped.kind, packed.order_key) == ("packed", "shipped", KEY)
    assert packed.shipment.state == "shipped"
    assert [parcel.tracking_number for parcel in shipped.shipment.parcels] == ["1Z4711"]
    assert [(line.line_id, line.sku, line.quantity.amount) for line in shipped.shipment.lines] == [
        ("101", "VALVE-050", 3),
        ("201", "GASKET-10", 2),
    ]
    assert (shipped.shipment.shipped_on, shipped.shipment.warehouse) == (date(2026, 11, 23), "EAST")
    assert shipped.occurred_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    again, _ = await s4.changes(cursor)
    assert [change for change in again if change.shipment] == []


async def test_a_bill_of_lading_entered_after_goods_issue_is_told(s4):
    erp = s4.connect(tracking_field="BillOfLading")
    await s4.place(KEY)
    await s4.ship(NUMBER, "on the package")
    before, cursor = await s4.changes(erp=erp)
    s4.world.clock.advance(3600)
    await s4.sim("POST", "deliveries/80000001/bill", {"number": "BOL-1"})
    after, cursor = await s4.changes(cursor, erp=erp)
    fresh = [change for change in after if change.change_id not in {one.change_id for one in before}]
    assert [(one.kind, one.shipment.tracking_numbers) for one in fresh] == [("shipped", ("BOL-1",))]
    s4.world.clock.advance(3600)
    assert (await s4.changes(cursor, erp=erp))[0] == []


async def test_each_step_of_a_delivery_is_told_when_it_is_reached(s4):
    await s4.place(KEY)
    await s4.sim("POST", "deliveries", {"order": NUMBER})
    told, cursor = [], None
    for step in ("", "pick", "pack", "issue"):
        if step:
            await s4.sim("POST", f"deliveries/80000001/{step}", {"tracking": "T1"})
        changes, cursor = await s4.changes(cursor)
        told.append([change.kind for change in changes if change.shipment])
    assert told == [[], [], ["packed"], ["packed", "shipped"]]


async def test_parts_of_an_order_ship_apart_and_the_rest_keeps_its_date(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1))
    await s4.ship(NUMBER, "T1", quantities={"10": 2})
    await s4.ship(NUMBER, "T2")
    await s4.sim("POST", "ship", {"order": NUMBER}, status=409)
    await s4.sim("POST", "production/1000001/confirm")
    changes, _ = await s4.changes()
    assert "schedule" in kinds(changes)
    await s4.ship(NUMBER, "T3")
    changes, _ = await s4.changes()
    shipped = [change.shipment for change in changes if change.kind == "shipped"]
    assert [[line.quantity.amount for line in one.lines] for one in shipped] == [[2], [1], [1]]
    assert "schedule" not in kinds(changes), "everything left: no date to promise any more"


async def test_a_moved_work_order_is_told_once_with_the_new_date_and_again_when_it_moves_back(s4):
    await s4.place(KEY, ("PUMP-CFG", 1))
    first, cursor = await s4.changes()
    ids = {change.change_id for change in first}
    dates = []
    for day in ("2026-12-20", "2026-12-03", "2026-12-20"):
        s4.world.clock.advance(60)
        await s4.sim("POST", "production/1000001/reschedule", {"day": day})
        changes, cursor = await s4.changes(cursor)
        fresh = [change for change in changes if change.change_id not in ids]
        ids |= {change.change_id for change in changes}
        dates += [change.acknowledgement.ship_date for change in fresh]
    assert dates == [date(2026, 12, 21), date(2026, 12, 4), date(2026, 12, 21)]


async def test_work_orders_that_planning_makes_later_are_told(s4):
    await s4.sim("POST", "planning", {"automatic": False})
    answer = await s4.place(KEY, ("PUMP-CFG", 1))
    assert answer.work_orders == ()
    _, cursor = await s4.changes()
    s4.world.clock.advance(7200)
    await s4.sim("POST", "planning", {"run": True})
    changes, _ = await s4.changes(cursor)
    assert changes[0].acknowledgement.work_orders == ("1000001",)


async def test_a_clerks_rejection_is_told_as_a_cancellation(s4):
    await s4.place(KEY)
    _, cursor = await s4.changes()
    s4.world.clock.advance(3600)
    await s4.sim("POST", f"orders/{NUMBER}", {"item": "10", "SalesDocumentRjcnReason": "62"})
    changes, _ = await s4.changes(cursor)
    assert kinds(changes) == ["cancelled"]


async def reject(s4, item):
    s4.world.clock.advance(3600)
    await s4.sim("POST", f"orders/{NUMBER}", {"item": item, "SalesDocumentRjcnReason": "62"})


def given_up(changes):
    """What each report of a rest says, line by line."""
    told = [change.cancelled for change in changes if change.kind == "rest_cancelled"]
    return [[(line.line_id, line.sku, line.quantity.amount) for line in lines] for lines in told]


async def test_a_rest_rejected_after_a_part_left_is_told_once_with_what_will_not_come(s4):
    await s4.place(KEY, ("VALVE-050", 3))
    await s4.ship(NUMBER, "T1", quantities={"10": 2})
    _, cursor = await s4.changes()
    await reject(s4, "10")
    changes, cursor = await s4.changes(cursor)
    assert given_up(changes) == [[("101", "VALVE-050", 1)]]
    assert "cancelled" not in kinds(changes), "every item is rejected, and still a part of it was sold"
    (line,) = changes[-1].acknowledgement.lines
    assert (line.quantity.amount, line.ships) == (2, True)
    s4.world.clock.advance(3600)
    again, _ = await s4.changes(cursor)
    assert again == []
    assert (await s4.erp.read_order(KEY)).state == "done"


async def test_of_several_items_the_rejected_one_is_told_and_the_order_goes_on(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1))
    _, cursor = await s4.changes()
    await reject(s4, "20")
    changes, cursor = await s4.changes(cursor)
    assert given_up(changes) == [[("201", "PUMP-CFG", 1)]]
    (schedule,) = [change.acknowledgement for change in changes if change.kind == "schedule"]
    assert [(line.quantity.amount, line.ships) for line in schedule.lines] == [(3, True), (0, False)]
    assert schedule.ship_date == schedule.lines[0].ship_date
    await reject(s4, "10")
    changes, _ = await s4.changes(cursor)
    assert kinds(changes) == ["cancelled"], "now it is all of it, and nothing has left"


async def test_what_was_delivered_of_a_rejected_item_is_still_to_leave(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("GASKET-10", 2))
    await s4.ship(NUMBER, "T1", quantities={"10": 2})
    await s4.sim("POST", "deliveries", {"order": NUMBER, "quantities": {"20": 2}})
    await reject(s4, "10")
    changes, _ = await s4.changes()
    assert given_up(changes) == [[("101", "VALVE-050", 1)]]
    assert [(line.quantity.amount, line.ships) for line in changes[-1].acknowledgement.lines] == [(2, True), (2, True)]


async def test_a_clerk_who_rejects_a_stray_document_cancels_no_order(s4):
    await s4.place(KEY)
    _, cursor = await s4.changes()
    for n, block in ((2, "Z1"), (3, "")):
        await s4.plain.send(s4.requests("A_SalesOrder", "POST")[0])
        s4.world.clock.advance(60)
        await s4.sim("POST", f"orders/500000{n}", {"DeliveryBlockReason": block})
        await s4.sim("POST", f"orders/500000{n}", {"item": "10", "SalesDocumentRjcnReason": "62"})
    changes, _ = await s4.changes(cursor)
    assert "cancelled" not in kinds(changes)
    assert (await s4.erp.read_order(KEY)).number == NUMBER


async def test_held_orders_and_orders_of_others_are_not_told(s4):
    with pytest.raises(Reject):
        await s4.place(KEY, off="5.00")
    changes, _ = await s4.changes()
    assert changes == []


async def test_nothing_is_dropped_where_many_changes_carry_one_stamp(s4):
    """The clock stands still: all of these differ by less than SAP shows."""
    for n in range(9):
        await s4.place(f"shop-1-{n}", ("PUMP-CFG", 1))
    small = s4.connect(page_size=2)
    changes, cursor = await s4.changes(erp=small)
    assert {change.order_key for change in changes} == {f"shop-1-{n}" for n in range(9)}
    s4.world.clock.advance(3600)
    changes, _ = await s4.changes(cursor, erp=small)
    assert changes == []


async def test_a_change_that_becomes_visible_late_is_still_found(s4):
    await s4.place("shop-1-1")
    s4.world.clock.advance(100)
    await s4.place("shop-1-2")
    _, cursor = await s4.changes()
    s4.world.clock.advance(-30)  # committed by a slower transaction: an older stamp than the newest seen
    await s4.place("shop-1-3")
    s4.world.clock.advance(31)
    changes, _ = await s4.changes(cursor)
    assert "shop-1-3" in {change.order_key for change in changes}


async def test_a_hub_that_was_away_for_days_learns_what_left_meanwhile(s4):
    await s4.place(KEY)
    _, cursor = await s4.changes()
    s4.world.clock.advance(timedelta(days=2).total_seconds())
    await s4.ship(NUMBER)
    s4.world.clock.advance(timedelta(days=9).total_seconds())
    changes, _ = await s4.changes(cursor)
    assert {"packed", "shipped"} <= set(kinds(changes))


async def test_more_deliveries_than_a_page_are_told_page_by_page(s4):
    for n in range(5):
        await s4.place(f"shop-1-{n}")
        await s4.ship(str(5000001 + n), f"T{n}")
    erp = s4.connect(page_size=2)
    changes, cursor = await s4.changes(erp=erp)
    assert {change.order_key for change in changes if change.kind == "shipped"} == {f"shop-1-{n}" for n in range(5)}
    s4.world.clock.advance(3600)
    assert (await s4.changes(cursor, erp=erp))[0] == []


async def test_deliveries_are_listed_no_more_often_than_the_settings_say(s4):
    erp = s4.connect(deliveries_every_s=60)
    _, cursor = await s4.changes(erp=erp)
    before = len(s4.requests("OUTBOUND"))
    s4.world.clock.advance(30)
    _, cursor = await s4.changes(cursor, erp=erp)
    assert len(s4.requests("OUTBOUND")) == before
    s4.world.clock.advance(30)
    await s4.changes(cursor, erp=erp)
    assert len(s4.requests("OUTBOUND")) > before


async def test_the_lists_of_deliveries_take_one_round_trip(s4):
    await s4.changes()
    (listed,) = s4.requests("OUTBOUND_DELIVERY_SRV;v=0002/$batch")
    assert listed.body.count(b"GET A_OutbDeliveryHeader") == 2


async def test_a_delivery_date_in_another_time_zone_is_told_in_utc(s4):
    erp = s4.connect(time_zone="America/New_York")
    await s4.place(KEY)
    await s4.ship(NUMBER)
    s4.world.clock.advance(6 * 3600)
    changes, _ = await s4.changes(erp=erp)
    (shipped,) = [change for change in changes if change.kind == "shipped"]
    assert shipped.occurred_at == datetime(2026, 11, 23, 13, tzinfo=UTC)


async def test_a_cursor_of_another_connector_is_refused(s4):
    with pytest.raises(Reject) as refused:
        await s4.erp.changes({"orders": {"newest": 7}})
    assert refused.value.code == "erp.cursor_unreadable"


async def test_from_an_earlier_moment_on_everything_is_told_again_under_the_same_ids(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1))
    before, cursor = await s4.changes()
    start = s4.world.clock.now()
    s4.world.clock.advance(7200)
    await s4.ship(NUMBER, "T1", quantities={"10": 3})
    changes, cursor = await s4.changes(cursor)
    s4.world.clock.advance(7200)
    found = s4.erp.rewound(cursor, start)
    assert (found.moved, found.was > start) == (True, True)
    again, cursor = await s4.changes(found.cursor)
    assert {one.change_id for one in again} >= {one.change_id for one in changes if one.shipment}
    assert {one.change_id for one in again} <= {one.change_id for one in (*before, *changes)}
    s4.world.clock.advance(7200)
    assert (await s4.changes(cursor))[0] == []
    late = s4.erp.rewound(cursor, s4.world.clock.now())
    assert (late.moved, late.cursor) == (False, cursor)


async def test_a_position_nobody_can_read_is_made_anew(s4):
    found = s4.erp.rewound({"orders": 7}, s4.world.clock.now())
    assert (found.was, found.moved) == (None, True)
    assert (await s4.changes(found.cursor))[0] == []
