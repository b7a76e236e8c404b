"""The programs that measure scale, outage and memory measure what they say. Their times are not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("machines"), pytest.mark.thorough]

BENCH = Path(__file__).parents[2] / "bench"


def figures(tmp_path, program, *options):
    path = tmp_path / "figures.json"
    command = [sys.executable, str(BENCH / program), "--quick", *options, "--json", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(path.read_text())


def test_scale_counts_six_calls_per_order_and_nothing_twice_with_any_number_of_processes(tmp_path):
    found = figures(tmp_path, "scale.py")
    assert found["benchmark"] == "scale"
    assert found["durability"]["fsync"] == "on"
    assert found["place"]["machines"] in {
        "one network namespace per worker, database and systems over bridges",
        "processes on loopback",
    }
    for part in ("systems_answer_at_once", "systems_take_their_time"):
        counts = found[part]["processes"]
        assert counts.keys() == {"1", "2"}
        for processes, one in counts.items():
            assert one["calls_per_order"] == 6.0
            assert one["effects_made_twice"] == 0
            assert one["orders_per_s"] > 0
            assert len(one["deliveries_per_worker"]) == int(processes), "a process did nothing"
        assert counts["1"]["ratio_to_one"] == 1.0


def test_an_outage_leaves_every_order_told_once_and_in_order(tmp_path):
    found = figures(tmp_path, "crm_outage.py", "--how", "503")["outages"]["503"]
    assert found["crm_calls_refused"] > 0, "the CRM was never away: nothing was measured"
    assert found["orders"] == found["told_to_crm"] > 0
    assert found["effects_made_twice"] == 0
    assert found["lanes"]["out_of_order"] == 0
    assert found["lanes"]["most_orders_of_one"] > 1
    assert found["drain"]["orders_that_waited"] > 0
    for window in ("before", "during", "draining", "after"):
        latency = found["accepted_to_erp_ms"][window]
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]


def test_memory_is_read_all_along(tmp_path):
    found = figures(tmp_path, "memory.py")
    assert found["orders"] == 1000
    assert found["effects_made_twice"] == 0
    readings = found["worker"]["readings"]
    assert len(readings) >= 5
    assert readings[0][0] == 0
    assert readings[-1][0] == 1000
    assert all(size > 10 for _, size in readings)
