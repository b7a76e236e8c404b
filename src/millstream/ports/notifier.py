"""How people are told: alerts, who was told of them, and the channels to tell them by."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

LOOKING: Final = "alerts"
"""The recurring task of looking what is amiss, by its name in the schedule."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people must know. `effect` says first what it does to the business, then why.

    States: pending -> firing -> acknowledged -> resolved; from firing also at once to resolved. `told_with` names the
    alert with the same cause that people were told of instead.
    """

    id: int
    code: str
    scope: str
    cause: str
    urgent: bool
    state: str
    effect: str
    opened_at: datetime
    last_true_at: datetime
    fired_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    escalated_at: datetime | None = None
    resolved_at: datetime | None = None
    told_with: int | None = None
    note: str | None = None  # what whoever acknowledged it said
    told_size: int | None = None  # of how many people were told last; less once they became fewer


class AlertWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts; every member that is set narrows the choice. `open`: True only those, False only what is over."""

    open: bool | None = None
    state: str | None = None
    code: str | None = None


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule finds true now. It fires once it has been true for `hold_s`.

    `size`: how many of something it is about, where people are to hear again once there are twice as many.
    """

    code: str
    scope: str
    cause: str
    effect: str
    urgent: bool = False
    hold_s: float = 0.0
    size: int | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel is to be told. A message to the same channel on the same occasion exists once."""

    occasion: str
    channel: str
    title: str
    body: str
    urgent: bool
    due_at: datetime
    alert_id: int | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what became of it: waiting, sent, failed (given up) or dropped (overtaken by the end)."""

    id: int
    occasion: str
    channel: str
    title: str
    body: str
    urgent: bool
    state: str
    tries: int
    created_at: datetime
    due_at: datetime
    alert_id: int | None = None
    ended_at: datetime | None = None
    problem: str | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What the digest tells of the last day."""

    orders: int
    fired: int
    resolved: int
    unsent: int


class AlertBook(Protocol):
    """Keeps alerts and notifications. Every method is one transaction."""

    async def open(self, condition: Condition, *, now: datetime) -> Alert:
        """A new pending alert; the one that is open already, if another process was faster."""
        ...

    async def open_alerts(self) -> Sequence[Alert]:
        """All that is not resolved."""
        ...

    async def page(self, wish: AlertWish, *, limit: int, before: int | None = None) -> Sequence[Alert]:
        """The newest first; `before` continues behind an id."""
        ...

    async def looked_at(self) -> datetime | None:
        """When it was last looked at what is amiss, by any process; None: never."""
        ...

    async def find(self, alert_id: int) -> Alert | None:
        """One alert."""
        ...

    async def change(self, alert: Alert, messages: Sequence[Message] = (), *, now: datetime) -> None:
        """Writes the alert as it is now, and what is to be told of it; drops what waits to be told once it is over."""
        ...

    async def forget(self, alert: Alert) -> None:
        """A pending alert that never fired was none."""
        ...

    async def acknowledge(self, alert_id: int, *, actor: str, now: datetime, note: str | None = None) -> Alert:
        """Somebody is on it, and on what was told with it: no escalation. Raises Reject if it does not fire."""
        ...

    async def tested(self, channel: str, *, problem: str | None, actor: str, now: datetime) -> None:
        """A person sent a test message: it stands in the audit trail."""
        ...

    async def post(self, messages: Sequence[Message], *, now: datetime) -> int:
        """Messages that belong to no alert; how many were new."""
        ...

    async def claim_due(self, *, now: datetime, lease_s: float, limit: int) -> Sequence[Notification]:
        """Due notifications, ours for `lease_s`; their tries counted."""
        ...

    async def end(self, notification_id: int, *, problem: str | None, again_at: datetime | None, now: datetime) -> None:
        """Sent (no problem), to be tried again at `again_at`, or failed."""
        ...

    async def notifications(self, *, alert_id: int | None = None, limit: int = 50) -> Sequence[Notification]:
        """The newest, of one alert or those not sent."""
        ...

    async def day(self, *, since: datetime) -> Day:
        """Figures for the digest."""
        ...

    async def tally(self) -> dict[tuple[str, str, str], int]:
        """Open alerts as ("alert", code, state) and unsent notifications as ("notification", channel, state)."""
        ...


class Notifier(Protocol):
    """The channels."""

    @property
    def channels(self) -> Sequence[str]:
        """Their names."""
        ...

    async def tell(self, channel: str, *, title: str, body: str, urgent: bool) -> str | None:
        """None if the channel took it, otherwise what went wrong, without any secret. Never raises; ends in time."""
        ...
