"""`/api/today`, `/api/failures`, `/api/routes`: how everything stands."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.ports.overview import Cause, Overview, RouteFlow, Today
from millstream.web.api.rights import Viewer
from millstream.web.api.shapes import PAGE_SIZE, PAGE_SIZE_MAX, Shapes, answer

HOURS_MAX = 24 * 14
TICKS_MAX = 1500


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """Causes, the one with most orders first; `more` says whether there are others."""

    items: tuple[Cause, ...]
    more: bool


class FlowMap(msgspec.Struct, frozen=True, kw_only=True):
    """Routes over which something went within `window_s`, or waits now."""

    window_s: int
    items: tuple[RouteFlow, ...]


def overview_routes(shapes: Shapes, *, overview: Overview) -> APIRouter:
    """Three pages of figures."""
    router = APIRouter(prefix="/api", tags=["overview"])

    @router.get("/today", summary="Orders, money at risk, latency, reviews", **shapes.answers(Today))
    async def today(
        _: Viewer,
        hours: Annotated[int, Query(ge=1, le=HOURS_MAX)] = 24,
        tick_s: Annotated[int, Query(ge=60, le=86_400)] = 3600,
    ) -> Response:
        finest = max(tick_s, hours * 3600 // TICKS_MAX)
        return answer(await overview.today(hours=hours, tick_s=finest))

    @router.get("/failures", summary="What fails now, by cause, in plain words", **shapes.answers(Failures))
    async def failures(_: Viewer, limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE) -> Response:
        found = await overview.causes(limit=limit + 1)
        return answer(Failures(items=tuple(found[:limit]), more=len(found) > limit))

    @router.get("/routes", summary="The flow map: what goes where, what waits", **shapes.answers(FlowMap))
    async def routes(_: Viewer, window_s: Annotated[int, Query(ge=60, le=86_400)] = 900) -> Response:
        return answer(FlowMap(window_s=window_s, items=tuple(await overview.routes(window_s=window_s))))

    return router
