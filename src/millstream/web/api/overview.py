"""`/api/today`, `/api/failures`, `/api/routes`: how everything stands."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from millstream.domain.faults import Explanation, explain
from millstream.engine.routes import Route
from millstream.ports.overview import Cause, CausePlace, FailureView, Overview, RouteFlow, Today, ViewCount
from millstream.ports.places import place_text
from millstream.web.api.rights import Viewer
from millstream.web.api.shapes import PAGE_SIZE, PAGE_SIZE_MAX, Shapes, answer, read_place
from millstream.web.api.shared import Shared, Watching
from millstream.web.problems import Problem

HOURS_MAX = 24 * 14
TICKS_MAX = 1500

Fingerprint = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[0-9a-zA-Z._-]+$")]


class CauseShown(Cause, frozen=True, kw_only=True):
    """With what its code means and what cures it; null: nobody explained this code, and what it says has to do."""

    explained: Explanation | None


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """One page of causes, the one with most orders first. `next` is where the next one begins; null: that was the last.

    How many orders a cause has changes: one that gained or lost some between two pages may come again or be missed.
    """

    items: tuple[CauseShown, ...]
    next: str | None


class Views(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in each view, as whoever asks sees it."""

    items: tuple[ViewCount, ...]


class QuietRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route of this hub by which nothing went and nothing waits."""

    event_type: str
    subscriber: str


class FlowMap(msgspec.Struct, frozen=True, kw_only=True):
    """Routes over which something went within `window_s`, or waits now; `quiet` are all others there are."""

    window_s: int
    items: tuple[RouteFlow, ...]
    quiet: tuple[QuietRoute, ...]


def overview_routes(
    shapes: Shapes, *, overview: Overview, routes: Mapping[str, Sequence[Route]], shared: Shared
) -> APIRouter:
    """Three pages of figures."""
    router = APIRouter(prefix="/api", tags=["overview"])

    @router.get("/today", summary="Orders, money at risk, latency, reviews", **shapes.answers(Today))
    async def today(
        _: Viewer,
        watching: Watching,
        hours: Annotated[int, Query(ge=1, le=HOURS_MAX)] = 24,
        tick_s: Annotated[int, Query(ge=60, le=86_400)] = 3600,
    ) -> Response:
        finest = max(tick_s, hours * 3600 // TICKS_MAX)

        async def find() -> Today:
            return await overview.today(hours=hours, tick_s=finest)

        return answer(await shared.ask(("today", hours, finest), find, watching=watching))

    @router.get("/routes", summary="The flow map: what goes where, what waits", **shapes.answers(FlowMap))
    async def flow_map(
        _: Viewer, watching: Watching, window_s: Annotated[int, Query(ge=60, le=86_400)] = 900
    ) -> Response:
        async def find() -> FlowMap:
            items = tuple(await overview.routes(window_s=window_s))
            return FlowMap(window_s=window_s, items=items, quiet=_quiet(routes, items))

        return answer(await shared.ask(("routes", window_s), find, watching=watching))

    _failures(router, shapes, overview, shared)
    return router


def _failures(router: APIRouter, shapes: Shapes, overview: Overview, shared: Shared) -> None:
    @router.get("/failures", summary="What fails, by cause, in plain words", **shapes.answers(Failures))
    async def failures(
        identity: Viewer,
        watching: Watching,
        view: FailureView = "all",
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        place = read_place(after, CausePlace)

        async def find() -> Failures:
            found = await overview.causes(limit=limit + 1, view=view, viewer=identity.name, after=place)
            last = found[limit - 1] if len(found) > limit else None
            more = None if last is None else CausePlace(last.orders, last.fingerprint)
            return Failures(items=tuple(map(_shown, found[:limit])), next=place_text(more))

        whose = identity.name if view == "mine" else None
        return answer(await shared.ask(("failures", view, whose, limit, place), find, watching=watching))

    @router.get(
        "/failures/views", summary="How much there is in each view, with orders and money", **shapes.answers(Views)
    )
    async def views(identity: Viewer, watching: Watching) -> Response:
        async def find() -> Views:
            return Views(items=tuple(await overview.views(identity.name)))

        return answer(await shared.ask(("views", identity.name), find, watching=watching))

    @router.get("/failures/{fingerprint}", summary="One cause", **shapes.answers(CauseShown, 404))
    async def failure(fingerprint: Fingerprint, identity: Viewer, *, resolved: bool = False) -> Response:
        view: FailureView = "resolved" if resolved else "all"
        found = await overview.causes(limit=1, view=view, viewer=identity.name, fingerprint=fingerprint)
        if not found:
            raise Problem("cause.unknown", "Nothing fails or failed of late for this cause. See `GET /api/failures`.")
        return answer(_shown(found[0]))


def _shown(cause: Cause) -> CauseShown:
    return CauseShown(**msgspec.structs.asdict(cause), explained=explain(cause.code))


def _quiet(routes: Mapping[str, Sequence[Route]], busy: Sequence[RouteFlow]) -> tuple[QuietRoute, ...]:
    there = {(flow.event_type, flow.subscriber) for flow in busy}
    return tuple(
        QuietRoute(event_type=event_type, subscriber=route.subscriber)
        for event_type, to in routes.items()
        for route in to
        if (event_type, route.subscriber) not in there
    )
