"""Finding orders by any number."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, Protocol
from uuid import UUID

import msgspec

OrderState = Literal[
    "placed", "retrying", "review", "discarded", "confirmed", "packed", "shipped", "delivered", "cancelled"
]
NOT_IN_ERP: Final[frozenset[OrderState]] = frozenset({"placed", "retrying", "review"})
"""States of an order that is still on its way into the ERP: open, however old it is."""


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


class WayPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of orders that are on their way into the ERP ended."""

    delivery_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class OrderLookup(Protocol):
    """Each is answered by indexes however many orders there are."""

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

    async def on_the_way(
        self, state: OrderState, *, limit: int, after: WayPlace | None = None
    ) -> tuple[Sequence[OrderHit], WayPlace | None]:
        """All orders in one of the states `NOT_IN_ERP`, however old, the newest first."""
        ...

    async def in_state(
        self, state: OrderState, *, limit: int, after: NewestPlace | None = None
    ) -> tuple[Sequence[OrderHit], NewestPlace | None]:
        """Orders in one of the other states, the newest first.

        A page looks at so many orders and no more: it may hold fewer than asked for, even none, and there is a place
        to go on from all the same.
        """
        ...
