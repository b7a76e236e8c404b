"""Worker processes, each on a machine of its own where that can be made, and what they and PostgreSQL cost."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from millstream.store.embedded import EmbeddedPostgres
from sample_orders import STORE

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from fakes.namespaces import Namespaces, NoNamespacesError  # noqa: E402 - the line above says where it is
from fakes.reachable_postgres import ReachablePostgres  # noqa: E402 - as above

LOOPBACK = "127.0.0.1"
STOP_MAX_S = 30.0


class Place:
    """Where things run. `network` is None on plain loopback, and then `why` says why there are no machines."""

    def __init__(self, network: Namespaces | None, why: str) -> None:
        self.network = network
        self.why = why
        self.url = ""
        self.postmaster = 0

    def command(self, machine: str) -> list[str]:
        """What goes in front of a command that shall run on a machine."""
        return self.network.command(machine) if self.network else []

    @property
    def systems_host(self) -> str:
        """The address store, CRM and ERP listen on."""
        return self.network.systems_address if self.network else LOOPBACK

    def told(self) -> dict:
        """For the figures."""
        if self.network is None:
            return {"machines": "processes on loopback", "reason": self.why}
        return {"machines": "one network namespace per worker, database and systems over bridges"}


@contextmanager
def place(machines: tuple[str, ...], *, loopback: bool = False) -> Iterator[Place]:
    """Networks and a PostgreSQL (embedded, fsync on) that every machine reaches; all gone afterwards."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, as Ctrl-C does
    with ExitStack() as undo:
        network, why = None, "asked for"
        if not loopback:
            try:
                network = undo.enter_context(Namespaces(*machines))
            except NoNamespacesError as reason:
                why = str(reason)
        found = Place(network, why)
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="millstream-bench-", ignore_cleanup_errors=True))
        data = Path(folder) / "postgres"
        server = ReachablePostgres(data, network.ledger_address) if network else EmbeddedPostgres(data)
        undo.callback(server.stop)
        found.url = server.start()
        found.postmaster = server.pid
        yield found


@contextmanager
def systems_at(here: Place, *options: str, program: str = "null_systems.py") -> Iterator[str]:
    """Store, CRM and ERP in a process of their own; yields the address they have for us."""
    called = "localhost" if here.network else LOOPBACK
    command = [sys.executable, str(ROOT / "bench" / program), "--host", here.systems_host, "--called", called, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def worker_environment(url: str, systems_url: str, *, concurrency: int, poll_store_s: float = 5.0) -> dict[str, str]:
    """The settings of a worker. Connectors speak plain HTTP to this machine only, which is what it is called."""
    address = f"http://localhost:{systems_url.rpartition(':')[2]}"
    side_by_side = str(min(concurrency, 64))
    settings = {
        "DATABASE_URL": url,
        "LOG_LEVEL": "warning",
        "WORKER__CONCURRENCY": str(concurrency),
        "POLL__STORE_EVERY_S": str(poll_store_s),
        "STORE__KIND": "adobe_commerce",
        "STORE__NAME": STORE,
        "STORE__BASE_URL": address,
        "STORE__AUTH": "oauth1",
        "STORE__CONSUMER_KEY": "benchconsumerkey0000000000000001",
        "STORE__CONSUMER_SECRET": "benchconsumersecret0000000000001",
        "STORE__ACCESS_TOKEN": "benchaccesstoken0000000000000001",
        "STORE__ACCESS_TOKEN_SECRET": "benchaccesstokensecret0000000001",
        "STORE__CONCURRENCY": side_by_side,
        "ERP__KIND": "counting",
        "ERP__BASE_URL": address,
        "ERP__CONCURRENCY": side_by_side,
        "CRM__KIND": "salesforce",
        "CRM__NAME": "crm",
        "CRM__LOGIN_URL": address,
        "CRM__CLIENT_ID": "bench",
        "CRM__CLIENT_SECRET": "bench",
        "CRM__CONCURRENCY": str(min(concurrency, 25)),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    return {**inherited, **{f"MILLSTREAM_{name}": value for name, value in settings.items()}}


class Workers:
    """`millstream work`, so many times."""

    def __init__(self, here: Place, environment: Mapping[str, str]) -> None:
        self._here = here
        self._environment = environment
        self.processes: list[subprocess.Popen] = []

    def start(self, machine: str) -> None:
        """One more; returns when it says that it works."""
        command = [*self._here.command(machine), sys.executable, "-u", str(ROOT / "bench/hub_worker.py")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(self._environment), text=True)
        self.processes.append(process)
        if "works as" not in process.stdout.readline():
            raise SystemExit(f"the worker on {machine} did not start")

    def cpu_s(self) -> float:
        """CPU seconds of all of them so far."""
        times = [psutil.Process(process.pid).cpu_times() for process in self.processes]
        return sum(one.user + one.system for one in times)

    def stop(self) -> None:
        """Gracefully; what does not end in time is killed."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_MAX_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def database_cpu_s(postmaster: int) -> float:
    """CPU seconds of PostgreSQL so far, ended sessions included."""
    root = psutil.Process(postmaster)
    times = root.cpu_times()
    spent = times.user + times.system + times.children_user + times.children_system
    for session in root.children(recursive=True):
        try:
            own = session.cpu_times()
        except psutil.NoSuchProcess:
            continue  # reaped meanwhile: in the postmaster's account from now on
        spent += own.user + own.system
    return spent
