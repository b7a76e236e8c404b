"""A person's word that an order rests in the store, or goes on: an event like any other, and a line of the trail."""

from typing import Any, Final

from millstream.domain.errors import Reject
from millstream.domain.events import NewEvent
from millstream.domain.holding import CANCELLED_BY, DEEDS, Deed, HoldStanding, Step
from millstream.engine.routes import Routes
from millstream.ports.holding import HoldWanted
from millstream.ports.world import World
from millstream.store import actions, sql
from millstream.store.database import Database
from millstream.store.writing import lock_lanes, write_events

_SQL: Final = sql.load("holding")
_TYPES: Final[dict[Deed, str]] = {deed: event_type for event_type, deed in DEEDS.items()}


class PostgresHolding:
    """See `ports.holding.HoldDesk`. Written here, carried out by a worker: tried again until the store answers."""

    def __init__(self, database: Database, *, routes: Routes, world: World) -> None:
        self._database = database
        self._routes = routes
        self._world = world

    async def want(self, order_key: str, deed: Deed, *, reason: str, actor: str) -> HoldWanted:
        """See HoldDesk."""
        async with self._database.transaction() as connection:
            placed = await connection.fetchrow(_SQL["placed"], order_key, sorted(CANCELLED_BY))
            if placed is None:
                raise Reject(
                    "order.unknown", f"No store reported an order with the key {order_key}; search by any number of it."
                )
            event = self._event(placed, order_key, deed, reason)
            # Two people who want the same at once: the second one finds what the first one wanted.
            await lock_lanes(connection, {to.lane for to in self._routes.address(event)})
            before = await _standing(connection, placed, order_key)
            pending = before.pending(deed)
            if pending is not None:
                return HoldWanted(
                    order_key=order_key, deed=deed, delivery_id=pending.id, state=pending.state, is_new=False
                )
            refusal = before.refusal(deed)
            if refusal is not None:
                raise refusal
            await write_events(connection, [event], worker=actor, routes=self._routes, world=self._world)
            made = (await _standing(connection, placed, order_key)).pending(deed)
            assert made is not None, "the route of the event makes a delivery"
            detail = {"reason": reason, "delivery": made.id}
            await actions.audit(connection, event.occurred_at, actor, f"order.{deed}", order_key, detail)
        return HoldWanted(order_key=order_key, deed=deed, delivery_id=made.id, state=made.state, is_new=True)

    def _event(self, placed: Any, order_key: str, deed: Deed, reason: str) -> NewEvent:
        return NewEvent(
            source=placed["source"],
            source_id=f"order/{placed['store_order_id']}/{deed}/{self._world.ids.new()}",
            type=_TYPES[deed],
            subject=order_key,
            occurred_at=self._world.clock.now(),
            data={"store_order_id": placed["store_order_id"], "number": placed["number"], "reason": reason},
        )


async def _standing(connection: Any, placed: Any, order_key: str) -> HoldStanding:
    rows = await connection.fetch(_SQL["steps"], order_key, sorted(DEEDS))
    return HoldStanding(
        number=placed["number"] or order_key,
        cancelled=placed["cancelled"],
        shipped=placed["shipped"],
        steps=tuple(
            Step(id=row["id"], state=row["state"], code=row["code"], deed=DEEDS.get(row["type"])) for row in rows
        ),
    )
