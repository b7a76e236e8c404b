"""Orders on a real Tryton, from the store's order to the dock."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from fakes.real_tryton import Desk, address, order
from fakes.recorded_tryton import FIELDS
from millstream.connectors.tryton.fields import Need, look_up, module_of
from millstream.domain.errors import Failure, Reject, Retry, Unknown
from millstream.domain.order import Customer
from millstream.domain.values import Money, Quantity
from millstream.sandbox.tryton.people import find_sale

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

TODAY = datetime.now(UTC).date()


async def place(desk, wanted, customer_id="ACME"):
    return await desk.erp.place_order(wanted, customer_id=customer_id, key=f"order/{wanted.key}/create")


async def all_changes(desk, cursor=None):
    """The feed from a cursor to its end: changes by id, and the cursor after them."""
    found = {}
    for _ in range(50):
        page = await desk.erp.changes(cursor)
        found |= {change.change_id: change for change in page.changes}
        cursor = page.cursor
        if not page.more:
            return found, cursor
    pytest.fail("the feed never ends")


async def goes_through(call) -> bool:
    """False when an answer was lost on the way; a refusal is a failure of the test."""
    try:
        await call
    except (Retry, Unknown):
        return False
    return True


def kinds(changes, key):
    return sorted(change.kind for change in changes.values() if change.order_key == key)


async def test_an_order_in_stock_is_numbered_reserved_and_dated(desk):
    answer = await place(desk, order("life-1", ("VALVE-050", 3), ("GASKET-10", 10), tax_percent="19"))
    assert answer.created
    assert answer.number.isdigit()
    assert answer.state == "processing"
    assert answer.warehouse == "EAST"
    assert [(line.line_id, line.sku, line.reserved) for line in answer.lines] == [
        ("101", "VALVE-050", Quantity(Decimal(3))),
        ("201", "GASKET-10", Quantity(Decimal(10))),
    ]
    assert {line.reason for line in answer.lines} == {"in stock"}
    assert answer.ship_date == TODAY + timedelta(days=1)
    assert answer.changes == ()
    assert answer.gross == Money(Decimal("484.57"), "EUR")
    assert answer.tax == Money(Decimal("77.37"), "EUR")


async def test_the_whole_way_out_of_the_door_reaches_the_feed_with_the_tracking_number(desk, warehouse):
    answer = await place(desk, order("dock-1", ("VALVE-050", 2), ("PUMP-100", 1)))
    _, cursor = await all_changes(desk)
    warehouse.pick("dock-1")
    warehouse.pack("dock-1", "1Z999")
    packed, cursor = await all_changes(desk, cursor)
    assert "packed" in kinds(packed, "dock-1")
    assert "shipped" not in kinds(packed, "dock-1")
    warehouse.ship(answer.number)
    warehouse.do(answer.number)
    left, _ = await all_changes(desk, cursor)
    assert kinds(left, "dock-1") == ["packed", "shipped"]
    shipped = next(change for change in left.values() if change.order_key == "dock-1" and change.kind == "shipped")
    assert shipped.change_id.startswith(f"shipment/{shipped.shipment.erp_id}/shipped/")
    assert [parcel.tracking_number for parcel in shipped.shipment.parcels] == ["1Z999"]
    assert {line.line_id: line.quantity.amount for line in shipped.shipment.lines} == {"101": 2, "201": 1}
    assert shipped.shipment.shipped_on == TODAY
    assert shipped.occurred_at.tzinfo is not None


async def test_a_line_made_to_order_brings_a_work_order_and_its_lead_time(desk):
    answer = await place(desk, order("mto-1", ("PUMP-CFG", 1)))
    line = answer.lines[0]
    assert len(line.work_orders) == 1
    assert line.work_orders[0].startswith("WO-")
    assert line.reason == "made to order, lead time 10 days"
    assert line.reserved == Quantity(Decimal(0))
    assert answer.ship_date == TODAY + timedelta(days=15)
    assert [change.text for change in answer.changes] == ["PUMP-CFG: made to order, lead time 10 days"]


async def test_a_line_bought_for_the_order_is_dated_by_the_suppliers_lead_time(desk):
    answer = await place(desk, order("buy-1", ("SENSOR-P", 2)))
    assert answer.lines[0].reason == "bought for this order, lead time 7 days"
    assert answer.ship_date == TODAY + timedelta(days=7)


async def test_a_reschedule_by_the_planner_is_a_schedule_change_with_the_new_date(desk, planner):
    await place(desk, order("plan-1", ("PUMP-CFG", 1)))
    before, cursor = await all_changes(desk)
    work_order = planner.work_orders("plan-1")[0]
    planner.release(work_order)
    planner.reschedule(work_order, TODAY + timedelta(days=40))
    after, cursor = await all_changes(desk, cursor)
    moved = [c for c in after.values() if c.order_key == "plan-1" and c.change_id not in before]
    assert [change.kind for change in moved] == ["schedule"]
    assert moved[0].acknowledgement.ship_date == TODAY + timedelta(days=41)
    assert not moved[0].acknowledgement.work_orders[0].startswith("WO-")
    planner.reschedule(work_order, TODAY + timedelta(days=20))
    planner.reschedule(work_order, TODAY + timedelta(days=40))
    back, _ = await all_changes(desk, cursor)
    again = [c for c in back.values() if c.order_key == "plan-1" and c.change_id not in before | after]
    assert [change.acknowledgement.ship_date for change in again] == [TODAY + timedelta(days=41)]


async def test_a_finished_work_order_is_reserved_for_the_order_that_wanted_it(desk, planner, warehouse):
    await place(desk, order("made-1", ("PUMP-CFG", 1)))
    planner.make(planner.work_orders("made-1")[0])
    warehouse.deliver("made-1", "1Z-MADE")
    changes, _ = await all_changes(desk)
    assert kinds(changes, "made-1") == ["packed", "shipped"]


@pytest.mark.parametrize("method", ["create", "quote", "confirm"])
async def test_an_answer_lost_after_the_commit_leaves_exactly_one_sale(desk, people, method):
    wanted = order(f"lost-{method}", ("VALVE-050", 1))
    desk.transport.lose = f"model.sale.sale.{method}"
    with pytest.raises(Unknown) as lost:
        await place(desk, wanted)
    assert lost.value.key == f"order/lost-{method}/create"
    answer = await place(desk, msgspec.structs.replace(wanted, ship_to=address(city="Houston")))
    assert answer.state == "processing"
    assert answer.lines[0].reserved == Quantity(Decimal(1))
    assert not answer.created
    assert len(people.find("sale.sale", [["web_id", "=", wanted.key]])) == 1
    (city,), _, _ = await went_to(people, wanted.key)
    assert city == ("Austin, TX" if method == "confirm" else "Houston, TX"), (
        "what is confirmed is redirected, not placed"
    )


async def test_whichever_answer_is_lost_while_placing_the_order_is_placed_once(desk, people):
    for n in range(1, 20):
        customer = Customer(store_customer_id=f"c{n}", email="", name=f"Customer {n}")
        wanted = order(f"nth-{n}", ("VALVE-050", 1), ("PUMP-CFG", 1), off="0.01", customer=customer)
        desk.transport.lose_nth_write = n
        if await goes_through(place(desk, wanted, customer_id=f"NTH-{n}")):
            break
        answer = await place(desk, wanted, customer_id=f"NTH-{n}")
        assert answer.gross == wanted.totals.grand_total
        assert answer.lines[0].reserved == Quantity(Decimal(1))
        assert len(people.find("sale.sale", [["web_id", "=", wanted.key]])) == 1
        assert len(people.find("party.party", [["code", "=", f"NTH-{n}"]])) == 1
    assert n == 7  # party, sale, rounding line, quote, confirm, assign: then nothing is left to lose


@pytest.mark.thorough
async def test_whichever_answer_is_lost_while_cancelling_the_order_ends_cancelled(desk, people):
    for n in range(1, 30):
        key = f"undo-{n}"
        await place(desk, order(key, ("VALVE-050", 1), ("PUMP-CFG", 1), ("SENSOR-P", 1)))
        desk.transport.lose_nth_write = n
        if await goes_through(desk.erp.cancel_order(key, reason="", key=f"order/{key}/cancel")):
            break
        desk.transport.lose_nth_write = None
        assert await desk.erp.cancel_order(key, reason="", key=f"order/{key}/cancel")
        assert (await desk.erp.read_order(key)).state == "cancelled"
        assert find_sale(people, key)["state"] == "done"
    assert n == 9  # shipment, work order, three for the purchase request, exception, invoice, exception


async def test_the_same_order_twice_is_one_sale_and_one_answer(desk, people):
    wanted = order("twice-1", ("VALVE-050", 1))
    first = await place(desk, wanted)
    second = await place(desk, wanted)
    assert (first.created, second.created) == (True, False)
    assert second.erp_id == first.erp_id
    assert second.lines == first.lines
    assert await desk.erp.read_order("twice-1") == second


async def test_four_connections_placing_one_order_at_once_make_one_sale(tryton, people):
    desks = [Desk(tryton) for _ in range(4)]
    wanted = order("race-1", ("VALVE-050", 1))
    answers = await asyncio.gather(*(place(desk, wanted) for desk in desks), return_exceptions=True)
    for desk in desks:
        await desk.close()
    placed = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert placed
    assert all(
        isinstance(answer, Failure) and not isinstance(answer, Reject) for answer in answers if answer not in placed
    )
    sales = people.find("sale.sale", [["web_id", "=", "race-1"]], ["state"])
    assert [sale["state"] for sale in sales] == ["processing"]


async def test_four_tasks_of_one_connection_place_one_order_without_a_failure(desk, people):
    wanted = order("race-2", ("VALVE-050", 1))
    answers = await asyncio.gather(*(place(desk, wanted) for _ in range(4)))
    assert sorted(answer.created for answer in answers) == [False, False, False, True]
    assert len(people.find("sale.sale", [["web_id", "=", "race-2"]])) == 1


async def test_a_restart_of_the_erp_in_the_middle_of_an_order_is_survived(desk, tryton, people):
    wanted = order("restart-1", ("VALVE-050", 1))
    desk.transport.lose = "model.sale.sale.create"
    with pytest.raises(Unknown):
        await place(desk, wanted)
    await asyncio.to_thread(tryton.restart)
    answer = await place(desk, wanted)
    assert answer.state == "processing"
    assert len(people.find("sale.sale", [["web_id", "=", "restart-1"]])) == 1


async def test_an_order_in_dollars_keeps_its_currency(desk):
    answer = await place(desk, order("usd-1", ("PUMP-100", 2, "1375.00"), currency="USD", tax_percent="8.25"))
    assert answer.gross == Money(Decimal("2990.41"), "USD")


async def test_discounts_and_adjustments_close_to_the_cent(desk):
    wanted = order(
        "odd-1", ("VALVE-050", 7, "89.90", "10.01"), ("GASKET-10", 1000, "12.50", "0.33"), adjustments=[("gift", "-20")]
    )
    answer = await place(desk, wanted)
    assert answer.gross == wanted.totals.grand_total


async def test_a_small_difference_is_closed_by_a_rounding_line(desk, people):
    wanted = order("cent-1", ("VALVE-050", 3), off="0.03")
    answer = await place(desk, wanted)
    assert answer.gross == wanted.totals.grand_total
    lines = people.find("sale.line", [["sale.web_id", "=", "cent-1"]], ["product.code", "unit_price"])
    assert [line["unit_price"] for line in lines if line["product."]["code"] == "ROUNDING"] == [Decimal("0.0300")]


async def test_a_total_that_differs_is_refused_before_anything_is_confirmed(desk, people):
    wanted = order("wrong-1", ("VALVE-050", 3), off="1.00")
    with pytest.raises(Reject) as refused:
        await place(desk, wanted)
    assert refused.value.code == "erp.total_differs"
    assert [sale["state"] for sale in people.find("sale.sale", [["web_id", "=", "wrong-1"]], ["state"])] == ["draft"]
    corrected = await place(desk, order("wrong-1", ("VALVE-050", 4)))
    assert corrected.lines[0].quantity == Quantity(Decimal(4))


async def test_tax_without_a_name_is_refused_or_carried_by_the_tax_product(desk, tryton):
    with pytest.raises(Reject) as refused:
        await place(desk, order("tax-1", ("VALVE-050", 1), tax_percent="7"))
    assert refused.value.code == "erp.tax_unknown"
    carrying = Desk(tryton, tax_product="TAX")
    answer = await place(carrying, order("tax-1", ("VALVE-050", 1), tax_percent="7"))
    await carrying.close()
    assert answer.gross == order("tax-1", ("VALVE-050", 1), tax_percent="7").totals.grand_total


async def test_an_unknown_sku_is_refused_by_name(desk, people):
    with pytest.raises(Reject) as refused:
        await place(desk, order("sku-1", ("NO-SUCH", 1, "5.00")))
    assert (refused.value.code, refused.value.field) == ("erp.sku_unknown", "lines[101].sku")
    assert people.find("sale.sale", [["web_id", "=", "sku-1"]]) == []


async def test_a_new_customer_is_made_once_with_one_address_per_wording(desk, people):
    customer = Customer(store_customer_id="9", email="new@globe.example", name="Nora New", company="Globe")
    wanted = [order(f"new-{n}", ("GASKET-10", 1), customer=customer) for n in (1, 2)]
    third = order("new-3", ("GASKET-10", 1), customer=customer, ship_to=address(street=("Dock  4",), company="Globe"))
    for one in (*wanted, third):
        await place(desk, one, customer_id="0198c7f2-hub")
    parties = people.find("party.party", [["code", "=", "0198c7f2-hub"]], ["name", "addresses.street", "email"])
    assert [(party["name"], party["email"]) for party in parties] == [("Globe", "new@globe.example")]
    assert sorted(row["street"] for row in parties[0]["addresses."]) == ["100 Main St", "Dock  4"]


async def test_an_order_beyond_the_credit_limit_is_refused_and_goes_on_once_the_limit_is_raised(desk, tryton):
    wanted = order("credit-1", ("PUMP-100", 1))
    with pytest.raises(Reject) as refused:
        await place(desk, wanted, customer_id="CUST-1002")
    assert refused.value.code == "credit.limit_exceeded"
    admin = await asyncio.to_thread(tryton.admin)
    party = admin.find("party.party", [["code", "=", "CUST-1002"]])[0]
    admin.write("party.party", party, {"credit_limit_amount": Decimal(9000)})
    admin.close()
    assert (await place(desk, wanted, customer_id="CUST-1002")).state == "processing"


async def test_a_quotation_that_credit_stopped_is_taken_back_and_confirmed_as_the_order_says_now(desk, people):
    with pytest.raises(Reject) as refused:
        await place(desk, order("amend-1", ("PUMP-100", 20)), customer_id="CUST-1002")
    assert refused.value.code == "credit.limit_exceeded"
    assert find_sale(people, "amend-1")["state"] == "quotation"
    within = order("amend-1", ("VALVE-050", 2), ship_to=address(city="Dallas"), po_number="PO-7", note="Ring twice")
    answer = await place(desk, within, customer_id="CUST-1002")
    assert [(line.sku, line.quantity.amount) for line in answer.lines] == [("VALVE-050", 2)]
    assert (answer.gross, answer.created, answer.changes) == (within.totals.grand_total, False, ())
    assert await went_to(people, "amend-1") == (["Dallas, TX"], "store order amend-1, PO PO-7", "Ring twice")


async def went_to(people, key):
    """Where its shipments go, how the sale is called, and what is said of it."""
    fields = ["description", "comment", "shipments.delivery_address.city"]
    (sale,) = await asyncio.to_thread(people.find, "sale.sale", [["web_id", "=", key]], fields)
    return [one["delivery_address."]["city"] for one in sale["shipments."]], sale["description"], sale["comment"]


async def test_cancelling_before_anything_happened_undoes_shipment_work_order_and_request(desk, people):
    await place(desk, order("cancel-1", ("VALVE-050", 2), ("PUMP-CFG", 1), ("SENSOR-P", 1)))
    _, cursor = await all_changes(desk)
    for _ in range(2):
        assert await desk.erp.cancel_order("cancel-1", reason="changed mind", key="order/cancel-1/cancel")
    answer = await desk.erp.read_order("cancel-1")
    assert answer.state == "cancelled"
    assert answer.ship_date is None
    sale = find_sale(people, "cancel-1")
    assert sale["state"] == "done"
    requests = people.find("purchase.request", [["origin", "=", f"sale.sale,{sale['id']}"]], ["state"])
    assert [request["state"] for request in requests] == ["cancelled"]
    changes, _ = await all_changes(desk, cursor)
    assert kinds(changes, "cancel-1") == ["cancelled"]


async def test_cancelling_what_the_erp_never_had_says_so(desk):
    assert not await desk.erp.cancel_order("never-1", reason="", key="order/never-1/cancel")
    assert await desk.erp.read_order("never-1") is None


async def test_cancelling_a_half_placed_order_cancels_the_draft(desk, people):
    desk.transport.lose = "model.sale.sale.create"
    with pytest.raises(Unknown):
        await place(desk, order("half-1", ("VALVE-050", 1)))
    assert await desk.erp.cancel_order("half-1", reason="", key="order/half-1/cancel")
    assert find_sale(people, "half-1")["state"] == "cancelled"
    with pytest.raises(Reject) as refused:
        await place(desk, order("half-1", ("VALVE-050", 1)))
    assert refused.value.code == "erp.order_cancelled"


async def test_cancelling_is_too_late_once_picked_or_in_production(desk, warehouse, planner):
    await place(desk, order("late-1", ("VALVE-050", 1)))
    warehouse.pick("late-1")
    await place(desk, order("late-2", ("PUMP-CFG", 1)))
    planner.start(planner.work_orders("late-2")[0])
    for key in ("late-1", "late-2"):
        with pytest.raises(Reject) as refused:
            await desk.erp.cancel_order(key, reason="", key=f"order/{key}/cancel")
        assert refused.value.code == "order.too_late"
    assert (await desk.erp.read_order("late-1")).state == "processing"


async def test_an_address_changes_until_the_warehouse_picks(desk, people, warehouse):
    await place(desk, order("move-1", ("VALVE-050", 1)))
    there = address(street=("1 New Road",), city="Dallas")
    for _ in range(2):
        await desk.erp.change_address("move-1", there, key="order/move-1/address")
    shipment = people.find(
        "stock.shipment.out", [["moves.sale.web_id", "=", "move-1"]], ["state", "delivery_address.street"]
    )
    assert [(row["state"], row["delivery_address."]["street"]) for row in shipment] == [("assigned", "1 New Road")]
    warehouse.pick("move-1")
    with pytest.raises(Reject) as refused:
        await desk.erp.change_address("move-1", address(city="Houston"), key="order/move-1/address")
    assert refused.value.code == "order.too_late"


async def test_items_are_found_in_one_call_with_price_and_lead_time(desk):
    await desk.erp.find_items(["OIL-1L"], currency="USD", quantities={})
    desk.transport.methods.clear()
    found = await desk.erp.find_items(["PUMP-100", "PUMP-CFG", "NO-SUCH"], currency="USD", quantities={})
    assert desk.transport.methods == ["model.product.product.search_read"]
    assert sorted(found) == ["PUMP-100", "PUMP-CFG"]
    assert found["PUMP-100"].price == Money(Decimal("1375.0000"), "USD")
    assert (found["PUMP-CFG"].lead_time_days, found["PUMP-CFG"].salable) == (15, True)


async def test_a_check_finds_what_is_well_and_a_wrong_password_by_name(desk, tryton):
    assert [finding.ok for finding in await desk.erp.check()] == [True] * 5
    broken = Desk(tryton, password="wrong")
    for _ in range(3):
        finding = (await broken.erp.check())[0]
        assert not finding.ok
        assert finding.fix == "correct the setting password"
    assert broken.transport.methods == ["common.db.login"]  # asked once: more would lock the user out
    await broken.close()
    missing = Desk(tryton, warehouse="NOWHERE")
    finding = (await missing.erp.check())[-1]
    await missing.close()
    assert (finding.ok, finding.fix) == (False, "correct the setting warehouse")


async def test_what_tryton_says_of_the_fields_that_are_read_is_what_the_check_says(desk, tryton):
    found = await look_up(desk.erp._client)
    admin = await asyncio.to_thread(tryton.admin)
    models, names = zip(*(name.rpartition(".")[::2] for name in found.present), strict=True)
    domain = [["model", "in", sorted(set(models))], ["name", "in", sorted(set(names))]]
    rows = admin.find("ir.model.field", domain, ["model", "name", "module", "ttype", "relation"])
    admin.close()
    rows = [row for row in rows if f"{row['model']}.{row['name']}" in found.present]
    assert found.missing == frozenset()
    own = {f"{row['model']}.{row['name']}": row["module"] for row in rows if row["name"] != "id"}
    assert {name: module_of(name) for name in own} == own
    assert sorted([row["model"], row["name"], row["ttype"], row["relation"]] for row in rows) == FIELDS


async def test_a_field_no_module_brings_is_found_missing_and_refused_by_name(desk):
    needs = [Need("sale.sale", "lines.engraving"), Need("quality.inspection", "state")]
    assert (await look_up(desk.erp._client, needs)).missing == {"sale.line.engraving", "quality.inspection.state"}
    with pytest.raises(Reject, match="'engraving'") as refused:
        await desk.erp._client.search_read("sale.sale", [], ["lines.engraving"])
    assert refused.value.code == "erp.unknown_name"


async def test_the_feed_in_small_pages_drops_nothing(desk, tryton):
    whole, _ = await all_changes(desk)
    small = Desk(tryton, page_size=7)
    cursor, paged = None, {}
    for _ in range(400):
        page = await small.erp.changes(cursor)
        paged |= {change.change_id: change for change in page.changes}
        cursor = page.cursor
        if not page.more:
            break
    await small.close()
    assert not page.more
    assert set(paged) == set(whole)
