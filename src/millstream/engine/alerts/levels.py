"""What the merchant expects of the hub, and how people want to be told."""

import msgspec


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


class AlertPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to look, when to tell whom, and when to be quiet. Times of day are "HH:MM" in `timezone`."""

    every_s: float = 15.0
    worker_silent_s: float = 30.0
    connection_down_s: float = 60.0
    canary_s: float = 900.0
    canary_orders_min: int = 3
    backlog_depth: int = 1000
    resolve_after_s: float = 60.0
    escalate_after_s: float = 1800.0
    escalate_to: tuple[str, ...] = ()
    timezone: str = "UTC"
    quiet_from: str | None = None
    quiet_until: str | None = None
    digest_at: str | None = "07:30"
