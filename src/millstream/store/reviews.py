"""Orders that wait because of their customer, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millstream.domain.crosswalk import Link
from millstream.domain.delivery import Settlement
from millstream.domain.errors import Conflict, Reject
from millstream.ports.desk import DeliveryRow, Filter
from millstream.ports.mending import Decision
from millstream.ports.reviews import CUSTOMER_CODES, HeldOrder, LoginOf, Resolved
from millstream.ports.world import World
from millstream.store import actions, sql
from millstream.store.books import write_books
from millstream.store.database import Database
from millstream.store.mending import PostgresMending
from millstream.store.story import read_deliveries

_PARTS: Final = sql.load("reviews")
_SQL: Final = {name: text.replace("{waiting}", _PARTS["waiting"]) for name, text in _PARTS.items()}
_HELD: Final = ("held",)
FREED_MAX: Final = 1000  # by one sweep
HUB: Final = "hub:reviews"


class PostgresReviews:
    """See `ports.reviews.ReviewBook`. `reading` is asked for lists."""

    def __init__(
        self, database: Database, *, world: World, mending: PostgresMending, reading: Database | None = None
    ) -> None:
        self._database = database
        self._reading = reading or database
        self._world = world
        self._mending = mending

    async def held(self, *, limit: int, after: int = 0, code: str | None = None) -> Sequence[HeldOrder]:
        """See ReviewBook."""
        async with self._reading.connection() as connection:
            rows = await connection.fetch(_SQL["held"], after, code, limit)
        return [_held(row) for row in rows]

    async def find(self, delivery_id: int) -> HeldOrder | None:
        """See ReviewBook."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["one"], delivery_id)
        return None if row is None else _held(row)

    async def held_of(self, store: str, login: str, login_of: LoginOf) -> Sequence[int]:
        """See ReviewBook."""
        async with self._reading.connection() as connection:
            return [row["id"] for row in await _of_login(connection, store, login, login_of)]

    async def resolve(
        self, decision: Decision, links: Sequence[Link], *, action: str, login_of: LoginOf, told: Mapping[str, Any]
    ) -> Resolved:
        """See ReviewBook."""
        now = self._world.clock.now()
        login = links[0]
        async with self._database.transaction() as connection:
            seen = await _of_login(connection, login.system, login.external_id, login_of)
            waiting = await _still_waiting(connection, seen, now)
            await _refuse_stale(connection, decision)
            made = await self._write_links(connection, links)
            detail = {"reason": decision.reason, **told}
            if waiting:
                await actions.make_due(connection, waiting, now)
                await actions.audit_deliveries(connection, waiting, now, decision.actor, action, detail)
            if made:
                await actions.audit(connection, now, decision.actor, f"customer.{action}", login.hub_id, detail)
            row = (await read_deliveries(connection, [decision.delivery_id]))[0].row
        return Resolved(delivery=row, freed=tuple(one["id"] for one in waiting))

    async def _write_links(self, connection: Any, links: Sequence[Link]) -> bool:
        """Whether any is new. Raises Conflict("link.contradicts")."""
        rows = [(link.kind, link.system, link.external_id, link.hub_id) for link in links]
        made = await connection.fetch(_SQL["link"], self._world.clock.now(), rows)
        if len(made) < len(rows):
            await write_books(connection, [Settlement(links=tuple(links))], self._world)
        return bool(made)

    async def reject(self, decision: Decision) -> DeliveryRow:
        """See ReviewBook."""
        held = await self.find(decision.delivery_id)
        if held is None or not held.is_open:
            raise Reject(
                "review.settled",
                f"Delivery {decision.delivery_id} does not wait for somebody to say who its customer is.",
            )
        version = decision.version or held.row.version  # what was looked at is what is rejected
        return await self._mending.discard(msgspec.structs.replace(decision, version=version))

    async def unlink(self, decision: Decision, login: Link, *, told: Mapping[str, Any]) -> bool:
        """See ReviewBook."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            done: str = await connection.execute(
                _SQL["unlink"], login.kind, login.system, login.external_id, login.hub_id
            )
            if done.endswith(" 0"):
                return False
            detail = {"reason": decision.reason, **told}
            await actions.audit(connection, now, decision.actor, "customer.unlink", login.hub_id, detail)
        return True

    async def let_linked_go(self) -> int:
        """See ReviewBook."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            seen = await connection.fetch(_SQL["linked_meanwhile"], FREED_MAX)
            waiting = await _still_waiting(connection, seen, now)
            if waiting:
                await actions.make_due(connection, waiting, now)
                detail = {"reason": "the customer is linked"}
                await actions.audit_deliveries(connection, waiting, now, HUB, "retry", detail)
        return len(waiting)


async def _of_login(connection: Any, store: str, login: str, login_of: LoginOf) -> list[Any]:
    rows = await connection.fetch(_SQL["of_login"], store, login)
    return [row for row in rows if row["payload"] is None or login_of(msgspec.json.decode(row["payload"])) == login]


async def _still_waiting(connection: Any, seen: Sequence[Any], now: Any) -> list[Any]:
    """Locks what was seen and leaves out what somebody else decided meanwhile."""
    locked = await actions.lock(connection, seen, Filter(), _HELD, now)
    return [row for row in locked if row["fault_code"] in CUSTOMER_CODES]


async def _refuse_stale(connection: Any, decision: Decision) -> None:
    if decision.version is None:
        return
    now = (await read_deliveries(connection, [decision.delivery_id]))[0].row
    if now.version != decision.version:
        raise Conflict(
            "delivery.moved_on",
            f"Delivery {now.id} changed meanwhile, it is {now.state} now. Look at it, then decide again.",
            theirs=now.version,
        )


def _held(row: Any) -> HeldOrder:
    fields = dict(row)
    payload = msgspec.json.decode(fields.pop("payload"))
    return HeldOrder(row=msgspec.convert(fields, DeliveryRow), payload=payload)
