"""Workers on machines of their own: one dies, one is cut off from the database, clocks are wrong. One of everything."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from random import Random

import pytest

from fakes.namespaces import Namespaces, NoNamespacesError, leftovers
from fakes.reachable_postgres import ReachablePostgres
from fakes.spread_town import FAKETIME, SpreadTown
from fakes.town import LEASE_S
from millstream.store.database import Database

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("machines")]

WORKERS = ("worker-a", "worker-b", "worker-c")
SLOW = {"rate": {"latency": 1.0}, "operations": ["POST /rest/*/V1/orders"], "latency_s": 4 * LEASE_S}


@pytest.fixture
def network():
    try:
        with Namespaces(*WORKERS) as network:
            yield network
    except NoNamespacesError as reason:
        pytest.skip(f"no machines can be made here: {reason}")
    assert leftovers() == []


@pytest.fixture
async def ledger(network):
    """A database every machine reaches."""
    folder = Path(tempfile.mkdtemp(prefix="millstream-machines-"))
    server = ReachablePostgres(folder, network.ledger_address)
    database = Database(server.start())
    await database.migrate()
    yield database
    await database.close()
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def _settled(town, count):
    return await town.settled() >= count


async def test_the_others_take_over_from_a_machine_that_dies(ledger, network, tmp_path):
    town = SpreadTown(tmp_path, ledger, dice=Random(11), network=network)
    try:
        town.open()
        for name in WORKERS:
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(80))
        await town.until("work is under way", lambda: _settled(town, 60))
        town.kill("worker-a")
        await town.until("more is settled", lambda: _settled(town, 120))
        town.kill("worker-b")
        await arriving
        await town.until_all_told()
        assert await town.attempts("worker-c") > 0
        left = await town.judge()
        assert left["deliveries_taken_over"] > 0, "no kill hit a delivery under way: the test proves nothing"
    finally:
        await town.close()


@pytest.mark.thorough
async def test_a_machine_cut_off_from_the_database_does_nothing_twice_and_comes_back(ledger, network, tmp_path):
    town = SpreadTown(tmp_path, ledger, dice=Random(12), network=network)
    try:
        town.open()
        for name in ("worker-a", "worker-b"):
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(100, at_once=5))
        await town.until("work is under way", lambda: _settled(town, 40))
        await town.sim("store", "POST", "/_sim/faults", SLOW)  # an answer that comes after the lease has run out

        async def told_to_the_store():
            return await town.held_up("worker-a", "store") >= 5

        await town.until("the machine is telling the store", told_to_the_store)
        network.cut_off_from_database("worker-a")

        async def taken_over():
            return await town.attempts("worker-a", "outcome = 'lost'") >= 3

        await town.until("its deliveries are taken over", taken_over)
        await asyncio.sleep(LEASE_S)  # answers of the store come to it meanwhile; it may not go on from there
        await town.sim("store", "POST", "/_sim/faults", {})
        assert town.processes["worker-a"].poll() is None
        before = await town.attempts("worker-b")
        network.heal("worker-a")
        healed_at = await ledger.now()
        await arriving

        async def back_at_work():
            await town.arrive(2, pause_s=0.1)
            return await town.attempts("worker-a", "started_at > $2 and outcome = 'done'", healed_at) > 0

        await town.until("it works again", back_at_work, tries=200)
        await town.until_all_told()
        assert before > 0

        async def was_refused():
            lines = town.log("worker-a").splitlines()
            return any('"taken over"' in line and '"lease.lost"' in line for line in lines)

        await town.until("it wanted to go on with a lease that had run out, and was refused", was_refused)
        left = await town.judge()
        assert left["deliveries_taken_over"] >= 3
    finally:
        await town.close()


@pytest.mark.thorough
async def test_the_one_writer_of_an_erp_who_is_cut_off_is_replaced_and_does_not_write_when_it_comes_back(
    ledger, network, tmp_path
):
    town = SpreadTown(tmp_path, ledger, dice=Random(14), network=network)
    try:
        town.open()
        town.start_worker("worker-a", one_writer=True)

        async def writes(name):
            return '"role.taken"' in town.log(name)

        await town.until("the first holds the role", lambda: writes("worker-a"))
        town.start_worker("worker-b", one_writer=True)
        await town.arrive(20)
        await town.until("both work", lambda: _settled(town, 50))
        assert not await writes("worker-b")
        network.cut_off_from_database("worker-a")
        arriving = asyncio.create_task(town.arrive(20))
        await town.until("the other writes", lambda: writes("worker-b"))
        replaced_at = await ledger.now()
        network.heal("worker-a")
        await arriving

        async def back_at_work():
            await town.arrive(2, pause_s=0.1)
            return await town.attempts("worker-a", "started_at > $2", replaced_at) > 0

        await town.until("the first is back", back_at_work, tries=200)
        await town.until_all_told()
        since = "started_at > $2 and delivery_id in (select id from delivery where subscriber = 'erp')"
        assert await town.attempts("worker-a", since, replaced_at) == 0
        assert await town.attempts("worker-b", since, replaced_at) > 0
        await town.judge()
    finally:
        await town.close()


@pytest.mark.thorough
@pytest.mark.skipif(not FAKETIME.exists(), reason="no libfaketime here (Debian: apt-get install faketime)")
async def test_machines_whose_clocks_are_wrong_agree_by_the_databases(ledger, network, tmp_path):
    wrong = {"worker-a": 600, "worker-b": -600}
    town = SpreadTown(tmp_path, ledger, dice=Random(13), network=network, clocks=wrong)
    try:
        town.open()
        for name in ("worker-a", "worker-b"):
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(60))
        await town.until("work is under way", lambda: _settled(town, 60))
        town.kill("worker-b")  # a lease given by a clock that is behind must still run out, in time
        town.start_worker("worker-b")
        await arriving
        await town.until_all_told()
        for name in wrong:
            assert await town.attempts(name, "outcome = 'done'") > 0
        odd = "select count(*) from attempt where abs(extract(epoch from ended_at - clock_timestamp())) > 300"
        assert await town.value(odd) == 0
        left = await town.judge()
        assert left["deliveries_taken_over"] > 0
        lost = await town.attempts("worker-a", "outcome = 'lost'")
        assert lost == 0, "a living machine was robbed of its leases"
    finally:
        await town.close()
