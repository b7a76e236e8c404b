"""The audit trail: append-only rows, sealed in batches by a hash chain that shows any later alteration."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.ports.world import World
from millstream.store import sql
from millstream.store.database import Database

SEAL_LOCK: Final = 7_305_012
GENESIS: Final = sha256(b"millstream audit trail").digest()
SEAL_ROWS_MAX: Final = 20_000
BEFORE_ALL: Final = -(2**63)  # not 0: a row slipped in under any id must be under a seal

_SQL: Final = sql.load("audit")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found. `broken_seal` is the first seal that does not match, None if all do."""

    seals: int
    rows: int
    unsealed: int
    broken_seal: int | None = None
    detail: str = ""


class AuditTrail:
    """Seals and verifies. Rows are written by whoever acts, in the transaction of the act."""

    def __init__(self, database: Database, *, world: World) -> None:
        self._database = database
        self._world = world
        self._horizon = (0, "0")  # a newest row and what lay beyond it, seen earlier and not settled then

    async def seal(self) -> int:
        """Seals what is committed and final; returns how many rows. One sealer at a time, the others skip.

        A row is final once every transaction that was under way when it was first seen is over: only those could
        still bring a row with a lower id. Usually that is at once; else the next call seals it.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", SEAL_LOCK):
                return 0
            final = await self._final_id(connection)
            previous, after = await _last_seal(connection)
            rows = await connection.fetch(_SQL["unsealed"], after, final, SEAL_ROWS_MAX)
            if not rows:
                return 0
            await connection.execute(
                _SQL["insert_seal"],
                rows[-1]["id"],
                len(rows),
                previous,
                chain(previous, [row["line"] for row in rows]),
                self._world.clock.now(),
            )
            return len(rows)

    async def _final_id(self, connection: Any) -> int:
        """The highest id below which no row can appear any more. Kept in memory: a restart just looks again."""
        seen = await connection.fetchrow(_SQL["horizon"])
        for newest, beyond in ((seen["newest"], seen["beyond"]), self._horizon):
            if await connection.fetchval(_SQL["is_settled"], beyond):
                self._horizon = (seen["newest"], seen["beyond"])
                return int(newest)
        return 0

    async def verify(self) -> Verdict:
        """Recomputes every seal from the rows as they are now."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await examine(connection)


async def examine(connection: Any) -> Verdict:
    """Recomputes every seal from the rows one snapshot sees."""
    seals = await connection.fetch(_SQL["seals"])
    previous, after, counted = GENESIS, BEFORE_ALL, 0
    for seal in seals:
        lines = [row["line"] for row in await connection.fetch(_SQL["sealed"], after, seal["upto"])]
        fault = _fault(seal, previous, lines)
        if fault:
            return Verdict(seals=len(seals), rows=counted, unsealed=0, broken_seal=seal["id"], detail=fault)
        previous, after, counted = seal["hash"], seal["upto"], counted + len(lines)
    unsealed = await connection.fetchval(_SQL["count_unsealed"], after)
    return Verdict(seals=len(seals), rows=counted, unsealed=unsealed)


def chain(previous: bytes, lines: Sequence[str]) -> bytes:
    """The hash of a seal: the previous one, then each row by its own digest, so that no two can be run together."""
    digest = sha256(previous)
    for line in lines:
        digest.update(sha256(line.encode()).digest())
    return digest.digest()


def _fault(seal: Any, previous: bytes, lines: Sequence[str]) -> str:
    if seal["previous"] != previous:
        return f"seal {seal['id']} does not follow the one before it: a seal was altered or removed"
    if len(lines) != seal["rows"]:
        return f"seal {seal['id']} covers {seal['rows']} rows, {len(lines)} are there"
    if chain(previous, lines) != seal["hash"]:
        return f"a row under seal {seal['id']} was altered"
    return ""


async def _last_seal(connection: Any) -> tuple[bytes, int]:
    row = await connection.fetchrow(_SQL["last_seal"])
    return (GENESIS, BEFORE_ALL) if row is None else (row["hash"], row["upto"])
