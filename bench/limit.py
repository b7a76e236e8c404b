"""The limit: a bare program with the same six calls and three durable points, so that the saga has a ratio.

An order is a row and the row is the queue entry. Accepted, after the ERP, done: three commits each, shared by many
orders through `unnest`. asyncpg and aiohttp, nothing else: no connectors, no signatures, no books, no history, no
lanes, no audit trail. Runs inside `bench/order_saga.py --vs-limit`, on the same database server and systems.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import aiohttp
import asyncpg

CLAIM_MAX = 64
SCHEMA = """
create table limit_order (
    id bigint primary key, data jsonb not null, state smallint not null default 0, erp_number text, due_at timestamptz
);
create index limit_due on limit_order (state, id) where state < 2;
"""
COMMENT = {
    "statusHistory": {"comment": "Your order is confirmed. Our number: CO. It ships soon.", "is_visible_on_front": 1}
}
LINE = {"method": "POST", "url": "/services/data/v66.0/composite/sobjects", "referenceId": "lines"}


class Group:
    """Many items, one commit."""

    def __init__(self, write: Callable[[Sequence[tuple]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[tuple, asyncio.Future]] = []
        self._task: asyncio.Task | None = None

    async def add(self, item: tuple) -> None:
        """Returns after the commit that holds it."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await self._write([item for item, _ in batch])
            for _, future in batch:
                future.set_result(None)


class Bare:
    """The bare program."""

    def __init__(self, pool: asyncpg.Pool, session: aiohttp.ClientSession, base_url: str) -> None:
        self._pool = pool
        self._session = session
        self._base_url = base_url
        self._accepted = Group(self._insert)
        self._confirmed = Group(self._confirm)
        self._done = Group(self._finish)
        self.finished = 0

    async def _insert(self, rows: Sequence[tuple]) -> None:
        ids, texts = zip(*rows, strict=True)
        statement = (
            "insert into limit_order (id, data) select i, d::jsonb from unnest($1::bigint[], $2::text[]) as r (i, d)"
        )
        await self._pool.execute(statement, ids, texts)

    async def _confirm(self, rows: Sequence[tuple]) -> None:
        ids, numbers = zip(*rows, strict=True)
        statement = (
            "update limit_order o set state = 1, erp_number = r.n "
            "from unnest($1::bigint[], $2::text[]) as r (i, n) where o.id = r.i"
        )
        await self._pool.execute(statement, ids, numbers)

    async def _finish(self, rows: Sequence[tuple]) -> None:
        await self._pool.execute("update limit_order set state = 2 where id = any($1)", [row[0] for row in rows])
        self.finished += len(rows)

    async def accept(self, number: int, text: str) -> None:
        """The first durable point."""
        await self._accepted.add((number, text))

    async def _post(self, path: str, body: dict) -> dict:
        async with self._session.post(self._base_url + path, data=json.dumps(body).encode()) as answer:
            return json.loads(await answer.read())

    async def _one(self, number: int, text: str) -> None:
        data = json.loads(text)
        key = f"limit-{number}"
        skus = [item["sku"] for item in data["order"]["items"]]
        await self._post("/check", {"skus": skus, "prices": {}})
        made = await self._post("/orders", {"key": key, "skus": skus})
        await self._confirmed.add((number, made["number"]))
        await asyncio.gather(self._tell_store(number, made["number"]), self._tell_crm(key, skus))
        await self._done.add((number,))

    async def _tell_store(self, number: int, erp_number: str) -> None:
        entity = {"entity_id": number, "increment_id": f"{number:09}", "ext_order_id": erp_number}
        await self._post("/rest/all/V1/orders", {"entity": entity})
        await self._post(f"/rest/all/V1/orders/{number}/comments", COMMENT)

    async def _tell_crm(self, key: str, skus: Sequence[str]) -> None:
        order = {"method": "POST", "url": "/services/data/v66.0/sobjects/Order", "referenceId": "order"}
        lines = [{"Hub_Line_Id__c": f"{key}-{sku}", "Quantity": 2} for sku in skus]
        parts = [{**order, "body": {"Hub_Order_Id__c": key}}, {**LINE, "body": {"records": lines}}]
        await self._post("/services/data/v66.0/composite", {"allOrNone": True, "compositeRequest": parts})
        await self._post("/services/data/v66.0/sobjects/Customer_Purchased__e/", {"Hub_Event_Id__c": key})

    async def work(self, orders: int) -> None:
        """Claims and carries out until so many orders are done."""
        running: set[asyncio.Task] = set()
        claim = (
            "with due as (select id from limit_order where state = 0 and (due_at is null or due_at < now()) "
            "order by id limit $1 for update skip locked) "
            "update limit_order o set due_at = now() + interval '30 s' from due where o.id = due.id "
            "returning o.id, o.data::text as text"
        )
        while self.finished < orders:
            if len(running) < CLAIM_MAX // 2:
                rows = await self._pool.fetch(claim, CLAIM_MAX - len(running))
                running |= {asyncio.create_task(self._one(row["id"], row["text"])) for row in rows}
            if running:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()


async def limit(
    url: str, base_url: str, texts: Sequence[str], *, first: int, accept_at_once: int, cpu_now: Callable
) -> dict:
    """Accepts the orders as numbers `first` and up, works them off; figures of the same form as the saga's."""
    count = len(texts)
    async with (
        asyncpg.create_pool(url, min_size=4, max_size=10) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session,
    ):
        await pool.execute(SCHEMA)
        bare = Bare(pool, session, base_url)
        before, started = cpu_now(), perf_counter()
        for at in range(0, count, accept_at_once):
            page = enumerate(texts[at : at + accept_at_once], start=first + at)
            await asyncio.gather(*(bare.accept(number, text) for number, text in page))
        await bare.work(count)
        took, after = perf_counter() - started, cpu_now()
        await pool.execute("drop table limit_order")
    program, database = (1000 * (end - start) / count for start, end in zip(before, after, strict=True))
    return {
        "orders": count,
        "orders_per_s_with_accepting": round(count / took, 1),
        "cpu_ms_per_order": {
            "program": round(program, 2),
            "database": round(database, 2),
            "total": round(program + database, 2),
        },
    }
