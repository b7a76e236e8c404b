"""Ten thousand requests nobody should send, to a hub that runs as it does in production: none is let in, none hurts."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from time import monotonic

import httpx
import psutil
import pytest

from fakes.attacker import Attacker
from fakes.edge import HMAC_SECRET, MAGEOS_SECRET, WEBHOOK_SECRET, delivered, encoded, webhook_headers
from fakes.hostility import Armoury
from fakes.household import free_port
from millstream.domain.access import Role
from millstream.engine.world import SystemWorld
from millstream.sandbox.adobe_commerce.access import default_integration
from millstream.settings import AccessSection
from millstream.store.access_book import open_access_book

pytestmark = pytest.mark.real

SHOTS = 10_000
SEED = 20261124
LANES = 6  # connections at once
READY_S = 60
GROWS_MAX = 150 * 1024 * 1024
PASSWORD = "correct horse battery"
LIVING = {  # what the hub writes by itself while it runs, and where failed sign-ins and uses of a key leave a trace
    "schedule", "heartbeat", "connection_seen", "alert", "notification", "audit", "audit_seal", "access_attempt",
    "access_session",
}  # fmt: skip
NOWHERE = "http://127.0.0.1:9"


class Fortress:
    """`millstream serve` without a worker, on a database the test can look into."""

    def __init__(self, folder, database) -> None:
        self.folder = folder
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        owner = default_integration()
        (self.folder / "millstream.toml").write_text(f"""
port = {self.port}
database_url = "{self.database.url}"
data_dir = "data"

[store]
kind = "adobe_commerce"
name = "shop"
base_url = "{NOWHERE}"
consumer_key = "{owner.consumer_key}"
consumer_secret = "{owner.consumer_secret}"
access_token = "{owner.token}"
access_token_secret = "{owner.token_secret}"

[erp]
kind = "tryton"
base_url = "{NOWHERE}"
database = "plant"
user = "hub"
password = "x"
web_shop = "shop"
warehouse = "EAST"

[crm]
kind = "salesforce"
login_url = "{NOWHERE}"
client_id = "x"
client_secret = "x"

[doors.carrier]
kind = "events"
secrets = ["{WEBHOOK_SECRET}"]

[doors.planner]
kind = "events"
scheme = "hmac"
secrets = ["{HMAC_SECRET}"]

[doors.mage]
kind = "mageos"
store = "shop"
secrets = ["{MAGEOS_SECRET}"]

[doors.adobe]
kind = "io_events"
store = "shop"
client_id = "hub"
""")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "millstream", "serve", "--no-worker"),
                stdout=log,
                stderr=log,
                env=inherited,
                cwd=self.folder,
            )
        async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
            while True:
                assert self.process.returncode is None, self.log
                try:
                    answer = await client.get(f"{self.url}/readyz")
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    return

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def memory(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def credentials(self) -> tuple[str, str]:
        """An administrator's key, and the cookie of an administrator who is signed in."""
        book = open_access_book(AccessSection(), database=self.database, world=SystemWorld())
        made = await book.keys.create_key(
            "attacked", role=Role.ADMIN, rights=None, lifetime=timedelta(days=1), actor="test"
        )
        await book.users.add_user("anna", Role.ADMIN, PASSWORD, actor="test")
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/api/session", json={"name": "anna", "password": PASSWORD})
            assert answer.status_code in {200, 201}, answer.text
            (cookie,) = client.cookies.jar
        return made.token, f"{cookie.name}={cookie.value}"

    async def operations(self) -> list[tuple[str, str]]:
        """Everything the hub describes; but not what an administrator may do without a word, proof included."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            described = (await client.get("/openapi.json")).json()["paths"]
        return [(method.upper(), path) for path, methods in sorted(described.items()) for method in methods]

    async def state(self) -> dict[str, str]:
        """Every row of every table, but for those that live by themselves."""
        found = {}
        async with self.database.connection() as connection:
            for row in await connection.fetch("select relname from pg_stat_user_tables order by relname"):
                table = row["relname"]
                if table in LIVING:
                    continue
                found[table] = await connection.fetchval(
                    f"select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '')"
                    f" from (select {_columns(table)} from {table}) t"
                )
            found["sessions"] = await connection.fetchval("select count(*) from access_session")
            rows = await connection.fetch(
                "select action, count(*) from audit where action not like 'access.sign_in_%'"
                " and actor <> 'hub:watch' group by action order by 1"
            )
        return {**found, "audit": str([tuple(row) for row in rows])}


def _columns(table: str) -> str:
    """When a key was last used changes by using it."""
    return "id, name, hash, role, rights, expires_at, revoked_at" if table == "access_key" else "*"


@pytest.fixture
async def fortress(tmp_path, database):
    fortress = Fortress(tmp_path, database)
    await fortress.open()
    yield fortress
    await fortress.close()


@pytest.mark.quick_commits
async def test_ten_thousand_hostile_requests_change_nothing_and_are_all_refused_in_one_shape(fortress):
    key, cookie = await fortress.credentials()
    armoury = Armoury(SEED, operations=await fortress.operations(), key=key, cookie=cookie)
    attacker = Attacker(fortress.port)
    shots = list(armoury.shots(SHOTS))
    await attacker.fire(list(armoury.shots(200)))  # what is loaded with the first request of a kind is no growth
    before, memory, started = await fortress.state(), fortress.memory, monotonic()
    slow = [asyncio.create_task(attacker.fire_alone(shot)) for shot in armoury.slow()]
    await asyncio.gather(*(attacker.fire(shots[lane::LANES]) for lane in range(LANES)))
    fast_s = monotonic() - started
    await asyncio.gather(*slow)
    print(
        f"{sum(attacker.sent.values())} requests, {fast_s:.0f} s and {monotonic() - started:.0f} s with the slow ones"
    )
    print(f"memory {memory >> 20} MiB, then {fortress.memory >> 20} MiB")
    print(json.dumps({f"{kind} {status}": n for (kind, status), n in sorted(attacker.answered.items())}, indent=0))

    assert attacker.findings == [], f"{len(attacker.findings)}\n" + "\n".join(attacker.findings[:20])
    assert sum(attacker.sent.values()) >= SHOTS
    for kind in ("slow body", "slow head"):  # each was told that it took too long, long before it had said all
        assert attacker.answered[kind, 408] == attacker.sent[kind] > 0
    assert await fortress.state() == before
    assert fortress.process.returncode is None, fortress.log[-3000:]
    assert fortress.memory - memory < GROWS_MAX
    assert "Traceback" not in fortress.log
    for secret in (key, cookie.partition("=")[2], PASSWORD, WEBHOOK_SECRET, HMAC_SECRET, MAGEOS_SECRET):
        assert secret not in fortress.log
    await _still_serves(fortress, key)


async def _still_serves(fortress, key) -> None:
    """A good key reads, a good signature is taken."""
    async with httpx.AsyncClient(base_url=fortress.url) as client:
        answer = await client.get("/api/orders", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        body = encoded(delivered(id="evt-good"))
        answer = await client.post("/in/events/carrier", content=body, headers=webhook_headers(body, datetime.now(UTC)))
        assert answer.status_code == 202, answer.text
