"""What stands between a hub and the rest: its database, the network, and how well it knows the time."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from random import Random

import asyncpg

from fakes.transport import AsgiTransport
from millstream.domain.errors import Retry
from millstream.store.database import Database
from millstream.wire.http import Request, Response, TransportError
from simulation.trouble import Suffered

TIMEOUT_S = 20  # how long a call that is never answered takes on the day's clock
SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})


class FlakyDatabase(Database):
    """One connection, so that a seed decides the order of everything; transactions fail or lose their answer."""

    def __init__(self, url, seed, suffered: Suffered) -> None:
        super().__init__(url, pool_max=1)
        self.suffered = suffered
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
            self.suffered.note("database_away")
            raise Retry("store.unavailable", "the day's database is away")
        async with super().transaction() as connection:
            yield connection
        if throw < self.rate:
            self.suffered.note("database_answer_lost")
            raise Retry("store.unavailable", "the day's database committed, but its answer was lost")


async def _as_it_is(connection) -> None:
    pass


class SlowTransport(AsgiTransport):
    """A call without an answer takes its time; while both processes work, any call may last some statements long.

    Waiting in line for the one database connection lets the others go on, in an order that the seed decides. The
    network may deliver a call twice where HTTP lets it, and an order to the ERP besides: that is looked up by its key.
    """

    def __init__(self, clock, database, seed, suffered: Suffered, apps) -> None:
        super().__init__(**apps)
        self.suffered = suffered
        self.rate_of_twice = 0.0
        self.departed = self.last_arrived = 0
        self.clock = clock
        self.database = database
        self.dice = Random(f"transport {seed}")
        self.both_at_work = False

    async def sleep(self, seconds: float) -> None:
        """How a sandbox is slow. While both work the clock stands: no lease may end that a heartbeat would keep."""
        if not self.both_at_work:
            self.clock.advance(seconds)

    async def send(self, request):
        if "/_sim/" in request.url:
            return await super().send(request)
        self.departed += 1
        number = self.departed
        await self.dawdle()
        self.suffered.note("reorder", number < self.last_arrived)
        self.last_arrived = max(number, self.last_arrived)
        try:
            return await self.deliver(request)
        except TransportError as lost:
            if "timeout" in lost.reason:
                await self.sleep(TIMEOUT_S)
            raise
        finally:
            await self.dawdle()

    async def deliver(self, request: Request) -> Response:
        answer = await super().send(request)
        may = request.method in SAFE_TO_REPEAT or request.url.endswith("/A_SalesOrder")
        if may and self.rate_of_twice and self.dice.random() < self.rate_of_twice:
            self.suffered.note("duplicate")
            with suppress(TransportError):  # then the answer to the first one is seen
                answer = self.dice.choice((answer, await super().send(request)))
        return answer

    async def dawdle(self) -> None:
        if self.both_at_work and self.dice.random() < 0.15:
            for _ in range(self.dice.choice((1, 3, 10, 25))):
                async with self.database.connection():
                    await asyncio.sleep(0)


class OwnClock:
    """The day's clock as one process or system reads it."""

    def __init__(self, clock, skew_s: float) -> None:
        self.clock = clock
        self.skew = timedelta(seconds=skew_s)

    def now(self):
        return self.clock.now() + self.skew

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


class OwnWorld:
    """The day's ids and dice, and a clock of one's own."""

    def __init__(self, world, skew_s: float) -> None:
        self.clock = OwnClock(world.clock, skew_s)
        self.ids = world.ids
        self.dice = world.dice
