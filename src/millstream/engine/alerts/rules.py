"""What counts as amiss: each rule looks at one reading and says what it finds true."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from millstream.engine.alerts.levels import AlertPolicy, Slo
from millstream.engine.alerts.words import hour, many, money, span
from millstream.ports.gauges import Queue, Reading
from millstream.ports.notifier import Condition

WORKERS: Final = "workers"
DRIFT_NAMED_MAX: Final = 3
CANARY_BACK: Final = 2  # times `canary_orders_min` announced in a row: the webhook is back, whatever it missed before
SETTLES_S: Final = 30.0  # two looks: what one look finds may be a coincidence


class Stake(msgspec.Struct, frozen=True, kw_only=True):
    """Orders and their money per currency; `unknown`: so many of them nobody could read."""

    orders: int = 0
    worth: Mapping[str, Decimal] = {}
    unknown: int = 0

    def __str__(self) -> str:
        """As people are told: 37 orders, EUR 212 k (1 order of unknown worth)."""
        worth = f", {money(self.worth)}" if self.worth else ""
        worth += f" ({many(self.unknown, 'order')} of unknown worth)" if self.unknown else ""
        return f"{many(self.orders, 'order')}{worth}"


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What rules look at. `systems` names the connection behind a subscriber; `watching_since` is when this began.

    `failing`: the orders that fail to reach the ERP; `waiting`: the orders that wait for a system that is down.
    """

    reading: Reading
    slo: Slo
    policy: AlertPolicy
    systems: Mapping[str, str]
    watching_since: datetime
    failing: Stake = Stake()
    waiting: Mapping[str, Stake] = {}

    @property
    def down(self) -> Mapping[str, datetime]:
        """Connections whose breaker is open, and since when."""
        return self.reading.breakers(silent_s=self.policy.worker_silent_s)

    @property
    def silent_s(self) -> float:
        """How long no worker has been seen."""
        seen = [heartbeat.seen_at for heartbeat in self.reading.heartbeats] or [self.watching_since]
        return self.age_s(max(seen))

    def cause_of(self, subscriber: str) -> str:
        """What is behind it that a subscriber's work does not get done, as far as known: alerts are grouped by it."""
        if self.silent_s > self.policy.worker_silent_s:
            return WORKERS
        system = self.systems.get(subscriber, subscriber)
        return f"connection/{system}" if system in self.down else f"flow/{subscriber}"

    def because(self, subscriber: str, otherwise: str) -> str:
        """The cause in words."""
        if self.silent_s > self.policy.worker_silent_s:
            return f"no worker for {span(self.silent_s)}"
        system = self.systems.get(subscriber, subscriber)
        since = self.down.get(system)
        return otherwise if since is None else f"{system} breaker open since {hour(since, self.policy.timezone)}"

    def age_s(self, moment: datetime) -> float:
        """Seconds since."""
        return (self.reading.at - moment).total_seconds()

    def queues(self, *states: str) -> dict[str, list[Queue]]:
        """The queues in these states by subscriber."""
        found: dict[str, list[Queue]] = {}
        for queue in self.reading.queues:
            if queue.state in states:
                found.setdefault(queue.subscriber, []).append(queue)
        return found


Rule = Callable[[Sight], Iterator[Condition]]


def orders_failing(sight: Sight) -> Iterator[Condition]:
    """Too great a share of orders fails to reach the ERP."""
    failing = sum(fault.orders for fault in sight.reading.faults)
    tried = failing + sight.reading.reached.orders
    if failing < max(sight.slo.failing_orders_min, 1) or 100 * failing < sight.slo.failing_orders_percent * tried:
        return
    oldest = min(fault.oldest_at for fault in sight.reading.faults)
    main = max(sight.reading.faults, key=lambda fault: (fault.orders, fault.code))
    stake = msgspec.structs.replace(sight.failing, orders=failing)
    share = 100 * failing / tried
    yield Condition(
        code="orders-failing",
        scope="erp",
        cause=sight.cause_of("erp"),
        effect=f"{stake}, wait up to {span(sight.age_s(oldest))}: "
        f"{sight.because('erp', f'{main.code} on {main.orders} of them')}; "
        f"{share:.0f} % of {tried} in {span(sight.slo.failing_orders_window_s)} do not reach the ERP; nothing lost",
        urgent=True,
        size=failing,
    )


def orders_slow(sight: Sight) -> Iterator[Condition]:
    """Orders reach the ERP, but late."""
    p95_s = sight.reading.reached.p95_s
    if p95_s is not None and p95_s > sight.slo.placed_to_erp_s:
        yield Condition(
            code="orders-slow",
            scope="erp",
            cause=sight.cause_of("erp"),
            effect=f"1 order in 20 takes {span(p95_s)} or more from the store into the ERP "
            f"(agreed: {span(sight.slo.placed_to_erp_s)}; {many(sight.reading.reached.orders, 'order')} in "
            f"{span(sight.slo.failing_orders_window_s)}); none is lost",
            hold_s=60.0,
        )


def worker_silent(sight: Sight) -> Iterator[Condition]:
    """Nobody works."""
    if sight.silent_s <= sight.policy.worker_silent_s:
        return
    waiting = sum(queue.depth for queue in sight.reading.queues if queue.state in {"waiting", "running", "retrying"})
    yield Condition(
        code="worker-silent",
        scope=WORKERS,
        cause=WORKERS,
        effect=f"Nothing is carried out, {many(waiting, 'item')} wait: no worker for {span(sight.silent_s)}; "
        "what comes in is still kept where a door is open; nothing lost",
        urgent=True,
        hold_s=5.0,  # seen twice: a database that was away leaves old heartbeats for a moment
    )


def connection_down(sight: Sight) -> Iterator[Condition]:
    """A system does not answer."""
    for system, since in sorted(sight.down.items()):
        if sight.age_s(since) >= sight.policy.connection_down_s:
            yield Condition(
                code="connection-down",
                scope=system,
                cause=f"connection/{system}",
                effect=f"{_waits_for(system, sight)}: its breaker is open since "
                f"{hour(since, sight.policy.timezone)} ({span(sight.age_s(since))}); nothing lost",
                urgent=True,
                size=sight.waiting.get(system, Stake()).orders,
            )


def _waits_for(system: str, sight: Sight) -> str:
    """What a system that does not answer does to the business: orders and their money before all else."""
    behind = {name for name, named in sight.systems.items() if named == system}
    waiting = sum(q.depth for q in sight.reading.queues if q.subscriber in behind and q.state != "held")
    stake = sight.waiting.get(system, Stake())
    others = max(waiting - stake.orders, 0)
    if stake.orders:
        beside = f"and {many(others, 'other item')} " if others else ""
        said = f"{stake}, {beside}wait for {system}"
    else:
        said = f"{many(others, 'item')} wait for {system}" if others else f"What is to reach {system} from now on waits"
    return f"New orders do not arrive; {said}" if "store" in behind else said


def canary_silent(sight: Sight) -> Iterator[Condition]:
    """Orders come in by polling although a webhook should announce them."""
    seen = sight.reading.announced
    if seen is None or seen.in_a_row >= CANARY_BACK * sight.policy.canary_orders_min:
        return
    missed = seen.orders - seen.announced
    if missed >= sight.policy.canary_orders_min and 100 * seen.announced < sight.policy.canary_percent * seen.orders:
        told = f"{missed} of the last {seen.orders} were not" if seen.announced else f"none of the last {missed} was"
        yield Condition(
            code="canary-silent",
            scope="store",
            cause="subscription/store",
            effect=f"Orders arrive later than they could: {told} announced by the store's webhook; "
            "polling brought them all, nothing lost",
            hold_s=SETTLES_S,
        )


def dead_letters(sight: Sight) -> Iterator[Condition]:
    """Something was given up."""
    for subscriber, queues in sorted(sight.queues("dead").items()):
        depth = sum(queue.depth for queue in queues)
        system = sight.systems.get(subscriber, subscriber)
        yield Condition(
            code="dead-letters",
            scope=subscriber,
            cause=f"dead/{subscriber}",
            effect=f"{many(depth, 'item')} for {system} will not go on without you: attempts are used up; kept with "
            "payload and reason",
            size=depth,
        )


def backlog(sight: Sight) -> Iterator[Condition]:
    """Work piles up, or something waits too long."""
    for subscriber, queues in sorted(sight.queues("waiting", "running", "retrying").items()):
        depth, oldest = sum(queue.depth for queue in queues), min(queue.oldest_at for queue in queues)
        old = sight.age_s(oldest) > sight.slo.oldest_item_s
        if not old and depth < sight.policy.backlog_depth:
            continue
        system = sight.systems.get(subscriber, subscriber)
        reason = "more comes in than goes out" if depth >= sight.policy.backlog_depth else "it is tried again and again"
        yield Condition(
            code="backlog",
            scope=subscriber,
            cause=sight.cause_of(subscriber),
            effect=f"{many(depth, 'item')} wait for {system}, up to {span(sight.age_s(oldest))}: "
            f"{sight.because(subscriber, reason)}; nothing lost",
            hold_s=SETTLES_S,
        )


def reviews_waiting(sight: Sight) -> Iterator[Condition]:
    """A decision is overdue."""
    for subscriber, queues in sorted(sight.queues("held").items()):
        depth, oldest = sum(queue.depth for queue in queues), min(queue.changed_at for queue in queues)
        if sight.age_s(oldest) > sight.slo.review_age_s:
            system = sight.systems.get(subscriber, subscriber)
            yield Condition(
                code="reviews-waiting",
                scope=subscriber,
                cause=f"reviews/{subscriber}",
                effect=f"{many(depth, 'item')} for {system} wait for a decision, the longest "
                f"{span(sight.age_s(oldest))}; their lanes stand still until then",
            )


def flow_failing(sight: Sight) -> Iterator[Condition]:
    """Too great a share of one flow fails."""
    for flow in sight.reading.flows:
        level = sight.slo.level_of(flow.name)
        if flow.failing < max(level.min, 1):
            continue
        if 100 * flow.failing >= level.percent * flow.deliveries:
            system = sight.systems.get(flow.subscriber, flow.subscriber)
            yield Condition(
                code="flow-failing",
                scope=flow.name,
                cause=sight.cause_of(flow.subscriber),
                effect=f"{flow.failing} of {flow.deliveries} {flow.type} of the last "
                f"{span(level.window_s)} do not reach {system}: "
                f"{sight.because(flow.subscriber, 'see millstream deliveries list')}; nothing lost",
                hold_s=SETTLES_S,
            )


def promises_broken(sight: Sight) -> Iterator[Condition]:
    """Too many orders left later than first promised."""
    kept = sight.reading.kept
    if kept is None or kept.shipped < max(sight.slo.promise_shipments_min, 1):
        return
    if 100 * kept.kept < sight.slo.promise_kept_percent * kept.shipped:
        yield Condition(
            code="promises-broken",
            scope="promise",
            cause="promise",
            effect=f"{kept.shipped - kept.kept} of {many(kept.shipped, 'shipment')} in "
            f"{sight.slo.promise_window_days} d left later than first promised "
            f"({100 * kept.kept / kept.shipped:.0f} % kept, agreed: {sight.slo.promise_kept_percent:g} %)",
        )


def drift(sight: Sight) -> Iterator[Condition]:
    """Orders that are through are not the same in store, books and ERP any more."""
    found = sight.reading.drift
    if found is None or found.count < max(sight.slo.drift_orders_min, 1):
        return
    if 100 * found.count >= sight.slo.drift_percent * found.checked:
        named = "; ".join(f"{one.order_key}: {', '.join(one.differs)}" for one in found.differing[:DRIFT_NAMED_MAX])
        more = ", and others" if found.count > DRIFT_NAMED_MAX else ""
        share = f"{found.count} of {many(found.checked, 'order')} compared in the last day"
        yield Condition(
            code="drift",
            scope="orders",
            cause="drift",
            effect=f"{share} are not the same in store, hub and ERP: {named}{more}",
            size=found.count,
        )


RULES: Final[Mapping[str, Rule]] = {
    "worker-silent": worker_silent,
    "orders-failing": orders_failing,
    "connection-down": connection_down,
    "orders-slow": orders_slow,
    "flow-failing": flow_failing,
    "backlog": backlog,
    "dead-letters": dead_letters,
    "reviews-waiting": reviews_waiting,
    "canary-silent": canary_silent,
    "promises-broken": promises_broken,
    "drift": drift,
}
"""Code -> rule, what people must hear first before what goes with it: the first one that fires for a cause is told."""


def conditions(sight: Sight, *, off: Container[str] = ()) -> Sequence[Condition]:
    """Everything that is true now; rules that are `off` are not asked."""
    return [condition for code, rule in RULES.items() if code not in off for condition in rule(sight)]
