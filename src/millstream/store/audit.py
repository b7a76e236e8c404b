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
SEAL_ROWS_MAX: Final = 20_000  # more than any one transaction writes (see desk.BULK_MAX)

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

    async def seal(self) -> int:
        """Seals what is committed and not sealed yet; returns how many rows. One sealer at a time, the others skip."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", SEAL_LOCK):
                return 0
            previous, upto = await _last_seal(connection)
            rows = await connection.fetch(_SQL["unsealed"], upto, SEAL_ROWS_MAX)
            rows = _whole_transactions(rows)
            if not rows:
                return 0
            await connection.execute(
                _SQL["insert_seal"],
                rows[-1]["tx"],
                len(rows),
                previous,
                chain(previous, [row["line"] for row in rows]),
                self._world.clock.now(),
            )
            return len(rows)

    async def verify(self) -> Verdict:
        """Recomputes every seal from the rows as they are now."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            seals = await connection.fetch(_SQL["seals"])
            previous, after, counted = GENESIS, "0", 0
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


async def _last_seal(connection: Any) -> tuple[bytes, str]:
    row = await connection.fetchrow(_SQL["last_seal"])
    return (GENESIS, "0") if row is None else (row["hash"], row["upto"])


def _whole_transactions(rows: Sequence[Any]) -> Sequence[Any]:
    """A full page may end inside a transaction: that one is left for the next seal, unless it is all there is."""
    if len(rows) < SEAL_ROWS_MAX or rows[0]["tx"] == rows[-1]["tx"]:
        return rows
    return [row for row in rows if row["tx"] != rows[-1]["tx"]]
