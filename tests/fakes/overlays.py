"""Overlays for a connector under test: what it made known, and rules put in force without a database."""

from datetime import UTC, datetime

from fakes.tap import RecordingTap
from millstream.engine.overlays.live import LiveOverlays
from millstream.ports.mappings import Version
from millstream.ports.overlay import Rule

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def rule(path, expression, kind=None):
    """A rule by its path: `order.Gift__c`."""
    target, _, field = path.partition(".")
    return Rule(target=target, field=field, expression=expression, kind=kind)


def version(*rules, number=1):
    return Version(rules=rules, version=number, published_by="mia", published_at=NOW, reason="asked for")


def in_force(live, place, *rules, number=1):
    live.take(place, version(*rules, number=number))


def overlays(evaluator=None):
    return LiveOverlays(tap=RecordingTap(), evaluator=evaluator)
