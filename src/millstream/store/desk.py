"""What people do with deliveries, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.domain.errors import Reject
from millstream.ports.desk import (
    AttemptRow,
    DeliveryRow,
    DeliveryStory,
    FailedCall,
    Filter,
    OrderStory,
    OrderSummary,
    Resolution,
    Share,
    Verb,
)
from millstream.ports.lookup import NewestPlace
from millstream.ports.world import World
from millstream.store import actions
from millstream.store.actions import DESK, MENDABLE, parameters
from millstream.store.database import Database
from millstream.store.story import read_attempts_before, read_deliveries, read_order_story

ID_MAX: Final = 2**63 - 1
BULK_MAX: Final = 10_000
"""One action changes at most this many; a larger one is done in several."""


class PostgresDesk:
    """See `ports.desk.Desk`. `waivable` names the rules a release may waive; `reading` is asked for lists."""

    def __init__(
        self, database: Database, *, world: World, waivable: frozenset[str], reading: Database | None = None
    ) -> None:
        self._database = database
        self._reading = reading or database
        self._world = world
        self._waivable = waivable

    async def list_deliveries(
        self, wanted: Filter, *, limit: int, after: int = 0, newest_first: bool = False
    ) -> Sequence[DeliveryRow]:
        """See Desk."""
        text, place = (DESK["list_newest"], after or ID_MAX) if newest_first else (DESK["list"], after)
        async with self._reading.connection() as connection:
            rows = await connection.fetch(text, *self._parameters(wanted), place, limit)
        return [msgspec.convert(dict(row), DeliveryRow) for row in rows]

    async def count(self, wanted: Filter) -> int:
        """See Desk."""
        async with self._reading.connection() as connection:
            number: int = await connection.fetchval(DESK["count"], *self._parameters(wanted))
            return number

    async def shares(self, verb: Verb, wanted: Filter) -> Sequence[Share]:
        """See Desk."""
        async with self._reading.connection() as connection:
            return await actions.shares(connection, verb, wanted, self._world.clock.now(), waivable=self._waivable)

    async def attempts_before(self, delivery_id: int, n: int, *, limit: int) -> Sequence[AttemptRow]:
        """See Desk."""
        async with self._reading.connection() as connection:
            return await read_attempts_before(connection, delivery_id, n, limit=limit)

    async def show_delivery(self, delivery_id: int) -> DeliveryStory | None:
        """See Desk."""
        async with self._database.connection() as connection:
            stories = await read_deliveries(connection, [delivery_id])
            failed = await connection.fetchrow(DESK["failed_call"], delivery_id)
        if not stories or failed is None:
            return stories[0] if stories else None
        return msgspec.structs.replace(stories[0], failed_call=FailedCall(**dict(failed)))

    async def order_story(self, order_key: str) -> OrderStory | None:
        """See Desk."""
        async with self._database.connection() as connection:
            return await read_order_story(connection, order_key)

    async def list_orders(
        self, *, limit: int, after: NewestPlace | None = None
    ) -> tuple[Sequence[OrderSummary], NewestPlace | None]:
        """Orders, booked or not, the newest first, and where the next page begins; None at the end."""
        place = (None, None) if after is None else (after.received_at, after.event_id)
        async with self._database.connection() as connection:
            rows = await connection.fetch(DESK["list_orders"], limit + 1, *place)
        last = rows[limit - 1] if len(rows) > limit else None
        more = None if last is None else NewestPlace(last["received_at"], UUID(bytes=last["event_id"].bytes))
        names = OrderSummary.__struct_fields__
        return [OrderSummary(**{name: row[name] for name in names}) for row in rows[:limit]], more

    async def retry(self, wanted: Filter, *, actor: str, as_it_came: bool = False) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted)
            if as_it_came:
                await actions.as_it_came(connection, chosen)
            await actions.make_due(connection, chosen, self._world.clock.now())
            await self._audit(connection, chosen, actor, "retry", {"as_it_came": True} if as_it_came else {})
        return len(chosen)

    async def amend(self, delivery_id: int, payload: dict[str, Any], *, actor: str, reason: str) -> None:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, Filter(ids=(delivery_id,)))
            if not chosen:
                raise Reject(
                    "delivery.not_mendable",
                    f"Delivery {delivery_id} is not held, dead or retrying: only those can be amended.",
                )
            await connection.execute(DESK["amend"], delivery_id, actions.amended_text(payload))
            await actions.make_due(connection, chosen, self._world.clock.now())
            await self._audit(connection, chosen, actor, "amend", {"reason": reason, "amended": payload})

    async def release(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = [row for row in await self._choose(connection, wanted) if row["state"] == "held"]
            codes = {str(row["fault_code"]) for row in chosen}
            stuck = sorted(code for code in codes if actions.refuses("release", code, self._waivable))
            if stuck:
                raise Reject(
                    "rule.not_waivable",
                    f"{', '.join(stuck)} cannot be waived, its cause must be mended: then use retry. "
                    f"Rules that can be waived: {', '.join(sorted(self._waivable))}.",
                )
            await actions.release(connection, chosen, self._world.clock.now())
            await self._audit(connection, chosen, actor, "release", {"reason": reason})
        return len(chosen)

    async def discard(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted, actions.DISCARDABLE)
            await actions.discard(connection, chosen, self._world.clock.now(), reason)
            await self._audit(connection, chosen, actor, "discard", {"reason": reason})
        return len(chosen)

    async def resolve(self, wanted: Filter, resolution: Resolution, *, actor: str, reason: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted, actions.DISCARDABLE)
            await actions.discard(connection, chosen, self._world.clock.now(), reason, resolution)
            await self._audit(connection, chosen, actor, "resolve", {"reason": reason, "resolution": resolution})
        return len(chosen)

    async def reopen(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted, actions.REOPENABLE)
            await actions.reopen(connection, chosen, self._world.clock.now(), reason)
            await self._audit(connection, chosen, actor, "reopen", {"reason": reason})
        return len(chosen)

    async def assign(self, wanted: Filter, assignee: str | None, *, actor: str) -> int:
        """See Desk."""
        return await self._care(DESK["assign"], wanted, "assign", actor, {"assignee": assignee}, assignee)

    async def tag(self, wanted: Filter, *, add: Sequence[str], remove: Sequence[str], actor: str) -> int:
        """See Desk."""
        words = {"add": sorted(set(add)), "remove": sorted(set(remove))}
        return await self._care(DESK["retag"], wanted, "tag", actor, words, words["add"], words["remove"])

    async def snooze(self, wanted: Filter, until: datetime | None, *, actor: str, reason: str) -> int:
        """See Desk."""
        return await self._care(DESK["snooze"], wanted, "snooze", actor, {"until": until, "reason": reason}, until)

    async def _care(
        self, statement: str, wanted: Filter, what: str, actor: str, told: dict[str, Any], *values: Any
    ) -> int:
        """What changes nothing about what happens to a delivery."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted, actions.ANY_STATE)
            await connection.execute(statement, [row["id"] for row in chosen], *values)
            await self._audit(connection, chosen, actor, what, msgspec.to_builtins(told))
        return len(chosen)

    async def _choose(self, connection: Any, wanted: Filter, states: Sequence[str] = MENDABLE) -> list[Any]:
        now = self._world.clock.now()
        seen = await actions.look(connection, wanted, states, now)
        if len(seen) > BULK_MAX:
            raise Reject("bulk.too_large", f"{len(seen)} deliveries; narrow the filter to at most {BULK_MAX} a time.")
        return await actions.lock(connection, seen, wanted, states, now)

    async def _audit(
        self, connection: Any, chosen: Sequence[Any], actor: str, action: str, detail: dict[str, Any]
    ) -> None:
        await actions.audit_deliveries(connection, chosen, self._world.clock.now(), actor, action, detail)

    def _parameters(self, wanted: Filter) -> tuple[Any, ...]:
        return parameters(wanted, self._world.clock.now())
