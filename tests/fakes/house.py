"""The whole hub in one event loop: real connectors, sandbox store and CRM by ASGI, an ERP in memory, a manual clock."""

import json
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlencode

from fakes.erp import FakeErp
from fakes.tap import RecordingTap
from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.bootstrap import Runtime
from millstream.engine.tap import Taps
from millstream.sandbox.adobe_commerce import create_app as create_store
from millstream.sandbox.salesforce.app import CLIENT_ID, CLIENT_SECRET
from millstream.sandbox.salesforce.app import create_app as create_crm
from millstream.settings import Settings
from millstream.wire.http import Request

STORE = {
    "kind": "adobe_commerce",
    "name": "shop",
    "base_url": "http://shop",
    "auth": "oauth1",
    "consumer_key": "consumerkey0000000000000000sandbox",
    "since": "2026-11-01",
}
CRM = {
    "kind": "salesforce",
    "name": "crm",
    "login_url": "http://localhost",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}


def store_credentials(store):
    integration = store.access.integrations[0]
    return {
        "consumer_key": integration.consumer_key,
        "consumer_secret": integration.consumer_secret,
        "access_token": integration.token,
        "access_token_secret": integration.token_secret,
    }


class House:
    """Everything a scenario needs; `hub` may be taken down and built again, the systems live on.

    `erp` is a section of the settings that stands for a real connector in place of the ERP in memory; `hosts` makes the
    systems it speaks to, given the house's clock.
    """

    more_settings: ClassVar = {}  # sections that a house of another kind has

    def __init__(self, database, *, seed=1, erp=None, hosts=None, **policy):
        self.database = database
        self.world = ManualWorld(seed)
        now = self.world.clock.now
        self.store_app = create_store(now=now, sleep=self.world.clock.sleep, seed=seed, post=_nobody)
        self.crm_app = create_crm(now=now)
        others = {host: create(now=now) for host, create in (hosts or {}).items()}
        self.transport = AsgiTransport(shop=self.store_app, localhost=self.crm_app, **others)
        self.tap = RecordingTap()
        self.extra_taps = []
        self.erp_section = erp
        self.erp = None if erp else FakeErp(self, self.world.clock)
        self.policy = policy
        self.runs = 0
        self.hub = self.build()

    def note(self, name, /, **facts):
        """The ERP in memory tells its steps to whoever listens now."""
        Taps([self.tap, *self.extra_taps]).note(name, **facts)

    def build(self):
        """A fresh process, as after a crash."""
        self.runs += 1
        settings = Settings(
            store={**STORE, **store_credentials(self.store_app)},
            erp=self.erp_section or {"kind": "tryton"},
            crm=CRM,
            policy=self.policy,
            **{"retry": {"attempts_max": 12, "first_delay_s": 1, "delay_max_s": 60}, **self.more_settings},
        )
        return Runtime(
            settings,
            database=self.database,
            transport=self.transport,
            world=self.world,
            tap=Taps([self.tap, *self.extra_taps]),
            worker_name=f"w{self.runs}",
            erp=self.erp,
        )

    async def sim(self, host, method, path, body=None, **query):
        """The systems' own door."""
        url = f"http://{host}/_sim/{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        answer = await self.transport.send(
            Request(method=method, url=url, headers={"content-type": "application/json"}, body=content)
        )
        assert answer.status == 200, answer.text()
        return answer.json()

    async def place(self, *lines, **wish):
        """An order in the store; customer 1 unless told otherwise."""
        wish.setdefault("lines", [{"sku": sku, "qty": qty} for sku, qty in lines or [("VALVE-050", 2)]])
        if "guest" not in wish:
            wish.setdefault("customer", 1)
        return await self.sim("shop", "POST", "orders", wish)

    async def settle_down(self, *, limit=400):
        """Polls and works, letting time pass until nothing is due within an hour."""
        for _ in range(limit):
            await self.hub.poller.poll_all()
            while await self.hub.worker.run_due():
                pass
            due = await self.hub.ledger.next_due()
            now = self.world.clock.now()
            if due is None or due > now + timedelta(hours=1):
                break
            self.world.clock.advance(max((due - now).total_seconds(), 1.0))
        else:
            raise AssertionError("never settles down")
        self.world.clock.advance(10)
        await self.hub.poller.poll_all()
        while await self.hub.worker.run_due():
            pass

    async def rows(self, query, *args):
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *args)]

    async def value(self, query, *args):
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *args)


async def _nobody(url, headers, body):
    return 200
