"""The page of benchmarks says what the figures say: kept or not, ratios of one run, and what is not known."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import report  # noqa: E402 - the line above says where it is
from account import Finding, plain, spread  # noqa: E402 - the same
from accounts import ACCOUNTS  # noqa: E402 - the same
from promises import PROMISES  # noqa: E402 - the same

STARTUP = {
    "benchmark": "startup",
    "command": "python bench/startup.py --runs 3",
    "commit": "abc1234567",
    "dirty": False,
    "date": "2026-11-24 09:00 UTC",
    "machine": {
        "cpu": "A CPU",
        "cpus": 2,
        "kernel": "6.1",
        "memory_gb": 8.0,
        "postgresql": "18.6",
        "python": "3.11.7",
    },
    "load": {
        "load_average_before": [0.1, 0.2, 0.3],
        "load_average_after": [1.1, 0.2, 0.3],
        "others_percent": 1.0,
        "stolen_percent": 0.0,
        "quiet": True,
    },
    "took_s": 12.0,
    "figures": {
        "runs": 3,
        "ways": {
            "embedded": {"first_start_s": 3.5, "ready_s": [1.7, 1.5, 2.1], "median_s": 1.7},
            "external": {"first_start_s": 1.0, "ready_s": [0.9, 0.8, 1.0], "median_s": 0.9},
        },
    },
}


def altered(**members) -> dict:
    return copy.deepcopy(STARTUP) | members


def round_of(speed: float, p99: float) -> dict:
    latency = {"p50": 5.0, "p95": 20.0, "p99": p99}
    cpu = {"hub": 3.0, "database": 1.0, "total": 4.0}
    return {
        "full_speed": {
            "orders": 10,
            "orders_per_s_with_accepting": 100 * speed,
            "cpu_ms_per_order": cpu,
            "calls_per_order": 6.0,
        },
        "limit": {
            "orders_per_s_with_accepting": 100.0,
            "cpu_ms_per_order": {"program": 1.5, "database": 0.5, "total": 2.0},
        },
        "vs_limit": {"orders_per_s": speed, "cpu_per_order": 2.0},
        "half_load": {
            "orders": 20,
            "rate_per_s": 50.0,
            "accept_ms": latency,
            "placed_to_confirmed_ms": latency,
            "accepted_to_told_ms": latency,
        },
    }


def saga(*rounds: dict) -> dict:
    return {"rounds": list(rounds), "effects_made_twice": 0, "latency_ms": 20.0}


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.8, 0.9, 1.0], "yes"), ([0.7, 0.8, 0.9], "by the median"), ([0.7, 0.79, 0.9], "**no**")],
)
def test_a_promise_is_kept_in_every_round_or_by_the_median_or_not(values, kept):
    assert Finding(what="speed", values=values, at_least=0.8).kept() == kept
    assert Finding(what="time", values=[-value for value in values], at_most=-0.8).kept() == kept


def test_several_rounds_are_shown_as_lowest_median_and_highest():
    assert spread([3, 1, 2], unit=" s", digits=1) == "1.0 – 2.0 – 3.0 s"
    assert spread([1.234]) == "1.23"


def test_the_saga_is_set_against_the_bare_program_of_the_same_round():
    account = ACCOUNTS["order_saga"](saga(round_of(0.9, 20), round_of(0.5, 20), round_of(0.7, 20)))
    speed, cpu = account.findings
    assert (speed.measured(), speed.promise(), speed.kept()) == ("0.50 – 0.70 – 0.90", "at least 0.8", "**no**")
    assert (cpu.measured(), cpu.kept()) == ("4.00 – 4.00 – 4.00 ms", "yes")
    assert "| 50 – 70 – 90 | 100 – 100 – 100 | 0.50 – 0.70 – 0.90 |" in account.body


def test_latency_is_judged_by_ninety_nine_of_a_hundred():
    (finding,) = ACCOUNTS["order_saga_20ms"](saga(round_of(1, 260), round_of(1, 240), round_of(1, 100))).findings
    assert (finding.measured(), finding.kept()) == ("100 – 240 – 260 ms", "by the median")


def test_the_page_shows_command_commit_and_verdict():
    page = report.page({"startup": STARTUP})
    assert "`python bench/startup.py --runs 3` (commit `abc1234567`, 2026-11-24 09:00 UTC, on a quiet machine)" in page
    assert "| at most 2 s | 1.50 – 1.70 – 2.10 s | by the median |" in page
    assert "| at most 2 s | 0.80 – 0.90 – 1.00 s | yes |" in page
    assert "- 2 CPUs (A CPU), 8.0 GiB, Linux 6.1, Python 3.11.7, PostgreSQL 18.6 (embedded)" in page


def test_a_busy_machine_and_files_that_were_not_committed_are_said():
    page = report.page({"startup": altered(dirty=True, load={**STARTUP["load"], "quiet": False})})
    assert "commit `abc1234567` with changes not committed" in page
    assert "on a machine that had other work, too" in page


def test_what_was_not_measured_is_unknown():
    page = report.page({})
    assert page.count(f"| {report.NOT_MEASURED} | unknown |") == len(PROMISES)
    for promise in PROMISES:
        assert f"{report.NOT_MEASURED} The command: `{promise.command(quick=False)}`" in page


def test_every_entry_of_the_summary_leads_to_its_section():
    headings = {report._anchor(line[3:]) for line in report.page({}).splitlines() if line.startswith("## ")}
    assert {report._anchor(promise.title) for promise in PROMISES} < headings


def test_figures_without_an_account_of_their_own_are_shown_by_name():
    account = plain({"workers": {"1": {"orders_per_s": 10}}, "seen": [1, 2], "steps": [{"mb": 3}]})
    assert account.findings == ()
    assert "| `workers.1.orders_per_s` | 10 |" in account.body
    assert "| `seen` | 1, 2 |" in account.body
    assert "| `steps.1.mb` | 3 |" in account.body


def test_saved_figures_come_back_the_same_and_look_the_same_whatever_order_they_were_in(tmp_path):
    report.save(STARTUP, tmp_path)
    first = (tmp_path / "startup.json").read_text()
    report.save(dict(reversed(STARTUP.items())), tmp_path)
    assert (tmp_path / "startup.json").read_text() == first
    assert report.load(tmp_path) == {"startup": STARTUP}
    assert json.loads(first) == STARTUP
    assert '"ready_s": [1.7, 1.5, 2.1]' in first


def test_check_fails_when_somebody_wrote_into_the_page(tmp_path, monkeypatch):
    report.save(STARTUP, tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(sys, "argv", ["report.py"])
    report.main()
    monkeypatch.setattr(sys, "argv", ["report.py", "--check"])
    report.main()
    report.PAGE.write_text(report.PAGE.read_text().replace("1.70", "1.20"))
    with pytest.raises(SystemExit, match="not what bench/results/ gives"):
        report.main()


def test_the_command_line_checks_without_writing():
    before = report.PAGE.read_bytes()
    ran = subprocess.run(
        [sys.executable, str(BENCH / "report.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert report.PAGE.read_bytes() == before
