"""Bulk actions in PostgreSQL: the row is claimed for as long as one batch takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.domain.errors import Reject
from millstream.ports.bulk import Action, Became, Bulk, BulkPlace, BulkState, Estimate, Order
from millstream.ports.desk import DeliveryRow, Filter, Resolution
from millstream.ports.overview import Total
from millstream.ports.world import World
from millstream.store import actions, sql
from millstream.store.database import Database
from millstream.store.text import json_text

BATCH_MAX: Final = 200
SAMPLE_MAX: Final = 10
_KEPT_AS: Final[dict[Action, str]] = {"resolve": "discard"}
"""Actions a version before would not know, and what it does in their place."""
_MOVES: Final[dict[Order, tuple[tuple[BulkState, ...], BulkState]]] = {
    "start": (("ready",), "running"),
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "cancel": (("ready", "running", "paused"), "cancelled"),
}
"""Order -> the states it can be given in, and the one it leads to."""

_PARTS: Final = sql.load("bulk")
_SQL: Final = {
    name: text.replace("{where}", actions.DESK["where"]).replace("{bulk}", _PARTS["bulk"])
    for name, text in _PARTS.items()
}


class PostgresBulk:
    """See `ports.bulk.BulkDesk`. `waivable` names the rules a release may waive; `reading` is asked for estimates."""

    def __init__(
        self, database: Database, *, world: World, waivable: frozenset[str], reading: Database | None = None
    ) -> None:
        self._database = database
        self._reading = reading or database
        self._world = world
        self._waivable = waivable

    async def estimate(self, action: Action, wanted: Filter) -> Estimate:
        """See BulkDesk."""
        now = self._world.clock.now()
        asked = (*actions.parameters(wanted, now), list(actions.TARGETS[action]))
        async with self._reading.connection() as connection:
            shares = await actions.shares(connection, action, wanted, now, waivable=self._waivable)
            doable = sorted({str(share.code) for share in shares if not share.refused})
            worth = await connection.fetch(_SQL["worth"], *asked, doable if action == "release" else None)
            ids = [row["id"] for row in await connection.fetch(_SQL["batch"], *asked, 0, 2**63 - 1, SAMPLE_MAX)]
            first = actions.parameters(Filter(ids=tuple(ids)), now)
            sample = await connection.fetch(actions.DESK["list"], *first, 0, SAMPLE_MAX) if ids else []
        return Estimate(
            deliveries=sum(share.deliveries for share in shares if not share.refused),
            shares=shares,
            orders=sum(row["orders"] for row in worth),
            money=tuple(Total(**dict(row)) for row in worth if row["currency"] is not None),
            orders_without_total=sum(row["orders"] for row in worth if row["currency"] is None),
            sample=tuple(msgspec.convert(dict(row), DeliveryRow) for row in sample),
        )

    async def prepare(
        self, action: Action, wanted: Filter, *, actor: str, reason: str, resolution: Resolution | None = None
    ) -> Bulk:
        """See BulkDesk."""
        if (action == "resolve") != (resolution is not None):
            raise Reject("bulk.category", "Resolving needs a category, and nothing else takes one.", field="category")
        estimate = await self.estimate(action, wanted)
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                _SQL["insert"],
                self._world.ids.new(),
                _KEPT_AS.get(action, action),
                json_text(wanted),
                reason,
                actor,
                estimate.deliveries,
                now,
                resolution,
            )
            await self._audit(connection, row, actor, "prepare", now)
        return _bulk(row)

    async def order(self, bulk_id: UUID, order: Order, *, actor: str) -> Bulk:
        """See BulkDesk."""
        now = self._world.clock.now()
        possible, target = _MOVES[order]
        async with self._database.transaction() as connection:
            held = await connection.fetchrow(_SQL["hold"], bulk_id)
            if held is None:
                raise Reject("bulk.unknown", f"There is no bulk action {bulk_id}.")
            if held["state"] not in possible:
                raise Reject(
                    "bulk.not_now", f"It is {held['state']}; {order} is for one that is {' or '.join(possible)}."
                )
            row = await connection.fetchrow(_SQL["move"], bulk_id, target, now)
            await self._audit(connection, row, actor, order, now)
        return _bulk(row)

    async def find(self, bulk_id: UUID) -> Bulk | None:
        """See BulkDesk."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["find"], bulk_id)
        return None if row is None else _bulk(row)

    async def outcome(self, bulk: Bulk) -> Sequence[Became]:
        """See BulkDesk."""
        asked = (f"delivery.{bulk.action}", bulk.actor, bulk.created_at, str(bulk.id))
        async with self._reading.connection() as connection:
            return [Became(**dict(row)) for row in await connection.fetch(_SQL["outcome"], *asked)]

    async def newest(self, *, limit: int, after: BulkPlace | None = None) -> tuple[Sequence[Bulk], BulkPlace | None]:
        """See BulkDesk."""
        place = (None, None) if after is None else (after.created_at, after.id)
        async with self._reading.connection() as connection:
            found = [_bulk(row) for row in await connection.fetch(_SQL["newest"], limit + 1, *place)]
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], None if last is None else BulkPlace(last.created_at, last.id)

    async def run_batch(self) -> bool:
        """See BulkDesk."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            taken = await connection.fetchrow(_SQL["take"])
            if taken is None:
                return False
            bulk = _bulk(taken)
            targets = actions.TARGETS[bulk.action]
            asked = (*actions.parameters(bulk.wanted, now), list(targets))
            seen = await connection.fetch(_SQL["batch"], *asked, taken["last_id"], taken["upto"], BATCH_MAX)
            chosen = await actions.lock(connection, seen, bulk.wanted, targets, now)
            doable = [row for row in chosen if not actions.refuses(bulk.action, row["fault_code"], self._waivable)]
            await self._act(connection, bulk, doable, now)
            is_last = len(seen) < BATCH_MAX
            await connection.execute(
                _SQL["advance"],
                bulk.id,
                taken["upto"] if is_last else seen[-1]["id"],
                len(doable),
                len(chosen) - len(doable),
                "done" if is_last else "running",
                now,
            )
        return True

    async def _act(self, connection: Any, bulk: Bulk, chosen: Sequence[Any], now: datetime) -> None:
        if not chosen:
            return
        match bulk.action:
            case "retry":
                await actions.make_due(connection, chosen, now)
            case "release":
                await actions.release(connection, chosen, now)
            case "discard" | "resolve":
                await actions.discard(connection, chosen, now, bulk.reason, bulk.resolution)
        told = {"reason": bulk.reason, "bulk": str(bulk.id)}
        if bulk.resolution is not None:
            told["resolution"] = bulk.resolution
        await actions.audit_deliveries(connection, chosen, now, bulk.actor, bulk.action, told)

    async def _audit(self, connection: Any, row: Any, actor: str, what: str, now: datetime) -> None:
        wanted = {key: value for key, value in msgspec.json.decode(row["wanted"]).items() if value}
        detail = {"action": _bulk(row).action, "filter": wanted, "reason": row["reason"], "estimate": row["estimate"]}
        await actions.audit(connection, now, actor, f"bulk.{what}", f"bulk/{row['id']}", detail)


def _bulk(row: Any) -> Bulk:
    fields = {name: row[name] for name in Bulk.__struct_fields__}
    fields["id"] = UUID(bytes=row["id"].bytes)
    if fields["resolution"] is not None:
        fields["action"] = "resolve"
    fields["wanted"] = msgspec.json.decode(row["wanted"], type=Filter)
    return Bulk(**fields)
