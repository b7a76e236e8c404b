"""Runs every measured promise, one after the other, each in a process of its own, and writes the page anew.

    make bench                                   every promise, standard parameters
    make bench BENCH_ARGS="--only order_saga"    some of them; the others keep the figures they have
    make bench BENCH_ARGS=--quick                a smoke run: nothing below docs/ or bench/results/ is touched

Figures go to `bench/results/`, the page is `docs/benchmarks.md`. Both change together and only if every program that
was run succeeded; otherwise both stay what they were, and the programs that failed are named.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import machine
import report
from promises import BENCH, PROMISES, Promise

ROOT = BENCH.parent
STAGING = ROOT / "build/bench"  # ignored by git: figures of quick and of failed runs, and what programs printed
TIME_MAX_S = 1800.0  # of one program
UNWIND_MAX_S = 60.0  # a program that is interrupted stops its PostgreSQL and systems
TAIL_LINES = 15


class BenchError(Exception):
    """A program failed; the message is what it said last."""


def run(promise: Promise, *, quick: bool, folder: Path) -> dict:
    """Runs one program and returns its result with the circumstances. Raises BenchError."""
    figures, log = folder / f"{promise.name}.figures.json", folder / f"{promise.name}.log"
    command = [sys.executable, BENCH / promise.program, *promise.arguments(quick=quick), "--json", figures]
    code, date, load, started = machine.commit(), machine.now(), machine.Load(), time.monotonic()
    with log.open("w") as said:
        # In a session of its own, so that Ctrl-C reaches it once, by us, and it can end what it started.
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(TIME_MAX_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            _interrupt(process)
            raise
    took_s, left = round(time.monotonic() - started, 1), load.left_running()
    if status or not figures.exists():
        raise BenchError(f"it ended with {status}:\n{_tail(log)}")
    if left:
        raise BenchError(f"it left running: {', '.join(left)}")
    found = json.loads(figures.read_text())
    return {
        "benchmark": promise.name,
        "command": promise.command(quick=quick),
        **code,
        "date": date,
        "machine": machine.machine(),
        "load": load.until_now(),
        "took_s": took_s,
        "figures": {name: value for name, value in found.items() if name not in ("benchmark", "machine")},
    }


def _interrupt(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(UNWIND_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines)


def run_each(promises: Sequence[Promise], *, quick: bool, folder: Path) -> dict[str, str]:
    """Runs them by turns and leaves `<name>.json` of each in the folder; returns those that failed and why."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    failed = {}
    for n, promise in enumerate(promises, 1):
        print(f"[{n}/{len(promises)}] {promise.name}: {promise.command(quick=quick)}", flush=True)
        try:
            result = run(promise, quick=quick, folder=folder)
            report.sections({promise.name: result}, (promise,))  # figures that cannot be shown are a failure, too
        except BenchError as error:
            failed[promise.name] = str(error)
        except subprocess.TimeoutExpired:
            failed[promise.name] = f"it took longer than {TIME_MAX_S:.0f} s"
        except (KeyError, TypeError, ValueError) as error:
            failed[promise.name] = f"its figures have another form than bench/accounts.py expects: {error!r}"
        else:
            report.save(result, folder)
            print(f"    {result['took_s']:.0f} s{'' if result['load']['quiet'] else ', the machine was busy'}")
    return failed


def bench(promises: Sequence[Promise], *, quick: bool, staging: Path, results: Path, page: Path) -> int:
    """Runs them, publishes figures and page if all succeeded. Returns the exit code."""
    failed = run_each(promises, quick=quick, folder=staging)
    for name, why in failed.items():
        print(f"FAILED {name}: {why}", file=sys.stderr)
    if failed:
        print(f"{', '.join(failed)} failed. {page.name} and the figures behind it are what they were.", file=sys.stderr)
        return 1
    if quick:
        results, page = staging, staging / page.name
    else:
        results.mkdir(exist_ok=True)
        for promise in promises:
            shutil.copy(staging / f"{promise.name}.json", results)
    page.write_text(report.page(report.load(results)))
    print(f"Written: {page}")
    return 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run of a minute or two, kept apart")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in PROMISES], metavar="NAME", help="only these")
    given = parser.parse_args()
    machine.adopt_orphans()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [one for one in PROMISES if not given.only or one.name in given.only]
    try:
        status = bench(chosen, quick=given.quick, staging=STAGING, results=report.RESULTS, page=report.PAGE)
    except KeyboardInterrupt:
        sys.exit("Interrupted. The page and the figures behind it are what they were.")
    sys.exit(status)


if __name__ == "__main__":
    main()
