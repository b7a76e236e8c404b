"""The first administrator, users and keys: what `millstream access` does, over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from millstream.domain.access import RIGHTS_OF, Identity, Right, Role
from millstream.ports.access import ApiKey, Keys, Setup, User, Users
from millstream.web.access import require
from millstream.web.api.shapes import Shapes, answer, refusals
from millstream.web.auth.documents import document, without_body
from millstream.web.problems import Problem

OVERLAP_HOURS: Final = 24.0
KEY_DAYS: Final = 90.0
FOREVER_DAYS: Final = 36_500.0  # beyond it a number is a mistake; the setting access.key_days_max is far below

Administrator = Annotated[Identity, require(Right.MANAGE_ACCESS)]


class FirstAdmin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token of the set-up link, and who is to be the administrator."""

    token: str
    name: str
    password: str


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who signs in with a password."""

    name: str
    role: Role
    password: str


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them: what is to be different."""

    role: Role | None = None
    password: str | None = None
    disabled: bool | None = None


class KeyWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key with some rights of a role; all of them if `rights` is left out."""

    name: str
    role: Role
    rights: frozenset[Right] | None = None
    days: float = KEY_DAYS


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old key is good yet, and the new one from now on."""

    overlap_hours: float = OVERLAP_HOURS
    days: float = KEY_DAYS


class ShownKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key as it is told; `token` only in the answer that made it."""

    id: str
    name: str
    role: Role
    rights: list[Right]
    created_by: str
    created_at: datetime
    expires_at: datetime
    replaces: str | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    token: str | None = None


class FirstUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who was made the administrator."""

    name: str
    role: Role


class Everybody(msgspec.Struct, frozen=True, kw_only=True):
    """All users, by name."""

    users: list[User]


class EveryKey(msgspec.Struct, frozen=True, kw_only=True):
    """All keys, the newest first."""

    keys: list[ShownKey]


def setup_routes(shapes: Shapes, *, setup: Setup) -> APIRouter:
    """`/api/access/setup`: open to whoever holds the link that was printed where the hub runs."""
    router = APIRouter(prefix="/api/access/setup", tags=["access"])

    @router.post("", summary="Make the first administrator", **shapes.takes(FirstAdmin, FirstUser, 409, status=201))
    async def set_up(given: Annotated[FirstAdmin, document(FirstAdmin)]) -> Response:
        async with refusals():
            user = await setup.set_up(given.token, given.name, given.password)
        return answer(FirstUser(name=user.name, role=user.role), status=201)

    return router


def user_routes(shapes: Shapes, *, users: Users) -> APIRouter:
    """`/api/access/users`."""
    router = APIRouter(prefix="/api/access/users", tags=["access"])
    changes = {
        **shapes.takes(UserChange, None),
        **without_body(204, "It is so now", 400, 404, 408, 409, 413, 415, 422),
    }

    @router.get("", summary="Everybody who may sign in, or might", **shapes.answers(Everybody))
    async def list_users(_: Administrator) -> Response:
        return answer(Everybody(users=list(await users.list_users())))

    @router.post("", summary="Add a user with a password", **shapes.takes(NewUser, User, 409, status=201))
    async def add_user(asks: Administrator, given: Annotated[NewUser, document(NewUser)]) -> Response:
        _require_own(asks, RIGHTS_OF[given.role])
        async with refusals():
            user = await users.add_user(given.name, given.role, given.password, actor=asks.name)
        return answer(user, status=201)

    @router.patch("/{name}", summary="Another role or password, disable or enable", **changes)
    async def change_user(
        name: str, asks: Administrator, given: Annotated[UserChange, document(UserChange)]
    ) -> Response:
        async with refusals():
            match given:
                case UserChange(role=Role() as role, password=None, disabled=None):
                    _require_own(asks, RIGHTS_OF[role])
                    await users.set_role(name, role, actor=asks.name)
                case UserChange(role=None, password=str(password), disabled=None):
                    _require_own(asks, frozenset(Right))  # whoever sets it can sign in as them, whatever their role
                    await users.set_password(name, password, actor=asks.name)
                case UserChange(role=None, password=None, disabled=bool(disabled)):
                    await users.set_disabled(name, disabled, actor=asks.name)
                case _:
                    raise Problem("request.invalid", "Send one of role, password and disabled: one change at a time.")
        return Response(status_code=204)

    return router


def key_routes(shapes: Shapes, *, keys: Keys) -> APIRouter:
    """`/api/access/keys`."""
    router = APIRouter(prefix="/api/access/keys", tags=["access"])

    @router.get("", summary="Every key there ever was", **shapes.answers(EveryKey))
    async def list_keys(_: Administrator) -> Response:
        return answer(EveryKey(keys=[_shown(key) for key in await keys.list_keys()]))

    @router.post("", summary="Make a key; its token is shown once", **shapes.takes(KeyWish, ShownKey, 409, status=201))
    async def create_key(asks: Administrator, given: Annotated[KeyWish, document(KeyWish)]) -> Response:
        _require_own(asks, RIGHTS_OF[given.role] if given.rights is None else given.rights)
        lifetime = _days(given.days)
        async with refusals():
            made = await keys.create_key(
                given.name, role=given.role, rights=given.rights, lifetime=lifetime, actor=asks.name
            )
        return answer(_shown(made.key, made.token), status=201)

    @router.post(
        "/{key_id}/rotate",
        summary="A key like it; the old one is good a while longer",
        **shapes.takes(Rotation, ShownKey, 404, 409, status=201),
    )
    async def rotate_key(key_id: str, asks: Administrator, given: Annotated[Rotation, document(Rotation)]) -> Response:
        old = next((key for key in await keys.list_keys() if key.id == key_id), None)
        _require_own(asks, old.effective_rights if old is not None else frozenset())
        overlap, lifetime = _days(given.overlap_hours / 24), _days(given.days)
        async with refusals():
            made = await keys.rotate_key(key_id, overlap=overlap, lifetime=lifetime, actor=asks.name)
        return answer(_shown(made.key, made.token), status=201)

    @router.delete("/{key_id}", summary="Revoke a key", **without_body(204, "It is good for nothing now", 404))
    async def revoke_key(key_id: str, asks: Administrator) -> Response:
        async with refusals():
            await keys.revoke_key(key_id, actor=asks.name)
        return Response(status_code=204)

    return router


def _require_own(asks: Identity, rights: frozenset[Right]) -> None:
    """Nobody gives away what they do not have: a key for users only must not make itself an administrator."""
    beyond = sorted(rights - asks.rights)
    if beyond:
        raise Problem("access.denied", f"You can give only rights you have; you do not have: {', '.join(beyond)}.")


def _days(days: float) -> timedelta:
    if not 0 <= days <= FOREVER_DAYS:  # not a number is refused, too
        raise Problem("request.invalid", "A time is missing or wrong: days and hours are positive numbers.")
    return timedelta(days=days)


def _shown(key: ApiKey, token: str | None = None) -> ShownKey:
    fields = {name: getattr(key, name) for name in ApiKey.__struct_fields__}
    return ShownKey(**{**fields, "rights": sorted(key.effective_rights)}, token=token)
