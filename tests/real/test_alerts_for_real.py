"""Processes, sockets, seconds: the ERP goes away and somebody is told within a minute; every worker dies, likewise."""

import asyncio
import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import httpx
import pytest

from fakes.household import Household

pytestmark = pytest.mark.real

ALERT_WITHIN_S = 60


class Desk(BaseHTTPRequestHandler):
    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((monotonic(), said["title"], said["message"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def desk():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    server.got, server.daemon_threads = [], True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def household(tmp_path, desk):
    """At the ERP's address nobody answers: every order fails to reach it."""
    household = Household(tmp_path)
    await household.open()
    settings = tmp_path / "millstream.toml"
    url = f"json://127.0.0.1:{desk.server_address[1]}/hook"
    told = f'\n[alerts]\nworker_silent_s = 10\nallow_private = true\n\n[alerts.channels]\ndesk = "{url}"\n'
    settings.write_text(settings.read_text() + told)
    yield household
    await household.close()


async def place(household):
    store = next(line for line in (household.folder / "millstream.toml").read_text().splitlines() if "base_url" in line)
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            store.split('"')[1] + "/_sim/orders", json={"customer": 1, "lines": [{"sku": "VALVE-050", "qty": 1}]}
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def holds(ask):
    """Waits for what announces itself to nobody: the test's own time limit ends it."""
    async with asyncio.timeout(ALERT_WITHIN_S):
        while not await ask():  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.1)


async def metrics(household):
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{household.url}/metrics")).text


async def test_orders_that_do_not_reach_the_erp_are_told_within_a_minute(household, desk):
    hub = await household.serve()
    await household.ready(hub)
    placed = monotonic()
    await place(household)

    async def told():
        return desk.got

    await holds(told)
    at, title, body = desk.got[0]
    assert at - placed < ALERT_WITHIN_S
    assert title.startswith("1 order, EUR "), title
    assert "do not reach the ERP; nothing lost" in body
    assert "docs/operate/runbooks/orders-failing.md" in body
    text = await metrics(household)
    assert 'millstream_alerts{code="orders-failing",state="firing"} 1.0' in text
    assert "millstream_workers 1.0" in text
    listed = await household._start("-m", "millstream", "alerts", "list", "--json", MILLSTREAM_CRM__CLIENT_SECRET="x")
    out, _ = await listed.communicate()
    assert listed.returncode == 0, household.log
    (alert,) = [alert for alert in json.loads(out)["alerts"] if alert["code"] == "orders-failing"]
    assert datetime.fromisoformat(alert["fired_at"])
    acknowledged = await household._start("-m", "millstream", "alerts", "ack", str(alert["id"]))
    out, _ = await acknowledged.communicate()
    assert acknowledged.returncode == 0
    assert f"alert {alert['id']} is yours" in out.decode()
    assert await household.terminate(hub) == 0, household.log
    assert "Traceback" not in household.log


@pytest.mark.thorough
async def test_a_hub_whose_workers_are_all_dead_says_so(household, desk):
    edge = await household.serve("--no-worker")
    await household.ready(edge)
    worker = await household._start("-m", "millstream", "work", MILLSTREAM_CRM__CLIENT_SECRET="x")

    async def works():
        return "millstream_workers 1.0" in await metrics(household)

    await holds(works)
    worker.kill()
    await worker.wait()

    async def told():
        return any("Nothing is carried out" in title for _, title, _ in desk.got)

    await holds(told)
    assert await household.terminate(edge) == 0, household.log
