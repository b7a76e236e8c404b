"""One person, one delivery, one decision: in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec

from millstream.domain.errors import Conflict, Reject
from millstream.ports.desk import DeliveryRow, Filter, Resolution
from millstream.ports.mending import Decision
from millstream.ports.world import World
from millstream.store import actions
from millstream.store.database import Database
from millstream.store.story import read_deliveries


class PostgresMending:
    """See `ports.mending.Mending`. `waivable` names the rules a release may waive."""

    def __init__(self, database: Database, *, world: World, waivable: frozenset[str]) -> None:
        self._database = database
        self._world = world
        self._waivable = waivable

    async def retry(self, decision: Decision, *, as_it_came: bool = False) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.MENDABLE) as (connection, row):
            if as_it_came:
                await actions.as_it_came(connection, [row])
            await actions.make_due(connection, [row], self._world.clock.now())
            return await self._done(connection, row, decision, "retry", **({"as_it_came": True} if as_it_came else {}))

    async def amend(self, decision: Decision, payload: dict[str, Any]) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.MENDABLE) as (connection, row):
            await connection.execute(actions.DESK["amend"], row["id"], actions.amended_text(payload))
            await actions.make_due(connection, [row], self._world.clock.now())
            return await self._done(connection, row, decision, "amend", amended=payload)

    async def release(self, decision: Decision) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, ("held",)) as (connection, row):
            if actions.refuses("release", row["fault_code"], self._waivable):
                raise Reject(
                    "rule.not_waivable",
                    f"{row['fault_code']} cannot be waived, its cause must be mended: then use retry. "
                    f"Rules that can be waived: {', '.join(sorted(self._waivable))}.",
                )
            await actions.release(connection, [row], self._world.clock.now())
            return await self._done(connection, row, decision, "release")

    async def discard(self, decision: Decision) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.DISCARDABLE) as (connection, row):
            await actions.discard(connection, [row], self._world.clock.now(), decision.reason)
            return await self._done(connection, row, decision, "discard")

    async def resolve(self, decision: Decision, resolution: Resolution) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.DISCARDABLE) as (connection, row):
            await actions.discard(connection, [row], self._world.clock.now(), decision.reason, resolution)
            return await self._done(connection, row, decision, "resolve", resolution=resolution)

    async def reopen(self, decision: Decision) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.REOPENABLE) as (connection, row):
            await actions.reopen(connection, [row], self._world.clock.now(), decision.reason)
            return await self._done(connection, row, decision, "reopen")

    async def assign(self, decision: Decision, assignee: str | None) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.ANY_STATE) as (connection, row):
            await connection.execute(actions.DESK["assign"], [row["id"]], assignee)
            return await self._done(connection, row, decision, "assign", assignee=assignee)

    async def snooze(self, decision: Decision, until: datetime | None) -> DeliveryRow:
        """See Mending."""
        async with self._deciding(decision, actions.ANY_STATE) as (connection, row):
            await connection.execute(actions.DESK["snooze"], [row["id"]], until)
            return await self._done(connection, row, decision, "snooze", until=until)

    async def tag(self, decision: Decision, tags: Sequence[str]) -> DeliveryRow:
        """See Mending."""
        words = sorted(set(tags))
        async with self._deciding(decision, actions.ANY_STATE) as (connection, row):
            await connection.execute(actions.DESK["tag"], [row["id"]], words)
            return await self._done(connection, row, decision, "tag", tags=words)

    @asynccontextmanager
    async def _deciding(self, decision: Decision, states: Sequence[str]) -> AsyncIterator[tuple[Any, Any]]:
        """The delivery, locked, in the version decided about and in one of these states."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            meant = Filter(ids=(decision.delivery_id,))
            seen = await actions.look(connection, meant, actions.ANY_STATE, now)
            locked = await actions.lock(connection, seen, meant, actions.ANY_STATE, now)
            if not locked:
                raise Reject("delivery.unknown", f"There is no delivery {decision.delivery_id}.")
            before = (await read_deliveries(connection, [decision.delivery_id]))[0].row
            if decision.version is not None and decision.version != before.version:
                raise Conflict(
                    "delivery.moved_on",
                    f"Delivery {before.id} changed meanwhile, it is {before.state} now. Look at it, then decide again.",
                    theirs=before.version,
                )
            if before.state not in states:
                raise Reject(
                    "delivery.not_mendable",
                    f"Delivery {before.id} is {before.state}; this can be done to one that is {', '.join(states)}.",
                )
            yield connection, locked[0]

    async def _done(self, connection: Any, row: Any, decision: Decision, action: str, **detail: Any) -> DeliveryRow:
        told = {"reason": decision.reason, **msgspec.to_builtins(detail)}
        now = self._world.clock.now()
        await actions.audit_deliveries(connection, [row], now, decision.actor, action, told)
        return (await read_deliveries(connection, [decision.delivery_id]))[0].row
