"""How long from the start of `millstream serve` until it is ready: the health door `/readyz` answers 200.

    python bench/startup.py --runs 15 --json startup.json

Warm: the data folder exists, modules are compiled, files are in the system's cache; a first start that sees to it is
not counted. Two ways, by turns: with the embedded PostgreSQL, which is started as part of it, and with a PostgreSQL
that runs already. Store and CRM answer; at the ERP's address nobody does, which a start must not wait for.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.store.embedded import EmbeddedPostgres
from order_saga import null_systems

LOOPBACK = "127.0.0.1"
ASK_EVERY_S = 0.005  # also the resolution of what is measured
READY_MAX_S = 60.0
STOP_MAX_S = 30.0
PROGRAM = Path(sysconfig.get_path("scripts")) / "millstream"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def settings(systems: str, *, port: int, nobody: int, database_url: str | None) -> str:
    """A merchant's `millstream.toml`, all three connectors named."""
    database = f'database_url = "{database_url}"' if database_url else 'data_dir = "data"'
    return f"""
port = {port}
log_level = "error"
{database}

[store]
kind = "adobe_commerce"
name = "shop"
base_url = "{systems}"
auth = "oauth1"
consumer_key = "benchconsumerkey0000000000000001"
consumer_secret = "benchconsumersecret0000000000001"
access_token = "benchaccesstoken0000000000000001"
access_token_secret = "benchaccesstokensecret0000000001"

[erp]
kind = "tryton"
name = "erp"
base_url = "http://{LOOPBACK}:{nobody}"
database = "plant"
user = "hub"
password = "bench"
web_shop = "Adobe Commerce"
warehouse = "EAST"

[crm]
kind = "salesforce"
name = "crm"
login_url = "{systems}"
client_id = "bench"
client_secret = "bench"
"""


def is_ready(port: int) -> bool:
    """Whether the health door says so."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start_once(folder: Path, port: int) -> float:
    """Seconds from the start of the process to the first 200; the process is gone again afterwards."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    environment["MILLSTREAM_CONFIG"] = str(folder / "millstream.toml")
    with (folder / "log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen([PROGRAM, "serve"], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            while not is_ready(port):
                if process.poll() is not None or time.perf_counter() - started > READY_MAX_S:
                    raise SystemExit(f"not ready:\n{(folder / 'log').read_text()[-2000:]}")
                time.sleep(ASK_EVERY_S)
            return time.perf_counter() - started
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    """Stops it as an operator would; what does not stop is killed, and that is an error."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise SystemExit("did not stop when asked to") from None


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL that is there before and after; yields the address of an empty database."""
    server = EmbeddedPostgres(folder)
    try:
        yield server.start()
    finally:
        server.stop()


def measure(runs: int) -> dict:
    """Every way so many times, by turns, after a first start of each that is not counted."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        with null_systems(0) as systems, running_postgres(root / "external") as url:
            ways = {}
            for way, database_url in (("embedded", None), ("external", url)):
                folder, port = root / way / "hub", free_port()
                folder.mkdir(parents=True)
                text = settings(systems, port=port, nobody=free_port(), database_url=database_url)
                (folder / "millstream.toml").write_text(text)
                ways[way] = (folder, port)
            first = {way: start_once(*place) for way, place in ways.items()}
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(runs):
                for way, place in ways.items():
                    seconds[way].append(start_once(*place))
    return {
        way: {
            "first_start_s": round(first[way], 3),
            "ready_s": [round(one, 3) for one in taken],
            "median_s": round(statistics.median(taken), 3),
        }
        for way, taken in seconds.items()
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="how often each way is started")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    figures = {"benchmark": "startup", "runs": given.runs, "ways": measure(given.runs)}
    text = json.dumps(figures, indent=2)
    if given.json:
        given.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
