"""Looks every few seconds, in one process at a time, and sees to it that people are told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any, Final

import msgspec

from millstream.domain.errors import Failure
from millstream.domain.values import Money
from millstream.engine.alerts.digest import digest_messages
from millstream.engine.alerts.hours import digest_day
from millstream.engine.alerts.life import (
    ALWAYS_TOLD,
    has_grown,
    is_told_elsewhere,
    leader_of,
    measured,
    messages,
    must_escalate,
    not_seen,
    seen_again,
    told_of_cause,
)
from millstream.engine.alerts.rulebook import InForce, Rules
from millstream.engine.alerts.rules import DRIFT_NAMED_MAX, Sight, Stake, conditions
from millstream.ports.drift import DriftBook
from millstream.ports.gauges import Announced, Gauges, Reading
from millstream.ports.ledger import Schedule
from millstream.ports.notifier import LOOKING, Alert, AlertBook, Condition, Message, Notification, Notifier
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

SEND_EVERY_S: Final = 5.0
SEND_AT_ONCE_MAX: Final = 8
SEND_TRIES_MAX: Final = 5
SEND_LEASE_S: Final = 60.0  # longer than a channel may take
SEND_DELAY_S: Final = 15.0  # the first one; each one doubles
WORTH_ORDERS_MAX: Final = 500  # orders whose money is summed up
KEPT_EVERY_S: Final = 900.0
CANARY_GRACE_S: Final = 60.0  # a webhook may be this late
DAY: Final = timedelta(days=1)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
LOAD_SHARE: Final = 0.05  # of the database's time, at most, for the question that costs most

Worth = Callable[[dict[str, Any]], Money | None]
"""What an order.placed payload is worth; None if it cannot be read."""


class Watch:
    """One per process. The schedule makes sure that one of them looks; any of them sends what is due."""

    def __init__(
        self,
        *,
        book: AlertBook,
        gauges: Gauges,
        notifier: Notifier,
        schedule: Schedule,
        clock: Clock,
        tap: Tap,
        rules: Rules,
        in_settings: InForce,
        systems: Mapping[str, str],
        worth: Worth,
        announcing_store: str | None,
        drift: DriftBook | None = None,
        public_url: str | None = None,
    ) -> None:
        self.book = book
        self.gauges = gauges
        self.notifier = notifier
        self._schedule = schedule
        self._clock = clock
        self._tap = tap
        self.rules = rules
        self._holds = in_settings  # until it was asked for the first time
        self._systems = systems
        self._worth = worth
        self._store = announcing_store
        self._drift = drift
        self._public_url = public_url
        self._flows_due = self._kept_due = NEVER  # not by the clock, which is not set by the database's yet
        self._reading = Reading(at=NEVER)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Looks and tells until stopped."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.look, lambda: self._holds.policy.every_s))
            group.create_task(self._repeat(self.send, lambda: SEND_EVERY_S))

    def stop(self) -> None:
        """Ends `run`."""
        self._stopping.set()

    async def _repeat(self, step: Callable[[], Any], every_s: Callable[[], float]) -> None:
        while not self._stopping.is_set():
            try:
                await step()
            except Failure as failure:
                self._tap.note("watch.failed", step=step.__name__, code=failure.code, message=failure.message)
            except Exception as bug:  # noqa: BLE001 - who watches must not stop watching for a fault of ours
                self._tap.note("watch.crashed", step=step.__name__, error=f"{type(bug).__name__}: {bug}", bug=bug)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), every_s())

    # --- looking

    async def look(self) -> bool:
        """One look, if it is this process's turn; False if it is not. Either way it learns which rules hold now."""
        self._holds = await self.rules.in_force()
        ours, cursor = await self._schedule.claim_task(LOOKING, every_s=self._holds.policy.every_s)
        if not ours:
            return False
        now = self._clock.now()
        kept = cursor or {"since": now.isoformat()}
        since = datetime.fromisoformat(kept["since"])
        announcing = None if self._store is None else kept.get("announcing", now.isoformat())
        digest = await self._digest(kept.get("digest"), now=now)
        sight = await self._see(now, since, announcing)
        await self._record(conditions(sight, off=self._holds.off), now=now)
        await self._schedule.finish_task(
            LOOKING,
            events=(),
            cursor={**kept, "digest": digest} | ({"announcing": announcing} if announcing else {}),
            due_in_s=self._holds.policy.every_s,
        )
        await self.send()
        return True

    async def _see(self, now: datetime, since: datetime, announcing: str | None) -> Sight:
        window_s = self._holds.slo.failing_orders_window_s
        reading = await self.gauges.standing(at=now, window_s=window_s)
        before, self._reading = self._reading, reading
        self._reading = reading = msgspec.structs.replace(
            reading,
            flows=await self._flows(now, before),
            kept=await self._kept(now, before),
            drift=None if self._drift is None else await self._drift.drift(since=now - DAY, limit=DRIFT_NAMED_MAX),
            announced=await self._announced(now, announcing),
        )
        failing = Stake()
        if reading.faults:
            payloads = await self.gauges.failing_orders(at=now, window_s=window_s, limit=WORTH_ORDERS_MAX)
            failing = self._stake(sum(fault.orders for fault in reading.faults), payloads)
        return Sight(
            reading=reading,
            slo=self._holds.slo,
            policy=self._holds.policy,
            systems=self._systems,
            watching_since=since,
            failing=failing,
            waiting=await self._waiting(reading),
        )

    async def _flows(self, now: datetime, before: Reading) -> Any:
        """Asked as often as it is cheap: where it takes long, more seldom."""
        if now < self._flows_due:
            return before.flows
        asked = perf_counter()
        slo = self._holds.slo
        found = [
            flow
            for window_s in slo.flow_windows_s
            for flow in await self.gauges.flows(at=now, window_s=window_s)
            if slo.level_of(flow.name).window_s == window_s
        ]
        self._flows_due = now + timedelta(seconds=(perf_counter() - asked) / LOAD_SHARE - self._holds.policy.every_s)
        return tuple(found)

    async def _kept(self, now: datetime, before: Reading) -> Any:
        if now < self._kept_due:
            return before.kept
        self._kept_due = now + timedelta(seconds=KEPT_EVERY_S)
        return await self.gauges.kept(since=now - timedelta(days=self._holds.slo.promise_window_days))

    async def _announced(self, now: datetime, announcing: str | None) -> Announced | None:
        """Of orders that came since a webhook is set up; what came before it nobody could announce."""
        if self._store is None or announcing is None:
            return None
        since = max(now - timedelta(seconds=self._holds.policy.canary_s), datetime.fromisoformat(announcing))
        return await self.gauges.announced(self._store, since=since, until=now - timedelta(seconds=CANARY_GRACE_S))

    async def _waiting(self, reading: Reading) -> Mapping[str, Stake]:
        """The orders that wait for each system that is down."""
        waiting = {}
        for system in reading.breakers(silent_s=self._holds.policy.worker_silent_s):
            subscribers = [name for name, named in self._systems.items() if named == system]
            count, payloads = await self.gauges.waiting_orders(subscribers, limit=WORTH_ORDERS_MAX)
            waiting[system] = self._stake(count, payloads)
        return waiting

    def _stake(self, orders: int, payloads: Sequence[dict[str, Any]]) -> Stake:
        sums: dict[str, Decimal] = {}
        unknown = max(orders - len(payloads), 0)
        for payload in payloads:
            worth = self._worth(payload)
            if worth is None:
                unknown += 1
            else:
                sums[worth.currency] = sums.get(worth.currency, Decimal(0)) + worth.amount
        return Stake(orders=orders, worth=sums, unknown=unknown)

    # --- keeping

    async def _record(self, found: Sequence[Condition], *, now: datetime) -> None:
        alerts = {(alert.code, alert.scope): alert for alert in await self.book.open_alerts()}
        wanted = {(condition.code, condition.scope): condition for condition in found}
        for key in alerts.keys() & wanted.keys():  # what is told with another alert is told as it is now
            alerts[key] = msgspec.structs.replace(alerts[key], effect=wanted[key].effect)
        for key, condition in wanted.items():
            alert = alerts.get(key) or await self.book.open(condition, now=now)
            alerts[key] = await self._go_on(alert, condition, tuple(alerts.values()), now=now)
        for key, alert in list(alerts.items()):
            if key not in wanted:
                alerts[key] = await self._let_go(alert, now=now)
        for alert in alerts.values():
            await self._tell_late(alert, tuple(alerts.values()), now=now)

    async def _go_on(self, alert: Alert, condition: Condition, others: Sequence[Alert], *, now: datetime) -> Alert:
        after = seen_again(alert, condition, now=now)
        if after.state != "firing" or alert.state == "firing":
            grown = has_grown(after, condition) and not is_told_elsewhere(after, others)
            after = measured(after, condition)
            await self.book.change(after, self._messages(after, "grown", now=now) if grown else (), now=now)
            if grown:
                self._tap.note("alert.grown", alert=after.id, code=after.code, scope=after.scope, effect=after.effect)
            return after
        leader = leader_of(after, others)
        after = msgspec.structs.replace(after, told_with=leader.id if leader else None)
        also = told_of_cause(after, others)
        told = () if leader else self._messages(after, "fired", now=now, also=also)
        await self.book.change(after, told, now=now)
        self._tap.note("alert.fired", alert=after.id, code=after.code, scope=after.scope, effect=after.effect)
        return after

    async def _let_go(self, alert: Alert, *, now: datetime) -> Alert:
        if alert.state == "pending":
            await self.book.forget(alert)
            return msgspec.structs.replace(alert, state="resolved")
        switched_off = alert.code in self._holds.off
        after = not_seen(alert, self._holds.policy, now=now, at_once=switched_off)
        if after.state == "resolved":
            what = "unwatched" if switched_off else "resolved"
            heard = {
                each.channel
                for each in await self.book.notifications(alert_id=alert.id)
                if each.state == "sent" and each.channel in self.notifier.channels
            }
            await self.book.change(after, self._messages(after, what, now=now, to=sorted(heard)), now=now)
            self._tap.note("alert.resolved", alert=after.id, code=after.code, scope=after.scope)
        return after

    async def _tell_late(self, alert: Alert, others: Sequence[Alert], *, now: datetime) -> None:
        """What hid behind an alert that is over; and what nobody took on in time."""
        by_id = {other.id: other for other in others}
        if alert.state == "firing" and alert.told_with is not None:
            leader = by_id.get(alert.told_with)
            if leader is None or leader.state == "resolved" or alert.code in ALWAYS_TOLD:
                after = msgspec.structs.replace(alert, told_with=None)
                await self.book.change(after, self._messages(after, "fired", now=now), now=now)
        elif must_escalate(alert, self._holds.policy, now=now):
            channels = [name for name in self._holds.policy.escalate_to if name in self.notifier.channels]
            also = [other for other in others if other.told_with == alert.id and other.state == "firing"]
            after = msgspec.structs.replace(alert, escalated_at=now)
            told = self._messages(after, "escalated", now=now, to=channels or None, also=also)
            await self.book.change(after, told, now=now)
            self._tap.note("alert.escalated", alert=alert.id, code=alert.code, scope=alert.scope)

    def _messages(
        self, alert: Alert, what: str, *, now: datetime, to: Sequence[str] | None = None, also: Sequence[Alert] = ()
    ) -> tuple[Message, ...]:
        """What is told of an alert, to every channel unless they are named."""
        channels = self.notifier.channels if to is None else to
        policy, url = self._holds.policy, self._public_url
        return messages(alert, what, channels, policy, now=now, also=also, public_url=url)

    async def _digest(self, last: str | None, *, now: datetime) -> str | None:
        """Once a day, at its hour; the day it begins on is left out."""
        if self._holds.policy.digest_at is None:
            return last
        day = digest_day(now, timezone=self._holds.policy.timezone, at=self._holds.policy.digest_at)
        if last is not None and day > last:
            figures = await self.book.day(since=now - timedelta(days=1))
            still = [alert for alert in await self.book.open_alerts() if alert.state != "pending"]
            reading = await self.gauges.standing(at=now, window_s=self._holds.slo.failing_orders_window_s)
            told = digest_messages(day, figures, still, reading, self.notifier.channels, now=now, off=self._holds.off)
            await self.book.post(told, now=now)
        return day

    # --- telling

    async def send(self) -> int:
        """Tells what is due; how many messages were taken."""
        now = self._clock.now()
        due = await self.book.claim_due(now=now, lease_s=SEND_LEASE_S, limit=SEND_AT_ONCE_MAX)
        return sum(await asyncio.gather(*[self._send(each) for each in due]))

    async def _send(self, each: Notification) -> bool:
        problem = await self.notifier.tell(each.channel, title=each.title, body=each.body, urgent=each.urgent)
        now = self._clock.now()
        again_at = None
        if problem is not None and each.tries < SEND_TRIES_MAX:
            again_at = now + timedelta(seconds=SEND_DELAY_S * 2 ** (each.tries - 1))
        await self.book.end(each.id, problem=problem, again_at=again_at, now=now)
        state = "sent" if problem is None else "failed" if again_at is None else "retrying"
        self._tap.note("notification.ended", channel=each.channel, state=state, occasion=each.occasion, problem=problem)
        return problem is None
