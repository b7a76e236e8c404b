"""An order that the store's staff edit becomes a new one; never are both made, and each names the other."""

import pytest

from fakes.house import House
from millstream.domain.errors import Reject, Retry
from millstream.ports.desk import Filter

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def house(database):
    house = House(database)
    house.old = await house.place(("VALVE-050", 2))
    await house.settle_down()
    (house.key,) = house.erp.orders
    house.world.clock.advance(5)
    return house


async def edit(house, quantity=4, *, order_id=None):
    """The order with other goods in place of the old one; the number of the new one."""
    wish = {"lines": [{"sku": "OIL-1L", "qty": quantity}]}
    made = await house.sim("shop", "POST", f"orders/{order_id or house.old['entity_id']}/edit", wish)
    return made["increment_id"]


async def work(house, turns=20):
    """For as many turns, 16 seconds apart, whether anything is left to do or not."""
    for _ in range(turns):
        await house.hub.poller.poll_all()
        await house.hub.worker.run_due()
        house.world.clock.advance(16)


async def new_delivery(house):
    (row,) = await house.rows(
        "select d.id, d.state, d.attempts, d.fault_code, d.fault_message "
        "from delivery d join event e on e.id = d.event_id "
        "where e.type = 'order.placed' and e.data ->> 'number' like '%-1'"
    )
    return row


async def test_the_old_order_is_cancelled_in_the_erp_before_the_new_one_is_made(house):
    happened = []
    place, cancel = house.erp.place_order, house.erp.cancel_order

    async def placing(order, **how):
        happened.append(("place", order.number))
        return await place(order, **how)

    async def cancelling(order_key, **how):
        happened.append(("cancel", order_key))
        return await cancel(order_key, **how)

    house.erp.place_order, house.erp.cancel_order = placing, cancelling
    assert await edit(house) == f"{house.old['increment_id']}-1"
    await house.settle_down()
    assert happened == [("cancel", house.key), ("place", f"{house.old['increment_id']}-1")]
    assert (await new_delivery(house))["state"] == "done"
    new, old = await stories(house)
    assert (new.replaces.order_key, new.replaces.number, new.replaced_by) == (house.key, house.old["increment_id"], ())
    assert ([one.number for one in old.replaced_by], old.replaces) == ([f"{house.old['increment_id']}-1"], None)


async def stories(house):
    keys = await house.rows("select subject from event where type = 'order.placed' order by received_at desc, id desc")
    return [await house.hub.desk.order_story(row["subject"]) for row in keys]


async def test_while_the_cancellation_is_unsettled_the_new_order_waits_without_a_try_counted(house):
    cancel = house.erp.cancel_order
    house.erp.cancel_order = _busy
    await edit(house)
    await work(house)
    waiting = await new_delivery(house)
    assert (waiting["state"], waiting["fault_code"], waiting["attempts"]) == ("retrying", "order.replaces_pending", 0)
    assert f"replaces {house.old['increment_id']}, whose cancellation is not through yet" in waiting["fault_message"]
    assert len(house.erp.creations) == 1
    house.erp.cancel_order = cancel
    await house.settle_down()
    assert len(house.erp.creations) == 2
    assert house.erp.orders[house.key]["state"] == "cancelled"


async def _busy(order_key, *, reason, key):
    raise Retry("erp.busy", "busy", after_s=60)


async def test_if_the_erp_keeps_the_old_order_the_new_one_is_held_with_the_reason_and_may_be_released(house):
    house.erp.cancel_order = too_late(house)
    await edit(house)
    await house.settle_down()
    held = await new_delivery(house)
    assert (held["state"], held["fault_code"]) == ("held", "order.replaces_unfinished")
    assert f"replaces {house.old['increment_id']}, which the ERP would not take back" in held["fault_message"]
    assert house.erp.creations == [house.key]
    await house.hub.desk.release(Filter(ids=(held["id"],)), actor="test", reason="both are wanted")
    await house.settle_down()
    assert len(house.erp.creations) == 2


def too_late(house):
    """For the first order; the ERP never had another."""

    async def cancel(order_key, *, reason, key):
        if order_key == house.key:
            raise Reject("order.too_late", "the goods are picked")
        return False

    return cancel


async def test_once_the_plant_has_undone_the_old_order_both_go_on_by_retry(house):
    cancel = house.erp.cancel_order
    house.erp.cancel_order = too_late(house)
    await edit(house)
    await house.settle_down()
    house.erp.cancel_order = cancel
    held = await new_delivery(house)
    for code in ("order.too_late", "order.replaces_unfinished"):
        await house.hub.desk.retry(Filter(states=("held",), code=code), actor="test")
        await house.settle_down()
    assert (await new_delivery(house))["state"] == "done"
    assert held["state"] == "held"
    assert house.erp.orders[house.key]["state"] == "cancelled"


async def test_an_edit_of_an_edit_minds_the_first_order_too(house):
    house.erp.cancel_order = too_late(house)
    await edit(house)
    await house.settle_down()
    held = await new_delivery(house)
    edited = "select data ->> 'store_order_id' from event where type = 'order.placed' and data ->> 'number' like '%-1'"
    house.world.clock.advance(5)
    assert await edit(house, 5, order_id=await house.value(edited)) == f"{house.old['increment_id']}-2"
    await work(house)
    waits = "select fault_message from delivery where state = 'retrying'"
    assert "itself waits for a person" in await house.value(waits)
    await house.hub.desk.retry(Filter(ids=(held["id"],)), actor="test")  # finds itself cancelled in the store
    await house.settle_down()
    rows = await house.rows("select fault_code from delivery where state = 'held' order by id")
    assert [row["fault_code"] for row in rows] == ["order.too_late", "order.replaces_unfinished"]
    assert house.erp.creations == [house.key]


@pytest.mark.parametrize("under_way", [True, False])
async def test_an_edit_of_an_order_whose_way_in_was_resolved_minds_what_an_earlier_try_made(database, under_way):
    house = House(database)
    place, house.erp.place_order = house.erp.place_order, made_and_refused(house.erp.place_order)
    house.old = await house.place(("VALVE-050", 2))
    await house.settle_down()
    (house.key,) = house.erp.orders
    house.erp.place_order = place
    house.erp.orders[house.key]["state"] = "shipped" if under_way else "open"
    await house.hub.desk.discard(Filter(code="erp.refused"), actor="test", reason="done by hand in the ERP")
    house.world.clock.advance(5)
    await edit(house)
    await house.settle_down()
    new = await new_delivery(house)
    if under_way:
        assert (new["state"], new["fault_code"]) == ("held", "order.replaces_unfinished")
        assert house.erp.creations == [house.key]
    else:
        assert new["state"] == "done"
        assert house.erp.orders[house.key]["state"] == "cancelled"


def made_and_refused(place):
    """The order is in the ERP, and its answer says that it is not."""

    async def refusing(order, **how):
        await place(order, **how)
        raise Reject("erp.refused", "answered badly, but it is there")

    return refusing


async def test_an_edit_of_an_order_the_erp_never_had_is_placed_at_once(database):
    house = House(database)
    house.old = await house.place(("VALVE-050", 2), state="pending_payment", status="pending_payment")
    await house.settle_down()
    assert house.erp.creations == []
    await edit(house)
    await house.settle_down()
    assert len(house.erp.creations) == 1
