"""What people need beside the deliveries, put together for one process: the operator API, and the work behind it."""

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millstream.alerting import Alerting
from millstream.engine.bulk import BulkRunner
from millstream.engine.connections import ConnectionKeeper
from millstream.engine.overlays.keeper import OverlayKeeper
from millstream.engine.overlays.live import LiveOverlays
from millstream.engine.overlays.workshop import Workshop
from millstream.engine.routes import Routes
from millstream.flows import ROUTES
from millstream.flows.dry_run import Rehearsal
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import WAIVABLE
from millstream.flows.preview import Previews
from millstream.flows.rewinding import Rewinder
from millstream.ports.connections import Governed
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.store.audit import AuditTrail
from millstream.store.bulk import PostgresBulk
from millstream.store.connections import PostgresConnections
from millstream.store.database import READING, Database
from millstream.store.filing import Filing
from millstream.store.mappings import PostgresMappings
from millstream.store.mending import PostgresMending
from millstream.store.positions import PostgresPositions
from millstream.store.records import PostgresRecords
from millstream.store.reviews import PostgresReviews

if TYPE_CHECKING:
    from fastapi import FastAPI

READERS_MAX: Final = 4  # connections of a process that serve what people look at


class Operating:
    """Bulk actions, brakes and filing of one process. `connections`: those it calls systems by, by name."""

    def __init__(
        self,
        database: Database,
        *,
        hub: Hub,
        connections: Mapping[str, Governed],
        overlays: LiveOverlays,
        worker: str,
        world: World,
        tap: Tap,
    ) -> None:
        self._database = database
        self._hub = hub
        self._world = world
        self.reading = Database(database.url, pool_max=READERS_MAX, session=READING)
        self.board = PostgresConnections(database, clock=world.clock, reading=self.reading)
        self.rewinder = Rewinder(hub, PostgresPositions(database, clock=world.clock, reading=self.reading))
        self.bulk = PostgresBulk(database, world=world, waivable=WAIVABLE, reading=self.reading)
        self._mending = PostgresMending(database, world=world, waivable=WAIVABLE)
        self.reviews = PostgresReviews(database, world=world, mending=self._mending, reading=self.reading)
        self._interpret = partial(hub.store.interpret, overlaid=False)  # what waits because of a mapping is known, too
        self.filing = Filing(database, world=world, interpret=self._interpret)
        self.keeper = ConnectionKeeper(self.board, connections, worker=worker, clock=world.clock, tap=tap)
        self._runner = BulkRunner(self.bulk, clock=world.clock, tap=tap)
        mappings = PostgresMappings(database, clock=world.clock, reading=self.reading)
        self.overlays = overlays
        self.previews = Previews(msgspec.structs.replace(hub, records=PostgresRecords(self.reading)), overlays)
        self.overlay_keeper = OverlayKeeper(mappings, overlays, clock=world.clock, tap=tap)
        self.workshop = Workshop(
            mappings,
            overlays.surfaces,
            keeper=self.overlay_keeper,
            interpret=hub.store.interpret,
            clock=world.clock,
        )

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside the worker, until cancelled."""
        return (self._runner.run(), self.keeper.keep(), self.overlay_keeper.keep())

    def install_api(self, app: "FastAPI", audit: AuditTrail, alerting: Alerting) -> None:
        """The operator API. Imported here, because a worker has none."""
        from millstream.store.alerts import PostgresAlertBook  # noqa: PLC0415 - see above
        from millstream.store.audit_log import PostgresAuditLog  # noqa: PLC0415 - see above
        from millstream.store.desk import PostgresDesk  # noqa: PLC0415 - see above
        from millstream.store.drift import PostgresDrift  # noqa: PLC0415 - see above
        from millstream.store.holding import PostgresHolding  # noqa: PLC0415 - see above
        from millstream.store.lookup import PostgresLookup  # noqa: PLC0415 - see above
        from millstream.store.overview import PostgresOverview  # noqa: PLC0415 - see above
        from millstream.web.api.connections import Checkable  # noqa: PLC0415 - see above
        from millstream.web.api.install import Operations, install_api  # noqa: PLC0415 - see above

        hub, world = self._hub, self._world
        systems = (("store", hub.store), ("erp", hub.erp), ("crm", hub.crm))
        desk = PostgresDesk(self._database, world=world, waivable=WAIVABLE, reading=self.reading)
        install_api(
            app,
            Operations(
                lookup=PostgresLookup(self.reading),
                desk=desk,
                mending=self._mending,
                bulk=self.bulk,
                overview=PostgresOverview(self.reading, clock=world.clock),
                board=self.board,
                rewinder=self.rewinder,
                audit=PostgresAuditLog(self.reading, trail=audit),
                alerts=PostgresAlertBook(self._database, clock=world.clock, reading=self.reading),
                alert_rules=alerting.rules,
                notifier=alerting.notifier,
                drift=PostgresDrift(self._database, reading=self.reading),
                workshop=self.workshop,
                previews=self.previews,
                rehearsal=Rehearsal(hub, desk, self.previews),
                records=hub.records,
                reviews=self.reviews,
                holding=PostgresHolding(self._database, routes=Routes(ROUTES), world=world),
                hub=hub,
                interpret=self._interpret,
                policy=hub.policy,
                clock=world.clock,
                connections={port.name: Checkable(kind=kind, check=port.check) for kind, port in systems},
            ),
        )

    async def close(self) -> None:
        """Gives back what was opened."""
        self.overlays.close()
        self.workshop.close()
        await self.reading.close()
