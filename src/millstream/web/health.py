"""Is it alive, and can it work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from millstream.domain.errors import Failure
from millstream.web.doors import json_response
from millstream.web.problems import Problem
from millstream.web.refusals import Refusals

HEALTH_TIMEOUT_S: Final = 5.0

Health = Callable[[], Awaitable[Mapping[str, Any]]]
"""Asks what the hub cannot work without (the database). Raises Retry, OSError or TimeoutError if it does not answer."""


def health_routes(health: Health, refusals: Refusals) -> APIRouter:
    """Two questions a load balancer asks."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Whether the process answers at all", response_class=Response)
    async def healthz() -> Response:
        return json_response({"state": "live"}, status=200)

    @router.get("/readyz", summary="Whether events can be stored now", response_class=Response)
    async def readyz() -> Response:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                found = await health()
        except (Failure, OSError):
            raise Problem(
                "database.unreachable",
                "Requests would be answered with 503 now. Check that PostgreSQL runs and that the hub may connect.",
                headers={"retry-after": "5"},
            ) from None
        return json_response({"state": "ready", **found, "doors_refused": refusals.by_code()}, status=200)

    return router
