"""How everything stands: today, what failed and why, what flows where."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Protocol

import msgspec

Age = Literal["under_1h", "under_4h", "under_1d", "under_3d", "older"]
FailureView = Literal["all", "mine", "unassigned", "at_risk", "snoozed", "resolved"]
"""Failures by who must see to them. All but `snoozed` and `resolved` are open and in sight; `at_risk`: about orders."""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Money in one currency, over so many orders whose total is known. Currencies are never added up."""

    currency: str
    amount: Decimal
    orders: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """So many orders in one state, of one age."""

    state: str
    age: Age
    orders: int


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time: orders placed and confirmed in it; how long those placed in it took to be confirmed.

    Seconds from placed to confirmed: the middle one, 95 and 99 of 100; null if none is confirmed.
    """

    began_at: datetime
    placed: int
    confirmed: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class Reviews(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a person. `unassigned` and `snoozed` count those held and dead.

    `customers` counts those of the held whose customer is not known for certain: what `GET /api/reviews` lists.
    """

    held: int
    customers: int
    dead: int
    unassigned: int
    snoozed: int


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of the window by state and age, and what is at stake now.

    Orders that the ERP does not have yet (placed, retrying, review) stand there whenever they came in.

    `at_risk` is the money of orders that have a delivery held, dead or retrying; `at_risk_unknown` counts those of them
    whose total is not known.
    """

    since: datetime
    standings: tuple[Standing, ...]
    at_risk: tuple[Total, ...]
    at_risk_unknown: int
    ticks: tuple[Tick, ...]
    reviews: Reviews


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries that fail for one reason. `says` is what the newest of them says; `trend` counts failed tries.

    `trend` has one number for each of the last 24 hours, the present one last. `orders_without_total` counts affected
    orders whose money is not known. `resolved` counts those somebody resolved, `snoozed` those out of sight until, at
    the earliest, `snoozed_until`.
    """

    fingerprint: str
    subscriber: str
    fault_class: str | None
    code: str | None
    says: str | None
    held: int
    dead: int
    retrying: int
    resolved: int
    orders: int
    money: tuple[Total, ...]
    orders_without_total: int
    assignees: tuple[str, ...]
    unassigned: int
    tags: tuple[str, ...]
    snoozed: int
    snoozed_until: datetime | None
    first_seen: datetime | None
    last_seen: datetime | None
    trend: tuple[int, ...]


class CausePlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of causes ended: the orders its last cause stopped, and which cause that was."""

    orders: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    fingerprint: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ViewCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is in one view. `orders` and `money` count each order once, however many deliveries it has there.

    `orders_without_total` counts those of the orders whose money is not known.
    """

    view: FailureView
    causes: int
    deliveries: int
    orders: int
    money: tuple[Total, ...]
    orders_without_total: int


class RouteFlow(msgspec.Struct, frozen=True, kw_only=True):
    """One route: what came in and went out over the window, what waits. `error_share` null: nothing was tried.

    `sources` are who told of what came in.
    """

    event_type: str
    subscriber: str
    sources: tuple[str, ...]
    in_per_min: float
    out_per_min: float
    queue: int
    oldest_age_s: float | None
    error_share: float | None


class Overview(Protocol):
    """Reads, each bounded by a window of time or by what is open."""

    async def today(self, *, hours: int, tick_s: int) -> Today:
        """Orders that came in within so many hours."""
        ...

    async def causes(
        self,
        *,
        limit: int,
        view: FailureView = "all",
        viewer: str = "",
        fingerprint: str | None = None,
        after: CausePlace | None = None,
    ) -> Sequence[Cause]:
        """What fails, by cause, the one with most orders first. `viewer` is who looks, for what is theirs.

        Of causes with as many orders the lower fingerprint comes first; `after` continues behind a place. How many
        orders a cause has changes from one page to the next: one that gained or lost some may come again or be missed.

        With a fingerprint that cause alone: what was resolved where the view is `resolved`, else what is open, in sight
        or not. What was resolved counts for 30 days.
        """
        ...

    async def views(self, viewer: str) -> Sequence[ViewCount]:
        """What there is in each view. `viewer` as in `causes`."""
        ...

    async def routes(self, *, window_s: int) -> Sequence[RouteFlow]:
        """Every route over which something went in the window or waits now."""
        ...
