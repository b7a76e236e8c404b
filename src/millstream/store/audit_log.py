"""The audit trail by page, by line, and proved."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from millstream.ports.audit import AuditRow, AuditWish, Proof
from millstream.store import sql
from millstream.store.audit import AuditTrail
from millstream.store.database import Database

BLOCK_ROWS: Final = 2000
_NEWEST: Final = 2**63 - 1

_PARTS: Final = sql.load("audit")
_PAGE: Final = _PARTS["page"].replace("{chosen}", _PARTS["chosen"])
_BLOCK: Final = _PARTS["block"].replace("{chosen}", _PARTS["chosen"])


class PostgresAuditLog:
    """See `ports.audit.AuditLog`."""

    def __init__(self, reading: Database, *, trail: AuditTrail) -> None:
        self._reading = reading
        self._trail = trail

    async def page(self, wish: AuditWish, *, limit: int, before: int | None = None) -> Sequence[AuditRow]:
        """See AuditLog."""
        return await self._rows(_PAGE, wish, _NEWEST if before is None else before, limit)

    async def of_delivery(
        self, delivery_id: int, subject: str, *, limit: int, before: int | None = None
    ) -> Sequence[AuditRow]:
        """See AuditLog."""
        asked = (subject, delivery_id, _NEWEST if before is None else before, limit)
        async with self._reading.connection() as connection:
            return [_row(row) for row in await connection.fetch(_PARTS["of_delivery"], *asked)]

    async def lines(self, wish: AuditWish, *, payloads: bool) -> AsyncIterator[bytes]:
        """See AuditLog. No connection is held between two blocks, however slowly they are taken."""
        after = -(2**63)
        while rows := await self._rows(_BLOCK, wish, after, BLOCK_ROWS):
            shown = rows if payloads else [row.without_payload() for row in rows]
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in shown)
            after = rows[-1].id

    async def _rows(self, statement: str, wish: AuditWish, place: int, limit: int) -> Sequence[AuditRow]:
        asked = (wish.subject, wish.actor, wish.action, wish.since, wish.until, wish.people)
        async with self._reading.connection() as connection:
            return [_row(row) for row in await connection.fetch(statement, *asked, place, limit)]

    async def prove(self) -> Proof:
        """See AuditLog."""
        while await self._trail.seal():
            pass
        verdict = await self._trail.verify()
        return Proof(
            untouched=verdict.broken_seal is None,
            rows=verdict.rows,
            seals=verdict.seals,
            unsealed=verdict.unsealed,
            broken_seal=verdict.broken_seal,
            detail=verdict.detail,
        )


def _row(row: Any) -> AuditRow:
    return AuditRow(**{**dict(row), "detail": msgspec.json.decode(row["detail"])})
