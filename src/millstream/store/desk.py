"""What people do with deliveries, in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject
from millstream.ports.desk import DeliveryRow, DeliveryStory, Filter, OrderStory, OrderSummary
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.story import read_deliveries, read_order_story
from millstream.store.writing import lock_lanes

_SQL: Final = {name: text.replace("{where}", sql.load("desk")["where"]) for name, text in sql.load("desk").items()}
_LEDGER: Final = sql.load("ledger")
MENDABLE: Final = ["held", "dead", "retrying"]
BULK_MAX: Final = 10_000
"""One action changes at most this many; a larger one is done in several."""


class PostgresDesk:
    """See `ports.desk.Desk`. `waivable` names the rules a release may waive."""

    def __init__(self, database: Database, *, world: World, waivable: frozenset[str]) -> None:
        self._database = database
        self._world = world
        self._waivable = waivable

    async def list_deliveries(self, wanted: Filter, *, limit: int, after: int = 0) -> Sequence[DeliveryRow]:
        """See Desk."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list"], *_parameters(wanted), after, limit)
        return [msgspec.convert(dict(row), DeliveryRow) for row in rows]

    async def count(self, wanted: Filter) -> int:
        """See Desk."""
        async with self._database.connection() as connection:
            number: int = await connection.fetchval(_SQL["count"], *_parameters(wanted))
            return number

    async def show_delivery(self, delivery_id: int) -> DeliveryStory | None:
        """See Desk."""
        async with self._database.connection() as connection:
            stories = await read_deliveries(connection, [delivery_id])
        return stories[0] if stories else None

    async def order_story(self, order_key: str) -> OrderStory | None:
        """See Desk."""
        async with self._database.connection() as connection:
            return await read_order_story(connection, order_key)

    async def list_orders(self, *, limit: int) -> Sequence[OrderSummary]:
        """The newest orders, booked or not."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["list_orders"], limit)
        return [OrderSummary(**dict(row)) for row in rows]

    async def retry(self, wanted: Filter, *, actor: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted)
            await self._make_due(connection, chosen)
            await self._audit(connection, chosen, actor, "retry", {})
        return len(chosen)

    async def amend(self, delivery_id: int, payload: dict[str, Any], *, actor: str) -> None:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, Filter(ids=(delivery_id,)))
            if not chosen:
                raise Reject(
                    "delivery.not_mendable",
                    f"Delivery {delivery_id} is not held, dead or retrying: only those can be amended.",
                )
            await connection.execute(_SQL["amend"], delivery_id, msgspec.json.encode(payload).decode())
            await self._make_due(connection, chosen)
            await self._audit(connection, chosen, actor, "amend", {"amended": payload})

    async def release(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """See Desk."""
        async with self._database.transaction() as connection:
            chosen = [row for row in await self._choose(connection, wanted) if row["state"] == "held"]
            stuck = sorted({str(row["fault_code"]) for row in chosen} - self._waivable)
            if stuck:
                raise Reject(
                    "rule.not_waivable",
                    f"{', '.join(stuck)} cannot be waived, its cause must be mended: then use retry. "
                    f"Rules that can be waived: {', '.join(sorted(self._waivable))}.",
                )
            await connection.execute(_SQL["waive"], [row["id"] for row in chosen])
            await self._make_due(connection, chosen)
            await self._audit(connection, chosen, actor, "release", {"reason": reason})
        return len(chosen)

    async def discard(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """See Desk."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            chosen = await self._choose(connection, wanted, [*MENDABLE, "waiting"])
            await connection.execute(_SQL["discard"], [row["id"] for row in chosen], now, reason)
            await connection.execute(_LEDGER["hand_on_lanes"], sorted({row["lane"] for row in chosen}), now)
            await connection.execute(_LEDGER["notify"], "desk")
            await self._audit(connection, chosen, actor, "discard", {"reason": reason})
        return len(chosen)

    async def _choose(self, connection: Any, wanted: Filter, states: Sequence[str] = MENDABLE) -> list[Any]:
        """Locks lanes, then rows. Rows are read twice: what moved while we waited for the lanes is left out."""
        seen = await connection.fetch(_SQL["chosen"].replace("for update of d", ""), *_parameters(wanted), states)
        if len(seen) > BULK_MAX:
            raise Reject("bulk.too_large", f"{len(seen)} deliveries; narrow the filter to at most {BULK_MAX} a time.")
        await lock_lanes(connection, {row["lane"] for row in seen})
        ids = [row["id"] for row in seen]
        return list(await connection.fetch(_SQL["chosen"], *_parameters(Filter(ids=tuple(ids))), states)) if ids else []

    async def _make_due(self, connection: Any, chosen: Sequence[Any]) -> None:
        await connection.execute(_SQL["make_due"], [row["id"] for row in chosen], self._world.clock.now())
        await connection.execute(_LEDGER["notify"], "desk")

    async def _audit(
        self, connection: Any, chosen: Sequence[Any], actor: str, action: str, detail: dict[str, Any]
    ) -> None:
        await connection.execute(
            _LEDGER["insert_audit"],
            self._world.clock.now(),
            [actor for _ in chosen],
            [f"delivery.{action}" for _ in chosen],
            [row["subject"] for row in chosen],
            [
                msgspec.json.encode(
                    {"delivery": row["id"], "was": row["state"], "code": row["fault_code"], **detail}
                ).decode()
                for row in chosen
            ],
        )


def _parameters(wanted: Filter) -> tuple[Any, ...]:
    return (
        list(wanted.ids) or None,
        list(wanted.states) or None,
        wanted.subscriber,
        wanted.event_type,
        wanted.code,
        wanted.fingerprint,
        wanted.subject,
    )
