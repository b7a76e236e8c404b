"""Orders in SAP: once per key however often one dies, to the cent, and cancelled or redirected while it is possible."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import msgspec
import pytest

from fakes.promise_bench import loses_answer, spoils
from fakes.real_tryton import address
from fakes.s4hana import CUSTOMER, S4Hana
from fakes.world import START
from millstream.connectors.sap_s4hana.mapping import reference_of
from millstream.domain.errors import Reject, Retry, Unknown
from millstream.domain.values import Money
from millstream.wire.http import TransportError

KEY = "shop-1-000000042"
NUMBER = "5000001"
REQUESTS_MAX = 40


class Died(Exception):  # noqa: N818 - a death, not a mistake
    """The process ends here."""


async def dies_before(request, send):
    raise Died


async def dies_after(request, send):
    await send(request)
    raise Died


@pytest.fixture
def s4():
    return S4Hana()


async def only_order(s4):
    (found,) = await s4.orders()
    return found


# --- once -------------------------------------------------------------------------------------------------------------


async def test_an_order_is_reserved_dated_and_released_for_delivery(s4):
    answer = await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1), ("SERVICE-1", 1, "150.00"))
    valve, pump, service = answer.lines
    assert (answer.number, answer.state, answer.warehouse, answer.created) == (NUMBER, "open", "EAST", True)
    assert (valve.reserved.amount, valve.ship_date, valve.reason) == (3, date(2026, 11, 24), "in stock")
    assert (pump.work_orders, pump.ship_date, pump.reserved) == (("1000001",), date(2026, 12, 4), None)
    assert (service.ship_date, service.reason) == (None, "service, nothing ships")
    assert [line.ships for line in answer.lines] == [True, True, False]
    assert answer.ship_date == date(2026, 12, 4)
    order = await only_order(s4)
    assert order["DeliveryBlockReason"] == ""
    assert order["SoldToParty"] == "10001003"
    assert Decimal(order["gross"]) == answer.gross.amount == Decimal("3532.20")


async def test_placing_again_finds_the_order_and_changes_nothing(s4):
    first = await s4.place(KEY)
    again = await s4.place(KEY, erp=s4.connect())
    assert (again.number, again.created) == (first.number, False)
    assert len(await s4.orders(void=True)) == 1
    assert len(s4.requests("", "POST")) == 1


async def test_a_long_key_is_looked_up_by_a_shortened_reference_and_told_apart_by_the_whole(s4):
    one, two = (f"{'shop-with-a-very-long-name' * 2}-{n}"[:64] for n in (1, 2))
    await s4.place(one)
    await s4.place(two)
    assert {order["PurchaseOrderByCustomer"] for order in await s4.orders()} == {reference_of(one), reference_of(two)}
    assert all(len(order["PurchaseOrderByCustomer"]) == 35 for order in await s4.orders())
    assert (await s4.erp.read_order(one)).number != (await s4.erp.read_order(two)).number


async def test_somebody_elses_order_with_the_same_reference_is_none_of_ours(s4):
    await s4.place(KEY)
    order = await only_order(s4)
    await s4.sim("POST", f"orders/{order['SalesOrder']}", {"PurchaseOrderByCustomer": reference_of("shop-1-7")})
    assert await s4.erp.read_order("shop-1-7") is None


@pytest.mark.parametrize("death", [dies_before, dies_after, loses_answer])
async def test_dying_at_any_request_of_a_placement_leaves_one_order_that_ships(death):
    for nth in range(1, REQUESTS_MAX):
        s4 = S4Hana()
        s4.wire.at(nth, death)
        try:
            await s4.place(KEY, ("VALVE-050", 1), ("PUMP-CFG", 1), off="0.01")
        except (Died, Retry, Unknown):
            pass
        else:
            break
        answer = await s4.place(KEY, ("VALVE-050", 1), ("PUMP-CFG", 1), off="0.01", erp=s4.connect())
        order = await only_order(s4)
        assert order["DeliveryBlockReason"] == "", nth
        assert Decimal(order["gross"]) == answer.gross.amount == Decimal("3202.41")
        assert len(order["to_PricingElement"]) == 2, "shipping and one rounding difference"
        assert len(await s4.sim("GET", "production")) == 1
    assert nth > 8


@pytest.mark.parametrize("loss", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(12))
async def test_writers_that_race_in_any_order_end_with_one_order_one_work_order_and_one_rounding(seed, loss):
    s4 = S4Hana()
    dice = Random(seed)
    inner = s4.wire.inner.send

    async def slowly(request):
        for moment in ("there", "back"):
            for _ in range(dice.randrange(8)):
                await asyncio.sleep(0)
            if dice.random() < loss:
                raise TransportError("lost", sent=True)
            if moment == "there":
                answer = await inner(request)
        return answer

    async def insist(port):
        for _ in range(100):
            try:
                return await s4.place(KEY, ("PUMP-CFG", 1), off="0.02", erp=port, placed_at=START)
            except (Retry, Unknown):
                s4.world.clock.advance(40)
        raise AssertionError("never gets through")

    s4.wire.inner.send = slowly
    answers = await asyncio.gather(*(insist(s4.connect()) for _ in range(5)))
    s4.wire.inner.send = inner
    order = await only_order(s4)
    assert {answer.number for answer in answers} == {order["SalesOrder"]}
    assert order["DeliveryBlockReason"] == ""
    assert Decimal(order["gross"]) == Decimal("3112.52")
    assert [one["ConditionType"] for one in order["to_PricingElement"]] == ["ZMSF", "ZMSR"]
    assert len(await s4.sim("GET", "production")) == 1
    assert len(await s4.orders(void=True)) <= 5


async def test_a_document_that_arrives_after_its_maker_gave_up_never_ships_and_is_set_aside(s4):
    held = s4.connect()
    await s4.place(KEY)
    create = s4.requests("A_SalesOrder", "POST")[0]
    await s4.plain.send(create)  # SAP finishes an earlier request of the same order only now
    late = [one for one in await s4.orders() if one["DeliveryBlockReason"]]
    assert len(late) == 1
    await s4.sim("POST", "ship", {"order": late[0]["SalesOrder"]}, status=409)
    assert (await held.read_order(KEY)).number == NUMBER
    changes, _ = await s4.changes()
    assert {change.acknowledgement.number for change in changes} == {NUMBER}
    await s4.place(KEY)
    assert [one["SalesOrder"] for one in await s4.orders()] == [NUMBER]


async def test_two_released_orders_under_one_key_are_for_a_person_to_decide_about(s4):
    await s4.place(KEY)
    await s4.plain.send(s4.requests("A_SalesOrder", "POST")[0])
    await s4.sim("POST", "orders/5000002", {"DeliveryBlockReason": ""})
    with pytest.raises(Reject) as refused:
        await s4.place(KEY)
    assert refused.value.code == "erp.duplicate_order"
    assert "5000001 and 5000002" in refused.value.message


async def test_an_order_cancelled_in_sap_is_not_made_again(s4):
    await s4.place(KEY)
    await s4.sim("POST", f"orders/{NUMBER}", {"item": "10", "SalesDocumentRjcnReason": "62"})
    with pytest.raises(Reject) as refused:
        await s4.place(KEY)
    assert refused.value.code == "erp.order_cancelled"


# --- to the cent ------------------------------------------------------------------------------------------------------


async def test_a_small_difference_is_closed_by_one_rounding_condition(s4):
    answer = await s4.place(KEY, ("VALVE-050", 3), off="-0.03")
    order = await only_order(s4)
    (rounding,) = [one for one in order["to_PricingElement"] if one["ConditionType"] == "ZMSR"]
    assert Decimal(rounding["ConditionAmount"]) == Decimal("-0.03")
    assert answer.gross.amount == Decimal("282.17")


async def test_a_larger_difference_is_refused_and_leaves_nothing_that_could_be_delivered(s4):
    with pytest.raises(Reject) as refused:
        await s4.place(KEY, ("VALVE-050", 3), off="0.06")
    assert refused.value.code == "erp.total_differs"
    assert "282.20 EUR" in refused.value.message
    assert "282.26 EUR" in refused.value.message
    assert (await s4.erp.read_order(KEY)).state == "held"
    await s4.sim("POST", "ship", {"order": NUMBER}, status=409)
    assert await s4.changes() == ([], (await s4.changes())[1])


async def test_a_held_order_whose_total_was_mended_in_sap_is_released_as_it_is(s4):
    await s4.sim("POST", "tax", {"US": "0.02"})  # some tax of its own: 0.06
    with pytest.raises(Reject):
        await s4.place(KEY, ("VALVE-050", 3))
    await s4.sim("POST", "tax", {})
    await s4.sim("POST", f"orders/{NUMBER}", {})  # priced anew
    answer = await s4.place(KEY, ("VALVE-050", 3))
    assert (answer.number, answer.state, answer.created) == (NUMBER, "open", False)


async def test_a_held_order_in_another_wording_gives_way_to_the_order_as_it_is_now(s4):
    with pytest.raises(Reject):
        await s4.place(KEY, ("VALVE-050", 3), off="0.50")
    answer = await s4.place(KEY, ("VALVE-050", 5))
    assert answer.number == "5000002"
    assert [line.quantity.amount for line in answer.lines] == [5]
    old, new = await s4.orders(void=True)
    assert (old["void"], new["void"]) == (True, False)


async def test_discounts_shipping_gift_cards_and_fine_prices_come_to_the_stores_total(s4):
    lines = (("GASKET-10", 7, "0.1234", "0"), ("VALVE-050", 2, "89.90", "17.98"))
    answer = await s4.place(KEY, *lines, shipping="9.95", adjustments=(("gift", "-20.00"),))
    assert answer.gross.amount == Decimal("0.86") + Decimal("161.82") + Decimal("9.95") - 20
    assert [change.path for change in answer.changes] == []


async def test_tax_is_saps_own_or_the_stores_as_a_condition(s4):
    await s4.sim("POST", "tax", {"US": "19"})
    answer = await s4.place(KEY, ("VALVE-050", 3), tax_percent="19")
    assert answer.tax.amount == Decimal("53.62")
    charged = s4.connect(tax_condition="ZMST")
    await s4.sim("POST", "tax", {})
    answer = await s4.place("shop-1-2", ("VALVE-050", 3), ("GASKET-10", 1), tax_percent="19", erp=charged)
    assert answer.tax.amount == Decimal("56.00")


async def test_an_order_over_the_credit_limit_is_held_until_sap_releases_the_credit(s4):
    await s4.sim("POST", "customers", {"customer": "10001003", "limit": "100"})
    with pytest.raises(Reject) as refused:
        await s4.place(KEY)
    assert refused.value.code == "credit.limit_exceeded"
    assert (await only_order(s4))["DeliveryBlockReason"] == "Z1"
    await s4.sim("POST", f"orders/{NUMBER}", {"credit": "D"})
    assert (await s4.place(KEY)).state == "open"


# --- customers and goods ----------------------------------------------------------------------------------------------


async def test_a_customer_is_named_found_or_the_default_and_otherwise_the_order_is_held(s4):
    wanted = s4.order(KEY, ("VALVE-050", 1))
    with pytest.raises(Reject) as refused:
        await s4.erp.place_order(wanted, customer_id="C-unknown", key="k")
    assert refused.value.code == "erp.customer_unknown"
    assert "C-unknown" in refused.value.message
    named = s4.connect(customers={"C-unknown": "10001001"})
    await named.place_order(wanted, customer_id="C-unknown", key="k")
    other = s4.order("shop-1-2", ("VALVE-050", 1))
    await s4.connect(default_customer="10009999").place_order(other, customer_id="C-2", key="k")
    assert [order["SoldToParty"] for order in await s4.orders()] == ["10001001", "10009999"]


async def test_a_blocked_customer_is_refused(s4):
    await s4.sim("POST", "customers", {"customer": "10001003", "blocked": True})
    with pytest.raises(Reject) as refused:
        await s4.place(KEY)
    assert refused.value.code == "erp.customer_blocked"


async def test_items_have_list_prices_lead_times_and_say_what_is_not_sold(s4):
    await s4.sim("POST", "products", {"VALVE-080": {"sales_status": "01"}, "SEAL-KIT": {"price": None}})
    skus = ["VALVE-050", "VALVE-080", "SEAL-KIT", "MOTOR-1K", "GHOST-1", "X" * 60]
    found = await s4.erp.find_items(skus, currency="EUR", quantities={})
    assert found["VALVE-050"].price.amount == Decimal("89.90")
    assert found["VALVE-050"].lead_time_days == 7
    assert {sku for sku, item in found.items() if not item.salable} == {"VALVE-080", "MOTOR-1K"}
    assert found["SEAL-KIT"].price is None
    assert found.keys() == {"VALVE-050", "VALVE-080", "SEAL-KIT", "MOTOR-1K"}
    assert found["VALVE-050"].other_prices == ()


async def test_a_price_in_another_currency_is_told_as_what_it_is_and_never_as_the_orders(s4):
    found = (await s4.erp.find_items(["VALVE-050"], currency="USD", quantities={}))["VALVE-050"]
    assert (found.price, found.other_prices) == (None, (Money(Decimal("89.90"), "EUR"),))


async def test_a_document_in_another_currency_is_held_though_its_number_is_the_stores(s4):
    s4.wire.always(
        spoils(lambda answer: msgspec.structs.replace(answer, body=answer.body.replace(b'"EUR"', b'"USD"'))),
        only=lambda request: request.method == "GET" and "A_SalesOrder" in request.url,
    )
    with pytest.raises(Reject) as refused:
        await s4.place(KEY)
    assert refused.value.code == "erp.total_differs"
    assert "SAP computes 282.20 USD" in refused.value.message
    assert [one["DeliveryBlockReason"] != "" for one in await s4.orders()] == [True]


async def test_a_line_with_options_is_ordered_by_the_material_behind_them(s4):
    wanted = s4.order(KEY, ("VALVE-050", 1))
    line = msgspec.structs.replace(wanted.lines[0], sku="VALVE-050-RED", base_sku="VALVE-050")
    wanted = msgspec.structs.replace(wanted, lines=(line,))
    answer = await s4.erp.place_order(wanted, customer_id=CUSTOMER, key="k")
    assert [line.sku for line in answer.lines] == ["VALVE-050"]


async def test_an_unknown_material_is_refused_in_saps_own_words(s4):
    with pytest.raises(Reject) as refused:
        await s4.place(KEY, ("GHOST-1", 1, "49.00"))
    assert refused.value.code == "erp.refused"
    assert "Material GHOST-1 is not defined for sales org. 1010" in refused.value.message


# --- dates ------------------------------------------------------------------------------------------------------------


async def test_what_is_short_is_dated_by_replenishment_and_told(s4):
    await s4.sim("POST", "stock", {"VALVE-050": 2})
    answer = await s4.place(KEY, ("VALVE-050", 3))
    (line,) = answer.lines
    assert (line.reserved.amount, line.ship_date, line.reason) == (2, date(2026, 12, 1), "2 of 3 in stock")
    assert [change.path for change in answer.changes] == ["lines[101].ship_date"]


async def test_what_sap_confirms_for_no_day_is_asked_of_the_availability_check_and_else_unknown(s4):
    await s4.sim("POST", "stock", {"VALVE-050": 0})
    await s4.sim("POST", "products", {"VALVE-050": {"replenishment_days": None}})
    answer = await s4.place(KEY, ("VALVE-050", 3))
    assert (answer.lines[0].ship_date, answer.ship_date, answer.lines[0].reason) == (None, None, "not in stock yet")
    await s4.sim("POST", "products", {"VALVE-050": {"replenishment_days": 9}})
    answer = await s4.erp.read_order(KEY)
    assert answer.ship_date == date(2026, 12, 3)
    await s4.sim("POST", f"orders/{NUMBER}", {"check_again": True})
    assert (await s4.erp.read_order(KEY)).ship_date == date(2026, 12, 3)


async def test_a_rescheduled_work_order_moves_the_date_though_sap_confirms_nothing_anew(s4):
    await s4.place(KEY, ("PUMP-CFG", 1))
    await s4.sim("POST", "production/1000001/reschedule", {"day": "2026-12-20"})
    (line,) = (await s4.erp.read_order(KEY)).lines
    assert (line.ship_date, line.reason) == (date(2026, 12, 21), "made to order, lead time 11 days")
    await s4.sim("POST", "production/1000001/confirm")
    assert (await s4.erp.read_order(KEY)).ship_date == date(2026, 12, 4)


async def test_the_way_to_the_customer_comes_off_the_confirmed_delivery_date(s4):
    answer = await s4.place(KEY, ("SENSOR-P", 1), erp=s4.connect(transit_days=2))
    (line,) = answer.lines
    assert (line.ship_date, line.reason) == (date(2026, 11, 29), "bought for this order, lead time 8 days")


# --- cancelling -------------------------------------------------------------------------------------------------------


async def test_cancelling_rejects_every_item_at_once_and_gives_stock_back(s4):
    await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1))
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    order = await only_order(s4)
    assert {item["SalesDocumentRjcnReason"] for item in order["to_Item"]} == {"61"}
    assert len(s4.requests("$batch")) == 1
    assert (await s4.erp.read_order(KEY)).state == "cancelled"
    assert not await s4.erp.cancel_order("shop-1-unknown", reason="shopper", key="c")


async def test_a_delivery_nobody_began_to_pick_is_deleted_first(s4):
    await s4.place(KEY)
    await s4.sim("POST", "deliveries", {"order": NUMBER})
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert await s4.sim("GET", "deliveries") == []
    assert (await only_order(s4))["state"] == "cancelled"


@pytest.mark.parametrize("under_way", ["picked", "confirmed", "partially confirmed"])
async def test_an_order_under_way_is_not_cancelled_and_nothing_of_it_is_touched(s4, under_way):
    await s4.place(KEY, ("VALVE-050", 3), ("PUMP-CFG", 1))
    if under_way == "picked":
        await s4.sim("POST", "deliveries", {"order": NUMBER})
        await s4.sim("POST", "deliveries/80000001/pick")
    else:
        await s4.sim("POST", "production/1000001/confirm", {"partially": under_way != "confirmed"})
    with pytest.raises(Reject) as refused:
        await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert refused.value.code == "order.too_late"
    assert (await only_order(s4))["state"] != "cancelled"


@pytest.mark.parametrize("death", [dies_before, dies_after, loses_answer])
async def test_dying_at_any_request_of_a_cancellation_leaves_one_that_goes_on(death):
    for nth in range(1, REQUESTS_MAX):
        s4 = S4Hana()
        await s4.place(KEY, ("VALVE-050", 1), ("PUMP-CFG", 1))
        await s4.sim("POST", "deliveries", {"order": NUMBER})
        s4.wire.at(nth, death)
        try:
            await s4.connect().cancel_order(KEY, reason="shopper", key="c")
        except (Died, Retry, Unknown):
            pass
        else:
            break
        assert await s4.connect().cancel_order(KEY, reason="shopper", key="c")
        assert (await only_order(s4))["state"] == "cancelled"
    assert nth > 5


async def test_a_held_order_is_cancelled_too(s4):
    with pytest.raises(Reject):
        await s4.place(KEY, off="1.00")
    assert await s4.erp.cancel_order(KEY, reason="shopper", key="c")
    assert (await only_order(s4))["state"] == "cancelled"


# --- redirecting ------------------------------------------------------------------------------------------------------


async def ship_to(s4):
    order = await only_order(s4)
    (partner,) = [one for one in order["to_Partner"] if one["PartnerFunction"] == "SH"]
    return partner["to_Address"]


async def test_the_address_of_the_order_is_its_own_and_can_be_changed(s4):
    await s4.place(KEY)
    assert (await ship_to(s4))["CityName"] == "Austin"
    moved = address(name="Jane Miller", company="ACME Corporation", street=("Neue Straße 7", "Hinterhaus"), city="Ulm")
    await s4.erp.change_address(KEY, moved, key="a")
    await s4.erp.change_address(KEY, moved, key="a")
    now = await ship_to(s4)
    assert (now["CityName"], now["StreetName"], now["StreetSuffixName1"]) == ("Ulm", "Neue Straße 7", "Hinterhaus")
    assert (now["OrganizationName1"], now["OrganizationName2"]) == ("ACME Corporation", "Jane Miller")
    assert len(s4.requests("A_SalesOrderPartnerAddress", "PATCH")) == 1


async def test_a_delivery_keeps_its_address_so_it_is_too_late_once_there_is_one(s4):
    await s4.place(KEY)
    await s4.erp.change_address(KEY, address(city="Dallas"), key="a")
    await s4.sim("POST", "deliveries", {"order": NUMBER})
    await s4.erp.change_address(KEY, address(city="Dallas"), key="a")
    with pytest.raises(Reject) as refused:
        await s4.erp.change_address(KEY, address(city="Houston"), key="a")
    assert refused.value.code == "order.too_late"
    assert "80000001" in refused.value.message


async def test_an_address_that_does_not_fit_is_refused_rather_than_cut_off(s4):
    await s4.place(KEY)
    with pytest.raises(Reject) as refused:
        await s4.erp.change_address(KEY, address(city="Llanfair" * 8), key="a")
    assert refused.value.code == "erp.address_too_long"
    assert "CityName" in refused.value.message


async def test_an_address_for_an_order_that_is_not_there_yet_waits(s4):
    with pytest.raises(Retry) as waits:
        await s4.erp.change_address(KEY, address(city="Houston"), key="a")
    assert waits.value.code == "erp.order_missing"


@pytest.mark.parametrize("death", [dies_before, dies_after, loses_answer])
async def test_dying_at_any_request_of_a_change_of_address_leaves_one_that_goes_on(death):
    for nth in range(1, REQUESTS_MAX):
        s4 = S4Hana()
        await s4.place(KEY)
        s4.wire.at(nth, death)
        try:
            await s4.connect().change_address(KEY, address(city="Dallas"), key="a")
        except (Died, Retry, Unknown):
            pass
        else:
            break
        await s4.connect().change_address(KEY, address(city="Dallas"), key="a")
        assert (await ship_to(s4))["CityName"] == "Dallas"
    assert nth > 3


async def test_hostile_characters_stay_text_on_their_way_in_and_out(s4):
    sku, name = "O'NEIL & SØN/50% \u2028", "'; $batch --b\r\n\r\n/Date(1)/ <x> \U0001f600"
    await s4.sim("POST", "products", {sku: {"price": "1.00"}})
    assert (await s4.erp.find_items([sku], currency="EUR", quantities={}))[sku].salable
    wanted = s4.order(KEY, (sku, 1, "1.00"), bill_to=address(name=name), ship_to=address(name=name), note="/Date(1)/")
    answer = await s4.connect(note_text="TX02").place_order(wanted, customer_id=CUSTOMER, key="k")
    assert [line.sku for line in answer.lines] == [sku]
    assert (await ship_to(s4))["OrganizationName1"] == name
    await s4.erp.change_address(KEY, address(name=name), key="a")
    assert s4.requests("", "PATCH")[-1].url.endswith(f"('{NUMBER}')"), "it goes there already"


async def test_time_passes_and_the_order_is_still_found(s4):
    await s4.place(KEY)
    s4.world.clock.advance(timedelta(days=90).total_seconds())
    assert (await s4.erp.read_order(KEY)).number == NUMBER
