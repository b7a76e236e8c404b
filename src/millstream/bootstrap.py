"""Names every adapter once and puts one process together."""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError

from millstream.domain.errors import Failure, Retry
from millstream.domain.values import Money
from millstream.engine.alerts.channels import AppriseChannels
from millstream.engine.alerts.levels import AlertPolicy, Slo
from millstream.engine.alerts.watch import Watch
from millstream.engine.delivery import Execution
from millstream.engine.meter import Meter
from millstream.engine.poller import Polled, Poller, PollTask
from millstream.engine.pulse import WorkerPulse
from millstream.engine.retry import RetryPolicy
from millstream.engine.routes import Routes
from millstream.engine.tap import CountingTap, LogTap, Taps
from millstream.engine.worker import Worker, WorkerSettings
from millstream.engine.world import SystemClock, SystemWorld
from millstream.flows import ROUTES
from millstream.flows.erp_changes import facts_of_changes
from millstream.flows.hub import Hub, Policy
from millstream.flows.intake import facts_of_page
from millstream.flows.order_to_erp import WAIVABLE
from millstream.operating import Operating
from millstream.ports.connector import Connector
from millstream.ports.erp import ErpPort
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.settings import Settings, SettingsError, spell_out
from millstream.store.alerts import PostgresAlertBook
from millstream.store.audit import AuditTrail
from millstream.store.database import Database
from millstream.store.desk import PostgresDesk
from millstream.store.embedded import EmbeddedPostgres
from millstream.store.exclusive import ExclusiveRole
from millstream.store.gauges import PostgresGauges
from millstream.store.ledger import PostgresLedger
from millstream.store.records import PostgresRecords
from millstream.wire.http import AiohttpTransport, Transport
from millstream.wire.kit import WireKit

if TYPE_CHECKING:
    from fastapi import FastAPI

    from millstream.engine.telemetry import SpanTap
# Every connector: what it connects, its name, its folder. Only those that the settings name are ever imported.
CONNECTORS: Final = {
    ("commerce", "adobe_commerce"): "millstream.connectors.adobe_commerce",
    ("erp", "tryton"): "millstream.connectors.tryton",
    ("erp", "sap_s4hana"): "millstream.connectors.sap_s4hana",
    ("crm", "salesforce"): "millstream.connectors.salesforce",
}
SWEEP_S: Final = 15.0  # how often lanes are swept and the audit trail is sealed
ERP_WRITER: Final = "erp"  # the subscriber whose flows write orders into the ERP


def published(folder: str) -> Connector:
    """The spec that a connector's folder publishes."""
    spec: Connector = import_module(folder).SPEC
    return spec


def connector(kind: str, section: dict[str, Any]) -> Connector:
    """The connector a section of the settings names."""
    known = sorted(name for connects, name in CONNECTORS if connects == kind)
    section_name = {"commerce": "store"}.get(kind, kind)
    name = section.get("kind")
    if name not in known:
        raise SettingsError(
            f"[{section_name}] kind = {name!r} is not known. Known: {', '.join(known)}. "
            f"Set it in millstream.toml or as MILLSTREAM_{section_name.upper()}__KIND."
        )
    return published(CONNECTORS[kind, name])


def open_port(kind: str, section: dict[str, Any], kit: WireKit) -> Any:
    """Checks a section's settings and opens its connector."""
    spec = connector(kind, section)
    section_name = {"commerce": "store"}.get(kind, kind)
    own = {key: _from_environment(value) for key, value in section.items() if key not in {"kind", "name"}}
    try:
        settings = spec.settings.model_validate(own)
    except ValidationError as error:
        faults = spell_out(error, spec.settings, section_name)
        raise SettingsError(f"{faults}. See docs/connectors/{spec.name}.md.") from None
    return spec.open(str(section.get("name") or spec.name), settings, kit)


def _from_environment(value: Any) -> Any:
    """A table or list set in the environment arrives as JSON text; everything else is what it is."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class Runtime:
    """One process: the store, the three systems, a worker and the pollers."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        transport: Transport | None = None,
        world: World | None = None,
        tap: Tap | None = None,
        worker_name: str | None = None,
        erp: ErpPort | None = None,
    ) -> None:
        self.settings = settings
        self.world: World = world or SystemWorld()
        self.counts = CountingTap()
        self.meter = Meter(self.world.clock)
        self.spans = _spans(settings, self.world)
        self.tap: Tap = Taps([tap or LogTap(), self.counts, self.meter, *self.spans])
        self.worker_name = worker_name or f"{socket.gethostname()}:{os.getpid()}"
        self.database = database
        self.transport = transport or AiohttpTransport()
        kit = WireKit(transport=self.transport, world=self.world, tap=self.tap)
        self.routes = Routes(ROUTES)
        self.ledger = PostgresLedger(
            database,
            routes=self.routes,
            world=self.world,
            tap=self.tap,
            worker=self.worker_name,
            lease_s=settings.worker.lease_s,
        )
        self.records = PostgresRecords(database)
        self.desk = PostgresDesk(database, world=self.world, waivable=WAIVABLE)
        self.audit = AuditTrail(database, world=self.world)
        self.hub = Hub(
            store=open_port("commerce", settings.store, kit),
            erp=erp or open_port("erp", settings.erp, kit),
            crm=open_port("crm", settings.crm, kit),
            records=self.records,
            world=self.world,
            policy=Policy(**settings.policy.model_dump()),
        )
        self.operating = Operating(
            database, hub=self.hub, governors=kit.governors, worker=self.worker_name, world=self.world, tap=self.tap
        )
        self.erp_role = ExclusiveRole(database, f"{ERP_WRITER}:{self.hub.erp.name}", tap=self.tap)
        self.worker = self._worker()
        self.ledger.woken = self.worker.wake
        self.ledger.taker = self.worker
        self.gauges = PostgresGauges(database)
        self.notifier = AppriseChannels(
            {name: url.get_secret_value() for name, url in settings.alerts.channels.items()}
        )
        self.watch = self._watch()
        self.pulse = WorkerPulse(
            self.gauges, worker=self.worker_name, meter=self.meter, clock=self.world.clock, tap=self.tap
        )
        self.poller = Poller(
            schedule=self.ledger,
            tasks=self._tasks(),
            clock=self.world.clock,
            tap=self.tap,
            woken=self.worker.wake,
        )

    def _worker(self) -> Worker:
        section = self.settings.worker
        execution = Execution(
            ledger=self.ledger,
            routes=self.routes,
            ports=self.hub,
            policy=RetryPolicy(**self.settings.retry.model_dump()),
            world=self.world,
            tap=self.tap,
        )
        return Worker(
            ledger=self.ledger,
            execution=execution,
            settings=WorkerSettings(**section.model_dump()),
            clock=self.world.clock,
            tap=self.tap,
            subscribers=self._subscribers,
        )

    def _watch(self) -> Watch:
        policy = self.settings.alerts.model_dump(exclude={"channels"})
        announces = any(
            door.get("kind") in {"io_events", "mageos"} and door.get("store") == self.hub.store.name
            for door in self.settings.doors.values()
        )
        return Watch(
            book=PostgresAlertBook(self.database, clock=self.world.clock),
            gauges=self.gauges,
            notifier=self.notifier,
            schedule=self.ledger,
            clock=self.world.clock,
            tap=self.tap,
            slo=Slo(**self.settings.slo.model_dump()),
            policy=AlertPolicy(**{**policy, "escalate_to": policy["escalate_to"] or ()}),
            systems={"erp": self.hub.erp.name, "store": self.hub.store.name, "crm": self.hub.crm.name},
            worth=self._worth,
            announcing_store=self.hub.store.name if announces else None,
        )

    def _worth(self, payload: dict[str, Any]) -> Money | None:
        try:
            return self.hub.store.interpret(dict(payload["order"])).totals.grand_total
        except (Failure, KeyError, TypeError, ValueError):
            return None  # what nobody can read may be exactly why it fails

    def _subscribers(self) -> Sequence[str]:
        """What this worker may claim: ERP orders only while it is the one writer the ERP wants."""
        if self.hub.erp.one_writer and not self.erp_role.held:
            return [name for name in self.routes.subscribers if name != ERP_WRITER]
        return self.routes.subscribers

    def _tasks(self) -> tuple[PollTask, ...]:
        poll = self.settings.poll
        return (
            PollTask(name=f"{self.hub.store.name}.orders", every_s=poll.store_every_s, ask=self.ask_store),
            PollTask(name=f"{self.hub.erp.name}.changes", every_s=poll.erp_every_s, ask=self.ask_erp),
        )

    async def ask_store(self, cursor: dict[str, Any] | None) -> Polled:
        """One page of changed orders as events."""
        page = await self.hub.store.changed_orders(cursor)
        return Polled(events=await facts_of_page(page, self.hub), cursor=page.cursor, more=page.more)

    async def ask_erp(self, cursor: dict[str, Any] | None) -> Polled:
        """One page of what the plant and the warehouse did as events."""
        page = await self.hub.erp.changes(cursor)
        events = facts_of_changes(page.changes, erp=self.hub.erp.name)
        return Polled(events=events, cursor=page.cursor, more=page.more)

    async def work(self) -> None:
        """Works, polls and keeps house until `stop` is called or the task is cancelled."""
        await self.operating.keeper.exchange()  # what was paused stays paused
        async with asyncio.TaskGroup() as group:
            background = [
                *map(group.create_task, self.operating.tasks()),
                group.create_task(self.poller.run()),
                group.create_task(self.ledger.listen()),
                group.create_task(self._keep_house()),
                group.create_task(self.erp_role.keep()),
                group.create_task(self.pulse.keep()),
            ]
            await self.worker.run()
            for task in background:
                task.cancel()

    async def health(self) -> Mapping[str, Any]:
        """What /readyz tells beside "ready". Raises Retry when the database does not answer."""
        return {"database_time": (await self.database.now()).isoformat()}

    def stop(self) -> None:
        """Graceful: claims nothing more, finishes what runs."""
        self.worker.stop()
        self.watch.stop()

    async def _keep_house(self) -> None:
        while True:
            try:
                await self.calibrate_clock()
                await self.ledger.wake_sleeping_lanes()
                await self.operating.filing.file_waiting_orders()
                while await self.audit.seal():
                    pass
            except Retry as failure:
                self.tap.note("worker.ledger_unreachable", message=failure.message)
            await self.world.clock.sleep(SWEEP_S)

    async def calibrate_clock(self) -> None:
        """Goes by the database's clock, so that machines agree on what is due."""
        clock = self.world.clock
        if isinstance(clock, SystemClock):
            asked = perf_counter()
            clock.calibrate(await self.database.now(), asked_for_s=perf_counter() - asked)

    async def close(self) -> None:
        """Gives back what was opened."""
        await self.erp_role.release()
        self.notifier.close()
        for spans in self.spans:
            await asyncio.to_thread(spans.close)
        await self.transport.close()
        await self.operating.close()
        await self.database.close()


def _spans(settings: Settings, world: World) -> "list[SpanTap]":
    """Traces, where they are wanted. Imported here, because most processes have none."""
    if settings.telemetry.traces_url is None:
        return []
    try:
        from millstream.engine.telemetry import SpanTap, otlp  # noqa: PLC0415 - see above

        return [SpanTap(otlp(settings.telemetry.traces_url), world.clock)]
    except ImportError as error:
        raise SettingsError(
            f"telemetry.traces_url is set, and {error.name} is not installed: pip install 'millstream[traces]'."
        ) from None


class OpenDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """A database and what to call when done."""

    database: Database
    stop: Callable[[], None]


async def open_database(settings: Settings, *, migrate: bool = True) -> OpenDatabase:
    """The external PostgreSQL the settings name, or the embedded one; migrated, unless that is not wanted yet."""
    async with AsyncExitStack() as undo:
        url, stop = settings.database_url, _nothing
        if url is None:
            embedded = EmbeddedPostgres(settings.data_dir / "postgres")
            url = await asyncio.to_thread(embedded.start)
            stop = embedded.stop
            undo.callback(stop)
        database = Database(url)
        if migrate:
            await database.migrate()
        undo.pop_all()
        return OpenDatabase(database=database, stop=stop)


def _nothing() -> None:
    """An external database is not ours to stop."""


def web_app(runtime: Runtime) -> "FastAPI":
    """The web edge of a process: doors and health. Imported here, because a worker has none."""
    from millstream.store.access_book import open_access_book  # noqa: PLC0415 - see above
    from millstream.web.adobe_keys import AdobeKeys  # noqa: PLC0415 - see above
    from millstream.web.app import create_app  # noqa: PLC0415 - see above
    from millstream.web.auth.edge import access_edge  # noqa: PLC0415 - see above
    from millstream.web.door_settings import DoorSettings  # noqa: PLC0415 - see above
    from millstream.web.metrics import Standing, metrics_routes  # noqa: PLC0415 - see above

    async def standing() -> Standing:
        window_s = runtime.settings.slo.failing_orders_window_s
        reading = await runtime.gauges.standing(at=runtime.world.clock.now(), window_s=window_s)
        return Standing(reading=reading, tally=await runtime.watch.book.tally())

    book = open_access_book(runtime.settings.access, database=runtime.database, world=runtime.world)
    telemetry = runtime.settings.telemetry
    token = telemetry.metrics_token.get_secret_value() if telemetry.metrics_token else None
    metrics = metrics_routes(runtime.meter, standing, clock=runtime.world.clock, access=telemetry.metrics, token=token)
    doors = {}
    for name, section in runtime.settings.doors.items():
        try:
            doors[name] = DoorSettings.model_validate(section)
        except ValidationError as error:
            faults = spell_out(error, DoorSettings, "doors", name)
            raise SettingsError(f"{faults}. See docs/operate/doors.md.") from None
    app = create_app(
        inbox=runtime.ledger,
        clock=runtime.world.clock,
        tap=runtime.tap,
        doors=doors,
        health=runtime.health,
        public_key=AdobeKeys(runtime.transport, clock=runtime.world.clock),
        access=access_edge(
            users=book.users,
            setup=book.users,
            sessions=book.sessions,
            keys=book.keys,
            public_url=runtime.settings.access.public_url,
            openid=runtime.settings.openid,
            transport=runtime.transport,
            clock=runtime.world.clock,
            tap=runtime.tap,
        ),
        routers=(metrics,),
    )
    runtime.operating.install_api(app, runtime.audit)
    return app
