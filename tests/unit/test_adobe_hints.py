"""A door may point at any order: what the settings do not ask for stays out, by hint as by poll."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from fakes.adobe import OrderTable, made_order, open_store, response, scripted
from fakes.house import STORE, House
from fakes.world import START
from millstream.domain.errors import Reject
from millstream.domain.events import ORDER_ADDRESS_CHANGED, ORDER_CANCELLED, ORDER_PLACED
from millstream.flows.intake import feed_of, look_at_hinted_order
from millstream.ports.records import KnownOrder
from millstream.web.order_hint import order_hint

OLD, NEW = "2026-10-30 23:59:59", "2026-11-01 00:00:00"
SINCE = date(2026, 11, 1)


class Books:
    """What the hub remembers: orders it placed, where polling stands, until when it may have forgotten."""

    def __init__(self, *known, cursor=None, restored_until=None):
        self.known = {
            str(entity_id): KnownOrder(ship_to_fingerprint="elsewhere", cancelled=False) for entity_id in known
        }
        self.cursor = cursor
        self.until = restored_until

    async def known_orders(self, store, ids):
        return {each: self.known[each] for each in ids if each in self.known}

    async def restored_until(self):
        return self.until

    async def poll_cursor(self, task):
        assert task == "shop.orders"
        return self.cursor


async def hint(order, books=None, **settings):
    """The types of the events that a hint at this order gives rise to, and the note."""
    store, _ = scripted(response(order), **settings)
    hub = SimpleNamespace(store=store, records=books or Books())
    delivery = SimpleNamespace(payload={"store_order_id": "15"})
    settlement = await look_at_hinted_order(delivery, hub)
    return [event.type for event in settlement.events], settlement.note


def order(created_at=NEW, **changes):
    return made_order(entity_id=15, created_at=created_at, **{"state": "processing", "store_id": 1} | changes)


async def test_an_order_placed_before_the_start_stays_out_when_somebody_invoices_it_now():
    facts, note = await hint(order(OLD), since=SINCE)
    assert facts == []
    assert "before the start" in note
    assert (await hint(order(NEW), since=SINCE))[0] == [ORDER_PLACED]


async def test_trap_10_an_order_of_a_store_view_that_is_left_out_stays_out():
    facts, note = await hint(order(store_id=2), since=SINCE, store_ids=(1, 3))
    assert facts == []
    assert "store view" in note
    assert (await hint(order(store_id=3), since=SINCE, store_ids=(1, 3)))[0] == [ORDER_PLACED]
    assert (await hint(order(store_id=2), since=SINCE))[0] == [ORDER_PLACED]


async def test_an_order_of_before_the_start_that_the_hub_knows_goes_on():
    facts, _ = await hint(order(OLD, state="canceled"), Books(15), since=SINCE)
    assert facts == [ORDER_CANCELLED]
    facts, _ = await hint(order(OLD), Books(15), since=SINCE)
    assert facts == [ORDER_ADDRESS_CHANGED]
    facts, _ = await hint(order(OLD, state="canceled", store_id=2), Books(15), since=SINCE, store_ids=(1,))
    assert facts == [ORDER_CANCELLED]


async def test_without_a_start_date_the_hint_goes_by_the_poll_wherever_it_stands_by_now():
    store = open_store(OrderTable([]))
    cursor = (await store.changed_orders(None)).cursor
    store.world.clock.advance(40 * 86_400)
    cursor = (await store.changed_orders(cursor)).cursor
    began = START - timedelta(days=1)
    before, since = (f"{began + timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for s in (-1, 0))
    assert (await hint(order(before), Books(cursor=cursor)))[0] == []
    assert (await hint(order(since), Books(cursor=cursor)))[0] == [ORDER_PLACED]


async def test_a_hint_that_comes_before_the_first_poll_goes_by_the_start_that_poll_will_have():
    yesterday = START - timedelta(days=1)
    before, since = (f"{yesterday + timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for s in (-1, 0))
    assert (await hint(order(before)))[0] == []
    assert (await hint(order(since)))[0] == [ORDER_PLACED]


async def test_a_cancelled_order_of_before_the_start_is_not_taken_back_after_a_restore_either():
    books = Books(restored_until=datetime(2026, 11, 23, tzinfo=UTC))
    assert (await hint(order(OLD, state="canceled"), books, since=SINCE))[0] == []
    assert (await hint(order(NEW, state="canceled"), books, since=SINCE))[0] == [ORDER_CANCELLED]


async def test_a_polling_position_nobody_can_read_decides_nothing():
    with pytest.raises(Reject) as refused:
        await hint(order(), Books(cursor={"page": 7}))
    assert refused.value.code == "poll.cursor"


async def test_trap_8_whether_an_order_is_new_is_known_from_the_books_and_not_from_its_times():
    untouched = order(updated_at=NEW)
    assert untouched["created_at"] == untouched["updated_at"]
    assert (await hint(untouched, since=SINCE))[0] == [ORDER_PLACED]
    assert (await hint(order(updated_at="2026-11-02 00:00:00"), since=SINCE))[0] == [ORDER_PLACED]
    assert ORDER_PLACED not in (await hint(untouched, Books(15), since=SINCE))[0]


@pytest.mark.quick_commits
async def test_the_hub_takes_what_the_poll_would_take_through_its_doors_too(database, monkeypatch):
    monkeypatch.delitem(STORE, "since")
    monkeypatch.setitem(STORE, "store_ids", [1])
    house = House(database)
    await house.hub.poller.poll_all()
    assert (await house.hub.records.poll_cursor(feed_of("shop")))["since"] == "2026-11-22 08:00:00"
    assert await house.hub.records.poll_cursor("nobody.orders") is None
    placed = [await house.place(store_id=store_id) for store_id in (1, 1, 2)]
    old = house.store_app.shop.order(placed[0]["entity_id"])
    old["created_at"] = "2026-11-01 08:00:00"
    now = house.world.clock.now()
    hints = [
        order_hint("shop", str(each["entity_id"]), source_id=f"hint/{n}", updated_at=None, occurred_at=now)
        for n, each in enumerate(placed)
    ]
    await house.hub.ledger.accept(hints)
    await house.settle_down()
    assert list(house.erp.orders) == [f"shop-1-{placed[1]['increment_id']}"]
    assert await house.value("select count(*) from delivery where state <> 'done'") == 0
