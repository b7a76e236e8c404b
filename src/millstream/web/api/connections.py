"""`/api/connections`: how the systems answer, and the brake."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.ports.connections import ConnectionBoard, ConnectionStanding
from millstream.ports.finding import Finding
from millstream.web.api.deliveries import Deciding
from millstream.web.api.rights import Keeper, Viewer
from millstream.web.api.shapes import Shapes, answer, document
from millstream.web.problems import Problem

CHECK_TIMEOUT_S = 60.0


class Checkable(msgspec.Struct, frozen=True, kw_only=True):
    """A connection of this hub: what it connects to, and how to try it."""

    kind: str
    check: Callable[[], Awaitable[Sequence[Finding]]]


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """Each connection, calls counted over `window_s`."""

    window_s: int
    items: tuple[ConnectionStanding, ...]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What a test found, as `millstream doctor` tells it."""

    name: str
    ok: bool
    findings: tuple[Finding, ...]


def connection_routes(shapes: Shapes, *, board: ConnectionBoard, connections: Mapping[str, Checkable]) -> APIRouter:
    """Standing, pause, resume, test."""
    router = APIRouter(prefix="/api/connections", tags=["connections"])
    kinds = {name: connection.kind for name, connection in connections.items()}

    def known(name: str) -> Checkable:
        if name not in connections:
            raise Problem(
                "connection.unknown", "There is no connection of this name. `GET /api/connections` lists them."
            )
        return connections[name]

    async def now(name: str, window_s: int = 900) -> ConnectionStanding:
        return (await board.standings({name: kinds[name]}, window_s=window_s))[0]

    @router.get("", summary="How the systems answer", **shapes.answers(Connections))
    async def list_connections(_: Viewer, window_s: Annotated[int, Query(ge=60, le=86_400)] = 900) -> Response:
        items = await board.standings(kinds, window_s=window_s)
        return answer(Connections(window_s=window_s, items=tuple(items)))

    @router.post("/{name}/pause", summary="Call it no more", **shapes.takes(Deciding, ConnectionStanding, 404))
    async def pause(name: str, identity: Keeper, wish: Annotated[Deciding, document(Deciding)]) -> Response:
        known(name)
        await board.pause(name, paused=True, actor=identity.name, reason=wish.reason.strip())
        return answer(await now(name))

    @router.post("/{name}/resume", summary="Call it again", **shapes.takes(Deciding, ConnectionStanding, 404))
    async def resume(name: str, identity: Keeper, wish: Annotated[Deciding, document(Deciding)]) -> Response:
        known(name)
        await board.pause(name, paused=False, actor=identity.name, reason=wish.reason.strip())
        return answer(await now(name))

    @router.post("/{name}/test", summary="Try it now", **shapes.answers(Tested, 404))
    async def test(name: str, _: Keeper) -> Response:
        connection = known(name)
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                findings = tuple(await connection.check())
        except TimeoutError:
            text = f"It took longer than {CHECK_TIMEOUT_S:g} s"
            findings = (Finding(what="answers", ok=False, detail=text, fix="look at the system and the way to it"),)
        return answer(Tested(name=name, ok=all(finding.ok for finding in findings), findings=findings))

    return router
