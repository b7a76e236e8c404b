"""What one transaction of the ledger writes: events with their deliveries, settlements with all they bring."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.domain.delivery import Delivery, Outcome
from millstream.domain.events import Event, NewEvent
from millstream.domain.states import DeliveryState
from millstream.engine.routes import Addressed, Routes
from millstream.ports.ledger import Attempt, Taker
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.books import write_books
from millstream.store.text import REPLACEMENT, json_text, storable

_SQL: Final = sql.load("ledger")
ENDED: Final = frozenset({DeliveryState.DONE, DeliveryState.DISCARDED})
Row = tuple[Any, ...]  # as the type of its set says, see migrations


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempts were written (the others' leases had been taken over), and what is to be done after the commit."""

    kept: list[bool]
    taken: list[Delivery]  # leased to this worker at birth
    wakes: bool  # something else became claimable


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What of the new deliveries a worker takes at once: so many as it has room for, until when they are its own."""

    taker: Taker
    room: int
    lease_until: datetime


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The id of each new event, None for a second copy; the deliveries taken at birth; whether others wait."""

    ids: list[UUID | None]
    taken: list[Delivery]
    waiting: bool


async def lock_lanes(connection: Any, lanes: set[str]) -> None:
    """Holds these lanes until the transaction ends."""
    if lanes:
        await connection.execute(_SQL["lock_lanes"], sorted(lanes))


async def write_events(
    connection: Any, events: Sequence[NewEvent], *, worker: str, routes: Routes, world: World
) -> list[UUID | None]:
    """Stores new events and their deliveries; the id of each, None for a second copy. Wakes all but `worker`."""
    if not events:
        return []
    await lock_lanes(connection, {to.lane for event in events for to in routes.address(event)})
    return (await _store_events(connection, events, worker=worker, routes=routes, world=world)).ids


async def _store_events(
    connection: Any,
    events: Sequence[NewEvent],
    *,
    worker: str,
    routes: Routes,
    world: World,
    birth: Birth | None = None,
) -> Stored:
    """The lanes are held already."""
    now = world.clock.now()
    ids = [world.ids.new() for _ in events]
    texts = [json_text(event.data) for event in events]
    deliveries = [(n, to) for n, targets in enumerate(routes.address(event) for event in events) for to in targets]
    rows = await connection.fetch(
        _SQL["store_events"],
        [
            (
                event_id,
                storable(event.source),
                storable(event.source_id),
                event.type,
                storable(event.subject),
                event.occurred_at,
                event.correlation_id or event_id,
                event.causation_id,
                text,
            )
            for event, event_id, text in zip(events, ids, texts, strict=True)
        ],
        [
            (ids[n], to.subscriber, to.lane, to.priority, wanted)
            for (n, to), wanted in zip(deliveries, _wanted(deliveries, texts, birth), strict=True)
        ],
        now,
        worker,
        now if birth is None else birth.lease_until,
    )
    stored = {UUID(bytes=row["event_id"].bytes) for row in rows}
    born = {
        event_id: _event(event, event_id, now)
        for event, event_id in zip(events, ids, strict=True)
        if event_id in stored
    }
    return Stored(
        ids=[event_id if event_id in stored else None for event_id in ids],
        taken=[_born(row, born[UUID(bytes=row["event_id"].bytes)]) for row in rows if row["taken"]],
        waiting=any(row["taken"] is False for row in rows),
    )


def _wanted(deliveries: Sequence[tuple[int, Addressed]], texts: Sequence[str], birth: Birth | None) -> list[bool]:
    """Which deliveries the worker would run at once. What was stored other than it is in memory must be read back."""
    wanted = [False] * len(deliveries)
    left = 0 if birth is None else birth.room
    for at, (n, to) in enumerate(deliveries):
        if birth is None or left <= 0:
            break
        if REPLACEMENT not in texts[n] and birth.taker.wants(to.subscriber, to.priority):
            wanted[at] = True
            left -= 1
    return wanted


def _event(event: NewEvent, event_id: UUID, now: datetime) -> Event:
    return Event(
        id=event_id,
        source=event.source,
        source_id=event.source_id,
        type=event.type,
        subject=event.subject,
        occurred_at=event.occurred_at,
        received_at=now,
        correlation_id=event.correlation_id or event_id,
        causation_id=event.causation_id,
        data=event.data,
    )


def _born(row: Any, event: Event) -> Delivery:
    return Delivery(
        id=row["id"],
        subscriber=row["subscriber"],
        lane=row["lane"],
        priority=row["priority"],
        event=event,
        tries=row["tries"],
        attempts=row["attempts"],
    )


async def write_settlements(
    connection: Any,
    attempts: Sequence[Attempt],
    *,
    worker: str,
    routes: Routes,
    world: World,
    birth: Birth | None = None,
) -> Settled:
    """Everything the attempts came to. Of those whose lease was taken over nothing is written."""
    events = [_caused(event, attempt) for attempt in attempts for event in attempt.outcome.settlement.events]
    lanes = {attempt.delivery.lane for attempt in attempts}
    lanes |= {to.lane for event in events for to in routes.address(event)}
    ours = await _write_outcomes(connection, attempts, lanes, worker, world)
    if not ours:
        return Settled(kept=[False] * len(attempts), taken=[], wakes=False)
    kept = attempts
    if len(ours) < len(attempts):
        kept = [attempt for attempt in attempts if attempt.delivery.id in ours]
        events = [_caused(event, attempt) for attempt in kept for event in attempt.outcome.settlement.events]
    await write_books(connection, [attempt.outcome.settlement for attempt in kept], world)
    taken: list[Delivery] = []
    waiting = False
    if events:
        stored = await _store_events(connection, events, worker=worker, routes=routes, world=world, birth=birth)
        taken, waiting = stored.taken, stored.waiting
    handed_on = await _write_history(connection, kept, worker, world)
    failed = [row for attempt in kept if (row := _failed_call(attempt)) is not None]
    if failed:
        await connection.executemany(_SQL["keep_failed_call"], failed)
    return Settled(
        kept=[attempt.delivery.id in ours for attempt in attempts], taken=taken, wakes=waiting or handed_on > 0
    )


async def hand_on_lanes(connection: Any, lanes: set[str], *, worker: str, world: World) -> int:
    """Gives lanes that lost their head the next one; how many got one. Wakes all but `worker`."""
    if not lanes:
        return 0
    answer: str = await connection.execute(_SQL["hand_on_lanes"], sorted(lanes), world.clock.now())
    handed_on = int(answer.rpartition(" ")[2])
    if handed_on:
        await connection.execute(_SQL["notify"], worker)
    return handed_on


def _caused(event: NewEvent, attempt: Attempt) -> NewEvent:
    """Keeps the chain: what an order's event causes belongs to the same correlation."""
    cause = attempt.delivery.event
    return msgspec.structs.replace(event, correlation_id=cause.correlation_id, causation_id=cause.id)


async def _write_outcomes(
    connection: Any, attempts: Sequence[Attempt], lanes: set[str], worker: str, world: World
) -> set[int]:
    rows = await connection.fetch(
        _SQL["settle_deliveries"],
        world.clock.now(),
        [_outcome_row(attempt.delivery, attempt.outcome) for attempt in attempts],
        worker,
        sorted(lanes),
    )
    return {row["id"] for row in rows}


def _outcome_row(delivery: Delivery, outcome: Outcome) -> Row:
    return (
        delivery.id,
        delivery.tries,
        outcome.state.value,
        outcome.due_at,
        outcome.counts,
        outcome.fault_class,
        outcome.fault_code,
        outcome.fault_message and storable(outcome.fault_message),
        outcome.fingerprint,
        storable(outcome.settlement.note),
    )


async def _write_history(connection: Any, attempts: Sequence[Attempt], worker: str, world: World) -> int:
    """Attempts, calls, audit trail; then the lanes that ended something move on. How many have a new head."""
    handed_on: int = await connection.fetchval(
        _SQL["settle_history"],
        worker,
        world.clock.now(),
        [_attempt_row(attempt) for attempt in attempts],
        [row for attempt in attempts for row in _call_rows(attempt)],
        sorted({attempt.delivery.lane for attempt in attempts if attempt.outcome.state in ENDED}),
    )
    return handed_on


def _attempt_row(attempt: Attempt) -> Row:
    """With its line in the audit trail."""
    delivery, outcome = attempt.delivery, attempt.outcome
    detail = {
        "delivery": delivery.id,
        "subscriber": delivery.subscriber,
        "event": delivery.event.type,
        "try": delivery.tries,
        "code": outcome.fault_code,
    }
    if attempt.overlays:
        detail["mappings"] = attempt.overlays
    return (
        delivery.id,
        delivery.tries,
        attempt.started_at,
        attempt.ended_at,
        outcome.state.value,
        outcome.fault_code,
        outcome.fault_message and storable(outcome.fault_message),
        f"delivery.{outcome.state.value}",
        delivery.event.subject,
        json_text(detail),
    )


def _failed_call(attempt: Attempt) -> Row | None:
    """What was said in the last call that did not go well, of a try that did not go well."""
    if attempt.outcome.fault_code is None:
        return None
    for step, call in reversed(list(enumerate(attempt.calls, start=1))):
        if call.exchange is not None:
            said = call.exchange
            answered = None if said.response is None else storable(said.response)
            return attempt.delivery.id, attempt.delivery.tries, step, storable(said.request), answered
    return None


def _call_rows(attempt: Attempt) -> Iterator[Row]:
    delivery = attempt.delivery
    for n, call in enumerate(attempt.calls, start=1):
        yield (
            delivery.id,
            delivery.tries,
            n,
            call.system,
            call.operation,
            call.key,
            call.status,
            call.outcome,
            call.ms,
        )
