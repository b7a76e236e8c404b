"""A role only one process may play at a time, passed on by itself when that process dies."""

import asyncio
from hashlib import sha256
from typing import Any

import asyncpg

from millstream.ports.tap import Tap
from millstream.store.database import SESSION, Database, notice_silence


class ExclusiveRole:
    """Held through a PostgreSQL session lock: the session ends with the process, and the next one takes over."""

    def __init__(self, database: Database, role: str, *, tap: Tap) -> None:
        self.role = role
        self._database = database
        self._tap = tap
        self._key = int.from_bytes(sha256(role.encode()).digest()[:8], signed=True)
        self._connection: Any = None

    @property
    def held(self) -> bool:
        """Whether this process plays the role now."""
        return self._connection is not None and not self._connection.is_closed()

    async def acquire(self) -> bool:
        """Tries once; True if it is ours (now or still)."""
        if self.held:
            return True
        connection = None
        try:
            connection = await asyncpg.connect(self._database.url, timeout=10, server_settings=SESSION)
            await notice_silence(connection)
            if await connection.fetchval("select pg_try_advisory_lock($1)", self._key):
                self._connection = connection
                self._tap.note("role.taken", role=self.role)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            pass  # the next try may find it well
        finally:
            if connection is not None and connection is not self._connection:
                connection.terminate()
        return self.held

    async def keep(self, *, every_s: float = 2.0) -> None:
        """Tries until cancelled; then gives the role back."""
        try:
            while True:
                await self.acquire()
                await asyncio.sleep(every_s)
        finally:
            await self.release()

    async def release(self) -> None:
        """Lets another process take the role."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()  # ends the session at once, and with it the lock
