"""The life of an alert: pending, firing, acknowledged, resolved; and what is told at each step."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from millstream.engine.alerts.hours import quiet_until
from millstream.engine.alerts.levels import AlertPolicy
from millstream.engine.alerts.words import hour
from millstream.ports.notifier import Alert, Condition, Message

STATES = ("pending", "firing", "acknowledged", "resolved")
RUNBOOKS = "docs/operate/runbooks"
ALWAYS_TOLD: Final = frozenset({"orders-failing"})
"""Never hidden behind another alert: orders and their money are news to whoever knows that a system is down."""
GROWN: Final = 2  # so many times as much as was told is news
FEWER: Final = 4  # a count that goes up and down by less than this many times tells nothing new each time
_OPEN: Final = frozenset({"firing", "acknowledged"})
_WORDS: Final[Mapping[str, str]] = {
    "fired": "",
    "grown": "More: ",
    "escalated": "Nobody is on it: ",
    "resolved": "Over: ",
    "unwatched": "No longer watched: ",
}


def seen_again(alert: Alert, condition: Condition, *, now: datetime) -> Alert:
    """What is still true; fires when it has been for long enough. A cause is settled once people were told of it."""
    alert = msgspec.structs.replace(alert, effect=condition.effect, last_true_at=now)
    if alert.state != "pending":
        return alert
    alert = msgspec.structs.replace(alert, cause=condition.cause, urgent=condition.urgent)
    if (now - alert.opened_at).total_seconds() < condition.hold_s:
        return alert
    return msgspec.structs.replace(alert, state="firing", fired_at=now, told_size=condition.size)


def has_grown(alert: Alert, condition: Condition) -> bool:
    """Whether people, who were told of it, are to hear that there are twice as many now."""
    if alert.state not in _OPEN or alert.told_with is not None or alert.told_size is None or condition.size is None:
        return False
    return condition.size >= max(GROWN * alert.told_size, 1)


def measured(alert: Alert, condition: Condition) -> Alert:
    """How many it is about now, where that is told, or far fewer than were told."""
    size, told = condition.size, alert.told_size
    if size is None or alert.state not in _OPEN:
        return alert
    if told is None or alert.told_with is not None or has_grown(alert, condition) or FEWER * size <= told:
        return msgspec.structs.replace(alert, told_size=size)
    return alert


def is_told_elsewhere(alert: Alert, others: Sequence[Alert]) -> bool:
    """Whether another alert with the same cause tells how many orders it is about, so that nobody hears it twice."""
    return alert.code not in ALWAYS_TOLD and any(other.code in ALWAYS_TOLD for other in told_of_cause(alert, others))


def not_seen(alert: Alert, policy: AlertPolicy, *, now: datetime, at_once: bool = False) -> Alert:
    """What is true no more, for a while already: resolved by itself. `at_once`: nobody looks for it any more."""
    if not at_once and (now - alert.last_true_at).total_seconds() < policy.resolve_after_s:
        return alert
    return msgspec.structs.replace(alert, state="resolved", resolved_at=now)


def told_of_cause(alert: Alert, others: Sequence[Alert]) -> tuple[Alert, ...]:
    """The other alerts with the same cause that people know of already."""
    return tuple(
        other
        for other in others
        if other.state in _OPEN and other.told_with is None and other.id != alert.id and other.cause == alert.cause
    )


def leader_of(alert: Alert, others: Sequence[Alert]) -> Alert | None:
    """The alert that this one is told with. An urgent one never hides behind one that is not."""
    if alert.code in ALWAYS_TOLD:
        return None
    return next((other for other in told_of_cause(alert, others) if other.urgent or not alert.urgent), None)


def must_escalate(alert: Alert, policy: AlertPolicy, *, now: datetime) -> bool:
    """Nobody took it on in time."""
    if alert.state != "firing" or alert.fired_at is None or alert.escalated_at is not None or alert.told_with:
        return False
    return (now - alert.fired_at).total_seconds() >= policy.escalate_after_s


def messages(
    alert: Alert,
    what: str,
    channels: Sequence[str],
    policy: AlertPolicy,
    *,
    now: datetime,
    also: Sequence[Alert] = (),
    public_url: str | None = None,
) -> tuple[Message, ...]:
    """One message per channel that an alert `fired`, has `grown`, `escalated`, is `resolved` or `unwatched`.

    In quiet hours only urgent ones go. `unwatched`: its rule was switched off; whether it is over is not known.
    `public_url`: where people reach the hub; the message leads to the page of the alert there.
    """
    quiet = quiet_until(now, timezone=policy.timezone, begins=policy.quiet_from, ends=policy.quiet_until)
    due_at = now if quiet is None or alert.urgent else quiet
    since = hour(alert.opened_at, policy.timezone)
    word = _WORDS[what]
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
        taken = alert.state == "acknowledged" and alert.acknowledged_by
        lines.append(f"Taken on by {taken}" if taken else f"Taking it on: millstream alerts ack {alert.id}")
    if public_url is not None:
        seen = "See it" if what in {"resolved", "unwatched"} else "See it and take it on"
        lines.append(f"{seen}: {public_url}/console/alerts/{alert.id}")
    title = f"{word}{alert.effect.partition(':')[0]}"
    return tuple(
        Message(
            occasion=f"alert/{alert.id}/{what}" + (f"-{alert.told_size}" if what == "grown" else ""),
            channel=channel,
            title=title,
            body="\n".join(lines),
            urgent=alert.urgent and what not in {"resolved", "unwatched"},
            due_at=due_at,
            alert_id=alert.id,
        )
        for channel in channels
    )
