"""Every alert has a rule and a runbook with the same chapters; every metric and every verb is in the guide."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from fakes.world import ManualClock
from millstream.cli import alerts
from millstream.engine.alerts.rules import RULES
from millstream.engine.meter import Meter
from millstream.ports.gauges import Heartbeat, Reading
from millstream.web.exposition import Exposition
from millstream.web.metrics import Standing

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operate/monitoring.md").read_text()
RUNBOOKS = ROOT / "docs/operate/runbooks"
CHAPTERS = ["What it means", "What is affected", "What to look at", "How to mend it", "When it is over"]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(RULES)


@pytest.mark.parametrize("code", RULES)
def test_a_runbook_says_what_it_means_what_to_look_at_and_when_it_is_over(code):
    text = (RUNBOOKS / f"{code}.md").read_text()
    assert re.match(rf"# .+: `{code}`\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == CHAPTERS
    assert all(len(part.strip()) > 20 for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("code", RULES)
def test_every_alert_is_in_the_guide(code):
    assert f"[`{code}`](runbooks/{code}.md)" in GUIDE


def test_settings_that_runbooks_name_exist():
    from millstream.settings import Settings

    named = set(
        re.findall(r"`((?:slo|alerts|retry|poll)\.\w+)`", "".join(p.read_text() for p in RUNBOOKS.glob("*.md")))
    )
    known = {
        f"{section}.{name}"
        for section in ("slo", "alerts", "retry", "poll")
        for name in type(Settings.model_fields[section].default).model_fields
    }
    assert named
    assert named <= known


def every_metric() -> list[Metric]:
    clock = ManualClock()
    heartbeat = Heartbeat(worker="w", started_at=clock.now(), seen_at=clock.now())
    standing = Standing(reading=Reading(at=clock.now(), heartbeats=(heartbeat,)), tally={})
    return list(Exposition(Meter(clock), standing, clock).collect())


def test_every_metric_is_in_the_guide_with_its_labels():
    told = dict(re.findall(r"^\| `(millstream_\w+)` \| (.*?) \|", GUIDE, re.MULTILINE))
    names = {metric.name + ("_total" if metric.type == "counter" else "") for metric in every_metric()}
    assert set(told) == names
    labels = {metric.name: metric._labelnames for metric in every_metric() if hasattr(metric, "_labelnames")}
    for name, named in told.items():
        assert re.findall(r"`(\w+)`", named) == list(labels[name.removesuffix("_total")]), name


@pytest.mark.parametrize(
    "verb", [command.name or command.callback.__name__ for command in alerts.app.registered_commands]
)
def test_every_verb_is_shown(verb):
    assert f"millstream alerts {verb}" in GUIDE
