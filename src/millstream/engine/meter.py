"""Counts what the tap tells, for whoever asks how it goes: plain sums, read by web/metrics.py."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from millstream.domain.events import ORDER_PLACED
from millstream.ports.world import Clock

SERIES_MAX: Final = 1000  # label sets one metric may have; what comes after goes under OTHER
OTHER: Final = "other"
CALL_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
PLACED_TO_ERP_S: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
COMMIT_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)


class Histogram:
    """How many values fell at or below each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Family:
    """The series of one histogram, by label values; bounded."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.series: dict[tuple[str, ...], Histogram] = {}

    def of(self, labels: tuple[str, ...]) -> Histogram:
        """The series of these labels."""
        found = self.series.get(labels)
        if found is None:
            if len(self.series) >= SERIES_MAX:
                labels = (OTHER,) * len(labels)
            found = self.series.setdefault(labels, Histogram(self._bounds))
        return found


class Meter:
    """A tap. One look into a table per note it does not know, one sum per note it does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.counts: dict[str, Counter[tuple[str, ...]]] = {}
        self.calls = Family(CALL_S)
        self.placed_to_erp = Histogram(PLACED_TO_ERP_S)
        self.commits = Family(COMMIT_SIZES)
        self.breakers: dict[str, datetime] = {}  # connections found down, and since when
        self._told_down: dict[str, datetime] = {}
        self._hears: dict[str, Callable[[dict[str, Any]], None]] = {
            "call.ended": self._call,
            "delivery.started": self._started,
            "delivery.settled": self._settled,
            "settle.committed": self._settle_committed,
            "accept.committed": self._accept_committed,
            "breaker.opened": self._opened,
            "breaker.closed": self._closed,
            "door.answered": self._answered,
            "door.refused": self._refused,
            "notification.ended": self._notified,
        }

    def note(self, name: str, /, **facts: Any) -> None:
        """See Tap."""
        hear = self._hears.get(name)
        if hear is not None:
            hear(facts)

    def down(self, *, forget_after_s: float) -> dict[str, datetime]:
        """Connections whose breaker opened and has not closed; what nobody tried for so long is not known any more."""
        now = self._clock.now()
        for system, told in list(self._told_down.items()):
            if (now - told).total_seconds() > forget_after_s:
                self._closed({"system": system})
        return dict(self.breakers)

    def _count(self, metric: str, labels: tuple[str, ...], by: int = 1) -> None:
        series = self.counts.setdefault(metric, Counter())
        if labels not in series and len(series) >= SERIES_MAX:
            labels = (OTHER,) * len(labels)
        series[labels] += by

    def _call(self, facts: dict[str, Any]) -> None:
        self.calls.of((facts["system"], facts["operation"], facts["outcome"])).observe(facts["ms"] / 1000)

    def _started(self, facts: dict[str, Any]) -> None:
        if facts["type"] == ORDER_PLACED and facts["tries"] == 1:
            self._count("orders_accepted", ())

    def _settled(self, facts: dict[str, Any]) -> None:
        state, code = facts["state"], facts["code"] or "ok"
        self._count("deliveries", (facts["subscriber"], state, code))
        self._count("attempts", (facts["fault"] or "none",))
        if facts["type"] == ORDER_PLACED and state == "done" and facts["events"]:
            self._count("orders_confirmed", ())
            self.placed_to_erp.observe(max((self._clock.now() - facts["occurred_at"]).total_seconds(), 0.0))

    def _settle_committed(self, facts: dict[str, Any]) -> None:
        self.commits.of(("settle",)).observe(facts["deliveries"])

    def _accept_committed(self, facts: dict[str, Any]) -> None:
        self.commits.of(("accept",)).observe(facts["events"])

    def _opened(self, facts: dict[str, Any]) -> None:
        now = self._clock.now()
        self.breakers.setdefault(facts["system"], now)
        self._told_down[facts["system"]] = now

    def _closed(self, facts: dict[str, Any]) -> None:
        self.breakers.pop(facts["system"], None)
        self._told_down.pop(facts["system"], None)

    def _answered(self, facts: dict[str, Any]) -> None:
        self._count("door_events", (facts["door"],), facts["accepted"])

    def _refused(self, facts: dict[str, Any]) -> None:
        self._count("door_refusals", (facts["door"], facts["code"]))

    def _notified(self, facts: dict[str, Any]) -> None:
        self._count("notifications", (facts["channel"], facts["state"]))
