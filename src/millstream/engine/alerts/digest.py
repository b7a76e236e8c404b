"""The day in a few lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from millstream.engine.alerts.words import many, span
from millstream.ports.alert_rules import Switch
from millstream.ports.gauges import Reading
from millstream.ports.notifier import Alert, Day, Message


def digest_messages(
    day: str,
    figures: Day,
    alerts: Sequence[Alert],
    reading: Reading,
    channels: Sequence[str],
    *,
    now: datetime,
    off: Mapping[str, Switch] = {},
) -> tuple[Message, ...]:
    """One message per channel; its first line says whether anybody must do anything."""
    depth: dict[str, int] = {}
    for queue in reading.queues:
        depth[queue.state] = depth.get(queue.state, 0) + queue.depth
    moving = sum(depth.get(state, 0) for state in ("waiting", "running", "retrying"))
    waiting = depth.get("held", 0) + depth.get("dead", 0)
    head = (
        f"{many(waiting, 'item')} wait for a person, {many(len(alerts), 'alert')} open"
        if waiting or alerts
        else ("Nothing waits for a person")
    )
    lines = [
        f"{head}; {many(figures.orders, 'order')} reached the ERP in the last day.",
        "",
        *(f"Open for {span((now - alert.opened_at).total_seconds())}: {alert.effect}" for alert in alerts),
        f"Reviews {depth.get('held', 0)}, dead letters {depth.get('dead', 0)}, on their way {moving}.",
        f"Alerts in the last day: {figures.fired} fired, {figures.resolved} over.",
        f"Messages that could not be sent: {figures.unsent}.",
        *(f"Not watched: {code}, switched off by {one.actor}: {one.reason}" for code, one in sorted(off.items())),
    ]
    return tuple(
        Message(
            occasion=f"digest/{day}",
            channel=channel,
            title=f"Millstream, {day}: {head}",
            body="\n".join(lines),
            urgent=False,
            due_at=now,
        )
        for channel in channels
    )
