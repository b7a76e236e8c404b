"""An order that a person amended reaches the ERP as it was written, or nobody hears of it before a person decides."""

from copy import deepcopy

import msgspec
import pytest

from fakes.house import House
from fakes.overlays import overlays
from fakes.s4hana import HOST, SETTINGS
from millstream.domain.errors import Reject, Retry, Unknown
from millstream.flows.preview import Previews
from millstream.ports.desk import Filter
from millstream.sandbox.sap_s4hana import create_app

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def house(database):
    return House(database)


class Answers:
    """The ERP in memory makes the orders it is asked for, and answers with what stands here instead, one by one."""

    def __init__(self, erp, *answers):
        self.answers = list(answers)
        self._place = erp.place_order
        erp.place_order = self.place_order

    async def place_order(self, order, **how):
        answer = await self._place(order, **how)
        if self.answers:
            raise self.answers.pop(0)
        return answer


def over_the_limit():
    return Reject("credit.limit_exceeded", "over the limit")


def no_answer():
    return Unknown("answer.lost", "no answer", key="k")


async def held_delivery(house):
    (row,) = await house.rows("select id, fault_code, fault_message from delivery where state = 'held'")
    return row


async def payload_of(house, held):
    """What stands in it, for a person to write in."""
    return deepcopy(dict((await house.hub.desk.show_delivery(held["id"])).data))


async def work(house):
    """For a while: news of an order that is held are asked about for as long as it is."""
    for _ in range(5):
        await house.hub.poller.poll_all()
        while await house.hub.worker.run_due():
            pass
        house.world.clock.advance(10)


async def amend(house, rewritten, settled=House.settle_down):
    """What a person writes into the order that is held, and what comes of it."""
    held = await held_delivery(house)
    payload = rewritten(await payload_of(house, held))
    await house.hub.desk.amend(held["id"], payload, actor="anna", reason="as the customer said by phone")
    await settled(house)


def in_ulm(payload):
    """To another town."""
    payload["order"]["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]["city"] = "Ulm"
    return payload


def one_only(payload):
    """One of the two, and what that costs."""
    order = payload["order"]
    (line,) = order["items"]
    for names, row in ((("row_total", "base_row_total"), line), (_TOTALS, order)):
        row |= {name: round(row[name] - line["price"], 2) for name in names}
    line["qty_ordered"] = 1
    return payload


_TOTALS = ("subtotal", "base_subtotal", "grand_total", "base_grand_total")


async def first_held(house, *answers):
    """An order of two valves that the ERP made and then did not take; its key, and the store's id of it."""
    Answers(house.erp, *answers)
    placed = await house.place(("VALVE-050", 2))
    await house.settle_down()
    (key,) = house.erp.orders
    return key, placed["entity_id"]


async def told(house, order_id):
    comments = (await house.sim("shop", "GET", f"orders/{order_id}"))["comments"]
    return [one["comment"] for one in comments if "is confirmed" in (one["comment"] or "")]


async def move(house, order_id, city):
    await house.sim("shop", "POST", f"orders/{order_id}/address", {"city": city})


class TestMadeBefore:
    """An earlier try made the order, so that the ERP has it as it was placed."""

    async def test_an_amended_address_reaches_the_order_that_is_there(self, house):
        key, _ = await first_held(house, over_the_limit())
        await amend(house, in_ulm)
        assert house.erp.orders[key]["ship_to"].city == "Ulm"
        assert (await house.hub.records.booked_order(key)).order.ship_to.city == "Ulm"
        assert await house.value("select count(*) from delivery where state <> 'done'") == 0

    async def test_other_goods_than_amended_hold_it_until_a_person_drops_the_amendment_or_mends_the_erp(self, house):
        key, order_id = await first_held(house, over_the_limit())
        await amend(house, one_only)
        held = await held_delivery(house)
        assert held["fault_code"] == "order.amended_too_late"
        assert "2 of VALVE-050 in place of 1" in held["fault_message"]
        assert "it comes to" in held["fault_message"]
        assert await house.hub.records.booked_order(key) is None
        assert await told(house, order_id) == []

        await house.hub.desk.retry(Filter(ids=(held["id"],)), actor="anna", as_it_came=True)
        await house.settle_down()
        booked = await house.hub.records.booked_order(key)
        assert [str(line.quantity) for line in booked.order.lines] == ["2"]
        assert booked.acknowledgement.gross == booked.order.totals.grand_total
        assert len(await told(house, order_id)) == 1

    async def test_an_amended_address_that_comes_too_late_for_the_erp_holds_it(self, house):
        key, order_id = await first_held(house, over_the_limit())
        house.erp.change_address = _too_late
        await amend(house, in_ulm)
        held = await held_delivery(house)
        assert held["fault_code"] == "order.amended_too_late"
        assert "it is picked" in held["fault_message"]
        assert await house.hub.records.booked_order(key) is None
        assert await told(house, order_id) == []

    async def test_an_address_that_went_there_and_back_between_tries_is_the_one_the_erp_ends_with(self, house):
        place = house.erp.place_order
        house.erp.place_order = _busy
        placed = await house.place(("VALVE-050", 2))
        await one_try(house)
        home = (await house.hub.hub.store.read_order(str(placed["entity_id"]))).ship_to_fingerprint
        await move(house, placed["entity_id"], "Ulm")
        house.erp.place_order = place
        Answers(house.erp, no_answer())
        await one_try(house)
        (made,) = house.erp.orders.values()
        assert made["ship_to"].city == "Ulm"
        await move(house, placed["entity_id"], made["order"].bill_to.city)
        await house.settle_down()
        (key,) = house.erp.orders
        booked = await house.hub.records.booked_order(key)
        assert booked.order.ship_to.fingerprint() == made["ship_to"].fingerprint() == home

    async def test_a_move_that_comes_too_late_is_booked_as_placed_and_asks_a_person(self, house):
        Answers(house.erp, no_answer())
        house.erp.change_address = _too_late
        placed = await house.place(("VALVE-050", 2))
        await one_try(house)
        (key,) = house.erp.orders
        await move(house, placed["entity_id"], "Ulm")
        await house.settle_down()
        assert (await house.hub.records.booked_order(key)).order.ship_to == house.erp.orders[key]["ship_to"]
        assert len(await told(house, placed["entity_id"])) == 1
        assert (await held_delivery(house))["fault_code"] == "order.too_late"


async def one_try(house):
    if not await house.rows("select id from delivery"):
        await house.hub.poller.poll_all()
    await house.hub.worker.run_due()
    house.world.clock.advance(5)


async def _busy(order, **how):
    raise Retry("erp.busy", "busy")


async def _too_late(order_key, ship_to, *, key):
    raise Reject("order.too_late", "it is picked")


@pytest.mark.parametrize(("rewritten", "fault"), [(in_ulm, None), (one_only, "order.amended_too_late")])
async def test_of_what_sap_released_the_address_is_changed_and_other_goods_hold_it(database, rewritten, fault):
    sap = {"kind": "sap_s4hana", "name": "erp", **SETTINGS, "default_customer": "10009999"}
    house = House(database, erp=sap, hosts={HOST: create_app})
    Answers(house.hub.hub.erp, Reject("erp.refused", "answered badly, but it is there"))
    await house.place(("VALVE-050", 2))
    await work(house)
    await amend(house, rewritten, settled=work)
    rows = await house.rows("select fault_code from delivery where subscriber = 'erp'")
    assert [row["fault_code"] for row in rows] == [fault]
    (made,) = await house.sim(HOST, "GET", "orders")
    ship_to = next(one["to_Address"] for one in made["to_Partner"] if one["PartnerFunction"] == "SH")
    assert (ship_to["CityName"] == "Ulm", made["DeliveryBlockReason"]) == (not fault, "")
    assert [float(item["RequestedQuantity"]) for item in made["to_Item"]] == [2]


class TestInTheStore:
    """Its content is the person's, but whether it is placed is still the store's to say."""

    async def held(self, house):
        Answers(house.erp)
        house.erp.find_items, find = _nothing_is_sold, house.erp.find_items
        placed = await house.place(("VALVE-050", 2))
        await house.settle_down()
        house.erp.find_items = find
        assert (await held_delivery(house))["fault_code"] == "sku.unknown"
        return placed["entity_id"]

    async def test_one_that_was_cancelled_there_is_not_placed_and_nobody_hears_of_it(self, house):
        order_id = await self.held(house)
        await house.sim("shop", "POST", f"orders/{order_id}/cancel", {})
        house.world.clock.advance(15)
        await house.settle_down()
        await amend(house, in_ulm)
        assert house.erp.creations == []
        assert await told(house, order_id) == []
        notes = [row["note"] for row in await house.rows("select note from delivery where note <> '' order by id")]
        assert notes == ["cancelled in the store before it reached the ERP", "the ERP never had this order"]

    async def test_one_that_is_on_hold_there_waits_and_is_then_placed_as_amended(self, house):
        order_id = await self.held(house)
        await house.hub.hub.store.hold(str(order_id), key="hold")
        held = await held_delivery(house)
        payload = in_ulm(await payload_of(house, held))
        await house.hub.desk.amend(held["id"], payload, actor="anna", reason="moved")
        await house.hub.worker.run_due()
        assert house.erp.creations == []
        assert await house.value("select fault_code from delivery where id = $1", held["id"]) == "order.not_ready"
        await house.hub.hub.store.unhold(str(order_id), key="unhold")
        await house.settle_down()
        (made,) = house.erp.orders.values()
        assert made["ship_to"].city == "Ulm"

    async def test_money_that_does_not_close_is_told_by_the_preview_which_asks_nobody(self, house):
        await self.held(house)
        held = await held_delivery(house)
        payload = await payload_of(house, held)
        payload["order"]["grand_total"] += 1
        story = await house.hub.desk.show_delivery(held["id"])
        mapped = await Previews(house.hub.hub, overlays()).of(story, payload)
        assert mapped.fault_code == "totals.gap"


async def _nothing_is_sold(skus, *, currency, quantities):
    return {}


async def test_an_address_that_people_mended_in_the_erp_stands_when_a_restored_hub_finds_the_order(house):
    place = house.erp.place_order

    async def had_it(order, **how):
        if order.key not in house.erp.orders:  # by the hub as it was before the backup was brought back
            await place(order, **how)
            house.erp.orders[order.key]["ship_to"] = msgspec.structs.replace(order.ship_to, city="Ulm")
        return await place(order, **how)

    house.erp.place_order = had_it
    await house.place(("VALVE-050", 2))
    await house.settle_down()
    assert await house.value("select confirmed_at from sales_order") is not None
    (made,) = house.erp.orders.values()
    assert made["ship_to"].city == "Ulm"
