"""The command line explains failures in the runbook's words, and tells what became of a bulk action."""

import pytest

from fakes.house import House
from fakes.shell import InnerShell
from millstream.ports.desk import Filter


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    return InnerShell(database.url, house)


async def test_a_failure_is_shown_with_what_it_means_and_who_mends_it(house, shell):
    await house.place(("GHOST-1", 1))
    await house.settle_down()
    (row,) = await house.hub.desk.list_deliveries(Filter(states=("held",)), limit=10)
    code, out, _ = await shell("deliveries", "show", str(row.id))
    told = " ".join(out.split())
    assert code == 0
    assert "The ERP does not sell an item of the order." in told
    assert "By whoever keeps the ERP." in told


async def test_an_estimate_says_what_the_orders_are_worth_and_the_outcome_where_they_are(house, shell):
    await house.place(("GHOST-1", 1))
    await house.settle_down()
    house.world.clock.advance(11)
    _, out, _ = await shell("bulk", "estimate", "retry", "--code", "sku.unknown")
    assert "1 orders: 1 whose money is not known" in out
    await house.hub.operating.filing.file_waiting_orders()
    _, out, _ = await shell("bulk", "estimate", "retry", "--code", "sku.unknown")
    assert "1 orders: EUR " in out
    code, out, _ = await shell("bulk", "start", "retry", "--code", "sku.unknown", "--reason", "item made", "--yes")
    assert code == 0
    while await house.hub.operating.bulk.run_batch():
        pass
    await house.settle_down()
    ((made,), _) = await house.hub.operating.bulk.newest(limit=5)
    _, out, _ = await shell("bulk", "show", str(made.id))
    assert "1 are held now sku.unknown" in out
