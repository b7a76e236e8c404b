"""The ERP's answer is lost, and the shopper cancels before the hub asks again: nothing is made that nobody knows of."""

import pytest

from fakes.house import House
from millstream.domain.errors import Unknown
from millstream.ports.desk import Filter


class Losing:
    """The ERP in memory, whose first answer about a placed order never arrives."""

    def __init__(self, erp):
        self._place = erp.place_order
        self.lost = 0
        erp.place_order = self.place_order

    async def place_order(self, order, *, customer_id, key):
        answer = await self._place(order, customer_id=customer_id, key=key)
        if self.lost == 0:
            self.lost += 1
            raise Unknown("answer.lost", "no answer", key=key)
        return answer


@pytest.fixture
def house(database):
    return House(database)


async def placed_and_cancelled(house, *, under_way):
    """The order in the store and its key, after the answer was lost and before the second try."""
    losing = Losing(house.erp)
    order = await house.place()
    await house.hub.poller.poll_all()
    await house.hub.worker.run_due()
    assert losing.lost == 1
    (key,) = house.erp.orders
    assert await house.rows("select * from sales_order") == []
    if under_way:
        house.erp.ship(key)
        await house.hub.poller.poll_all()
    assert await house.sim("shop", "POST", f"orders/{order['entity_id']}/cancel", {}) is True
    house.world.clock.advance(5)
    await house.settle_down()
    return order, key


async def crm_orders(house):
    return (await house.sim("localhost", "GET", "records", object="Order"))["Order"]


async def test_what_the_erp_can_take_back_is_taken_back_and_nobody_hears_of_it(house):
    order, key = await placed_and_cancelled(house, under_way=False)
    assert house.erp.orders[key]["state"] == "cancelled"
    assert len(house.erp.creations) == 1
    assert await house.rows("select * from sales_order") == []
    assert await crm_orders(house) == []
    seen = await house.sim("shop", "GET", f"orders/{order['entity_id']}")
    assert [one for one in seen["comments"] if "confirmed" in (one["comment"] or "")] == []
    assert await house.rows("select id, state from delivery where state <> 'done'") == []
    notes = [row["note"] for row in await house.rows("select note from delivery where note <> '' order by id")]
    assert any("before it was confirmed to anybody" in note for note in notes)


async def test_what_the_erp_is_under_way_with_is_booked_and_a_person_is_asked(house):
    _, key = await placed_and_cancelled(house, under_way=True)
    (booked,) = await house.rows("select order_key, erp_number, cancelled_at from sales_order")
    assert (booked["order_key"], booked["erp_number"]) == (key, house.erp.orders[key]["number"])
    assert booked["cancelled_at"] is None
    assert len(house.erp.creations) == 1
    (purchase,) = await crm_orders(house)
    assert purchase["Hub_Order_Id__c"] == key
    rows = await house.rows(
        "select e.type, d.state, d.fault_code from delivery d join event e on e.id = d.event_id "
        "where d.subscriber = 'erp' order by d.id"
    )
    assert [(row["type"], row["state"], row["fault_code"]) for row in rows] == [
        ("order.placed", "done", None),
        ("order.cancelled", "held", "order.too_late"),
    ]
    shipped = await house.rows("select shipped_at from sales_order")
    assert shipped[0]["shipped_at"] is not None  # what the warehouse reports finds the order

    house.erp.orders[key]["state"] = "open"  # the warehouse undid it
    found = await house.hub.desk.list_deliveries(Filter(code="order.too_late"), limit=5)
    await house.hub.desk.retry(Filter(ids=tuple(row.id for row in found)), actor="test")
    await house.settle_down()
    assert house.erp.orders[key]["state"] == "cancelled"
    (booked,) = await house.rows("select cancelled_at from sales_order")
    assert booked["cancelled_at"] is not None


async def test_an_order_the_erp_never_had_ends_with_its_cancellation(house):
    order = await house.place(("GHOST-1", 1))
    await house.settle_down()
    assert await house.sim("shop", "POST", f"orders/{order['entity_id']}/cancel", {}) is True
    house.world.clock.advance(5)
    await house.hub.desk.retry(Filter(code="sku.unknown"), actor="test")
    await house.settle_down()
    assert house.erp.orders == {}
    notes = [row["note"] for row in await house.rows("select note from delivery where note <> '' order by id")]
    assert notes == ["cancelled in the store before it reached the ERP", "the ERP never had this order"]
