"""Finding orders by any number."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import msgspec


class OrderHit(msgspec.Struct, frozen=True, kw_only=True):
    """An order in a list. `matched_kind` and `matched` say by which number it was found; None members are unknown.

    `state` is cancelled, delivered, shipped, packed or confirmed; before the ERP has it: placed, retrying, review (held
    or dead) or discarded. `troubles` counts its deliveries that are held, dead or retrying, whoever they go to.
    """

    order_key: str
    matched_kind: str | None
    matched: str | None
    number: str | None
    erp_number: str | None
    state: str
    placed_at: datetime
    received_at: datetime
    grand_total: Decimal | None
    currency: str | None
    troubles: int


class HitPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of hits ended."""

    at: str
    order_key: str


class NewestPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of the newest orders ended."""

    received_at: datetime
    event_id: UUID


class OrderLookup(Protocol):
    """Each is one query, answered by indexes however many orders there are."""

    async def search(
        self, number: str, *, limit: int, after: HitPlace | None = None
    ) -> tuple[Sequence[OrderHit], HitPlace | None]:
        """Orders that carry a number beginning with this one, in any case; the exact ones come first.

        Every order once, by the first of its numbers that fits. The place is where the next page begins,
        None at the end.
        """
        ...

    async def newest(
        self, *, limit: int, after: NewestPlace | None = None
    ) -> tuple[Sequence[OrderHit], NewestPlace | None]:
        """Orders, the newest first."""
        ...
