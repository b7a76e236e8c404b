"""The life of an alert: pending, firing, acknowledged, resolved; and what is told at each step."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from millstream.engine.alerts.hours import quiet_until
from millstream.engine.alerts.levels import AlertPolicy
from millstream.engine.alerts.words import hour
from millstream.ports.notifier import Alert, Condition, Message

STATES = ("pending", "firing", "acknowledged", "resolved")
RUNBOOKS = "docs/operate/runbooks"


def seen_again(alert: Alert, condition: Condition, *, now: datetime) -> Alert:
    """What is still true; fires when it has been for long enough. A cause is settled once people were told of it."""
    alert = msgspec.structs.replace(alert, effect=condition.effect, last_true_at=now)
    if alert.state != "pending":
        return alert
    alert = msgspec.structs.replace(alert, cause=condition.cause, urgent=condition.urgent)
    if (now - alert.opened_at).total_seconds() < condition.hold_s:
        return alert
    return msgspec.structs.replace(alert, state="firing", fired_at=now)


def not_seen(alert: Alert, policy: AlertPolicy, *, now: datetime, at_once: bool = False) -> Alert:
    """What is true no more, for a while already: resolved by itself. `at_once`: nobody looks for it any more."""
    if not at_once and (now - alert.last_true_at).total_seconds() < policy.resolve_after_s:
        return alert
    return msgspec.structs.replace(alert, state="resolved", resolved_at=now)


def leader_of(alert: Alert, others: Sequence[Alert]) -> Alert | None:
    """The alert with the same cause that people know of already; an urgent one never hides behind one that is not."""
    for other in others:
        told = other.state in {"firing", "acknowledged"} and other.told_with is None
        if told and other.id != alert.id and other.cause == alert.cause and (other.urgent or not alert.urgent):
            return other
    return None


def must_escalate(alert: Alert, policy: AlertPolicy, *, now: datetime) -> bool:
    """Nobody took it on in time."""
    if alert.state != "firing" or alert.fired_at is None or alert.escalated_at is not None or alert.told_with:
        return False
    return (now - alert.fired_at).total_seconds() >= policy.escalate_after_s


def messages(
    alert: Alert, what: str, channels: Sequence[str], policy: AlertPolicy, *, now: datetime, also: Sequence[Alert] = ()
) -> tuple[Message, ...]:
    """One message per channel that an alert `fired`, `escalated`, is `resolved` or `unwatched`.

    In quiet hours only urgent ones go. `unwatched`: its rule was switched off; whether it is over is not known.
    """
    quiet = quiet_until(now, timezone=policy.timezone, begins=policy.quiet_from, ends=policy.quiet_until)
    due_at = now if quiet is None or alert.urgent else quiet
    since = hour(alert.opened_at, policy.timezone)
    word = {"fired": "", "escalated": "Nobody is on it: ", "resolved": "Over: ", "unwatched": "No longer watched: "}[
        what
    ]
    lines = [f"{word}{alert.effect}", ""]
    lines += [f"Also: {other.effect}" for other in also]
    if what == "resolved":
        lines.append(f"Since {since}, over at {hour(now, policy.timezone)}; {alert.code} ({alert.scope}).")
    elif what == "unwatched":
        lines.append(
            f"Since {since}; the rule {alert.code} was switched off, so nobody will be told whether it is over."
        )
    else:
        lines.append(f"Since {since}; {alert.code} ({alert.scope}), alert {alert.id}.")
        lines.append(f"What to do: {RUNBOOKS}/{alert.code}.md")
        lines.append(f"Taking it on: millstream alerts ack {alert.id}")
    title = f"{word}{alert.effect.partition(':')[0]}"
    return tuple(
        Message(
            occasion=f"alert/{alert.id}/{what}",
            channel=channel,
            title=title,
            body="\n".join(lines),
            urgent=alert.urgent and what not in {"resolved", "unwatched"},
            due_at=due_at,
            alert_id=alert.id,
        )
        for channel in channels
    )
