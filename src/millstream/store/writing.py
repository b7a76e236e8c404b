"""What one transaction of the ledger writes: events with their deliveries, settlements with all they bring."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.domain.events import NewEvent
from millstream.domain.states import DeliveryState
from millstream.engine.routes import Routes
from millstream.ports.ledger import Attempt
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.books import write_books
from millstream.store.text import json_text, storable

_SQL: Final = sql.load("ledger")


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempts were written (the others' leases had been taken over), and whether something became claimable."""

    kept: list[bool]
    wakes: bool


async def lock_lanes(connection: Any, lanes: set[str]) -> None:
    """Holds these lanes until the transaction ends."""
    if lanes:
        await connection.execute(_SQL["lock_lanes"], sorted(lanes))


async def write_events(
    connection: Any, events: Sequence[NewEvent], *, worker: str, routes: Routes, world: World, locked: bool = False
) -> list[UUID | None]:
    """Stores new events and their deliveries; the id of each, None for a second copy. Wakes all but `worker`."""
    addressed = [routes.address(event) for event in events]
    if not locked:
        await lock_lanes(connection, {to.lane for targets in addressed for to in targets})
    now = world.clock.now()
    ids = [world.ids.new() for _ in events]
    rows = await connection.fetch(
        _SQL["insert_events"],
        ids,
        [storable(event.source) for event in events],
        [storable(event.source_id) for event in events],
        [event.type for event in events],
        [storable(event.subject) for event in events],
        [event.occurred_at for event in events],
        [json_text(event.data) for event in events],
        now,
        [event.correlation_id or event_id for event, event_id in zip(events, ids, strict=True)],
        [event.causation_id for event in events],
    )
    stored = {UUID(bytes=row["id"].bytes) for row in rows}
    deliveries = [
        (event_id, to) for event_id, targets in zip(ids, addressed, strict=True) if event_id in stored for to in targets
    ]
    if deliveries:
        await connection.execute(
            _SQL["insert_deliveries"],
            [event_id for event_id, _ in deliveries],
            [to.subscriber for _, to in deliveries],
            [to.lane for _, to in deliveries],
            [to.priority for _, to in deliveries],
            now,
            worker,
        )
    return [event_id if event_id in stored else None for event_id in ids]


async def write_settlements(
    connection: Any, attempts: Sequence[Attempt], *, worker: str, routes: Routes, world: World
) -> Settled:
    """Everything the attempts came to. Of those whose lease was taken over nothing is written."""
    events = [_caused(event, attempt) for attempt in attempts for event in attempt.outcome.settlement.events]
    lanes = {attempt.delivery.lane for attempt in attempts}
    lanes |= {to.lane for event in events for to in routes.address(event)}
    await lock_lanes(connection, lanes)
    ours = await _write_outcomes(connection, attempts, worker, world)
    kept = [attempt for attempt in attempts if attempt.delivery.id in ours]
    wakes = False
    if kept:
        await _write_attempts(connection, kept, worker)
        await write_books(connection, [attempt.outcome.settlement for attempt in kept], world)
        events = [_caused(event, attempt) for attempt in kept for event in attempt.outcome.settlement.events]
        if events:
            await write_events(connection, events, worker=worker, routes=routes, world=world, locked=True)
        await _write_audit(connection, kept, worker, world)
        ended = {a.delivery.lane for a in kept if a.outcome.state in {DeliveryState.DONE, DeliveryState.DISCARDED}}
        handed_on = await hand_on_lanes(connection, ended, worker=worker, world=world)
        wakes = bool(events) or handed_on > 0
    return Settled(kept=[attempt.delivery.id in ours for attempt in attempts], wakes=wakes)


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


async def _write_outcomes(connection: Any, attempts: Sequence[Attempt], worker: str, world: World) -> set[int]:
    outcomes = [attempt.outcome for attempt in attempts]
    rows = await connection.fetch(
        _SQL["settle_deliveries"],
        world.clock.now(),
        [attempt.delivery.id for attempt in attempts],
        [attempt.delivery.tries for attempt in attempts],
        [outcome.state.value for outcome in outcomes],
        [outcome.due_at for outcome in outcomes],
        [outcome.counts for outcome in outcomes],
        [outcome.fault_class for outcome in outcomes],
        [outcome.fault_code for outcome in outcomes],
        [outcome.fault_message and storable(outcome.fault_message) for outcome in outcomes],
        [outcome.fingerprint for outcome in outcomes],
        [storable(outcome.settlement.note) for outcome in outcomes],
        worker,
    )
    return {row["id"] for row in rows}


async def _write_attempts(connection: Any, attempts: Sequence[Attempt], worker: str) -> None:
    calls = [(attempt.delivery, n, call) for attempt in attempts for n, call in enumerate(attempt.calls, start=1)]
    await connection.execute(
        _SQL["insert_attempts"],
        worker,
        [attempt.delivery.id for attempt in attempts],
        [attempt.delivery.tries for attempt in attempts],
        [attempt.started_at for attempt in attempts],
        [attempt.ended_at for attempt in attempts],
        [attempt.outcome.state.value for attempt in attempts],
        [attempt.outcome.fault_code for attempt in attempts],
        [attempt.outcome.fault_message and storable(attempt.outcome.fault_message) for attempt in attempts],
        [delivery.id for delivery, _, _ in calls],
        [delivery.tries for delivery, _, _ in calls],
        [n for _, n, _ in calls],
        [call.system for _, _, call in calls],
        [call.operation for _, _, call in calls],
        [call.key for _, _, call in calls],
        [call.status for _, _, call in calls],
        [call.outcome for _, _, call in calls],
        [call.ms for _, _, call in calls],
    )


async def _write_audit(connection: Any, attempts: Sequence[Attempt], worker: str, world: World) -> None:
    await connection.execute(
        _SQL["insert_audit"],
        world.clock.now(),
        [f"hub:{worker}" for _ in attempts],
        [f"delivery.{attempt.outcome.state.value}" for attempt in attempts],
        [attempt.delivery.event.subject for attempt in attempts],
        [
            json_text(
                {
                    "delivery": attempt.delivery.id,
                    "subscriber": attempt.delivery.subscriber,
                    "event": attempt.delivery.event.type,
                    "try": attempt.delivery.tries,
                    "code": attempt.outcome.fault_code,
                }
            )
            for attempt in attempts
        ],
    )
