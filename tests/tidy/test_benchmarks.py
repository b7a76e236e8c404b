"""docs/benchmarks.md is what the committed figures give, and no measuring program is forgotten."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"
sys.path.insert(0, str(BENCH))
from accounts import ACCOUNTS  # noqa: E402 - the line above says where it is
from promises import PROMISES  # noqa: E402 - the same

NO_PROMISE = {
    *("null_systems.py", "outage_systems.py"),  # what is measured against
    *("hub_worker.py", "report.py", "run_all.py"),  # what is measured, what runs, what shows
    "http_client_manners.py",  # how clients behave, which is no matter of speed
}
LINES_MAX = 1500


def test_the_page_is_what_the_figures_give():
    command = [sys.executable, str(BENCH / "report.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_every_measuring_program_is_run_and_explained():
    programs = {path.name for path in BENCH.glob("*.py") if "__main__" in path.read_text()}
    assert programs - NO_PROMISE == {promise.program for promise in PROMISES}
    assert ACCOUNTS.keys() - {promise.name for promise in PROMISES} == set()
    guide = (ROOT / "docs/operate/benchmarks.md").read_text()
    assert [name for name in sorted(programs - NO_PROMISE) if f"bench/{name}" not in guide] == []


def test_committed_figures_are_small_and_of_a_standard_run():
    standard = {promise.name: promise.command(quick=False) for promise in PROMISES}
    for path in sorted((BENCH / "results").glob("*.json")):
        result = json.loads(path.read_text())
        assert (result["benchmark"], result["command"]) == (path.stem, standard[path.stem])
        assert len(path.read_text().splitlines()) <= LINES_MAX
