"""Orders that are through are compared, a few at a time, and what is not the same any more is found and told."""

from decimal import Decimal

import msgspec
import pytest

from fakes.house import House
from millstream.domain.errors import Retry
from millstream.domain.values import Money
from millstream.flows import drift as module

pytestmark = pytest.mark.quick_commits


class Compared(House):
    """A house whose orders are compared every five minutes."""

    async def order(self, *lines):
        placed = await self.place(*lines)
        await self.settle_down()
        return f"shop-1-{placed['increment_id']}"

    async def compare(self, turns=1):
        for _ in range(turns):
            self.world.clock.advance(300)
            await self.hub.comparer.poll_all()

    async def found(self):
        now = self.world.clock.now()
        drift = await self.hub.watch._drift.drift(since=now - module.LOOKED_BACK, limit=20)
        return drift.checked, {one.order_key: one.differs for one in drift.differing}


@pytest.fixture
def house(database):
    return Compared(database)


async def test_an_order_that_is_the_same_everywhere_is_counted_and_nothing_is_written_outside(house):
    key = await house.order()
    await house.settle_down()
    before = dict(house.erp.orders[key])
    await house.compare(turns=5)
    assert await house.found() == (1, {})
    assert house.erp.orders[key] == before
    assert await house.value("select count(*) from delivery where state not in ('done', 'discarded')") == 0


async def test_an_order_that_is_young_is_not_judged_yet(house):
    await house.order()
    await house.hub.comparer.poll_all()
    assert await house.found() == (0, {})


async def test_what_the_erp_changed_on_its_own_is_found_at_the_second_look(house):
    key = await house.order()
    house.world.clock.advance(900)
    house.erp.orders[key]["state"] = "cancelled"  # and no word of it in the feed
    await house.compare()
    assert await house.found() == (1, {}), "it might be on its way"
    await house.compare()
    assert await house.found() == (1, {key: ("cancelled in the ERP only",)})
    house.erp.orders[key]["state"] = "open"
    await house.compare()
    assert await house.found() == (1, {}), "it is the same again"


async def test_an_order_the_erp_lost_is_found(house):
    key = await house.order()
    house.world.clock.advance(900)
    del house.erp.orders[key]
    await house.compare(turns=2)
    assert (await house.found())[1] == {key: ("not in the ERP",)}


async def test_a_cancellation_that_was_discarded_stays_a_difference(house):
    key = await house.order()
    house.world.clock.advance(900)
    store_order_id = await house.value("select store_order_id from sales_order")

    async def cancelled(order_id):
        shown = await type(house.hub.hub.store).read_order(house.hub.hub.store, order_id)
        return msgspec.structs.replace(shown, cancelled=shown.store_order_id == store_order_id)

    house.hub.hub.store.read_order = cancelled
    await house.compare(turns=2)
    assert (await house.found())[1] == {key: ("cancelled in the store only",)}


async def test_money_that_changed_in_the_store_is_found(house):
    key = await house.order()
    house.world.clock.advance(900)
    interpret = house.hub.hub.store.interpret

    def dearer(raw):
        order = interpret(raw)
        total = order.totals.grand_total + Money(Decimal(1), order.currency)
        return msgspec.structs.replace(order, totals=msgspec.structs.replace(order.totals, grand_total=total))

    house.hub.hub.store.interpret = dearer
    await house.compare(turns=2)
    assert (await house.found())[1] == {key: ("money in the store",)}


async def test_an_order_that_something_is_still_to_happen_to_is_not_judged(house):
    key = await house.order()
    house.world.clock.advance(900)
    house.erp.orders[key]["state"] = "cancelled"

    async def away(order_key, *, ship_date=None, **given):
        raise Retry("connection.refused", "the store is away", after_s=3600, counts=False)

    house.hub.hub.store.tell_customer = away
    await house.order()  # its confirmation waits for the store
    await house.compare(turns=3)
    waiting = await house.rows("select distinct e.subject from delivery d join event e on e.id = d.event_id "
                               "where d.state not in ('done', 'discarded')")  # fmt: skip
    assert len(waiting) == 1
    checked, differing = await house.found()
    assert (checked, set(differing)) == (1, {key})


async def test_every_order_has_its_turn_and_what_differs_is_looked_at_each_time(house, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    keys = [await house.order() for _ in range(5)]
    house.world.clock.advance(900)
    house.erp.orders[keys[0]]["state"] = "cancelled"
    await house.compare(turns=3)
    checked, differing = await house.found()
    assert (checked, set(differing)) == (5, {keys[0]})


async def test_while_a_system_is_away_nothing_is_said_of_any_order(house):
    await house.order()
    house.world.clock.advance(900)

    async def away(order_key):
        raise Retry("connection.refused", "the ERP is away")

    house.erp.read_order = away
    await house.compare(turns=2)
    assert await house.found() == (0, {})
    assert house.tap.named("poll.failed") != []


async def test_drift_is_told_by_name_and_over_http(house):
    from fakes.operating_desk import Operator

    key = await house.order()
    house.world.clock.advance(900)
    del house.erp.orders[key]
    await house.compare(turns=2)
    await house.hub.pulse.beat()
    await house.hub.watch.look()
    (alert,) = [one for one in await house.hub.watch.book.open_alerts() if one.code == "drift"]
    assert alert.effect == (
        f"1 of 1 order compared in the last day are not the same in store, hub and ERP: {key}: not in the ERP"
    )
    desk = Operator(house)
    seen = await desk.get("/alerts/drift")
    assert (seen["checked"], seen["count"], seen["differing"][0]["order_key"]) == (1, 1, key)
    await house.rows(
        "insert into drift_check (order_key, checked_at, differs, differs_since)"
        " select 'later-' || n, checked_at, differs, differs_since from drift_check, generate_series(1, 2) as n"
    )
    first = await desk.get("/alerts/drift", limit=2)
    rest = await desk.get("/alerts/drift", limit=2, after=first["next"])
    assert [one["order_key"] for one in first["differing"] + rest["differing"]] == sorted([key, "later-1", "later-2"])
    assert (first["count"], rest["count"], rest["next"]) == (3, 3, None)
    await house.hub.operating.close()
