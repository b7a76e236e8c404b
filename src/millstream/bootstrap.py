"""Names every adapter once and puts one process together."""

import asyncio
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError

from millstream.alerting import in_settings, open_channels, open_rule_book, refuse_unknown_flows
from millstream.credentials import Credentials
from millstream.domain.errors import Failure, Retry
from millstream.domain.values import Money
from millstream.engine.alerts.rulebook import InForce
from millstream.engine.alerts.watch import Watch
from millstream.engine.delivery import Execution
from millstream.engine.meter import Meter
from millstream.engine.overlays.live import LiveOverlays
from millstream.engine.poller import Polled, Poller, PollTask
from millstream.engine.pulse import WorkerPulse
from millstream.engine.retry import RetryPolicy
from millstream.engine.routes import Routes
from millstream.engine.tap import CountingTap, LogTap, Taps
from millstream.engine.worker import Worker, WorkerSettings
from millstream.engine.world import SystemClock, SystemWorld
from millstream.flows import ROUTES
from millstream.flows.drift import DriftCheck
from millstream.flows.erp_changes import changes_of, facts_of_changes
from millstream.flows.hub import Hub, Policy
from millstream.flows.intake import facts_of_page, feed_of
from millstream.flows.order_to_erp import WAIVABLE
from millstream.operating import Operating
from millstream.ports.connector import Connector
from millstream.ports.erp import ErpPort
from millstream.ports.secrets import SecretValue
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.settings import Settings, SettingsError, and_see, spell_out, where_settings_were_looked_for
from millstream.store.alerts import PostgresAlertBook
from millstream.store.audit import AuditTrail
from millstream.store.database import Database
from millstream.store.desk import PostgresDesk
from millstream.store.drift import PostgresDrift
from millstream.store.embedded import EmbeddedPostgres
from millstream.store.exclusive import ExclusiveRole
from millstream.store.gauges import PostgresGauges
from millstream.store.ledger import PostgresLedger
from millstream.store.records import PostgresRecords
from millstream.wire.http import AiohttpTransport, Transport
from millstream.wire.kit import WireKit

if TYPE_CHECKING:
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
        wrong = "names no kind" if name is None else f"kind = {name!r} is not known"
        raise SettingsError(
            f"[{section_name}] {wrong}. Known: {', '.join(known)}. "
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
        raise SettingsError(and_see(faults, f"docs/connectors/{spec.name}.md")) from None
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
        secrets: Mapping[str, SecretValue] | None = None,
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
        self.overlays = LiveOverlays(tap=self.tap)
        kit = WireKit(transport=self.transport, world=self.world, tap=self.tap, overlays=self.overlays)
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
        self.credentials = Credentials(
            settings, secrets or {}, database=database, kit=kit, open_port=open_port, desk=self.desk
        )
        given = self.credentials.settings
        self.hub = Hub(
            store=open_port("commerce", given.store, kit),
            erp=erp or open_port("erp", given.erp, kit),
            crm=open_port("crm", given.crm, kit),
            records=self.records,
            world=self.world,
            policy=Policy(**settings.policy.model_dump()),
        )
        self.operating = Operating(
            database,
            hub=self.hub,
            connections=kit.connections,
            overlays=self.overlays,
            worker=self.worker_name,
            world=self.world,
            tap=self.tap,
        )
        self.erp_role = ExclusiveRole(database, f"{ERP_WRITER}:{self.hub.erp.name}", tap=self.tap)
        self.worker = self._worker()
        self.ledger.woken = self.worker.wake
        self.ledger.taker = self.worker
        self.gauges = PostgresGauges(database)
        self.notifier = open_channels(settings)
        self.credentials.on_renewal(lambda given: partial(self.notifier.use, given.alerts.urls()))
        self.rules = open_rule_book(settings, database=database, clock=self.world.clock)
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
        self.comparer = self._comparer()

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
        refuse_unknown_flows(self.settings, ROUTES)
        slo, policy = in_settings(self.settings)
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
            rules=self.rules,
            in_settings=InForce(slo=slo, policy=policy),
            systems={"erp": self.hub.erp.name, "store": self.hub.store.name, "crm": self.hub.crm.name},
            worth=self._worth,
            announcing_store=self.hub.store.name if announces else None,
            drift=PostgresDrift(self.database) if self.settings.poll.drift_every_s else None,
            public_url=self.settings.access.public_url,
        )

    def _comparer(self) -> Poller:
        """Compares the systems, at a rhythm of its own; not at all where that is set to 0."""
        every_s = self.settings.poll.drift_every_s
        ask = DriftCheck(self.hub, PostgresDrift(self.database), tap=self.tap).ask
        tasks = (PollTask(name="drift", every_s=every_s, ask=ask),) if every_s else ()
        clock, tap = self.world.clock, self.tap
        return Poller(schedule=self.ledger, tasks=tasks, clock=clock, tap=tap, woken=self.worker.wake)

    def _worth(self, payload: dict[str, Any]) -> Money | None:
        try:
            return self.hub.store.interpret(dict(payload["order"]), overlaid=False).totals.grand_total
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
            PollTask(name=feed_of(self.hub.store.name), every_s=poll.store_every_s, ask=self.ask_store),
            PollTask(name=changes_of(self.hub.erp.name), every_s=poll.erp_every_s, ask=self.ask_erp),
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
        await self.operating.overlay_keeper.begin()
        async with asyncio.TaskGroup() as group:
            background = [
                *map(group.create_task, self.operating.tasks()),
                group.create_task(self.poller.run()),
                group.create_task(self.comparer.run()),
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

    async def look_after(self) -> None:
        """Watches, and hears of secrets that change, until `stop` is called."""
        hearing = asyncio.create_task(self.credentials.keeper.keep())
        try:
            await self.watch.run()
        finally:
            hearing.cancel()

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
                await self.operating.reviews.let_linked_go()
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
    """A database, and the embedded server behind it if it is ours to keep."""

    database: Database
    embedded: EmbeddedPostgres | None

    def stop(self) -> None:
        """To be called when done. An external database is not ours to stop."""
        if self.embedded is not None:
            self.embedded.stop()


async def open_database(settings: Settings, *, migrate: bool = True, make: bool = True) -> OpenDatabase:
    """The external PostgreSQL the settings name, or the embedded one; migrated, unless that is not wanted yet.

    Where there is no embedded one, it is made; with `make` false it is refused, so that looking leaves nothing behind.
    """
    async with AsyncExitStack() as undo:
        url, embedded = settings.database_url, None
        if url is None:
            embedded = EmbeddedPostgres(settings.data_dir / "postgres")
            if not make and not embedded.exists:
                raise SettingsError(
                    f"no database is here: {embedded.folder.absolute()} does not exist, and database_url is not set. "
                    f"`millstream serve` makes one; if you mean another: {where_settings_were_looked_for()}."
                )
            url = await asyncio.to_thread(embedded.start)
            undo.callback(embedded.stop)
        database = Database(url)
        if migrate:
            await database.migrate()
        undo.pop_all()
        return OpenDatabase(database=database, embedded=embedded)
