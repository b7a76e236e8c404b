"""A person's word that an order rests in the store, or goes on: an event like any other, and a line of the trail."""

from typing import Final, Literal

from millstream.domain.events import ORDER_HOLD_WANTED, ORDER_UNHOLD_WANTED, NewEvent
from millstream.engine.routes import Routes
from millstream.ports.world import World
from millstream.store import actions, sql
from millstream.store.database import Database
from millstream.store.writing import write_events

Deed = Literal["hold", "unhold"]
_SQL: Final = sql.load("holding")
_TYPES: Final[dict[Deed, str]] = {"hold": ORDER_HOLD_WANTED, "unhold": ORDER_UNHOLD_WANTED}


class Holding:
    """Written here, carried out by a worker: tried again until the store answers, and seen in the order's story."""

    def __init__(self, database: Database, *, routes: Routes, world: World) -> None:
        self._database = database
        self._routes = routes
        self._world = world

    async def want(self, order_key: str, deed: Deed, *, reason: str, actor: str) -> bool:
        """False when no store reported an order of this key, and then nothing is written."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            placed = await connection.fetchrow(_SQL["placed"], order_key)
            if placed is None:
                return False
            event = NewEvent(
                source=placed["source"],
                source_id=f"order/{placed['store_order_id']}/{deed}/{self._world.ids.new()}",
                type=_TYPES[deed],
                subject=order_key,
                occurred_at=now,
                data={"store_order_id": placed["store_order_id"], "number": placed["number"], "reason": reason},
            )
            await write_events(connection, [event], worker=actor, routes=self._routes, world=self._world)
            await actions.audit(connection, now, actor, f"order.{deed}", order_key, {"reason": reason})
        return True
