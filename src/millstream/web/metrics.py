"""`GET /metrics`: how the hub stands, in the text format of Prometheus."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final, Literal

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from millstream.domain.errors import Failure
from millstream.engine.meter import Meter
from millstream.ports.gauges import Reading
from millstream.ports.world import Clock
from millstream.web.problems import Problem

READ_EVERY_S: Final = 5.0  # the ledger is asked no more often, however many scrapers there are
LOAD_SHARE: Final = 0.05  # and for no greater share of the database's time
READ_TIMEOUT_S: Final = 5.0
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger tells, the same in every process."""

    reading: Reading
    tally: Mapping[tuple[str, str, str], int]


ReadStanding = Callable[[], Awaitable[Standing]]


class Ledgered:
    """Asks the ledger seldom and remembers; None while the database does not answer."""

    def __init__(self, read: ReadStanding, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._due = datetime.min.replace(tzinfo=UTC)
        self._last: Standing | None = None
        self._asking = asyncio.Lock()

    async def standing(self) -> Standing | None:
        """The last answer, at most a few seconds old."""
        async with self._asking:
            asked = self._clock.now()
            if asked >= self._due:
                try:
                    async with asyncio.timeout(READ_TIMEOUT_S):
                        self._last = await self._read()
                except (Failure, OSError):
                    self._last = None
                took_s = (self._clock.now() - asked).total_seconds()
                self._due = asked + timedelta(seconds=max(READ_EVERY_S, took_s / LOAD_SHARE))
            return self._last


def metrics_routes(
    meter: Meter,
    read: ReadStanding,
    *,
    clock: Clock,
    access: Literal["off", "loopback", "token"],
    token: Callable[[], str | None],
) -> APIRouter:
    """One address; with `off` there is none. `token` is asked with every request."""
    router = APIRouter(tags=["health"])
    if access == "off":
        return router
    ledgered = Ledgered(read, clock)

    @router.get("/metrics", summary="How the hub stands, for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        if access == "token":
            _require_token(request, token() or "")
        else:
            _require_loopback(request)
        from millstream.web.exposition import CONTENT_TYPE, exposed  # noqa: PLC0415 - a tenth of a second at the start

        text = exposed(meter, await ledgered.standing(), clock)
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(text, media_type=CONTENT_TYPE, headers=headers)

    return router


def _require_token(request: Request, token: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or not compare_digest(given.encode(), token.encode()):
        raise Problem(
            "access.unauthenticated",
            "Send the metrics token as `Authorization: Bearer ...`.",
            headers={"www-authenticate": "Bearer"},
        )


def _require_loopback(request: Request) -> None:
    """Only this machine, and nobody for whom a proxy of this machine asks."""
    client = request.client.host if request.client else ""
    try:
        near = ip_address(client).is_loopback
    except ValueError:
        near = False
    if not near or any(name in request.headers for name in FORWARDED):
        raise Problem(
            "access.denied",
            'Metrics are open to this machine alone. Set telemetry.metrics to "token" to read them afar.',
        )
