"""What people need beside the deliveries, put together for one process: the operator API, and the work behind it."""

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from millstream.engine.bulk import BulkRunner
from millstream.engine.connections import ConnectionKeeper
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import WAIVABLE
from millstream.ports.connections import Governed
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.store.audit import AuditTrail
from millstream.store.bulk import PostgresBulk
from millstream.store.connections import PostgresConnections
from millstream.store.database import READING, Database
from millstream.store.filing import Filing

if TYPE_CHECKING:
    from fastapi import FastAPI

READERS_MAX: Final = 4  # connections of a process that serve what people look at


class Operating:
    """Bulk actions, pauses and filing of one process. `governors`: its connections by name."""

    def __init__(
        self, database: Database, *, hub: Hub, governors: Mapping[str, Governed], worker: str, world: World, tap: Tap
    ) -> None:
        self._database = database
        self._hub = hub
        self._world = world
        self.reading = Database(database.url, pool_max=READERS_MAX, session=READING)
        self.board = PostgresConnections(database, clock=world.clock, reading=self.reading)
        self.bulk = PostgresBulk(database, world=world, waivable=WAIVABLE, reading=self.reading)
        self.filing = Filing(database, world=world, interpret=hub.store.interpret)
        self.keeper = ConnectionKeeper(self.board, governors, worker=worker, clock=world.clock, tap=tap)
        self._runner = BulkRunner(self.bulk, clock=world.clock, tap=tap)

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside the worker, until cancelled."""
        return (self._runner.run(), self.keeper.keep())

    def install_api(self, app: "FastAPI", audit: AuditTrail) -> None:
        """The operator API. Imported here, because a worker has none."""
        from millstream.store.audit_log import PostgresAuditLog  # noqa: PLC0415 - see above
        from millstream.store.desk import PostgresDesk  # noqa: PLC0415 - see above
        from millstream.store.lookup import PostgresLookup  # noqa: PLC0415 - see above
        from millstream.store.mending import PostgresMending  # noqa: PLC0415 - see above
        from millstream.store.overview import PostgresOverview  # noqa: PLC0415 - see above
        from millstream.web.api.connections import Checkable  # noqa: PLC0415 - see above
        from millstream.web.api.install import Operations, install_api  # noqa: PLC0415 - see above

        hub, world = self._hub, self._world
        systems = (("store", hub.store), ("erp", hub.erp), ("crm", hub.crm))
        install_api(
            app,
            Operations(
                lookup=PostgresLookup(self.reading),
                desk=PostgresDesk(self._database, world=world, waivable=WAIVABLE, reading=self.reading),
                mending=PostgresMending(self._database, world=world, waivable=WAIVABLE),
                bulk=self.bulk,
                overview=PostgresOverview(self.reading, clock=world.clock),
                board=self.board,
                audit=PostgresAuditLog(self.reading, trail=audit),
                records=hub.records,
                interpret=hub.store.interpret,
                policy=hub.policy,
                clock=world.clock,
                connections={port.name: Checkable(kind=kind, check=port.check) for kind, port in systems},
            ),
        )

    async def close(self) -> None:
        """Gives the readers back."""
        await self.reading.close()
