"""What a meter and the ledger tell, as Prometheus reads it. Loaded with the first scrape."""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from millstream.engine.meter import Histogram, Meter
from millstream.ports.gauges import Reading
from millstream.ports.world import Clock
from millstream.web.metrics import Standing

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "orders_accepted": ("millstream_orders_accepted", "Orders whose first try to reach the ERP began here", ()),
    "orders_confirmed": ("millstream_orders_confirmed", "Orders that reached the ERP from here", ()),
    "deliveries": (
        "millstream_deliveries_settled",
        "Attempts that ended, by what the delivery came to",
        ("subscriber", "state", "code"),
    ),
    "attempts": ("millstream_attempts", "Attempts that ended, by class of fault (none: done)", ("fault",)),
    "door_events": ("millstream_door_events_accepted", "Events that a door stored", ("door",)),
    "door_refusals": ("millstream_door_refusals", "Requests that a door refused", ("door", "code")),
    "notifications": ("millstream_notifications", "Messages to channels that ended", ("channel", "state")),
}
"""Counter of the meter -> metric, help, labels. docs/operate/monitoring.md lists them; a test holds both together."""


def exposed(meter: Meter, standing: Standing | None, clock: Clock) -> bytes:
    """The page of one scrape."""
    registry = CollectorRegistry()
    registry.register(Exposition(meter, standing, clock))
    page: bytes = generate_latest(registry)
    return page


class Exposition:
    """A collector of one scrape."""

    def __init__(self, meter: Meter, standing: Standing | None, clock: Clock) -> None:
        self._meter = meter
        self._standing = standing
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        yield from self._counters()
        yield from self._histograms()
        yield self._breakers()
        up = GaugeMetricFamily("millstream_ledger_up", "Whether the ledger answered (the gauges below come from it)")
        up.add_metric((), 0.0 if self._standing is None else 1.0)
        yield up
        if self._standing is not None:
            yield from self._queues(self._standing.reading)
            yield from self._workers(self._standing.reading)
            yield from self._alerts(self._standing.tally)

    def _counters(self) -> Iterator[Metric]:
        for source, (name, told, labels) in COUNTERS.items():
            family = CounterMetricFamily(name, told, labels=labels)
            for values, count in self._meter.counts.get(source, {}).items():
                family.add_metric(values, count)
            if not labels and source not in self._meter.counts:
                family.add_metric((), 0)
            yield family

    def _histograms(self) -> Iterator[Metric]:
        calls = HistogramMetricFamily(
            "millstream_call_seconds", "Outward calls, until the answer", labels=("system", "operation", "outcome")
        )
        for labels, histogram in self._meter.calls.series.items():
            calls.add_metric(labels, _buckets(histogram), histogram.total)
        yield calls
        placed = HistogramMetricFamily(
            "millstream_placed_to_erp_seconds", "Placed in the store to confirmed by the ERP"
        )
        placed.add_metric((), _buckets(self._meter.placed_to_erp), self._meter.placed_to_erp.total)
        yield placed
        commits = HistogramMetricFamily("millstream_group_commit_size", "What one commit held", labels=("kind",))
        for labels, histogram in self._meter.commits.series.items():
            commits.add_metric(labels, _buckets(histogram), histogram.total)
        yield commits

    def _breakers(self) -> Metric:
        family = GaugeMetricFamily(
            "millstream_breaker_open_seconds", "How long this process finds a connection down", labels=("system",)
        )
        for system, since in self._meter.breakers.items():
            family.add_metric((system,), (self._clock.now() - since).total_seconds())
        return family

    def _queues(self, reading: Reading) -> Iterator[Metric]:
        depth = GaugeMetricFamily("millstream_queue_depth", "Open deliveries", labels=("subscriber", "state"))
        age = GaugeMetricFamily(
            "millstream_queue_oldest_seconds", "Age of the oldest open delivery", labels=("subscriber", "state")
        )
        for queue in reading.queues:
            depth.add_metric((queue.subscriber, queue.state), queue.depth)
            age.add_metric((queue.subscriber, queue.state), (reading.at - queue.oldest_at).total_seconds())
        failing = GaugeMetricFamily("millstream_orders_failing", "Orders that fail to reach the ERP", labels=("code",))
        for fault in reading.faults:
            failing.add_metric((fault.code,), fault.orders)
        yield from (depth, age, failing)

    def _workers(self, reading: Reading) -> Iterator[Metric]:
        seen = [(reading.at - heartbeat.seen_at).total_seconds() for heartbeat in reading.heartbeats]
        alive = GaugeMetricFamily("millstream_workers", "Workers seen within a minute")
        alive.add_metric((), sum(age <= 60 for age in seen))
        yield alive
        if seen:
            age = GaugeMetricFamily("millstream_worker_heartbeat_seconds", "Since any worker was last seen")
            age.add_metric((), min(seen))
            yield age

    def _alerts(self, tally: Mapping[tuple[str, str, str], int]) -> Iterator[Metric]:
        alerts = GaugeMetricFamily("millstream_alerts", "Open alerts", labels=("code", "state"))
        unsent = GaugeMetricFamily(
            "millstream_notifications_last_day", "Messages of the last day", labels=("channel", "state")
        )
        for (kind, name, state), count in tally.items():
            (alerts if kind == "alert" else unsent).add_metric((name, state), count)
        yield from (alerts, unsent)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulated, as Prometheus wants them."""
    sums, total = [], 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        total += count
        sums.append((bound, float(total)))
    return sums
