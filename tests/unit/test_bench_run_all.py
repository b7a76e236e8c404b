"""Running every promise: figures and page change together, and only if every program succeeded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import machine  # noqa: E402 - the line above says where it is
import report  # noqa: E402 - the same
import run_all  # noqa: E402 - the same
from promises import PROMISES, Promise  # noqa: E402 - the same

WELL = """
import json, sys
from pathlib import Path
way = {"first_start_s": 1.0, "ready_s": [float(sys.argv[1])], "median_s": 1.0}
figures = {"benchmark": "startup", "machine": {"ours": 1}, "runs": 1, "ways": {"embedded": way, "external": way}}
Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(figures))
"""
ILL = "import sys; print('what it did last'); sys.exit(3)"
OTHER_FORM = WELL.replace('"ways"', '"roads"')


@pytest.fixture
def place(tmp_path):
    """Folders of a run, and a page that is there already."""

    class Place:
        staging, results, page = tmp_path / "staging", tmp_path / "results", tmp_path / "benchmarks.md"

        def promise(self, text: str, *, name: str = "startup") -> Promise:
            program = tmp_path / f"{name}_program.py"
            program.write_text(text)
            return Promise(name=name, title="T", asked="A", program=str(program), standard=("1.25",), quick=("0.75",))

        def run(self, *promises: Promise, quick: bool = False) -> int:
            return run_all.bench(promises, quick=quick, staging=self.staging, results=self.results, page=self.page)

    Place.page.write_text("the page of yesterday\n")
    Place.results.mkdir()
    return Place()


def test_figures_and_page_are_written_with_the_circumstances(place):
    assert place.run(place.promise(WELL)) == 0
    result = json.loads((place.results / "startup.json").read_text())
    assert result.keys() == {
        *("benchmark", "command", "commit", "dirty", "date", "machine", "load", "took_s", "figures")
    }
    assert result["machine"].keys() == {"cpu", "cpus", "kernel", "memory_gb", "postgresql", "python"}
    assert result["load"].keys() == {
        *("load_average_before", "load_average_after", "others_percent", "stolen_percent", "quiet")
    }
    assert 0 <= result["load"]["others_percent"] <= 100
    assert result["figures"].keys() == {"runs", "ways"}
    assert place.page.read_text() == report.page(report.load(place.results))
    assert "1.25 s" in place.page.read_text()


@pytest.mark.parametrize(("text", "why"), [(ILL, "what it did last"), (OTHER_FORM, "another form")])
def test_a_failure_leaves_page_and_figures_alone_and_is_named(place, capsys, text, why):
    assert place.run(place.promise(WELL), place.promise(text, name="order_saga")) == 1
    assert place.page.read_text() == "the page of yesterday\n"
    assert list(place.results.iterdir()) == []
    said = capsys.readouterr().err
    assert "FAILED order_saga" in said
    assert why in said
    assert "FAILED startup" not in said


def test_a_program_without_an_account_fails_nothing(place):
    assert place.run(place.promise(OTHER_FORM, name="unheard_of")) == 0
    assert (place.results / "unheard_of.json").exists()


def test_a_program_that_takes_too_long_is_ended_and_named(place, capsys, monkeypatch):
    monkeypatch.setattr(run_all, "TIME_MAX_S", 0.5)
    assert place.run(place.promise("import threading; threading.Event().wait()")) == 1
    assert "FAILED startup: it took longer" in capsys.readouterr().err


def test_a_smoke_run_keeps_its_figures_to_itself(place):
    assert place.run(place.promise(WELL), quick=True) == 0
    assert place.page.read_text() == "the page of yesterday\n"
    assert list(place.results.iterdir()) == []
    assert "0.75 s" in (place.staging / "benchmarks.md").read_text()


def test_some_alone_leave_the_figures_of_the_others(place):
    place.run(place.promise(WELL))
    kept = (place.results / "startup.json").read_bytes()
    assert place.run(place.promise(WELL, name="unheard_of")) == 0
    assert (place.results / "startup.json").read_bytes() == kept
    assert "1.25 s" in place.page.read_text()


def test_what_a_program_left_running_is_found_and_its_own_cpu_is_not_that_of_others(tmp_path):
    """In a process of its own: adopting orphans is for the whole process."""
    script = f"""
import subprocess, sys
sys.path.insert(0, {str(BENCH)!r})
import machine
machine.ENDING_MAX_S = 0.2
machine.adopt_orphans()
load = machine.Load()
waits = "import time; time.sleep(60)"
burns = "t = __import__('time'); end = t.process_time() + 1.0\\nwhile t.process_time() < end: pass"
start = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=-3, stderr=-3).pid)"
orphan = int(subprocess.run([sys.executable, "-c", start, waits], capture_output=True, check=True).stdout)
assert [int(one.split()[0]) for one in load.left_running()] == [orphan]
__import__("os").kill(orphan, 9)
machine.ENDING_MAX_S = 30
subprocess.run([sys.executable, "-c", start, burns], capture_output=True, check=True)
assert load.left_running() == []
assert machine._own_cpu_s() - load._own_s >= 1.0
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_a_copy_without_history_has_no_known_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() == {"commit": "unknown", "dirty": "unknown"}


def test_every_promise_has_parameters_for_both_kinds_of_run():
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
    for promise in PROMISES:
        assert promise.standard
        assert promise.quick
        assert promise.quick != promise.standard
