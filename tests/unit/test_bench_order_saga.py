"""The measuring program measures what it says: real calls, real commits, nothing made twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "order_saga.py"
CALLS = {"erp.find_items", "erp.place_order", "store.acknowledge", "store.comment", "crm.composite", "crm.event"}


def test_a_short_run_makes_six_calls_per_order_and_no_effect_twice(tmp_path):
    path = tmp_path / "saga.json"
    given = ["--rounds", "2", "--orders", "50", "--half-load-s", "0.5", "--vs-limit"]
    command = [sys.executable, str(BENCH), *given, "--json", str(path)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONWARNINGS": "error"})
    figures = json.loads(path.read_text())
    full, half = figures["full_speed"], figures["half_load"]
    assert full["calls_per_order"] == 6.0
    assert full["calls"] == dict.fromkeys(CALLS, 50)
    assert figures["effects_made_twice"] == 0
    assert figures["durability"].items() >= {"fsync": "on", "synchronous_commit": "on"}.items()
    for rate in ("accepted_per_s", "orders_per_s", "orders_per_s_with_accepting"):
        assert full[rate] > 0
    assert full["cpu_ms_per_order"].keys() == {"accept", "work", "hub", "database", "total"}
    assert half["orders"] >= 20
    for latency in ("accept_ms", "placed_to_confirmed_ms", "accepted_to_confirmed_ms", "accepted_to_told_ms"):
        assert 0 < half[latency]["p50"] <= half[latency]["p95"] <= half[latency]["p99"]
    assert figures["limit"]["orders"] == 50
    assert figures["vs_limit"]["orders_per_s"] > 0
    assert figures["vs_limit"]["cpu_per_order"] > 0
    assert len(figures["rounds"]) == 2
    for one in figures["rounds"]:
        assert one["full_speed"]["calls"] == dict.fromkeys(CALLS, 50)
        hub, bare = (one[name]["orders_per_s_with_accepting"] for name in ("full_speed", "limit"))
        assert one["vs_limit"]["orders_per_s"] == round(hub / bare, 3)
    assert {name: figures[name] for name in ("full_speed", "limit", "vs_limit")}.items() <= min(
        figures["rounds"], key=lambda one: one["vs_limit"]["orders_per_s"]
    ).items()  # of two rounds, the lower one
