"""Two hub processes over one flaky database, the systems around them, and a clock that moves while they wait."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from contextvars import ContextVar
from random import Random

import asyncpg

from fakes.crash import Crash, CrashTap
from fakes.house import CRM, STORE, House, store_credentials
from fakes.transport import AsgiTransport
from millstream.bootstrap import Runtime
from millstream.domain.errors import Retry
from millstream.engine.tap import Taps
from millstream.sandbox.faults import Faults
from millstream.sandbox.salesforce.app import create_app as create_crm
from millstream.settings import Settings
from millstream.store.database import Database
from millstream.wire.http import TransportError
from simulation.works import Works

TIMEOUT_S = 20  # how long a call that is never answered takes on the day's clock
FROZEN_S = 45  # longer than a lease
BUGS = frozenset({"delivery.crashed", "poll.crashed", "lane.was_asleep"})


class FlakyDatabase(Database):
    """One connection, so that a seed decides the order of everything; transactions fail or lose their answer."""

    def __init__(self, url, seed) -> None:
        super().__init__(url, pool_max=1)
        self.dice = Random(f"database {seed}")
        self.rate = 0.0

    async def pool(self):
        """No PostgreSQL dies on such a day, so no commit waits for a disk, and the one connection is never reset."""
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=1,
                reset=_as_it_is,
                server_settings={"timezone": "UTC", "synchronous_commit": "off"},
            )
        return self._pool

    @asynccontextmanager
    async def transaction(self):
        throw = self.dice.random() if self.rate else 1.0
        if throw < self.rate / 2:
            raise Retry("store.unavailable", "the day's database is away")
        async with super().transaction() as connection:
            yield connection
        if throw < self.rate:
            raise Retry("store.unavailable", "the day's database committed, but its answer was lost")


async def _as_it_is(connection) -> None:
    pass


class SlowTransport(AsgiTransport):
    """A call without an answer takes its time; while both processes work, any call may last some statements long.

    Waiting in line for the one database connection lets the others go on, in an order that the seed decides.
    """

    def __init__(self, clock, database, seed, **apps) -> None:
        super().__init__(**apps)
        self.clock = clock
        self.database = database
        self.dice = Random(f"transport {seed}")
        self.both_at_work = False

    async def sleep(self, seconds: float) -> None:
        """How a sandbox is slow. While both work the clock stands: no lease may end that a heartbeat would keep."""
        if not self.both_at_work:
            self.clock.advance(seconds)

    async def send(self, request):
        await self.dawdle()
        try:
            return await super().send(request)
        except TransportError as lost:
            if "timeout" in lost.reason:
                await self.sleep(TIMEOUT_S)
            raise
        finally:
            await self.dawdle()

    async def dawdle(self) -> None:
        if self.both_at_work and self.dice.random() < 0.15:
            for _ in range(self.dice.choice((1, 3, 10, 25))):
                async with self.database.connection() as connection:
                    await connection.execute("select")


class Journal:
    """Counts every note and keeps those that must never be heard."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.bugs: list[str] = []
        self.verbose = False

    def note(self, name, /, **facts) -> None:
        self.counts[name] += 1
        if name in BUGS:
            self.bugs.append(f"{name}: {facts}")
        if self.verbose and name in {"delivery.settled", "poll.failed", "breaker.opened", "breaker.closed"}:
            print("    ", name, {key: value for key, value in facts.items() if value is not None})


class Process:
    """One hub process. Once its tap raised, it is dead: whatever it tries next raises too."""

    def __init__(self, hub: Runtime, tap: CrashTap) -> None:
        self.hub = hub
        self.tap = tap


at_work: ContextVar[Process | None] = ContextVar("at_work", default=None)


class Premises(House):
    """Everything there is."""

    def __init__(self, database: FlakyDatabase, seed: int) -> None:
        self.seed = seed
        self.journal = Journal()
        self.processes: list[Process] = []
        super().__init__(database, seed=seed)
        clock = self.world.clock
        self.crm_app = create_crm(now=clock.now, faults=Faults(seed=seed))
        self.transport = SlowTransport(clock, database, seed, shop=self.store_app, localhost=self.crm_app)
        self.store_app.faults.sleep = self.crm_app.faults.sleep = self.transport.sleep
        self.erp = Works(self, clock, seed)
        self.erp.dawdle = self.transport.dawdle

    def note(self, name, /, **facts) -> None:
        """The ERP in memory tells its steps to the process that called it."""
        self.journal.note(name, **facts)
        process = at_work.get()
        if process is not None:
            process.tap.note(name, **facts)

    def build(self):
        """Not before the systems stand: see `start`."""
        return

    def start(self, die_at: int | None = None) -> Process:
        """A fresh process that dies at its n-th step, if one is given."""
        self.runs += 1
        tap = CrashTap(die_at)
        settings = Settings(
            store={**STORE, **store_credentials(self.store_app)},
            erp={"kind": "tryton"},
            crm=CRM,
            policy=self.policy,
            poll={"store_every_s": 45, "erp_every_s": 30},
        )
        hub = Runtime(
            settings,
            database=self.database,
            transport=self.transport,
            world=self.world,
            tap=Taps([self.journal, tap]),
            worker_name=f"w{self.runs}",
            erp=self.erp,
        )
        process = Process(hub, tap)
        self.processes.append(process)
        self.hub = hub
        return process

    async def take_turn(self, process: Process) -> bool:
        """Polls and works until nothing is due. False: the process died on the way and is gone."""
        turn = at_work.set(process)
        try:
            await process.hub.poller.poll_all()
            while await process.hub.worker.run_due():
                pass
        except Crash:
            self.processes.remove(process)
            return False
        except Retry:
            pass  # the database was away; the worker looks again at its next turn
        finally:
            at_work.reset(turn)
        return True

    async def take_turns_at_once(self) -> int:
        """All processes work side by side; how many died."""
        self.transport.both_at_work = True
        lived = await asyncio.gather(*(asyncio.create_task(self.take_turn(each)) for each in list(self.processes)))
        self.transport.both_at_work = False
        return lived.count(False)

    async def freeze(self, frozen: Process, other: Process) -> bool:
        """One works, then stands still past its lease before it can settle; the other does it again meanwhile."""
        ledger = frozen.hub.ledger
        settle = ledger.settle

        async def settle_late(attempt):
            ledger.settle = settle
            self.world.clock.advance(FROZEN_S)
            await self.take_turn(other)
            return await settle(attempt)

        ledger.settle = settle_late
        turn = at_work.set(frozen)
        try:
            claimed = await ledger.claim(limit=1, subscribers=frozen.hub.routes.subscribers)
            for delivery in claimed:
                await frozen.hub.worker._execution.run(delivery)
        except Crash:
            self.processes.remove(frozen)
            return False
        except Retry:
            pass
        finally:
            ledger.settle = settle
            at_work.reset(turn)
        return True
