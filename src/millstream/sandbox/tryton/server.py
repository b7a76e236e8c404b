"""Starts and stops a real Tryton server on a throw-away SQLite database."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from millstream.sandbox.tryton import catalogue, seed
from millstream.sandbox.tryton.install import MODULES, PINS, InstallError, Say, install, installed, progress, run
from millstream.sandbox.tryton.rpc import Rpc, RpcError

DATABASE: Final = "mfg"
ADMIN: Final = "admin"
ADMIN_PASSWORD: Final = "admin123"
READY_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 15.0
PROBE_PAUSE_S: Final = 0.05


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TrytonServer:
    """One server process on 127.0.0.1. `folder` caches the installation and the seeded template database.

    `data` holds this server's own database, configuration, log and process id; by default `folder/data`.
    """

    def __init__(self, folder: Path, *, port: int, data: Path | None = None, say: Say = print) -> None:
        self.port = port
        self._folder = folder
        self._data = data or folder / "data"
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        return self._data / "trytond.log"

    @property
    def seeded(self) -> dict[str, Any]:
        """What the seed made: ids by name."""
        found: dict[str, Any] = json.loads((self._folder / "template" / "ids.json").read_text())
        return found

    @property
    def prepared(self) -> bool:
        """Whether everything that is made once is there: the installation and the seeded template."""
        return installed(self._folder) is not None and self._template_fits()

    def _template_fits(self) -> bool:
        stamp = self._folder / "template" / "recipe.txt"
        return stamp.exists() and stamp.read_text() == _recipe()

    def prepare(self) -> Path:
        """Installs, initialises and seeds once; the template database is reused until its recipe changes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "prepare.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a demo and a test run may want the same folder at the same time
            return self._prepare()

    def _prepare(self) -> Path:
        binaries = install(self._folder, self._say)
        template = self._folder / "template"
        if not self._template_fits():
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir(parents=True)
            _make_template(binaries, template, self._say)
            (template / "recipe.txt").write_text(_recipe())
        return binaries

    def start(self, *, fresh: bool = False) -> None:
        """Starts the server and returns when it answers. `fresh` throws the database away first."""
        binaries = self.prepare()
        self.stop()  # one left behind by an earlier run would write into the same database
        if fresh:
            shutil.rmtree(self._data, ignore_errors=True)
        (self._data / "db").mkdir(parents=True, exist_ok=True)
        database = self._data / "db" / f"{DATABASE}.sqlite"
        if not database.exists():
            _copy_database(self._folder / "template" / "db" / f"{DATABASE}.sqlite", database)
        self._process = _start(binaries, self._data, self.port)
        _wait_ready(self._process, self.port, self.log_path)

    def stop(self) -> None:
        """Ends the process this object, or an earlier one on the same data folder, started."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        else:
            _end_by_pid_file(self._data)
        (self._data / "pid").unlink(missing_ok=True)

    def kill(self) -> None:
        """Ends the process without warning, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stops and starts on the same database; sessions survive, as they live in it."""
        self.stop()
        self.start()

    def admin(self) -> Rpc:
        """A client logged in as the administrator."""
        rpc = Rpc(port=self.port, database=DATABASE)
        rpc.login(ADMIN, ADMIN_PASSWORD)
        return rpc


def _recipe() -> str:
    """Changes whenever a template made earlier would no longer do."""
    parts = [*PINS, *MODULES, str(seed.years())]
    parts += [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (seed, catalogue)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _make_template(binaries: Path, template: Path, say: Say) -> None:
    started = time.monotonic()
    say("Creating the ERP's database (once, about a minute)")
    (template / "db").mkdir()
    (template / "db" / f"{DATABASE}.sqlite").touch()  # the SQLite backend wants the file to exist
    configuration = _configure(template, free_port_number := free_port())
    password = template / "password"
    password.write_text(ADMIN_PASSWORD)
    admin = [str(binaries / "trytond-admin"), "-c", str(configuration), "-d", DATABASE, "-vv", "-u", *MODULES]
    run(
        [*admin, "--activate-dependencies", "--email", "admin@plant.example"],
        timeout_s=READY_TIMEOUT_S * 10,
        say=say,
        look=lambda line: line.rpartition(" INFO ")[2],
        extra_environment={"TRYTONPASSFILE": str(password)},
    )
    say(f"Database created in {time.monotonic() - started:.0f} s; filling it with a small manufacturer")
    started = time.monotonic()
    process = _start(binaries, template, free_port_number)
    try:
        _wait_ready(process, free_port_number, template / "trytond.log")
        rpc = Rpc(port=free_port_number, database=DATABASE)
        rpc.login(ADMIN, ADMIN_PASSWORD)
        with progress(say, lambda: f"{rpc.calls} calls made"):
            ids = seed.seed(rpc)
        rpc.close()
    finally:
        _end(process)
    (template / "ids.json").write_text(json.dumps(ids, indent=1))
    say(f"Manufacturer ready in {time.monotonic() - started:.0f} s")


def _configure(folder: Path, port: int) -> Path:
    configuration = folder / "trytond.conf"
    configuration.write_text(
        f"[database]\nuri = sqlite://\npath = {folder / 'db'}\n\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n\n"
        "[session]\ntimeout = 86400\n"
    )
    return configuration


def _start(binaries: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    configuration = _configure(folder, port)
    with (folder / "trytond.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own fixed command line, no shell
            # Without -d every login answers with a server error: the pool is registered, not initialised.
            [str(binaries / "trytond"), "-c", str(configuration), "-d", DATABASE],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    (folder / "pid").write_text(str(process.pid))
    return process


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    probe = Rpc(port=port, database=DATABASE, timeout_s=5.0)
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise InstallError(f"trytond ended with {process.returncode}; see {log}:\n{_tail(log)}")
        try:
            probe.server_version()
        except (OSError, RpcError):
            probe.close()
            time.sleep(PROBE_PAUSE_S)
        else:
            probe.close()
            return
    _end(process)
    raise InstallError(f"trytond did not answer within {READY_TIMEOUT_S:.0f} s; see {log}:\n{_tail(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_by_pid_file(folder: Path) -> None:
    """Ends a server an earlier run left behind, and only that: the command line must name our configuration."""
    try:
        pid = int((folder / "pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except (OSError, ValueError):
        return
    if str(folder / "trytond.conf") not in command:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(PROBE_PAUSE_S)


def _runs(pid: int) -> bool:
    """Whether the process still does something; one that ended and was not collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _copy_database(source: Path, target: Path) -> None:
    """Copies by the backup interface: a plain copy would miss what is still in the write-ahead log."""
    with sqlite3.connect(source) as origin, sqlite3.connect(target) as copy:
        origin.backup(copy)
    origin.close()
    copy.close()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:] if log.exists() else "(no log)"
