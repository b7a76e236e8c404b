"""How everything stands, in a few set-based queries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import msgspec

from millstream.ports.overview import (
    Cause,
    CausePlace,
    FailureView,
    Reviews,
    RouteFlow,
    Standing,
    Tick,
    Today,
    Total,
    ViewCount,
)
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.gauges import first_id

TREND_HOURS: Final = 24

_PARTS: Final = sql.load("overview")
_SQL: Final = {
    name: text.replace("{in_view}", _PARTS["in_view"])
    .replace("{is_order}", _PARTS["is_order"])
    .replace("{customer_review}", sql.load("reviews")["waiting"])
    for name, text in _PARTS.items()
}


class PostgresOverview:
    """See `ports.overview.Overview`."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def today(self, *, hours: int, tick_s: int) -> Today:
        """See Overview."""
        now = self._clock.now()
        since = now - timedelta(hours=hours)
        async with self._database.connection() as connection:
            standings = await connection.fetch(_SQL["standings"], since, now)
            risks = await connection.fetch(_SQL["at_risk"])
            placed = await connection.fetch(_SQL["placed_ticks"], since, now, tick_s)
            confirmed = await connection.fetch(_SQL["confirmed_ticks"], since, now, tick_s)
            reviews = await connection.fetchrow(_SQL["reviews"], now)
        return Today(
            since=since,
            standings=tuple(Standing(**dict(row)) for row in standings),
            at_risk=tuple(Total(**dict(row)) for row in risks if row["currency"] is not None),
            at_risk_unknown=sum(row["orders"] for row in risks if row["currency"] is None),
            ticks=_ticks(placed, confirmed, since=since, until=now, tick_s=tick_s),
            reviews=Reviews(**dict(reviews)),
        )

    async def causes(
        self,
        *,
        limit: int,
        view: FailureView = "all",
        viewer: str = "",
        fingerprint: str | None = None,
        after: CausePlace | None = None,
    ) -> Sequence[Cause]:
        """See Overview."""
        wanted = "open" if fingerprint and view != "resolved" else view
        place = (None, None) if after is None else (after.orders, after.fingerprint)
        asked = (limit, self._clock.now(), wanted, viewer, fingerprint, *place)
        async with self._database.connection() as connection:
            return [_cause(dict(row)) for row in await connection.fetch(_SQL["causes"], *asked)]

    async def views(self, viewer: str) -> Sequence[ViewCount]:
        """See Overview."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["views"], self._clock.now(), viewer)
        return [_view(view, rows) for view in get_args(FailureView)]

    async def routes(self, *, window_s: int) -> Sequence[RouteFlow]:
        """See Overview."""
        now = self._clock.now()
        since = now - timedelta(seconds=window_s)
        async with self._database.connection() as connection:
            came = _by_route(await connection.fetch(_SQL["flowed_in"], first_id(since)))
            went = _by_route(await connection.fetch(_SQL["flowed_out"], since))
            waits = _by_route(await connection.fetch(_SQL["queues"]))
        return [
            _flow(route, came.get(route), went.get(route), waits.get(route), now=now, minutes=window_s / 60)
            for route in sorted(came.keys() | went.keys() | waits.keys())
        ]


def _ticks(
    placed: Sequence[Any], confirmed: Sequence[Any], *, since: datetime, until: datetime, tick_s: int
) -> tuple[Tick, ...]:
    """Every stretch of the window, also those in which nothing happened."""
    came = {row["tick"]: row["orders"] for row in placed}
    went = {row["tick"]: row for row in confirmed}
    first, last = int(since.timestamp() // tick_s), int(until.timestamp() // tick_s)
    return tuple(
        Tick(
            began_at=datetime.fromtimestamp(n * tick_s, UTC),
            placed=came.get(n, 0),
            confirmed=went[n]["confirmed"] if n in went else 0,
            p50_s=went[n]["p50_s"] if n in went else None,
            p95_s=went[n]["p95_s"] if n in went else None,
            p99_s=went[n]["p99_s"] if n in went else None,
        )
        for n in range(first, last + 1)
    )


def _cause(fields: dict[str, Any]) -> Cause:
    failed = dict(zip(fields.pop("hours") or (), fields.pop("failed") or (), strict=True))
    totals = msgspec.json.decode(fields.pop("totals") or b"[]", type=tuple[Total, ...])
    unknown = fields.pop("orders_without_total") or 0
    trend = tuple(failed.get(hours_ago, 0) for hours_ago in reversed(range(TREND_HOURS)))
    return Cause(**fields, money=totals, orders_without_total=unknown, trend=trend)


def _view(view: FailureView, rows: Sequence[Any]) -> ViewCount:
    """What one view has, of rows that have a currency each."""
    worth = [(row["currency"], row[f"{view}_amount"], row[f"{view}_orders"]) for row in rows if row[f"{view}_orders"]]
    return ViewCount(
        view=view,
        causes=rows[0][f"{view}_causes"],
        deliveries=rows[0][f"{view}_deliveries"],
        orders=sum(orders for _, _, orders in worth),
        money=tuple(
            Total(currency=currency, amount=amount, orders=orders)
            for currency, amount, orders in worth
            if currency is not None
        ),
        orders_without_total=sum(orders for currency, _, orders in worth if currency is None),
    )


def _by_route(rows: Sequence[Any]) -> dict[tuple[str, str], Any]:
    return {(row["event_type"], row["subscriber"]): row for row in rows}


def _flow(route: tuple[str, str], came: Any, went: Any, waits: Any, *, now: datetime, minutes: float) -> RouteFlow:
    done, failed = (went["done"], went["failed"]) if went else (0, 0)
    return RouteFlow(
        event_type=route[0],
        subscriber=route[1],
        sources=tuple(came["sources"]) if came else (),
        in_per_min=round((came["deliveries"] if came else 0) / minutes, 3),
        out_per_min=round(done / minutes, 3),
        queue=waits["queue"] if waits else 0,
        oldest_age_s=max((now - waits["oldest_at"]).total_seconds(), 0.0) if waits else None,
        error_share=round(failed / (done + failed), 4) if done + failed else None,
    )
