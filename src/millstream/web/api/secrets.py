"""`/api/secrets`: which there are and what uses them. A value goes in and never comes out."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from millstream.ports.secrets import Secrets, SecretStanding
from millstream.web.api.rights import Administrator
from millstream.web.api.shapes import Shapes, answer, refusals
from millstream.web.auth.documents import document, without_body
from millstream.web.problems import Problem


class ShownSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a secret. `used_by`: the settings of this process that name it.

    `old_until`: how long the value before is honoured in signatures of others; null: it is not. `readable`: whether
    this process has the key that opens it.
    """

    name: str
    version: int
    set_by: str
    set_at: datetime
    old_until: datetime | None
    readable: bool
    used_by: tuple[str, ...]


class EverySecret(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, by name, and the names that settings use and nobody has set."""

    secrets: list[ShownSecret]
    missing: dict[str, tuple[str, ...]]


class NewValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value, and how long the one before is honoured in signatures of others."""

    value: str
    overlap_hours: Annotated[float, msgspec.Meta(ge=0, le=720)] = 0.0

    def __repr__(self) -> str:
        return "NewValue(**)"


class SetSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: running processes use this version within seconds."""

    name: str
    version: int


def install_secrets(app: FastAPI, secrets: Secrets, used: Mapping[str, tuple[str, ...]]) -> None:
    """Adds the routes and their description. `used`: the settings that name each secret."""
    shapes = Shapes()
    app.include_router(secret_routes(shapes, secrets=secrets, used=used))
    shapes.describe(app)


def secret_routes(shapes: Shapes, *, secrets: Secrets, used: Mapping[str, tuple[str, ...]]) -> APIRouter:
    """List, set, remove."""
    router = APIRouter(prefix="/api/secrets", tags=["secrets"])

    def shown(one: SecretStanding) -> ShownSecret:
        return ShownSecret(**msgspec.structs.asdict(one), used_by=used.get(one.name, ()))

    @router.get("", summary="Which secrets there are, and what uses them", **shapes.answers(EverySecret))
    async def list_secrets(_: Administrator) -> Response:
        there = await secrets.list_secrets()
        names = {one.name for one in there}
        missing = {name: places for name, places in used.items() if name not in names}
        return answer(EverySecret(secrets=[shown(one) for one in there], missing=missing))

    @router.put("/{name}", summary="Set a value; it is never shown", **shapes.takes(NewValue, SetSecret, 409))
    async def set_secret(name: str, asks: Administrator, given: Annotated[NewValue, document(NewValue)]) -> Response:
        overlap = timedelta(hours=given.overlap_hours)
        async with refusals():
            version = await secrets.set_secret(name, given.value, overlap=overlap, actor=asks.name)
        return answer(SetSecret(name=name, version=version))

    @router.delete("/{name}", summary="Remove one that nothing uses", **without_body(204, "It is gone", 404, 409))
    async def remove_secret(name: str, asks: Administrator) -> Response:
        if name in used:
            places = ", ".join(used[name])
            raise Problem("action.refused", f"It is used by {places}. Take it out of the settings first.")
        async with refusals():
            await secrets.remove_secret(name, actor=asks.name)
        return Response(status_code=204)

    return router
