"""Whether the systems still say the same about an order, long after it went through."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was found different at two checks in a row; `differs` names what."""

    order_key: str
    differs: tuple[str, ...]
    since: datetime
    checked_at: datetime


class DriftPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of orders that differ ended."""

    since: datetime
    order_key: str


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Orders compared since a moment, and those of them that are not the same everywhere, longest first."""

    checked: int
    count: int
    differing: tuple[Differing, ...]


class DriftBook(Protocol):
    """Keeps what comparing found."""

    async def next_orders(
        self, after: tuple[datetime, str] | None, *, since: datetime, until: datetime, limit: int
    ) -> Sequence[tuple[datetime, str]]:
        """Orders placed since then and confirmed until then, in the order they were placed, behind a place."""
        ...

    async def differing_orders(self, *, since: datetime, limit: int) -> Sequence[str]:
        """Those placed since then that were different when last compared, the longest unchecked first."""
        ...

    async def under_way(self, order_keys: Sequence[str]) -> Collection[str]:
        """Those of them that something is still to happen to, or that wait for a decision."""
        ...

    async def keep(self, found: Mapping[str, Sequence[str]], *, now: datetime, forget_before: datetime) -> None:
        """Order key -> what differs (empty: the same everywhere). Forgets what was checked before a moment."""
        ...

    async def drift(self, *, since: datetime, limit: int, after: DriftPlace | None = None) -> Drift:
        """What was compared since then, and of what differs so many behind a place."""
        ...
