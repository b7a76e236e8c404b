"""A PostgreSQL that somebody else installed, in a folder of a test's own; the machine's own service is left alone."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

DEBIAN_12 = Path("/usr/lib/postgresql/15/bin")
SETTINGS = {"listen_addresses": "", "max_locks_per_transaction": "256", "fsync": "off"}  # nobody pulls the plug here


def programs():
    """The folder that holds initdb and pg_ctl, or None: MILLSTREAM_TEST_POSTGRES_BIN, else where Debian 12 has them."""
    folder = Path(os.environ.get("MILLSTREAM_TEST_POSTGRES_BIN") or DEBIAN_12)
    return folder if (folder / "initdb").exists() else None


class InstalledPostgres:
    """Runs while it is entered; `url` leads to its database of administrators."""

    def __init__(self, programs, *, owner="postgres"):
        self._programs = programs
        self._owner = owner if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="millstream-pg-"))
        if self._owner:
            account = pwd.getpwnam(self._owner)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.folder.chmod(0o755)
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        self._run("pg_ctl", "-w", "-l", self.folder / "log", "-o", f"{options} -k {self.folder}", "start")
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _run(self, program, *words):
        done = subprocess.run(
            [str(self._programs / program), "-D", str(self.folder / "data"), *map(str, words)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=self._owner,
            cwd="/",
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
