"""The audit trail, to be read and proved."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

AMENDED: Final = "amended"
"""What the detail of an amendment calls the payload."""


class AuditWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; every member that is set narrows the choice. `people`: only what people did, not the hub."""

    subject: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    people: bool = False


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]

    def without_payload(self) -> "AuditRow":
        """The row for who may not see what customers sent, nor what somebody amended it to."""
        return msgspec.structs.replace(self, detail={k: v for k, v in self.detail.items() if k != AMENDED})


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found. `broken_seal` is the first seal that does not match, null if all do."""

    untouched: bool
    rows: int
    seals: int
    unsealed: int
    broken_seal: int | None
    detail: str


class AuditLog(Protocol):
    """Reads; nothing here writes but the seal that a verification begins with."""

    async def page(self, wish: AuditWish, *, limit: int, before: int | None = None) -> Sequence[AuditRow]:
        """The newest first; `before` continues behind an id."""
        ...

    async def of_delivery(
        self, delivery_id: int, subject: str, *, limit: int, before: int | None = None
    ) -> Sequence[AuditRow]:
        """What was done to one delivery of this subject, the newest first; `before` continues behind an id."""
        ...

    def lines(self, wish: AuditWish, *, payloads: bool) -> AsyncIterator[bytes]:
        """All of them, the oldest first, as JSON lines in blocks; with what was amended, or without."""
        ...

    async def prove(self) -> Proof:
        """Seals what can be sealed and recomputes the whole chain from the rows as they are now."""
        ...
