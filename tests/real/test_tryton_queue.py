"""A Tryton that leaves the processing of orders to its worker, which is not running at first."""

import asyncio

import pytest

from fakes import real_tryton
from fakes.real_tryton import address, order
from millstream.domain.errors import Retry
from millstream.sandbox.tryton.people import find_sale
from millstream.sandbox.tryton.rpc import RpcError
from millstream.sandbox.tryton.server import TrytonServer, free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("TRYTOND_QUEUE__WORKER", "True")
    server = TrytonServer(real_tryton.FOLDER, port=free_port(), data=tmp_path, say=lambda _: None)
    server.start()
    yield server
    server.stop()


def process(server):
    """What the worker's task does. `trytond-worker` itself runs on PostgreSQL only."""
    admin = server.admin()
    admin.press("sale.sale.process", find_sale(admin, "queue-1")["id"])
    admin.close()


@pytest.fixture
async def desk(server):
    desk = real_tryton.Desk(server)
    yield desk
    await desk.close()


async def place(desk, wanted):
    return await desk.erp.place_order(wanted, customer_id="ACME", key=f"order/{wanted.key}/create")


async def waits(call):
    with pytest.raises(Retry, match="trytond-worker") as waiting:
        await call
    assert (waiting.value.code, waiting.value.counts) == ("erp.not_processed_yet", False)


async def test_an_order_waits_for_the_worker_untouched_and_then_goes_on(server, desk):
    wanted = order("queue-1", ("VALVE-050", 1))
    await waits(place(desk, wanted))
    await waits(desk.erp.change_address("queue-1", address(city="Dallas"), key="order/queue-1/address"))
    await waits(place(desk, wanted))
    assert desk.transport.methods.count("model.sale.sale.confirm") == 1
    assert (await desk.erp.read_order("queue-1")).state == "confirmed"
    await asyncio.to_thread(process, server)
    answer = await place(desk, wanted)
    assert answer.state == "processing"
    assert answer.lines[0].reserved == wanted.lines[0].quantity


async def test_an_order_nobody_has_processed_yet_is_cancelled_and_stays_so(server, desk):
    wanted = order("queue-1", ("VALVE-050", 1))
    await waits(place(desk, wanted))
    assert await desk.erp.cancel_order("queue-1", reason="", key="order/queue-1/cancel")
    with pytest.raises(RpcError, match="process"):
        await asyncio.to_thread(process, server)
    assert (await desk.erp.read_order("queue-1")).state == "cancelled"


async def test_tryton_that_dies_between_confirming_and_processing_does_both_in_the_end(server, desk, monkeypatch):
    """What it leaves behind is what a worker's Tryton leaves, only that nobody comes for it."""
    wanted = order("queue-1", ("VALVE-050", 1), ("PUMP-CFG", 1))
    await waits(place(desk, wanted))
    server.kill()
    monkeypatch.delenv("TRYTOND_QUEUE__WORKER")
    await asyncio.to_thread(server.start)
    another = real_tryton.Desk(server)
    answer = await place(another, wanted)
    await another.close()
    assert answer.state == "processing"
    assert [len(line.work_orders) for line in answer.lines] == [0, 1]
    admin = server.admin()
    assert len(admin.find("sale.sale", [["web_id", "=", "queue-1"]])) == 1
    assert len(admin.find("production", [["origin.sale.web_id", "=", "queue-1", "sale.line"]])) == 1
    admin.close()
