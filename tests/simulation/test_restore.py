"""A backup is taken in the middle of a day, the day goes on, the backup is restored: nobody is told anything twice."""

from collections import Counter
from random import Random

import asyncpg
import pytest

from fakes.house import House
from millstream.store.audit import AuditTrail
from millstream.store.backup import write_backup
from millstream.store.database import Database
from millstream.store.restore import restore_backup

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def house(database):
    return House(database)


@pytest.fixture
async def fresh(database):
    """A database without a table, as after the disk was lost."""
    async with database.connection() as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"create database {name}_fresh")
    second = Database(database.url.replace(name, f"{name}_fresh"))
    yield second
    await second.close()
    async with database.connection() as connection:
        await connection.execute(f"drop database {name}_fresh with (force)")


async def work_a_little(house, steps):
    """Some deliveries, not all: the backup shall find work under way."""
    house.world.clock.advance(6)
    await house.hub.poller.poll_all()
    for _ in range(steps):
        await house.hub.worker.run_due()


async def move_into(house, database):
    """The old process is gone with its database; a new one starts on the restored one, leases ran out."""
    house.database = database
    house.hub = house.build()
    house.world.clock.advance(31)
    await house.settle_down()


async def told(house, placed):
    """What the outside has of each order: ERP orders, comments by their first words, shipments, CRM records."""
    seen = {}
    for order in placed:
        key = f"shop-1-{order['increment_id']}"
        view = await house.sim("shop", "GET", f"orders/{order['entity_id']}")
        seen[key] = (
            house.erp.creations.count(key),
            Counter(" ".join((c["comment"] or "").split()[:8]) for c in view["comments"]),
            len(view["shipments"]),
            view["order"]["ext_order_id"],
        )
    return seen


def twice(seen):
    return {
        key: (made, comments, shipments)
        for key, (made, comments, shipments, _) in seen.items()
        if made != 1 or max(comments.values(), default=0) > 1 or shipments > 1
    }


async def a_day_around_a_backup(house, file, seed):
    """Orders before, around and after the backup, every one of them told to everybody, some shipped or moved."""
    dice = Random(seed)
    before = [await house.place((dice.choice(["VALVE-050", "SKID-01"]), 1)) for _ in range(3)]
    await work_a_little(house, dice.randrange(4))
    around = [await house.place(("SKID-01", 1)), await house.place(("SEAL-KIT", 2))]
    await work_a_little(house, dice.randrange(2))
    manifest = await write_backup(house.database.url, file)
    await house.settle_down()
    after = [await house.place(("SKID-01", 1)), await house.place(("GASKET-10", 5))]
    await house.settle_down()
    for order in (before[0], around[1], after[1]):
        house.erp.ship(f"shop-1-{order['increment_id']}", tracking=f"1Z{order['increment_id']}")
    house.erp.reschedule(f"shop-1-{around[0]['increment_id']}", days=7)
    house.erp.reschedule(f"shop-1-{after[0]['increment_id']}", days=3)
    await house.settle_down()
    return [*before, *around, *after], manifest


@pytest.mark.parametrize("seed", range(6))
async def test_after_a_restore_nothing_is_made_or_told_twice_and_nothing_is_missing(house, fresh, tmp_path, seed):
    file = tmp_path / "nightly.tar"
    placed, manifest = await a_day_around_a_backup(house, file, seed)
    before = await told(house, placed)
    assert twice(before) == {}
    lost = await house.value("select count(*) from event") - manifest.tables["event"]
    assert lost > 0, "nothing happened after the backup: the test proves nothing"
    await restore_backup(fresh.url, file, at=house.world.clock.now())
    await move_into(house, fresh)
    assert await told(house, placed) == before
    purchases = (await house.sim("localhost", "GET", "records", object="Order"))["Order"]
    assert sorted(row["Hub_Order_Id__c"] for row in purchases) == sorted(before)
    announced = {row["Hub_Event_Id__c"] for row in await house.sim("localhost", "GET", "events")}
    assert announced == {f"order/{key}/purchased" for key in before}  # a second one bears the id of the first
    assert await house.rows("select subscriber, state, fault_message from delivery where state <> 'done'") == []
    assert await house.value("select count(*) from sales_order") == len(placed)
    assert await house.value("select count(*) from sales_order where shipped_at is not null") == 3
    assert await house.hub.ledger.wake_sleeping_lanes() == 0
    assert (await AuditTrail(fresh, world=house.world).verify()).broken_seal is None
    later = await house.place(("OIL-1L", 3))  # the next day is an ordinary one
    await house.settle_down()
    assert twice(await told(house, [*placed, later])) == {}


async def test_without_the_mark_of_the_restore_customers_would_be_told_twice(house, fresh, tmp_path):
    file = tmp_path / "nightly.tar"
    placed, _ = await a_day_around_a_backup(house, file, 0)
    await restore_backup(fresh.url, file, at=house.world.clock.now())
    connection = await asyncpg.connect(fresh.url)
    await connection.execute("truncate restoration")
    await connection.execute("update delivery set tries = 0 where state = 'waiting'")
    await connection.close()
    await move_into(house, fresh)
    assert twice(await told(house, placed)) != {}


async def test_an_order_the_hub_forgot_is_taken_back_in_the_erp_when_it_is_cancelled_in_the_store(
    house, fresh, tmp_path
):
    file = tmp_path / "nightly.tar"
    await house.settle_down()
    await write_backup(house.database.url, file)
    placed = await house.place()
    await house.settle_down()
    (key,) = house.erp.orders
    await restore_backup(fresh.url, file, at=house.world.clock.now())
    await house.sim("shop", "POST", f"orders/{placed['entity_id']}/cancel", {})
    await move_into(house, fresh)
    assert house.erp.orders[key]["state"] == "cancelled"
    assert await house.rows("select subscriber, state from delivery where state <> 'done'") == []
