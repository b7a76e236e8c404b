"""API keys in PostgreSQL: `msk_<id>_<secret>`, of which only the hash of the secret is kept."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_hex, token_urlsafe
from typing import Any, Final

from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.domain.errors import Reject
from millstream.ports.access import ApiKey, NewKey
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.access import secret_hash, write_audit
from millstream.store.database import Database

NAME_LENGTH_MAX: Final = 100
TOUCHED_EVERY: Final = timedelta(minutes=1)  # when a key was last used is told no finer, so that reads stay reads
KEY_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
TOKEN: Final = re.compile(r"msk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)

_SQL: Final = sql.load("access")


class PostgresKeys:
    """See `ports.access.Keys`. No key lives longer than `lifetime_max`."""

    def __init__(self, database: Database, *, world: World, lifetime_max: timedelta) -> None:
        self._database = database
        self._world = world
        self._lifetime_max = lifetime_max

    async def list_keys(self) -> Sequence[ApiKey]:
        """See Keys."""
        async with self._database.connection() as connection:
            return [_key(row) for row in await connection.fetch(_SQL["keys"])]

    async def create_key(
        self, name: str, *, role: Role, rights: frozenset[Right] | None, lifetime: timedelta, actor: str
    ) -> NewKey:
        """See Keys."""
        name = name.strip()
        if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
            raise Reject("access.refused", f"Name the key after what uses it, in 1 to {NAME_LENGTH_MAX} characters.")
        beyond = sorted((rights or frozenset()) - RIGHTS_OF[role])
        if beyond or rights == frozenset():
            allowed = ", ".join(sorted(RIGHTS_OF[role]))
            raise Reject("access.refused", f"A key with the role {role.value} may have: {allowed}.")
        key, token = self._make(
            name, role=role, rights=rights or RIGHTS_OF[role], lifetime=lifetime, actor=actor, replaces=None
        )
        async with self._database.transaction() as connection:
            await _insert(connection, key, token)
            await self._audit(connection, actor, "key_created", key)
        return NewKey(key=key, token=token)

    async def rotate_key(self, key_id: str, *, overlap: timedelta, lifetime: timedelta, actor: str) -> NewKey:
        """See Keys."""
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            old = await _find(connection, key_id)
            if old["revoked_at"] is not None or old["expires_at"] <= now:
                raise Reject("access.refused", "This key is good for nothing any more. Create a new one.")
            key, token = self._make(
                old["name"],
                role=Role(old["role"]),
                rights=frozenset(map(Right, old["rights"])),
                lifetime=lifetime,
                actor=actor,
                replaces=key_id,
            )
            await _insert(connection, key, token)
            await connection.execute(_SQL["end_key"], key_id, now + max(overlap, timedelta(0)))
            await self._audit(connection, actor, "key_rotated", key)
        return NewKey(key=key, token=token)

    async def revoke_key(self, key_id: str, *, actor: str) -> None:
        """See Keys."""
        async with self._database.transaction() as connection:
            key = await _find(connection, key_id)
            if key["revoked_at"] is None:
                await connection.execute(_SQL["revoke_key"], key_id, self._world.clock.now())
                await write_audit(
                    connection,
                    self._world,
                    actor=actor,
                    action="key_revoked",
                    subject=f"key/{key_id}",
                    name=key["name"],
                )

    async def key_of(self, token: str) -> ApiKey | None:
        """See Keys."""
        match = TOKEN.fullmatch(token)
        if match is None:
            return None
        now = self._world.clock.now()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SQL["key"], match[1])
            if row is None or not hmac.compare_digest(row["hash"], secret_hash(match[2])):
                return None
            if row["revoked_at"] is not None or row["expires_at"] <= now:
                return None
            if _is_due(row["last_used_at"], now):
                await connection.execute(_SQL["touch_key"], match[1], now)
        return _key(row)

    def _make(
        self,
        name: str,
        *,
        role: Role,
        rights: frozenset[Right],
        lifetime: timedelta,
        actor: str,
        replaces: str | None,
    ) -> tuple[ApiKey, str]:
        if not timedelta(0) < lifetime <= self._lifetime_max:
            raise Reject(
                "access.refused", f"A key lives for 1 to {self._lifetime_max.days} days (access.key_days_max)."
            )
        now = self._world.clock.now()
        key = ApiKey(
            id=token_hex(8),
            name=name,
            role=role,
            rights=rights,
            replaces=replaces,
            created_by=actor,
            created_at=now,
            expires_at=now + lifetime,
        )
        return key, f"msk_{key.id}_{token_urlsafe(32)}"

    async def _audit(self, connection: Any, actor: str, action: str, key: ApiKey) -> None:
        await write_audit(
            connection,
            self._world,
            actor=actor,
            action=action,
            subject=f"key/{key.id}",
            name=key.name,
            rights=sorted(key.rights),
            expires_at=key.expires_at.isoformat(),
            replaces=key.replaces,
        )


async def _find(connection: Any, key_id: str) -> Any:
    row = await connection.fetchrow(_SQL["key_for_change"], key_id) if KEY_ID.fullmatch(key_id) else None
    if row is None:
        raise Reject("access.unknown", "There is no key with this id. `millstream access keys list` names them.")
    return row


async def _insert(connection: Any, key: ApiKey, token: str) -> None:
    match = TOKEN.fullmatch(token)
    assert match is not None, "a key's own token reads as one"
    await connection.execute(
        _SQL["insert_key"],
        key.id,
        key.name,
        secret_hash(match[2]),
        key.role.value,
        sorted(key.rights),
        key.replaces,
        key.created_by,
        key.created_at,
        key.expires_at,
    )


def _is_due(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or now - last_used_at >= TOUCHED_EVERY


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        rights=frozenset(map(Right, row["rights"])),
        replaces=row["replaces"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
    )
