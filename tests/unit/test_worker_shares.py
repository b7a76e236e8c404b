"""A system that falls silent holds up what is meant for it, and nothing else: no subscriber fills a worker."""

import asyncio

from fakes.ledger import MemoryLedger
from fakes.patience import until
from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.delivery import NOTHING
from millstream.engine.delivery import Execution
from millstream.engine.retry import RetryPolicy
from millstream.engine.routes import Route, Routes
from millstream.engine.worker import Worker, WorkerSettings

KINDS = {"crm": "purchase.made", "erp": "thing.happened"}


class Hub:
    """A worker whose CRM deliveries wait for an answer that does not come."""

    def __init__(self, concurrency):
        self.ledger = MemoryLedger()
        self.silent = asyncio.Event()
        self.waiting = 0
        world, tap = ManualWorld(), RecordingTap()
        routes = Routes(
            {
                KINDS["crm"]: (Route(subscriber="crm", flow=self.wait),),
                KINDS["erp"]: (Route(subscriber="erp", flow=self.answer),),
            }
        )
        self.worker = Worker(
            ledger=self.ledger,
            execution=Execution(
                ledger=self.ledger, routes=routes, ports="the ports", policy=RetryPolicy(), world=world, tap=tap
            ),
            settings=WorkerSettings(concurrency=concurrency, poll_s=0.01),
            clock=world.clock,
            tap=tap,
            subscribers=lambda: ("crm", "erp"),
        )

    async def wait(self, delivery, ports):
        self.waiting += 1
        await self.silent.wait()
        return NOTHING

    async def answer(self, delivery, ports):
        return NOTHING

    def put(self, subscriber, count):
        self.ledger.put(count, subscriber=subscriber, kind=KINDS[subscriber])


async def test_a_silent_system_leaves_places_for_the_others():
    hub = Hub(concurrency=64)
    hub.put("crm", 200)
    work = asyncio.create_task(hub.worker.run())
    try:
        await until(lambda: hub.waiting >= 40)
        hub.put("erp", 10)
        await hub.ledger.until(lambda: len(hub.ledger.attempts) >= 10)
        assert {attempt.delivery.subscriber for attempt in hub.ledger.attempts} == {"erp"}
        assert hub.waiting < 64
    finally:
        hub.silent.set()
        hub.worker.stop()
        await work
