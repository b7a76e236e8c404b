"""The PostgreSQL behind everything: connection pool, migrations, what its failures mean."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg

from millstream.domain.errors import Reject, Retry
from millstream.store.schema import APPLICATION, RELEASE, Condition, Step, apply_steps, conditions, migrations

VERSION_MIN: Final = 15  # the oldest that the migrations and the ledger are tested on
POOL_MAX: Final = 10
SILENCE_IDLE_S: Final = 4  # after so long without a word the other side is asked whether it is there,
SILENCE_PROBE_S: Final = 2  # again after so long,
SILENCE_PROBES: Final = 3  # and so many times,
SILENCE_S: Final = SILENCE_IDLE_S + SILENCE_PROBE_S * SILENCE_PROBES  # then the session is over, on both sides
SESSION: Final = {
    "timezone": "UTC",
    # Every statement of the ledger is answered by an index, whatever the planner believes of tables that grew since it
    # last looked; and is planned once per session, not once per call.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    # Before version 18 a plan that cannot do without what is off above looks so dear that PostgreSQL compiles it first:
    # a tenth of a second a statement.
    "jit": "off",
    # A machine that was cut off must not hold its locks until the network's own patience ends, which is hours.
    "tcp_keepalives_idle": str(SILENCE_IDLE_S),
    "tcp_keepalives_interval": str(SILENCE_PROBE_S),
    "tcp_keepalives_count": str(SILENCE_PROBES),
    "tcp_user_timeout": str(1000 * SILENCE_S),
}
READING: Final = {
    # What people look for is rare in one way today and in another tomorrow: the planner sees the values asked for, and
    # may use what tables with a few bytes of index per page (BRIN) need.
    **SESSION,
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "on",
    "enable_bitmapscan": "on",
    "default_transaction_read_only": "on",
}
MIGRATE_TRIES_MAX: Final = 12  # about a minute of waiting for a lock that somebody else holds

_GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, a query or session ended by somebody
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby on its way to become the primary
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    TimeoutError,
)
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


async def _keep_session(_connection: Any) -> None:
    """Between two users of a connection: nothing here outlives its transaction, so there is nothing to ask for."""


async def notice_silence(connection: Any) -> None:
    """Ends a session over a network whose other side fell silent, within `SILENCE_S`; PostgreSQL does the same."""
    wire = connection._transport.get_extra_info("socket")  # noqa: SLF001 - asyncpg has no option for it
    if wire.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", SILENCE_IDLE_S),
        ("TCP_KEEPINTVL", SILENCE_PROBE_S),
        ("TCP_KEEPCNT", SILENCE_PROBES),
        ("TCP_USER_TIMEOUT", 1000 * SILENCE_S),
    ):
        if hasattr(socket, option):  # as far as this system knows them
            wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def _begin_session(connection: Any) -> None:
    refuse_old_servers(connection.get_server_version().major)
    await notice_silence(connection)


def refuse_old_servers(major: int) -> None:
    """Raises Reject for a PostgreSQL that is older than the schema can live with."""
    if major < VERSION_MIN:
        raise Reject(
            "store.too_old",
            f"PostgreSQL {major} is too old: Millstream needs {VERSION_MIN} or newer. Upgrade the server that "
            "database_url (MILLSTREAM_DATABASE_URL) names, or leave database_url out for the embedded one.",
        )


@contextmanager
def database_failures() -> Iterator[None]:
    """Turns "the database is away or busy" into Retry; what is our own mistake stays what it is."""
    try:
        yield
    except _GONE as error:
        raise Retry(
            "store.unavailable",
            f"PostgreSQL does not answer ({type(error).__name__}); nothing was written",
            log=str(error),
        ) from error
    except _REFUSED as error:
        raise Retry(
            "store.refused",
            f"PostgreSQL refuses the connection: {error}. Check database_url (MILLSTREAM_DATABASE_URL)",
            log=str(error),
        ) from error


class Database:
    """A pool of connections to one PostgreSQL. `session` are its settings: `SESSION` to work, `READING` to look."""

    def __init__(self, url: str, *, pool_max: int = POOL_MAX, session: Mapping[str, str] = SESSION) -> None:
        self.url = url
        self._session = session
        self._pool_max = pool_max
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def pool(self) -> asyncpg.Pool:
        """The pool, opened on first use. Raises Retry while PostgreSQL does not answer."""
        async with self._opening:
            if self._pool is None:
                with database_failures():
                    self._pool = await asyncpg.create_pool(
                        self.url,
                        min_size=0,  # nothing to restore while PostgreSQL is away
                        init=_begin_session,
                        reset=_keep_session,
                        max_size=self._pool_max,
                        timeout=SILENCE_S,
                        command_timeout=60,
                        server_settings={"application_name": f"{APPLICATION}/{RELEASE}", **self._session},
                    )
        return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One connection for reads."""
        pool = await self.pool()
        with database_failures():
            async with pool.acquire() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """One transaction; commits at the end."""
        pool = await self.pool()
        with database_failures():
            async with pool.acquire() as connection, connection.transaction():
                yield connection

    async def now(self) -> datetime:
        """The database's clock, which all machines go by."""
        async with self.connection() as connection:
            now: datetime = await connection.fetchval("select clock_timestamp()")
            return now

    async def close(self) -> None:
        """Gives the connections back."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except (TimeoutError, *_GONE):
                pool.terminate()

    async def migrate(
        self, *, post: bool = False, steps: list[Step] | None = None, actor: str | None = None
    ) -> list[str]:
        """Brings the schema up to date, all steps in one transaction; returns what was applied. See `store.schema`.

        Works beside processes that use the database: it gives way to them when it cannot have a lock, and comes back.
        """
        steps = migrations() if steps is None else steps
        for n in range(1, MIGRATE_TRIES_MAX + 1):
            try:
                async with self.transaction() as connection:
                    return await apply_steps(connection, steps, post=post, actor=actor)
            except Retry as failure:
                busy = isinstance(failure.__cause__, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError)
                if n == MIGRATE_TRIES_MAX or not busy:
                    raise
            await asyncio.sleep(0.2)
        raise AssertionError("the last try returns or raises")

    async def conditions(self) -> list[Condition]:
        """Where every step of the schema stands. Raises Reject where `migrate` would."""
        async with self.connection() as connection:
            return await conditions(connection, migrations())
