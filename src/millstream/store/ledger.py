"""The ledger in PostgreSQL: accept, claim, settle, with many accepts and many settlements in one commit."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from millstream.domain.delivery import Delivery
from millstream.domain.errors import Conflict, Retry
from millstream.domain.events import Event, NewEvent, read_data
from millstream.engine.routes import Routes
from millstream.ports.ledger import Attempt, Taker
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.group_commit import GroupCommit
from millstream.store.writing import Birth, hand_on_lanes, lock_lanes, write_events, write_settlements

_SQL: Final = sql.load("ledger")
ACCEPT_BATCH_MAX: Final = 200
SETTLE_BATCH_MAX: Final = 100
SETTLE_TRIES_MAX: Final = 12  # about 20 s: longer than PostgreSQL takes to come back from a crash


class PostgresLedger:
    """See `ports.ledger.Ledger` and `ports.ledger.Schedule`."""

    def __init__(
        self,
        database: Database,
        *,
        routes: Routes,
        world: World,
        tap: Tap,
        worker: str,
        lease_s: float = 30.0,
        woken: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._routes = routes
        self._world = world
        self._tap = tap
        self._worker = worker
        self._lease = timedelta(seconds=lease_s)
        self._leases: dict[int, tuple[int, datetime]] = {}  # the newest try of each delivery, and until when
        self.woken = woken
        self.taker: Taker | None = None
        self._accepts: GroupCommit[NewEvent, UUID | None] = GroupCommit(self._accept_batch, ACCEPT_BATCH_MAX)
        self._settles: GroupCommit[Attempt, bool] = GroupCommit(self._settle_batch, SETTLE_BATCH_MAX)

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[UUID | None]:
        """See Inbox."""
        if not events:
            return ()
        accepted = await self._accepts.submit_all(events)
        if any(accepted):
            self.woken()
        return accepted

    async def _accept_batch(self, events: Sequence[NewEvent]) -> Sequence[UUID | None]:
        async with self._database.transaction() as connection:
            ids = await write_events(connection, events, worker=self._worker, routes=self._routes, world=self._world)
            self._tap.note("accept.written", events=len(events))
        self._tap.note("accept.committed", events=len(events))
        return ids

    async def claim(self, *, limit: int, subscribers: Sequence[str]) -> Sequence[Delivery]:
        """See Ledger."""
        now = self._world.clock.now()
        # Committed to disk before anybody acts on it: a claim that a crash forgot would be handed out again as a first
        # try, and a first try does not look whether an earlier one has had its effect.
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["claim"], now, limit, self._worker, subscribers, now + self._lease)
        # An update returns its rows in whatever order its plan took: they start in order of urgency, then of age.
        claimed = [_delivery(row) for row in sorted(rows, key=lambda row: (row["priority"], row["id"]))]
        self._leased(claimed, now + self._lease)
        if claimed:
            self._tap.note("delivery.claimed", deliveries=len(claimed))
        return claimed

    async def settle(self, attempt: Attempt) -> bool:
        """See Ledger."""
        self._tap.note("settle.started", delivery=attempt.delivery.id)
        kept = await self._submit_until_written(attempt)
        if self._lease_of(attempt.delivery) is not None:
            del self._leases[attempt.delivery.id]
        self._tap.note("settle.ended", delivery=attempt.delivery.id)
        return kept

    async def _submit_until_written(self, attempt: Attempt) -> bool:
        """Writing a settlement twice is harmless (the lease fences it), so a database that restarts is waited for."""
        for n in range(SETTLE_TRIES_MAX):
            try:
                return await self._settles.submit(attempt)
            except Retry as failure:
                self._tap.note("settle.failed", delivery=attempt.delivery.id, message=failure.message)
                await self._world.clock.sleep(min(0.1 * 2**n, 2.0))
        return await self._settles.submit(attempt)

    async def _settle_batch(self, attempts: Sequence[Attempt]) -> Sequence[bool]:
        birth = self._birth(leaving=len(attempts))
        try:
            async with self._database.transaction() as connection:
                settled = await write_settlements(
                    connection, attempts, worker=self._worker, routes=self._routes, world=self._world, birth=birth
                )
                self._tap.note("settle.written", deliveries=len(attempts))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise Conflict(
                "books.conflict",
                f"What this delivery brings contradicts the books ({error.constraint_name})",
                log=str(error),
            ) from error
        self._tap.note("settle.committed", deliveries=len(attempts))
        if birth is not None and settled.taken:
            self._leased(settled.taken, birth.lease_until)
            self._tap.note("delivery.taken", deliveries=len(settled.taken))
            birth.taker.take(settled.taken)
        if settled.wakes:
            self.woken()
        return settled.kept

    def _birth(self, *, leaving: int) -> Birth | None:
        """Room in this process's worker for what the settlement is about to bring."""
        room = 0 if self.taker is None else self.taker.room(leaving=leaving)
        if self.taker is None or room <= 0:
            return None
        return Birth(taker=self.taker, room=room, lease_until=self._world.clock.now() + self._lease)

    def _leased(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        self._leases.update((delivery.id, (delivery.tries, until)) for delivery in deliveries)

    async def extend_leases(self, deliveries: Sequence[Delivery]) -> None:
        """See Ledger."""
        until = self._world.clock.now() + self._lease
        ids, tries = [each.id for each in deliveries], [each.tries for each in deliveries]
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_SQL["extend_leases"], ids, tries, self._worker, until)
        extended = {(row["id"], row["tries"]) for row in rows}
        still_ours = [each for each in deliveries if (each.id, each.tries) in extended and self._lease_of(each)]
        self._leased(still_ours, until)

    def holds(self, delivery: Delivery) -> bool:
        """See Ledger."""
        until = self._lease_of(delivery)
        return until is not None and self._world.clock.now() < until

    def _lease_of(self, delivery: Delivery) -> datetime | None:
        """Until when this try has its lease; None once it is settled, or a later try of this process has one."""
        tries, until = self._leases.get(delivery.id, (0, None))
        return until if tries == delivery.tries else None

    async def next_due(self) -> datetime | None:
        """See Ledger."""
        async with self._database.connection() as connection:
            due: datetime | None = await connection.fetchval(_SQL["next_due"])
            return due

    async def wake_sleeping_lanes(self) -> int:
        """See Ledger."""
        async with self._database.transaction() as connection:
            lanes = {row["lane"] for row in await connection.fetch(_SQL["sleeping_lanes"])}
            if not lanes:
                return 0
            await lock_lanes(connection, lanes)  # whoever was just handing one of them on has done so after this
            woken = await hand_on_lanes(connection, lanes, worker=self._worker, world=self._world)
        if woken:
            self.woken()
            self._tap.note("lane.was_asleep", lanes=woken)
        return woken

    async def claim_task(self, name: str, *, every_s: float) -> tuple[bool, dict[str, Any] | None]:
        """See Schedule."""
        now = self._world.clock.now()
        next_turn = now + timedelta(seconds=every_s)
        lease = max(now + self._lease, next_turn)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_SQL["claim_task"], name, now, lease, self._worker, next_turn)
        if row is None:
            return False, None
        return True, None if row["cursor"] is None else msgspec.json.decode(row["cursor"])

    async def finish_task(
        self, name: str, *, events: Sequence[NewEvent], cursor: dict[str, Any] | None, due_in_s: float
    ) -> Sequence[UUID | None]:
        """See Schedule."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            ids = await write_events(connection, events, worker=self._worker, routes=self._routes, world=self._world)
            await connection.execute(
                _SQL["finish_task"],
                name,
                None if cursor is None else msgspec.json.encode(cursor).decode(),
                now + timedelta(seconds=due_in_s),
                self._worker,
                due_in_s <= 0,  # more pages to come: the task stays ours
                now + self._lease,
            )
            self._tap.note("poll.written", task=name, events=len(events))
        self._tap.note("poll.committed", task=name, events=len(events))
        if any(ids):
            self.woken()
        return ids

    def _due(self, _connection: object, _pid: int, _channel: str, worker: object) -> None:
        if worker != self._worker:  # our own doings wake us as soon as they are committed
            self.woken()

    async def listen(self) -> None:
        """Calls `woken` whenever another process announces due deliveries; runs until cancelled."""
        while True:
            gone = asyncio.Event()
            try:
                async with self._database.connection() as connection:
                    connection.add_termination_listener(lambda *_, gone=gone: gone.set())
                    await connection.add_listener("millstream_due", self._due)
                    try:
                        await gone.wait()
                    finally:
                        if not connection.is_closed():
                            await connection.remove_listener("millstream_due", self._due)
            except Retry as failure:
                self._tap.note("worker.ledger_unreachable", message=failure.message)
            await asyncio.sleep(1)


def _delivery(row: Any) -> Delivery:
    event = Event(
        id=UUID(bytes=row["event_id"].bytes),
        source=row["source"],
        source_id=row["source_id"],
        type=row["type"],
        subject=row["subject"],
        occurred_at=row["occurred_at"],
        received_at=row["received_at"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        data=read_data(row["type"], row["data"]),
    )
    return Delivery(
        id=row["id"],
        subscriber=row["subscriber"],
        lane=row["lane"],
        priority=row["priority"],
        event=event,
        tries=row["tries"],
        attempts=row["attempts"],
        amended=None if row["amended"] is None else msgspec.json.decode(row["amended"]),
        waived=frozenset(row["waived"]),
    )
