"""A ledger on a real PostgreSQL with a desk beside it, no systems: deliveries are claimed and settled by hand."""

from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.domain.delivery import NOTHING, Outcome
from millstream.domain.events import NewEvent
from millstream.domain.states import DeliveryState
from millstream.engine.routes import Route, Routes
from millstream.ports.ledger import Attempt
from millstream.store.desk import PostgresDesk
from millstream.store.ledger import PostgresLedger


async def nothing(delivery, hub):
    return NOTHING


ROUTES = Routes(
    {
        "thing.happened": (Route(subscriber="a", flow=nothing), Route(subscriber="b", flow=nothing)),
        "thing.urgent": (Route(subscriber="a", flow=nothing, priority=1),),
    }
)


class LedgerBench:
    def __init__(self, database, worker="w1", world=None, lease_s=30):
        self.world = world or ManualWorld()
        self.tap = RecordingTap()
        self.database = database
        self.ledger = PostgresLedger(
            database, routes=ROUTES, world=self.world, tap=self.tap, worker=worker, lease_s=lease_s
        )
        self.desk = PostgresDesk(database, world=self.world, waivable=frozenset({"price.stale"}))

    def event(self, n, subject="S-1", kind="thing.happened"):
        return NewEvent(
            source="test",
            source_id=str(n),
            type=kind,
            subject=subject,
            occurred_at=self.world.clock.now(),
            data={"n": n},
        )

    async def accept(self, *events):
        return await self.ledger.accept(events)

    async def claim(self, limit=100, subscribers=("a", "b")):
        return await self.ledger.claim(limit=limit, subscribers=subscribers)

    async def settle(self, delivery, state=DeliveryState.DONE, settlement=NOTHING, calls=(), **outcome):
        now = self.world.clock.now()
        return await self.ledger.settle(
            Attempt(
                delivery=delivery,
                started_at=now,
                ended_at=now,
                outcome=Outcome(state=state, settlement=settlement, **outcome),
                calls=calls,
            )
        )

    async def rows(self, query, *args):
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *args)]

    async def value(self, query, *args):
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)
