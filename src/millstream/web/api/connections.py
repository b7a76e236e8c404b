"""`/api/connections`: how the systems answer, and the brake."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.engine.connections import Check, tried
from millstream.flows.rewinding import Rewinder, Rewinding
from millstream.ports.connections import Brake, ConnectionBoard, ConnectionStanding
from millstream.ports.finding import Finding
from millstream.web.api.rights import Keeper, Viewer
from millstream.web.api.shapes import Shapes, answer, document, refusals
from millstream.web.api.shared import Shared, Watching
from millstream.web.api.wishes import Deciding
from millstream.web.problems import Problem

WINDOW_S: Final = 900
BRAKES: Final[dict[str, tuple[Brake, str]]] = {
    "pause": ("pause", "Call it no more"),
    "drain": ("drain", "Begin nothing more with it, let finish what runs, then call it no more"),
    "resume": ("off", "Call it again"),
}


class Checkable(msgspec.Struct, frozen=True, kw_only=True):
    """A connection of this hub: what it connects to, and how to try it."""

    kind: str
    check: Check


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """Each connection, calls counted over `window_s`."""

    window_s: int
    items: tuple[ConnectionStanding, ...]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What a test found, as `millstream doctor` tells it."""

    name: str
    ok: bool
    findings: tuple[Finding, ...]


class RewindWish(Deciding, frozen=True, kw_only=True):
    """Back to which moment. Moves nothing unless `dry_run` is false."""

    to: Annotated[datetime, msgspec.Meta(tz=True)]
    dry_run: bool = True


def connection_routes(
    shapes: Shapes, *, board: ConnectionBoard, connections: Mapping[str, Checkable], shared: Shared, rewinder: Rewinder
) -> APIRouter:
    """Standing, pause, drain, resume, test, rewind."""
    router = APIRouter(prefix="/api/connections", tags=["connections"])
    kinds = {name: connection.kind for name, connection in connections.items()}

    def known(name: str) -> Checkable:
        if name not in connections:
            raise Problem(
                "connection.unknown", "There is no connection of this name. `GET /api/connections` lists them."
            )
        return connections[name]

    async def now(name: str, window_s: int = WINDOW_S) -> ConnectionStanding:
        return (await board.standings({name: kinds[name]}, window_s=window_s))[0]

    @router.get("", summary="How the systems answer", **shapes.answers(Connections))
    async def list_connections(
        _: Viewer, watching: Watching, window_s: Annotated[int, Query(ge=60, le=86_400)] = WINDOW_S
    ) -> Response:
        async def find() -> Connections:
            return Connections(window_s=window_s, items=tuple(await board.standings(kinds, window_s=window_s)))

        return answer(await shared.ask(("connections", window_s), find, watching=watching))

    def braking(verb: str, brake: Brake, summary: str) -> None:
        @router.post(f"/{{name}}/{verb}", summary=summary, **shapes.takes(Deciding, ConnectionStanding, 404))
        async def pull(name: str, identity: Keeper, wish: Annotated[Deciding, document(Deciding)]) -> Response:
            known(name)
            await board.pull(name, brake, actor=identity.name, reason=wish.reason.strip())
            return answer(await now(name))

    for verb, (brake, summary) in BRAKES.items():
        braking(verb, brake, summary)

    _look_closer(router, shapes, board, rewinder, known)
    return router


def _look_closer(
    router: APIRouter, shapes: Shapes, board: ConnectionBoard, rewinder: Rewinder, known: Callable[[str], Checkable]
) -> None:
    """Tries a system, and reads it again."""

    @router.post("/{name}/test", summary="Try it now", **shapes.answers(Tested, 404))
    async def test(name: str, identity: Keeper) -> Response:
        findings = await tried(known(name).check)
        await board.examined(name, findings, actor=identity.name)
        return answer(Tested(name=name, ok=all(finding.ok for finding in findings), findings=findings))

    @router.post(
        "/{name}/rewind",
        summary="Read it again from an earlier moment on",
        **shapes.takes(RewindWish, Rewinding, 404, 409),
    )
    async def rewind(name: str, identity: Keeper, wish: Annotated[RewindWish, document(RewindWish)]) -> Response:
        known(name)
        async with refusals():
            if wish.dry_run:
                return answer(await rewinder.estimate(name, wish.to))
            return answer(await rewinder.rewind(name, wish.to, actor=identity.name, reason=wish.reason.strip()))
