"""The batch of a demo, read whole."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.ports.travellers import Step, Traveller
from millstream.store import sql
from millstream.store.database import Database

_SQL: Final = sql.load("travellers")
_SLEEPING: Final = sql.load("ledger")["sleeping_lanes"]


class PostgresTravellers:
    """See `ports.travellers.Travellers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Traveller]:
        """See Travellers."""
        async with self._database.connection() as connection:
            return [_traveller(dict(row)) for row in await connection.fetch(_SQL["placed"])]

    async def sleeping_lanes(self) -> int:
        """See Travellers."""
        async with self._database.connection() as connection:
            return len(await connection.fetch(_SLEEPING))


def _traveller(fields: dict[str, Any]) -> Traveller:
    steps = msgspec.json.decode(fields.pop("deliveries") or "[]", type=tuple[Step, ...])
    return Traveller(**fields, steps=tuple(sorted(steps, key=lambda step: step.id)))
