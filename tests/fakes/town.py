"""Store, CRM, ERP and hub workers as processes of their own, over real sockets: what a SIGKILL is tried on."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from fakes.counting_erp import CountingErp
from fakes.tap import RecordingTap
from millstream.bootstrap import Runtime
from millstream.engine.world import SystemWorld
from millstream.sandbox.adobe_commerce.access import default_integration
from millstream.sandbox.salesforce.app import CLIENT_ID, CLIENT_SECRET
from millstream.settings import Settings
from millstream.store.audit import AuditTrail
from millstream.web.order_hint import order_hint
from millstream.wire.http import AiohttpTransport, Request
from millstream.wire.kit import WireKit

TESTS = Path(__file__).parents[1]
SANDBOX = "millstream.sandbox.run"
OURS_TO_MEND = ("lane.was_asleep", "delivery.crashed", "poll.crashed", "Task exception was never retrieved")
LEASE_S = 3


class Town:
    """Start the systems, place orders, start and kill workers, then judge what became of every order."""

    def __init__(self, folder: Path, database, *, dice) -> None:
        self.folder = folder
        self.database = database
        self.dice = dice
        self.world = SystemWorld()
        self.transport = AiohttpTransport()
        self.processes: dict[str, subprocess.Popen] = {}
        self.starts = 0
        self.placed: list[dict] = []
        self.accepted: list[tuple[str, object]] = []  # order number and the event id that `accept` returned
        self.kills = Counter()

    # --- the systems ---

    def open(self) -> None:
        """Starts the three systems side by side and a hub that only accepts."""
        commands = {
            "store": ["-m", SANDBOX, "adobe_commerce"],
            "crm": ["-m", SANDBOX, "salesforce"],
            "erp": [str(TESTS / "fakes/counting_erp.py"), "--latency-s", "0.02"],
        }
        for name, command in commands.items():
            self._start(name, command)
        self.urls = {name: self._first_line(name).split()[1] for name in commands}
        tap = RecordingTap()
        kit = WireKit(transport=self.transport, world=self.world, tap=tap)
        erp = CountingErp(kit, self.urls["erp"])
        self.hub = Runtime(
            Settings(**self.settings()), database=self.database, transport=self.transport, tap=tap, erp=erp
        )

    def settings(self) -> dict:
        owner = default_integration()
        return {
            "worker": {"concurrency": 16, "lease_s": LEASE_S, "poll_s": 0.5},
            "retry": {"attempts_max": 30, "first_delay_s": 0.2, "delay_max_s": 2},
            "poll": {"store_every_s": 0.5, "erp_every_s": 5},
            "policy": {"unknown_customer": "create"},
            "store": {
                "kind": "adobe_commerce",
                "name": "shop",
                "base_url": self.urls["store"],
                "consumer_key": owner.consumer_key,
                "consumer_secret": owner.consumer_secret,
                "access_token": owner.token,
                "access_token_secret": owner.token_secret,
            },
            "erp": {"kind": "tryton"},
            "crm": {
                "kind": "salesforce",
                "name": "crm",
                "login_url": self.urls["crm"],
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
        }

    def _start(self, name: str, command: list[str]) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            self.command(name, command), stdout=subprocess.PIPE, stderr=log, env=self.environment(name)
        )
        log.close()

    def command(self, name: str, command: list[str]) -> list[str]:
        """How a process of this name is started."""
        return [sys.executable, *command]

    def environment(self, name: str) -> dict[str, str]:
        """What a process of this name is started with."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}

    def _first_line(self, name: str) -> str:
        line = self.processes[name].stdout.readline().decode()
        assert line, (self.folder / f"{name}.log").read_text()[-2000:]
        return line

    async def close(self) -> None:
        for name in list(self.processes):
            self._end(name)
        await self.transport.close()

    def _end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        process.stdout.close()

    # --- workers ---

    def start_worker(self, name: str, *, migrations: Path | None = None, one_writer: bool = False) -> None:
        """Starts a worker under a name nobody had before, as every real process. A newer one brings its own steps."""
        self.starts += 1
        plan = {
            "database_url": self.database.url,
            "worker": f"{name}-{self.starts}",
            "erp_url": self.urls["erp"],
            "settings": self.settings(),
            "migrations": migrations and str(migrations),
            "one_writer": one_writer,
        }
        self._start(name, [str(TESTS / "fakes/worker_process.py"), json.dumps(plan)])

    def kill(self, name: str) -> None:
        """SIGKILL: no except clause, no finally, no goodbye."""
        assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
        self._end(name)
        self.kills[name] += 1

    # --- orders ---

    async def sim(self, system: str, method: str, path: str, body=None):
        content = None if body is None else json.dumps(body).encode()
        url = f"{self.urls[system]}{path}"
        answer = await self.transport.send(
            Request(method=method, url=url, headers={"content-type": "application/json"}, body=content)
        )
        assert answer.status == 200, answer.text()
        return answer.json()

    async def arrive(self, orders: int, *, at_once: int = 10, pause_s: float = 0.25) -> None:
        """Orders come in, a few at a time: every one is there for polling, every second one is also hinted at."""
        for number in range(0, orders, at_once):
            wish = {"count": min(at_once, orders - number), "seed": f"{self.dice.random()}"}
            placed = await self.sim("store", "POST", "/_sim/orders/batch", wish)
            self.placed += placed
            await self.hint([order for order in placed if order["entity_id"] % 2])
            await asyncio.sleep(pause_s)

    async def hint(self, orders: list[dict]) -> None:
        """As a webhook would: repeats until the hub says that it has committed."""
        hints = [
            order_hint(
                "shop",
                str(order["entity_id"]),
                source_id=f"hint/{order['entity_id']}",
                updated_at=None,
                occurred_at=self.world.clock.now(),
            )
            for order in orders
        ]
        ids = await self.insist(lambda: self.hub.ledger.accept(hints))
        self.accepted += [
            (str(hint.data["store_order_id"]), event_id) for hint, event_id in zip(hints, ids, strict=True) if event_id
        ]

    async def insist(self, ask, *, tries: int = 240):
        """Asks again while PostgreSQL is away."""
        from millstream.domain.errors import Retry

        for _ in range(tries):
            try:
                return await ask()
            except Retry:
                await asyncio.sleep(0.25)
        raise AssertionError("PostgreSQL does not come back")

    async def until(self, what: str, reached, *, tries: int = 1200) -> None:
        """Watches until `reached` is true."""
        for _ in range(tries):
            if await self.insist(reached):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never happens: {what}; {await self.open_deliveries()}")

    async def value(self, query: str, *args):
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)

    async def rows(self, query: str, *args) -> list[dict]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *args)]

    async def settled(self) -> int:
        """How many deliveries are done."""
        return await self.value("select count(*) from delivery where state = 'done'")

    async def open_deliveries(self) -> list[dict]:
        return await self.rows(
            "select e.type, e.subject, d.subscriber, d.state, d.tries, d.fault_code, d.fault_message "
            "from delivery d join event e on e.id = d.event_id where d.state not in ('done', 'discarded') limit 20"
        )

    async def until_all_told(self) -> None:
        """Every placed order went to ERP, store and CRM, and nothing is open."""

        async def told() -> bool:
            confirmed = await self.value("select count(*) from event where type = 'order.confirmed'")
            return confirmed == len(self.placed) and not await self.open_deliveries()

        await self.until("every order is told to everybody", told)

    # --- the judge ---

    async def judge(self) -> dict:
        """Exactly one of everything for every order, whatever died; returns what the deaths left behind."""
        for name in [name for name in self.processes if name.startswith("worker")]:
            self._end(name)
        keys = {f"shop-1-{order['increment_id']}": order["entity_id"] for order in self.placed}
        assert len(keys) == len(self.placed)
        asked = await self._judge_erp(keys)
        await self._judge_store(keys)
        await self._judge_crm(keys)
        repeated = await self._judge_history(keys)
        await self._judge_ledger()
        return {
            "erp_asked_again": asked,
            "deliveries_taken_over": repeated,
            "settlements_that_waited": self._judge_logs().count('"settle.failed"'),
        }

    async def _judge_erp(self, keys) -> int:
        orders = await self.sim("erp", "GET", "/orders")
        assert sorted(row["key"] for row in orders) == sorted(keys)
        assert {row["made"] for row in orders} == {1}
        return sum(row["asked"] - 1 for row in orders)

    async def _judge_store(self, keys) -> None:
        numbers = {row["key"]: row["number"] for row in await self.sim("erp", "GET", "/orders")}
        for key, entity_id in keys.items():
            seen = await self.sim("store", "GET", f"/_sim/orders/{entity_id}")
            confirmations = [c for c in seen["comments"] if "is confirmed" in (c["comment"] or "")]
            assert len(confirmations) == 1, (key, confirmations)
            assert seen["order"]["ext_order_id"] == numbers[key]
            assert numbers[key] in confirmations[0]["comment"]

    async def _judge_crm(self, keys) -> None:
        records = (await self.sim("crm", "GET", "/_sim/records?object=Order"))["Order"]
        assert sorted(row["Hub_Order_Id__c"] for row in records) == sorted(keys)
        events = await self.sim("crm", "GET", "/_sim/events")
        assert {row["Hub_Event_Id__c"] for row in events} == {f"order/{key}/purchased" for key in keys}

    async def _judge_history(self, keys) -> int:
        """One done attempt per delivery, with the calls that made it so; never a done one twice."""
        rows = await self.rows(
            "select e.subject, e.type, d.subscriber, d.state, d.tries, "
            "(select count(*) from attempt a where a.delivery_id = d.id and a.outcome = 'done') as done, "
            "(select max(n) from attempt a where a.delivery_id = d.id) as last, "
            "(select array_agg(distinct operation) from call c where c.delivery_id = d.id and outcome = 'ok') as calls "
            "from event e join delivery d on d.event_id = e.id"
        )
        assert {(row["state"], row["done"]) for row in rows} == {("done", 1)}
        assert all(row["last"] == row["tries"] for row in rows)
        needed = {
            "erp": {"erp.find_items", "erp.place_order"},
            "store": {"order.update"},
            "crm": {"purchase.record", "purchase.announce"},
        }
        per_order = {(row["subject"], row["subscriber"]): set(row["calls"] or ()) for row in rows}
        for key in keys:
            for subscriber, calls in needed.items():
                assert calls <= per_order[key, subscriber], (key, subscriber, per_order[key, subscriber])
            assert {"order.comment", "comments.read"} & per_order[key, "store"]
        kinds = Counter((row["type"], row["subject"]) for row in await self.rows("select type, subject from event"))
        assert all(kinds["order.placed", key] == kinds["order.confirmed", key] == 1 for key in keys)
        assert await self.value("select count(*) from sales_order") == len(keys)
        return sum(row["tries"] > 1 for row in rows)

    async def _judge_ledger(self) -> None:
        stored = {row["id"].bytes for row in await self.rows("select id from event")}
        assert self.accepted
        assert all(event_id.bytes in stored for _, event_id in self.accepted), "an accepted event is gone"
        assert await self.hub.ledger.wake_sleeping_lanes() == 0
        trail = AuditTrail(self.database, world=self.world)
        verdict = None

        async def all_sealed() -> bool:
            nonlocal verdict
            await trail.seal()
            verdict = await trail.verify()
            return verdict.unsealed == 0

        await self.until("the audit trail is sealed", all_sealed)  # the dead workers' sessions end in their own time
        assert verdict.broken_seal is None, verdict.detail
        assert verdict.rows == await self.value("select count(*) from audit")
        tried = await self.value("select count(*) from audit where action like 'delivery.%'")
        assert tried == await self.value("select count(*) from attempt")

    def _judge_logs(self) -> str:
        told = "\n".join(path.read_text() for path in sorted(self.folder.glob("worker*.log")))
        found = [word for word in OURS_TO_MEND if word in told]
        assert not found, told[told.index(found[0]) - 200 :][:3000]
        return told
