"""One order, asked for once and shown by several parts of a page."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any, Final, Literal

import msgspec

from millstream.web.console.api import Refused
from millstream.web.console.live import Fetch
from millstream.web.console.order.words import moment_words
from millstream.web.console.visit import Visit

FRESH_S: Final = 1.0
GAP_TOLD_S: Final = 1.0
"""Shorter waits are neither drawn nor listed."""
ENTRIES_MAX: Final = 300
"""The newest so many are drawn and listed."""

Kind = Literal["fact", "try", "gap", "told"]


class Story:
    """What the API tells of an order. However many parts ask within a second, it is asked once.

    Only the part that asks by `loud` tells of a refusal; the others go on showing what was known.
    """

    def __init__(self, visit: Visit, path: str, first: dict[str, Any]) -> None:
        self._visit = visit
        self.path = path
        self.number = str(first["summary"]["number"] or first["summary"]["order_key"])
        self._known = _lasting(first)
        self._asked_at = monotonic()
        self._refusal: Refused | None = None
        self._turn = asyncio.Lock()

    def part(self, pick: Callable[[dict[str, Any]], Any], *, loud: bool = False) -> Fetch:
        """Asks for what one part of the page shows."""

        async def fetch(*, watching: bool) -> Any:
            await self._ask(watching=watching)
            if loud and self._refusal is not None:
                raise self._refusal
            return pick(self._known)

        return fetch

    def ask_anew(self) -> None:
        """After an action: what was known a moment ago is not good enough."""
        self._asked_at = float("-inf")

    async def _ask(self, *, watching: bool) -> None:
        async with self._turn:
            if monotonic() - self._asked_at < FRESH_S:
                return
            self._asked_at = monotonic()
            try:
                self._known = _lasting(await self._visit.api.get(self.path, watching=watching))
                self._refusal = None
            except Refused as refusal:
                self._refusal = refusal


def _lasting(page: dict[str, Any]) -> dict[str, Any]:
    """Without what changes at every look: how long something lasts that has not ended."""
    gaps = [gap if gap["ended_at"] is not None else {**gap, "duration_s": None} for gap in page["gaps"]]
    return {**page, "gaps": gaps}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, or that was waited for. `ended_at` and `took_s` None: it lasts, or has no length."""

    n: int
    kind: Kind
    lane: str
    words: str
    at: datetime
    ended_at: datetime | None = None
    took_s: float | None = None
    outcome: str | None = None
    detail: str = ""
    delivery_id: int | None = None

    @property
    def lasts(self) -> bool:
        """Whether it goes on."""
        return self.kind == "gap" and self.ended_at is None

    @property
    def anchor(self) -> str:
        """Its place in the list."""
        return f"entry-{self.n}"


def entries_of(page: dict[str, Any]) -> list[Entry]:
    """By time, numbered; the oldest are left out where there are too many."""
    found = [*map(_moment, page["moments"]), *map(_told, page["told"])]
    found += [_gap(gap) for gap in page["gaps"] if gap["duration_s"] is None or gap["duration_s"] >= GAP_TOLD_S]
    found.sort(key=lambda entry: entry.at)
    return [msgspec.structs.replace(entry, n=n) for n, entry in enumerate(found)][-ENTRIES_MAX:]


def _moment(moment: dict[str, Any]) -> Entry:
    is_try = moment["ended_at"] is not None
    return Entry(
        n=0,
        kind="try" if is_try else "fact",
        lane=moment["lane"],
        words=moment_words(moment),
        at=_when(moment["at"]),
        ended_at=_when(moment["ended_at"]) if is_try else None,
        took_s=moment["duration_s"],
        outcome=moment["outcome"],
        detail=moment["code"] or "",
        delivery_id=moment["delivery_id"],
    )


def _gap(gap: dict[str, Any]) -> Entry:
    return Entry(
        n=0,
        kind="gap",
        lane=gap["lane"],
        words=gap["name"],
        at=_when(gap["began_at"]),
        ended_at=_when(gap["ended_at"]) if gap["ended_at"] else None,
        took_s=gap["duration_s"],
        delivery_id=gap["delivery_id"],
    )


def _told(told: dict[str, Any]) -> Entry:
    how = "e-mailed" if told["emailed"] else "shown in the store"
    return Entry(
        n=0,
        kind="told",
        lane="store",
        words=f"The customer was told: {told['what']} ({how})",
        at=_when(told["at"]),
        detail=told["text"] or "",
    )


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)
