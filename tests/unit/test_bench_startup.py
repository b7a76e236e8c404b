"""The stopwatch of the start: a real start, asked at its health door, gone again afterwards."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

BENCH = Path(__file__).parents[2] / "bench" / "startup.py"


@pytest.fixture
def folder():
    """Of a short name: PostgreSQL's socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield Path(name)


@pytest.mark.thorough
def test_a_start_is_measured_both_ways_and_nothing_is_left_running(folder):
    path = folder / "startup.json"
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, str(BENCH), "--runs", "1", "--json", str(path)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    ways = json.loads(path.read_text())["ways"]
    assert ways.keys() == {"embedded", "external"}
    for way in ways.values():
        assert len(way["ready_s"]) == 1
        assert way["median_s"] == way["ready_s"][0] > 0
        assert way["first_start_s"] > 0
    left = [one.info["pid"] for one in psutil.process_iter(["pid", "cmdline"]) if mentions(one.info, folder)]
    assert left == []
    assert list(folder.glob("millstream-bench-*")) == []


def mentions(process: dict, folder: Path) -> bool:
    return any(str(folder) in argument for argument in process["cmdline"] or ())
