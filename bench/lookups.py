"""How fast does the operator API find one order among a million events, and how fast are its lists?

    python bench/lookups.py --events 1000000 --json lookups.json

An embedded PostgreSQL is filled with a history (see `lookup_history.py`), then every lookup is asked for, one after the
other, with another value each time, through the API itself: routing, rights, SQL and JSON included, the network not.
`--planner ledger` asks with the settings that workers have, to see what the settings of readers are good for.
"""

import argparse
import asyncio
import json
import logging
import random
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from time import perf_counter
from typing import get_args

import httpx

from lookup_history import CODES, EVENTS_PER_ORDER, STUCK_EVERY, write_history
from millstream import operating
from millstream.bootstrap import Runtime
from millstream.domain.access import RIGHTS_OF, Identity, Role
from millstream.ports.overview import FailureView
from millstream.serving import web_app
from millstream.store.database import SESSION, Database
from millstream.store.embedded import EmbeddedPostgres
from order_saga import settings_for

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.erp import FakeErp  # noqa: E402 - the line above says where it is

LOOKUP_MAX_MS = 300.0
NEXT_PAGES = {"/api/failures": 10, "/api/reviews": 10, "/api/bulk": 50}  # behind so many; there are 20 causes
WARM_UP = 5


def lookups(orders: int, dice: random.Random) -> dict:
    """Name -> a function that makes the next question: a path and its query."""

    def n() -> int:
        return dice.randint(1, orders)

    def trouble() -> int:
        first = int(orders * 0.8) // STUCK_EVERY + 1
        return STUCK_EVERY * dice.randint(first, orders // STUCK_EVERY)

    def cause() -> int:
        return dice.randrange(len(CODES))

    def fingerprint() -> str:
        return md5(str(cause()).encode()).hexdigest()

    def search(make):
        return lambda: ("/api/orders", {"q": make()})

    return {
        "search: store number": search(lambda: f"{n():09}"),
        "search: ERP number": search(lambda: f"so-{n()}"),
        "search: PO": search(lambda: f"PO-{md5(str(n()).encode()).hexdigest().upper()}"),
        "search: tracking": search(lambda: f"1Z{n() * 7919 % 100_000_000:010}"),
        "search: e-mail": search(lambda: f"buyer-{n() % 5000}@customers.example"),
        "search: order that waits": search(lambda: f"{trouble():09}"),
        "search: prefix of two": search(lambda: "so"),
        "search: prefix of nearly all": search(lambda: f"{n():09}"[:4]),
        "search: nothing": search(lambda: f"nothing-{n()}"),
        "order story": lambda: (f"/api/orders/shop-1-{n():09}", {}),
        "orders: newest": lambda: ("/api/orders", {"limit": 50}),
        "deliveries: newest": lambda: ("/api/deliveries", {"limit": 50}),
        "deliveries: held": lambda: ("/api/deliveries", {"state": "held"}),
        "deliveries: one cause": lambda: ("/api/deliveries", {"cause": fingerprint()}),
        "deliveries: one code": lambda: ("/api/deliveries", {"code": CODES[cause()]}),
        "deliveries: of one order": lambda: ("/api/deliveries", {"order": f"shop-1-{n():09}"}),
        "deliveries: of one type": lambda: ("/api/deliveries", {"type": "order.shipped", "to": "crm"}),
        "deliveries: waiting": lambda: ("/api/deliveries", {"state": "waiting"}),
        "failures": lambda: ("/api/failures", {}),
        **{f"failures: {view}": lambda view=view: ("/api/failures", {"view": view}) for view in get_args(FailureView)},
        "failures: how much in each view": lambda: ("/api/failures/views", {}),
        "failures: one cause": lambda: (f"/api/failures/{fingerprint()}", {}),
        "reviews": lambda: ("/api/reviews", {}),
        "reviews: one kind": lambda: ("/api/reviews", {"kind": CODES[dice.randrange(2)]}),
        "bulk: newest": lambda: ("/api/bulk", {}),
        "alerts": lambda: ("/api/alerts", {}),
        "today": lambda: ("/api/today", {}),
        "flow map": lambda: ("/api/routes", {}),
        "connections": lambda: ("/api/connections", {}),
        "audit: newest": lambda: ("/api/audit", {}),
        "audit: of one order": lambda: ("/api/audit", {"subject": f"shop-1-{n():09}"}),
        "audit: one person": lambda: ("/api/audit", {"actor": "mia"}),
        "audit: by people": lambda: ("/api/audit", {"people": "true", "action": "delivery.retry"}),
        "audit: rare action": lambda: ("/api/audit", {"action": "delivery.dead"}),
    }  # fmt: skip


async def bulk_done(client: httpx.AsyncClient, runtime: Runtime) -> str:
    """The id of a bulk action that was done: everything held for one cause is resolved."""
    wanted = {"states": ["held"], "fingerprint": md5(b"5").hexdigest()}
    wish = {"action": "resolve", "filter": wanted, "reason": "a test", "category": "test", "dry_run": False}
    made = (await client.post("/api/bulk", json=wish)).raise_for_status().json()
    found = f"/api/bulk/{made['bulk']['id']}"
    (await client.post(f"{found}/start")).raise_for_status()
    while await runtime.operating.bulk.run_batch():
        pass
    done = (await client.get(found)).json()
    if done["state"] != "done" or not done["done"]:
        raise SystemExit(f"the bulk action did nothing: {done}")
    return found


async def deep_page(client: httpx.AsyncClient, path: str, pages: int) -> str | None:
    """The place of a page far behind."""
    after = None
    for _ in range(pages):
        query = {"limit": 200, **({"after": after} if after else {})}
        after = (await client.get(path, params=query)).json()["next"]
        if after is None:
            return None
    return after


async def later_pages(client: httpx.AsyncClient) -> dict:
    """Name -> a function that makes the question for a page that is not the first."""
    asked = {}
    for path in ("/api/orders", "/api/deliveries", "/api/audit", "/api/bulk"):
        after = await deep_page(client, path, 50)
        if after is not None:
            asked[f"{path.removeprefix('/api/')}: 10,000 rows back"] = (path, {"after": after})
    for path, limit in NEXT_PAGES.items():
        after = (await client.get(path, params={"limit": limit})).raise_for_status().json()["next"]
        if after is None:
            raise SystemExit(f"{path} has no next page behind {limit}")
        asked[f"{path.removeprefix('/api/')}: next page of {limit}"] = (path, {"limit": limit, "after": after})
    return {name: lambda question=question: question for name, question in asked.items()}


async def measured(client: httpx.AsyncClient, ask, repeats: int) -> dict:
    """Milliseconds of so many questions, the first few left out."""
    taken = []
    for turn in range(WARM_UP + repeats):
        path, query = ask()
        began = perf_counter()
        answer = await client.get(path, params=query, timeout=120)
        ms = (perf_counter() - began) * 1000
        if answer.status_code not in {200, 404}:
            raise SystemExit(f"{path} {query}: {answer.status_code} {answer.text[:500]}")
        if turn >= WARM_UP:
            taken.append(ms)
    marks = statistics.quantiles(taken, n=100, method="inclusive")
    return {"p50_ms": round(marks[49], 1), "p95_ms": round(marks[94], 1), "max_ms": round(max(taken), 1)}


async def measure(url: str, *, events: int, repeats: int, planner: str) -> dict:
    """Fills and asks."""
    database = Database(url)
    await database.migrate()
    if planner == "ledger":
        operating.READING = SESSION
    runtime = Runtime(settings_for("http://127.0.0.1:9", 8), database=database, erp=FakeErp(None, None))
    began = perf_counter()
    interpret = runtime.hub.store.interpret
    rows = await write_history(database, events=events, now=datetime.now(UTC), interpret=interpret)
    filled_s = perf_counter() - began
    app = web_app(runtime)

    async def admin(_request):
        return Identity(name="bench", kind="key", rights=RIGHTS_OF[Role.ADMIN])

    app.state.authenticate = admin
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://hub") as client:
        dice = random.Random(1)
        asked = lookups(events // EVENTS_PER_ORDER, dice)
        asked |= await later_pages(client)
        bulk = await bulk_done(client, runtime)
        asked["bulk: one"] = lambda: (bulk, {})
        asked["bulk: its outcome"] = lambda: (f"{bulk}/outcome", {})
        found = {name: await measured(client, ask, repeats) for name, ask in asked.items()}
    await runtime.close()
    return {"rows": rows, "filled_s": round(filled_s, 1), "lookups": found}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=100, help="how often each lookup is asked for")
    parser.add_argument("--planner", choices=("reading", "ledger"), default="reading")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="millstream-bench-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            wish = {"events": given.events, "repeats": given.repeats, "planner": given.planner}
            figures = {"benchmark": "lookups", **wish, **asyncio.run(measure(server.start(), **wish))}
        finally:
            server.stop()
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
