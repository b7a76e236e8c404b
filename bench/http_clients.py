"""What one call costs in each HTTP client: CPU of the process and of the loop's thread, calls per second, memory.

    python bench/http_clients.py --calls 20000 --json clients.json

The six calls of an order, as `order_saga.py` makes them, go to `null_systems.py` in a process of its own; 64 run side
by side over kept connections. Each client is measured in a fresh process, `--rounds` times by turns; the figures are
medians. `floor` is no client: asyncio and a parser, to show what is left to win.

A client that is not installed is said to be so: the hub needs none of them but its own.
"""

import argparse
import asyncio
import importlib
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from http_client_calls import CLIENTS, Call, version

HERE = Path(__file__).parent
SIDE_BY_SIDE = 64
WARM_UP = 1000
ITEM = {
    "sku": "VALVE-050",
    "name": "Ball valve DN50",
    "qty_ordered": 2,
    "price": 89.9,
    "options": {f"option_{n}": "stainless steel" for n in range(8)},
}
COMPOSITE = [
    {"method": "POST", "url": "/sobjects/Order", "referenceId": "order", "body": {"Hub_Order_Id__c": "1", "x": ITEM}},
    {
        "method": "POST",
        "url": "/services/data/v66.0/composite/sobjects",
        "referenceId": "lines",
        "body": {"records": [ITEM] * 20},
    },
]
# Path and body; from 60 bytes to 6 kB go out, from 4 bytes to 3 kB come back.
CALLS = [
    ("/check", json.dumps({"skus": ["VALVE-050", "PUMP-2"], "prices": {"VALVE-050": "89.90"}}).encode()),
    ("/orders", json.dumps({"key": "order-1", "lines": [ITEM] * 4}).encode()),
    ("/rest/all/V1/orders", json.dumps({"entity": {"entity_id": 1, "ext_order_id": "CO1"}}).encode()),
    ("/rest/all/V1/orders/1/comments", json.dumps({"statusHistory": {"comment": "Confirmed. " * 20}}).encode()),
    ("/services/data/v66.0/composite", json.dumps({"compositeRequest": COMPOSITE}).encode()),
    ("/services/data/v66.0/sobjects/Hub__e/", json.dumps({"Hub_Event_Id__c": "1"}).encode()),
]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _busy(work_s: float) -> None:
    until = time.thread_time() + work_s
    while time.thread_time() < until:
        pass


async def measure(name: str, base_url: str, calls: int, work_s: float) -> dict:
    """Figures of one client in this process. Between two calls the loop's thread computes for `work_s`."""
    async with CLIENTS[name][1]() as call:
        return await _measure(name, call, base_url, calls, work_s)


async def _measure(name: str, call: Call, base_url: str, calls: int, work_s: float) -> dict:
    left = iter(range(WARM_UP))

    async def lane() -> None:
        for number in left:
            path, body = CALLS[number % len(CALLS)]
            status, headers, content = await call(base_url + path, body)
            if status != 200 or int(headers["content-length"]) != len(content):
                raise SystemExit(f"{name}: {path}: {status}, {len(content)} bytes")
            if work_s:
                _busy(work_s)

    await asyncio.gather(*(lane() for _ in range(SIDE_BY_SIDE)))
    left, rss = iter(range(calls)), _rss_mb()
    used, thread, started = resource.getrusage(resource.RUSAGE_SELF), time.thread_time(), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(SIDE_BY_SIDE)))
    took, thread = time.perf_counter() - started, time.thread_time() - thread
    now = resource.getrusage(resource.RUSAGE_SELF)
    process = now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime
    return {
        "cpu_ms_per_call": 1000 * process / calls,
        "loop_thread_cpu_ms_per_call": 1000 * thread / calls,
        "calls_per_s": calls / took,
        "rss_mb": _rss_mb(),
        "rss_growth_mb": _rss_mb() - rss,
    }


def _start_systems() -> tuple[subprocess.Popen, str]:
    systems = subprocess.Popen([sys.executable, HERE / "null_systems.py"], stdout=subprocess.PIPE, text=True)
    return systems, systems.stdout.readline().split()[1]


def compare(names: list[str], calls: int, rounds: int, loop: str, work_us: int) -> dict:
    """Every client by turns, the medians of their figures."""
    seen: dict[str, list[dict]] = {name: [] for name in names if version(CLIENTS[name][0])}
    for _ in range(rounds):
        for name, figures in seen.items():
            systems, base_url = _start_systems()
            try:
                command = [sys.executable, __file__, "--one", name, "--url", base_url, "--calls", str(calls)]
                command += ["--loop", loop, "--work-us", str(work_us)]
                ran = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # how it ends is told elsewhere
                figures.append(json.loads(ran.stdout))
            finally:
                systems.terminate()
                systems.wait()
    medians = {
        name: {key: round(statistics.median(one[key] for one in figures), 4) for key in figures[0]}
        for name, figures in seen.items()
    }
    return {
        name: {"version": version(CLIENTS[name][0]), **medians[name]} if name in medians else "not installed"
        for name in names
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", nargs="*", choices=CLIENTS, default=list(CLIENTS), metavar="CLIENT")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--work-us", type=int, default=0, help="CPU that the loop's thread spends between two calls")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", choices=CLIENTS, help=argparse.SUPPRESS)  # what a measured process is started with
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        factory = importlib.import_module("uvloop").new_event_loop if given.loop == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            figures = runner.run(measure(given.one, given.url, given.calls, given.work_us / 1e6))
        sys.stdout.write(json.dumps(figures))
        sys.stdout.flush()
        return
    report = {
        "calls": given.calls,
        "rounds": given.rounds,
        "side_by_side": SIDE_BY_SIDE,
        "loop": given.loop,
        "work_us": given.work_us,
        "python": platform.python_version(),
        "clients": compare(given.clients, given.calls, given.rounds, given.loop, given.work_us),
    }
    text = json.dumps(report, indent=2)
    sys.stdout.write(text + "\n")
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
