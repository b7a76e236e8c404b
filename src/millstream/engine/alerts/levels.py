"""What the merchant expects of the hub, and how people want to be told."""

from collections.abc import Mapping
from typing import Final

import msgspec


class FlowLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one flow's events may fail: this share, of those stored within this time, from so many on."""

    percent: float
    window_s: float
    min: int


class Slo(msgspec.Struct, frozen=True, kw_only=True):
    """Service level objectives; an alert says which one is missed. See docs/operate/monitoring.md."""

    placed_to_erp_s: float = 60.0
    oldest_item_s: float = 900.0
    failing_orders_percent: float = 5.0
    failing_orders_window_s: float = 300.0
    failing_orders_min: int = 1
    failing_flow_percent: float = 20.0
    failing_flow_window_s: float = 900.0
    failing_flow_min: int = 10
    review_age_s: float = 14400.0
    promise_kept_percent: float = 90.0
    promise_window_days: int = 7
    promise_shipments_min: int = 20
    drift_percent: float = 1.0
    drift_orders_min: int = 1
    flows: Mapping[str, Mapping[str, float]] = {}
    """What is different for one flow, named as in "order.shipped to crm": `percent`, `window_s`, `min`."""

    def level_of(self, flow: str) -> FlowLevel:
        """What holds for a flow: its own, and where it has none, that of all."""
        own = self.flows.get(flow, {})
        return FlowLevel(
            percent=own.get("percent", self.failing_flow_percent),
            window_s=own.get("window_s", self.failing_flow_window_s),
            min=int(own.get("min", self.failing_flow_min)),
        )

    @property
    def flow_windows_s(self) -> tuple[float, ...]:
        """Every window that some flow is judged by."""
        return tuple(sorted({self.failing_flow_window_s, *(self.level_of(flow).window_s for flow in self.flows)}))


class AlertPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to look, when to tell whom, and when to be quiet. Times of day are "HH:MM" in `timezone`."""

    every_s: float = 15.0
    worker_silent_s: float = 30.0
    connection_down_s: float = 60.0
    canary_s: float = 86400.0
    canary_orders_min: int = 3
    canary_percent: float = 80.0
    backlog_depth: int = 1000
    resolve_after_s: float = 60.0
    escalate_after_s: float = 1800.0
    escalate_to: tuple[str, ...] = ()
    timezone: str = "UTC"
    quiet_from: str | None = None
    quiet_until: str | None = None
    digest_at: str | None = "07:30"


MEANINGS: Final[Mapping[str, str]] = {
    "slo.placed_to_erp_s": "95 of 100 orders are to be in the ERP this soon after they were placed",
    "slo.oldest_item_s": "How old the oldest open item may be",
    "slo.failing_orders_percent": "The share of orders failing to reach the ERP that is too much",
    "slo.failing_orders_window_s": "Orders failing to reach the ERP: of those tried within this time",
    "slo.failing_orders_min": "Orders failing to reach the ERP: at least so many",
    "slo.failing_flow_percent": "The share of one flow's events that may fail",
    "slo.failing_flow_window_s": "Events of one flow that fail: of those stored within this time",
    "slo.failing_flow_min": "Events of one flow that fail: at least so many",
    "slo.review_age_s": "How long a decision may take",
    "slo.promise_kept_percent": "The share of shipments that is to leave by the first date promised",
    "slo.promise_window_days": "Promises kept: of the shipments of so many days",
    "slo.promise_shipments_min": "Promises kept: judged from so many shipments on",
    "slo.drift_percent": "The share of orders compared within a day that may differ between store, books and ERP",
    "slo.drift_orders_min": "Orders that differ between store, books and ERP: at least so many",
    "alerts.every_s": "How often it is looked whether anything is amiss",
    "alerts.worker_silent_s": "How long no worker may be seen",
    "alerts.connection_down_s": "How long a circuit breaker may be open",
    "alerts.canary_s": "How far back it is looked whether the store's webhook announced the newest 20 orders",
    "alerts.canary_orders_min": "The store's webhook: so many of those orders it must have missed",
    "alerts.canary_percent": "The store's webhook: and announced less than this share of them",
    "alerts.backlog_depth": "So many open items of one subscriber are a backlog",
    "alerts.resolve_after_s": "How long nothing may be amiss until an alert is over",
    "alerts.escalate_after_s": "How long nobody may take an alert on",
    "alerts.escalate_to": "The channels told when nobody takes an alert on; none: all of them",
    "alerts.timezone": "The time zone of quiet hours, of the daily digest and of times in messages",
    "alerts.quiet_from": "Quiet hours begin: from here on only urgent alerts are told",
    "alerts.quiet_until": "Quiet hours end",
    "alerts.digest_at": "When the daily digest comes; none: no digest",
}
"""Every level by the name of its setting. The settings hold; people may change a level while the hub runs."""
