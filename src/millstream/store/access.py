"""Users and the first administrator, in PostgreSQL. Every change is audited in its own transaction."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Final

import msgspec

from millstream.domain.access import Role
from millstream.domain.errors import Reject
from millstream.ports.access import User
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.database import Database
from millstream.store.passwords import USER_NAME, Passwords, require_good_name, require_good_password

TURN: Final = 7_305_014
SETUP_TOKEN_MAX: Final = 100  # characters that are looked at
PROVIDER_DECIDES: Final = "signs in by OpenID, and the provider decides it: change it there."

_SQL: Final = sql.load("access")
_LEDGER: Final = sql.load("ledger")


def secret_hash(secret: str) -> bytes:
    """What is kept of a random secret of 256 bits: it cannot be guessed, so one round of SHA-256 is enough."""
    return sha256(secret.encode("utf-8", "replace")).digest()


def user_of(row: Any) -> User:
    """A row of `access_user` as a person."""
    return User(
        name=row["name"],
        role=Role(row["role"]),
        source="openid" if row["issuer"] else "password",
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )


async def write_audit(
    connection: Any, world: World, *, actor: str, action: str, subject: str, **detail: str | list[str] | None
) -> None:
    """One row of the audit trail, in the transaction of what it tells."""
    told = {name: value for name, value in detail.items() if value is not None}
    rows = [actor], [f"access.{action}"], [subject], [msgspec.json.encode(told).decode()]
    await connection.execute(_LEDGER["insert_audit"], world.clock.now(), *rows)


class PostgresUsers:
    """See `ports.access.Users` and `ports.access.Setup`. `setup_lifetime` is how long a set-up link is good."""

    def __init__(
        self, database: Database, *, world: World, setup_lifetime: timedelta, passwords: Passwords | None = None
    ) -> None:
        self._database = database
        self._world = world
        self._setup_lifetime = setup_lifetime
        self._passwords = passwords or Passwords()

    async def list_users(self) -> Sequence[User]:
        """See Users."""
        async with self._database.connection() as connection:
            return [user_of(row) for row in await connection.fetch(_SQL["users"])]

    async def add_user(self, name: str, role: Role, password: str, *, actor: str) -> User:
        """See Users."""
        kept = require_good_name(name)
        require_good_password(kept, password)
        digest = await self._passwords.digest(password)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            return await self._insert(connection, kept, role, digest, actor=actor, action="user_added")

    async def set_role(self, name: str, role: Role, *, actor: str) -> None:
        """See Users."""
        async with self._database.transaction() as connection:
            user = await self._find(connection, name)
            if user.source == "openid":
                raise Reject("access.refused", f"{user.name} {PROVIDER_DECIDES}")
            if role is not Role.ADMIN:
                await self._keep_an_admin(connection, user)
            await connection.execute(_SQL["set_role"], user.name, role.value)
            await connection.execute(_SQL["delete_sessions_of"], user.name)
            await self._audit(connection, actor, "role_changed", user.name, role=role.value, was=user.role.value)

    async def set_password(self, name: str, password: str, *, actor: str) -> None:
        """See Users."""
        kept = require_good_name(name)
        require_good_password(kept, password)
        digest = await self._passwords.digest(password)
        async with self._database.transaction() as connection:
            user = await self._find(connection, kept)
            if user.source == "openid":
                raise Reject("access.refused", f"{user.name} signs in by OpenID and has no password here.")
            await connection.execute(_SQL["set_password"], user.name, digest)
            await connection.execute(_SQL["delete_sessions_of"], user.name)
            await connection.execute(_SQL["forget_attempts_of"], secret_hash(user.name))
            await self._audit(connection, actor, "password_changed", user.name)

    async def set_disabled(self, name: str, disabled: bool, *, actor: str) -> None:
        """See Users."""
        async with self._database.transaction() as connection:
            user = await self._find(connection, name)
            if disabled:
                await self._keep_an_admin(connection, user)
            await connection.execute(_SQL["set_disabled"], user.name, self._world.clock.now() if disabled else None)
            await connection.execute(_SQL["delete_sessions_of"], user.name)
            await self._audit(connection, actor, "user_disabled" if disabled else "user_enabled", user.name)

    async def has_admin(self) -> bool:
        """See Setup."""
        async with self._database.connection() as connection:
            return await _has_admin(connection)

    async def new_setup_token(self, *, actor: str) -> str:
        """See Setup."""
        token = token_urlsafe(32)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            if await _has_admin(connection):
                raise Reject(
                    "access.refused",
                    "There is an administrator already. Use `millstream access users add` or `users password`.",
                )
            ends_at = self._world.clock.now() + self._setup_lifetime
            await connection.execute(_SQL["insert_setup"], secret_hash(token), ends_at)
            await self._audit(connection, actor, "setup_link_made", "", ends_at=ends_at.isoformat())
        return token

    async def set_up(self, token: str, name: str, password: str) -> User:
        """See Setup. The token is looked at first and last: strangers cost no hash, and no two make use of it."""
        async with self._database.connection() as connection:
            await self._require_setup(connection, token)
        kept = require_good_name(name)
        require_good_password(kept, password)
        digest = await self._passwords.digest(password)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            await self._require_setup(connection, token)
            return await self._insert(connection, kept, Role.ADMIN, digest, actor=kept, action="set_up")

    async def _require_setup(self, connection: Any, token: str) -> None:
        good = await connection.fetchval(
            _SQL["has_setup"], secret_hash(token[:SETUP_TOKEN_MAX]), self._world.clock.now()
        )
        if not good or await _has_admin(connection):
            raise Reject(
                "access.setup_refused",
                "This set-up link is no good: it was used, is too old, or there is an administrator by now. "
                "`millstream access setup-link` makes another one while there is none.",
            )

    async def _insert(self, connection: Any, name: str, role: Role, digest: str, *, actor: str, action: str) -> User:
        now = self._world.clock.now()
        if not await connection.fetchval(_SQL["insert_user"], name, role.value, digest, None, None, now):
            raise Reject("access.refused", f"There is a user {name} already.")
        if role is Role.ADMIN:
            await connection.execute(_SQL["delete_setups"])  # no link outlives the first administrator
        await self._audit(connection, actor, action, name, role=role.value)
        return User(name=name, role=role, source="password", created_at=now)

    async def _find(self, connection: Any, name: str) -> User:
        """The user, with the turn taken: nobody else changes users until this transaction ends."""
        await connection.execute(_SQL["take_turn"], TURN)
        kept = name.strip().lower()
        row = await connection.fetchrow(_SQL["user"], kept) if USER_NAME.fullmatch(kept) else None
        if row is None:
            raise Reject("access.unknown", "There is no user of this name. `millstream access users list` names them.")
        return user_of(row)

    async def _keep_an_admin(self, connection: Any, user: User) -> None:
        if user.role is Role.ADMIN and user.disabled_at is None and not await _has_admin(connection, user.name):
            raise Reject("access.refused", f"{user.name} is the last administrator. Make another one first.")

    async def _audit(self, connection: Any, actor: str, action: str, name: str, **detail: str) -> None:
        subject = f"user/{name}" if name else "access"
        await write_audit(connection, self._world, actor=actor, action=action, subject=subject, **detail)


async def _has_admin(connection: Any, beside: str = "") -> bool:
    return bool(await connection.fetchval(_SQL["has_admin"], beside))
