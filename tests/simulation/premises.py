"""Two hub processes over one flaky database, the systems around them, and a clock that moves while they wait.

Everybody has a clock of their own, and none of them is quite right.
"""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from random import Random

from fakes.crash import Crash, CrashTap
from fakes.house import CRM, STORE, House, store_credentials
from fakes.s4hana import SETTINGS as ERP
from fakes.world import START
from millstream.bootstrap import Runtime
from millstream.domain.errors import Retry
from millstream.engine.tap import Taps
from millstream.sandbox.adobe_commerce import create_app as create_store
from millstream.sandbox.faults import Faults
from millstream.sandbox.salesforce.app import create_app as create_crm
from millstream.sandbox.sap_s4hana.access import CLIENT_ID, CLIENT_SECRET
from millstream.settings import Settings
from millstream.wire.http import Request, Response
from simulation.between import FlakyDatabase, OwnClock, OwnWorld, SlowTransport
from simulation.factory import EVERYBODY, HOST, Factory
from simulation.trouble import Suffered

POLL_STORE_S, POLL_ERP_S = 300, 240
LOOK_S = 110  # how often it is looked whether a poll is due
FROZEN_S = 45  # longer than a lease
SKEW_PROCESS_S = 2.0  # what may be left of a wrong clock after it was set by the database's
SKEW_SYSTEM_S = 90.0
BUGS = frozenset({"delivery.crashed", "poll.crashed", "lane.was_asleep"})


async def _nobody(url, headers, body):
    return 200


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


class Premises(House):
    """Everything there is."""

    def __init__(self, database: FlakyDatabase, seed: int, suffered: Suffered, *, faults: bool) -> None:
        self.seed = seed
        self.suffered = suffered
        self.journal = Journal()
        self.processes: list[Process] = []
        self.dice = Random(f"premises {seed}")
        self.skews = faults
        self._look_again_at = START
        super().__init__(database, seed=seed)
        clock = self.world.clock
        self.transport = SlowTransport(clock, database, seed, suffered, {})
        sleep = self.transport.sleep
        self.store_app = create_store(now=self._clock().now, sleep=sleep, seed=seed, post=_nobody)
        self.crm_app = create_crm(now=self._clock().now, faults=Faults(seed=seed, sleep=sleep))
        self.factory = Factory(clock, seed, now=self._clock().now, sleep=sleep)
        self.factory.door, self.factory.is_booked, self.factory.unit_of = self._door, self.is_booked, self._unit_of
        self.transport.apps |= {"shop": self.store_app, "localhost": self.crm_app, HOST: self.factory.app}
        self.faults = {"shop": self.store_app.faults, "localhost": self.crm_app.faults, HOST: self.factory.app.faults}
        by_token = {"auth": "oauth2", "token_url": f"{ERP['base_url']}/oauth/token"}
        self.erp_section = {
            "kind": "sap_s4hana",
            "name": "erp",
            **ERP,
            **({**by_token, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} if seed % 2 else {}),
            "default_customer": EVERYBODY,
            "tax_condition": "ZMST",
            "deliveries_every_s": 15,
            "page_size": 20,
        }

    def _clock(self) -> OwnClock:
        """That of a system."""
        return OwnClock(self.world.clock, self._skew(SKEW_SYSTEM_S))

    def _skew(self, most_s: float) -> float:
        """By how much the next clock is wrong."""
        self.suffered.note("clock_skew", self.skews)
        return round(self.dice.uniform(-most_s, most_s), 1) if self.skews else 0.0

    async def _door(self, method: str, path: str, plan) -> Response:
        body = None if plan is None else json.dumps(plan).encode()
        return await self.transport.send(Request(method=method, url=f"http://{HOST}/_sim/{path}", body=body))

    async def is_booked(self, key: str) -> bool:
        return bool(await self.value("select 1 from sales_order where order_key = $1", key))

    def _unit_of(self, line: str) -> tuple[str, Decimal]:
        """The parts of a bundle ship as the bundle they belong to."""
        for order in self.store_app.shop.orders.values():
            items = {str(item["item_id"]): item for item in order["items"]}
            if line in items:
                parent = items.get(str(items[line].get("parent_item_id")))
                if parent is None or parent["product_type"] != "bundle":
                    return line, Decimal(1)
                each = Decimal(items[line]["qty_ordered"]) / Decimal(parent["qty_ordered"])
                return str(parent["item_id"]), each
        raise KeyError(line)

    def build(self):
        """Not before the systems stand: see `start`."""
        return

    def start(self, die_at: int | None = None) -> Process:
        """A fresh process that dies at its n-th step, if one is given."""
        self.runs += 1
        tap = CrashTap(die_at)
        settings = Settings(
            store={**STORE, **store_credentials(self.store_app)},
            erp=self.erp_section,
            crm=CRM,
            policy=self.policy,
            poll={"store_every_s": POLL_STORE_S, "erp_every_s": POLL_ERP_S},
        )
        hub = Runtime(
            settings,
            database=self.database,
            transport=self.transport,
            world=OwnWorld(self.world, self._skew(SKEW_PROCESS_S)),
            tap=Taps([self.journal, tap]),
            worker_name=f"w{self.runs}",
        )
        process = Process(hub, tap)
        self.processes.append(process)
        self.hub = hub
        return process

    def time_to_poll(self) -> bool:
        """Whether a poll may be due: asking the schedule at every turn would be most of the day's work."""
        now = self.world.clock.now()
        if now < self._look_again_at:
            return False
        self._look_again_at = now + timedelta(seconds=LOOK_S)
        return True

    async def take_turn(self, process: Process, *, polls: bool = True) -> bool:
        """Polls and works until nothing is due. False: the process died on the way and is gone."""
        try:
            if polls:
                await process.hub.poller.poll_all()
            while await process.hub.worker.run_due():
                pass
        except Crash:
            self.processes.remove(process)
            return False
        except Retry:
            pass  # the database was away; the worker looks again at its next turn
        return True

    async def look(self, process: Process) -> None:
        """Only polls: what is new waits to be done."""
        try:
            await process.hub.poller.poll_all()
        except Crash:
            self.processes.remove(process)
        except Retry:
            pass

    async def take_turns_at_once(self) -> int:
        """All processes work side by side; how many died."""
        self.transport.both_at_work = True
        polls = self.time_to_poll()
        turns = [asyncio.create_task(self.take_turn(each, polls=polls)) for each in list(self.processes)]
        lived = await asyncio.gather(*turns)
        self.transport.both_at_work = False
        return lived.count(False)

    async def freeze(self, frozen: Process, other: Process) -> bool:
        """One works, then stands still past its lease before it can settle; the other does it again meanwhile."""
        ledger = frozen.hub.ledger
        settle = ledger.settle

        async def settle_late(attempt):
            ledger.settle = settle
            self.world.clock.advance(FROZEN_S)
            self.suffered.note("freeze")
            await self.take_turn(other)
            return await settle(attempt)

        ledger.settle = settle_late
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
        return True
