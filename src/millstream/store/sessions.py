"""Sign-ins and sessions, in PostgreSQL, so that limits hold over all processes and a session is good at each."""

from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final

import msgspec

from millstream.domain.access import Role
from millstream.ports.access import Locked, NewSession, User
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.access import TURN, secret_hash, user_of, write_audit
from millstream.store.database import Database
from millstream.store.passwords import USER_NAME, Passwords

SESSIONS_PER_USER_MAX: Final = 20
TOUCHED_EVERY: Final = timedelta(minutes=1)

_SQL: Final = sql.load("access")


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions last, and how many sign-ins may fail within the window."""

    idle: timedelta
    absolute: timedelta
    window: timedelta
    failures_per_user: int
    failures_per_address: int


class PostgresSessions:
    """See `ports.access.Sessions`."""

    def __init__(
        self, database: Database, *, world: World, limits: SessionLimits, passwords: Passwords | None = None
    ) -> None:
        self._database = database
        self._world = world
        self._limits = limits
        self._passwords = passwords or Passwords()

    async def sign_in(self, name: str, password: str, *, address: str) -> NewSession | Locked | None:
        """See Sessions. Counted first, compared outside of any transaction, settled last."""
        name = name.strip().lower()
        attempt = await self._count(name, address)
        if isinstance(attempt, Locked):
            return attempt
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["user"], name if USER_NAME.fullmatch(name) else "")
        digest = row["password"] if row is not None else None
        fits = await self._passwords.fits(digest, password)
        if row is None or digest is None or not fits or row["disabled_at"] is not None:
            await self._fail(name if row is not None else None, name, address)
            return None
        fresh = await self._passwords.digest(password) if self._passwords.is_outdated(digest) else digest
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            now_there = await connection.fetchrow(_SQL["user"], name)
            if now_there["password"] != digest or now_there["disabled_at"] is not None:
                return None  # changed while we compared
            if fresh != digest:
                await connection.execute(_SQL["set_password"], name, fresh)
            await connection.execute(_SQL["forget_attempt"], attempt, secret_hash(name))
            return await self._begin(connection, user_of(now_there), by="password", address=address)

    async def sign_in_by_provider(self, *, issuer: str, subject: str, name: str, role: Role) -> NewSession | None:
        """See Sessions."""
        name = name.strip().lower()
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            known = await connection.fetchrow(_SQL["user_of_provider"], issuer, subject)
            if known is None:
                if not USER_NAME.fullmatch(name):
                    return None
                if not await connection.fetchval(_SQL["insert_user"], name, role.value, None, issuer, subject, now):
                    return None
                await self._audit(connection, name, "user_added", role=role.value, by=issuer)
            elif known["disabled_at"] is not None:
                return None
            elif known["role"] != role.value:
                await connection.execute(_SQL["set_role"], known["name"], role.value)
                await connection.execute(_SQL["delete_sessions_of"], known["name"])
                await self._audit(
                    connection, known["name"], "role_changed", role=role.value, was=known["role"], by=issuer
                )
            if role is Role.ADMIN:
                await connection.execute(_SQL["delete_setups"])
            row = await connection.fetchrow(_SQL["user"], known["name"] if known is not None else name)
            return await self._begin(connection, user_of(row), by="openid")

    async def user_of(self, secret: str, *, watching: bool = False) -> User | None:
        """See Sessions."""
        now, hashed = self._world.clock.now(), secret_hash(secret)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["session"], hashed, now, now - self._limits.idle)
            if row is None:
                return None
            if not watching and now - row["seen_at"] >= min(TOUCHED_EVERY, self._limits.idle / 10):
                await connection.execute(_SQL["touch_session"], hashed, now)
        return user_of(row)

    async def sign_out(self, secret: str) -> None:
        """See Sessions."""
        async with self._database.transaction() as connection:
            name = await connection.fetchval(_SQL["delete_session"], secret_hash(secret))
            if name is not None:
                await self._audit(connection, name, "signed_out")

    async def _count(self, name: str, address: str) -> int | Locked:
        """The attempt's id, or for how long nothing is tried. What is refused here is not counted again."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            await connection.execute(_SQL["forget_old_attempts"], now - self._limits.window)
            since = await self._locked_since(connection, name, address, now)
            if since is not None:
                return Locked((since + self._limits.window - now).total_seconds())
            return int(await connection.fetchval(_SQL["insert_attempt"], secret_hash(name), address, now))

    async def _locked_since(self, connection: Any, name: str, address: str, now: datetime) -> datetime | None:
        limits = self._limits
        since: datetime | None = await connection.fetchval(
            _SQL["locked_since"],
            secret_hash(name),
            address,
            now - limits.window,
            limits.failures_per_user,
            limits.failures_per_address,
        )
        return since

    async def _fail(self, known: str | None, name: str, address: str) -> None:
        """Tells the audit trail; a name nobody has is not repeated there, for it may be a password."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            told = {"actor": known or "unknown", "subject": f"user/{known}" if known else "access"}
            await write_audit(connection, self._world, action="sign_in_failed", address=address, **told)
            if await self._locked_since(connection, name, address, now) is not None:
                await write_audit(connection, self._world, action="sign_in_locked", address=address, **told)

    async def _begin(self, connection: Any, user: User, *, by: str, address: str | None = None) -> NewSession:
        now, secret = self._world.clock.now(), token_urlsafe(32)
        ends_at = now + self._limits.absolute
        await connection.execute(_SQL["insert_session"], secret_hash(secret), user.name, now, ends_at)
        await connection.execute(
            _SQL["delete_ended_sessions"], now, now - self._limits.idle, user.name, SESSIONS_PER_USER_MAX
        )
        await self._audit(connection, user.name, "signed_in", by=by, address=address)
        return NewSession(secret=secret, user=user, began_at=now, ends_at=ends_at)

    async def _audit(self, connection: Any, name: str, action: str, **detail: str | None) -> None:
        await write_audit(connection, self._world, actor=name, action=action, subject=f"user/{name}", **detail)
