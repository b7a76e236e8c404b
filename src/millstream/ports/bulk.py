"""One action on everything a filter means: estimated first, then done batch by batch by the workers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from millstream.ports.desk import DeliveryRow, Filter, Resolution, Share
from millstream.ports.overview import Total

Action = Literal["retry", "release", "discard", "resolve"]
BulkState = Literal["ready", "running", "paused", "done", "cancelled"]
Order = Literal["start", "pause", "resume", "cancel"]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would come to now. `deliveries` are those it can be done to; `sample` shows the first of them.

    `orders` counts what those are about, `money` adds it up by currency; `orders_without_total` are those of them whose
    money is not known.
    """

    deliveries: int
    shares: tuple[Share, ...]
    orders: int
    money: tuple[Total, ...]
    orders_without_total: int
    sample: tuple[DeliveryRow, ...]


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action. `done` and `refused` count deliveries; those that mended themselves meanwhile are in neither.

    `resolution` is the category of one that resolves.
    """

    id: UUID
    action: Action
    wanted: Filter
    reason: str
    actor: str
    state: BulkState
    estimate: int
    done: int
    refused: int
    created_at: datetime
    updated_at: datetime
    resolution: Resolution | None = None


class BulkPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of bulk actions ended."""

    created_at: datetime
    id: UUID


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """So many of the deliveries it was done to are in this state now; `code`: why those fail that do."""

    state: str
    code: str | None
    deliveries: int


class BulkDesk(Protocol):
    """Every change is one transaction, with its row in the audit trail."""

    async def estimate(self, action: Action, wanted: Filter) -> Estimate:
        """Changes nothing."""
        ...

    async def prepare(
        self, action: Action, wanted: Filter, *, actor: str, reason: str, resolution: Resolution | None = None
    ) -> Bulk:
        """A bulk action that is ready to be started. What comes in later is not part of it.

        `resolution` goes with `resolve`, which needs it, and with nothing else.
        """
        ...

    async def order(self, bulk_id: UUID, order: Order, *, actor: str) -> Bulk:
        """Starts, pauses, resumes or cancels it. Raises Reject("bulk.unknown") and Reject("bulk.not_now").

        A batch under way is finished first, so after this returns nothing more happens to a paused or cancelled one.
        """
        ...

    async def find(self, bulk_id: UUID) -> Bulk | None:
        """How far it is."""
        ...

    async def outcome(self, bulk: Bulk) -> Sequence[Became]:
        """Where the deliveries are now that it was done to, most first."""
        ...

    async def newest(self, *, limit: int, after: BulkPlace | None = None) -> tuple[Sequence[Bulk], BulkPlace | None]:
        """The newest first, and where the next page begins; None at the end."""
        ...

    async def run_batch(self) -> bool:
        """Does the next batch of one running bulk action; False if none is there to do.

        Each delivery's change, its audit row and the progress are one transaction, and two workers never hold the same
        action: whatever dies when, no delivery is done twice or left out.
        """
        ...
