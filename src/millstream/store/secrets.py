"""Secrets in PostgreSQL, sealed by a key that is elsewhere. Every change is audited in its own transaction."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject
from millstream.ports.secrets import SecretStanding, SecretValue
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.sealing import KeyFile

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
VALUE_LENGTH_MAX: Final = 16 * 1024  # a private key in PEM form has a fifth of it
OVERLAP_MAX: Final = timedelta(days=30)
TURN: Final = 7_305_019

_SQL: Final = sql.load("secrets")


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the sealing key did."""

    resealed: int
    forgotten: int


class PostgresSecrets:
    """See `ports.secrets.Secrets`."""

    def __init__(self, database: Database, *, keys: KeyFile, world: World) -> None:
        self._database = database
        self._keys = keys
        self._world = world

    async def list_secrets(self) -> Sequence[SecretStanding]:
        """See Secrets."""
        known = await asyncio.to_thread(self._known_keys)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["secrets"])
        now = self._world.clock.now()
        return [_standing(row, readable=row["key_id"] in known, now=now) for row in rows]

    async def set_secret(self, name: str, value: str, *, overlap: timedelta, actor: str) -> int:
        """See Secrets. The first one makes the key, where there is no key yet."""
        _require_good(name, value, overlap)
        now = self._world.clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            # The key file is local and small; read and written here so that no change of the key comes in between.
            if not self._keys.exists():
                if await connection.fetchval(_SQL["any_key"]) is not None:
                    self._keys.key_id()  # there is one somewhere: says so
                self._keys.make()
            before = await connection.fetchrow(_SQL["lock"], name)
            if before is not None and overlap:
                self._keys.open(name, before["sealed"])  # what cannot be opened cannot be honoured either
            version: int = await connection.fetchval(
                _SQL["put"], name, self._keys.seal(name, value), self._keys.key_id(), actor, now, now + overlap
            )
            detail = {"version": version, "overlap_s": overlap.total_seconds() if before is not None else 0.0}
            await audit(connection, now, actor, "secret.set", f"secret/{name}", detail)
        return version

    async def remove_secret(self, name: str, *, actor: str) -> None:
        """See Secrets."""
        async with self._database.transaction() as connection:
            version = await connection.fetchval(_SQL["remove"], name)
            if version is None:
                raise Reject("secret.unknown", f"There is no secret {name!r}. `millstream secrets list` names them.")
            now = self._world.clock.now()
            await audit(connection, now, actor, "secret.removed", f"secret/{name}", {"version": version})

    async def versions(self, names: Collection[str]) -> Mapping[str, object]:
        """See Secrets."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["versions"], list(names), self._world.clock.now())
        return {row["name"]: (row["version"], row["overlaps"]) for row in rows}

    async def read(self, names: Collection[str]) -> Mapping[str, SecretValue]:
        """See Secrets."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["sealed"], list(names))
        return await asyncio.to_thread(lambda: {row["name"]: self._open(row) for row in rows})

    async def rotate_key(self, *, actor: str, given: bool = False, forget: bool = False) -> Rotated:
        """Seals everything by a new key, or by the first one of the file as `given`; `forget` puts the others away.

        The new key is on the disk before anything is sealed by it, and an old one is put away only after the commit:
        whatever breaks off in between leaves keys that open everything.
        """
        if not given:
            await asyncio.to_thread(self._keys.put_first)
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["take_turn"], TURN)
            rows, key_id = await connection.fetch(_SQL["everything"]), self._keys.key_id()
            for row in rows:
                await connection.execute(
                    _SQL["reseal"], row["name"], self._again(row, "sealed"), self._again(row, "old_sealed"), key_id
                )
            now, detail = self._world.clock.now(), {"secrets": len(rows), "key": key_id}
            await audit(connection, now, actor, "secret.key_rotated", "secrets", detail)
        forgotten = await asyncio.to_thread(self._keys.keep_first) if forget else 0
        return Rotated(resealed=len(rows), forgotten=forgotten)

    def _again(self, row: Any, column: str) -> str | None:
        sealed = row[column]
        return None if sealed is None else self._keys.seal(row["name"], self._keys.open(row["name"], sealed))

    def _open(self, row: Any) -> SecretValue:
        name, until = row["name"], row["old_until"]
        honoured = until is not None and until > self._world.clock.now()
        return SecretValue(
            value=self._keys.open(name, row["sealed"]),
            before=self._keys.open(name, row["old_sealed"]) if honoured else None,
        )

    def _known_keys(self) -> frozenset[str]:
        try:
            return self._keys.key_ids()
        except Reject:
            return frozenset()  # the list says that it cannot be read


def _require_good(name: str, value: str, overlap: timedelta) -> None:
    if not NAME.fullmatch(name):
        raise Reject(
            "secret.refused",
            "A secret's name has 1 to 64 small letters, digits and . _ - and begins with a letter or digit.",
            field="name",
        )
    if not value or len(value) > VALUE_LENGTH_MAX or "\x00" in value:
        raise Reject("secret.refused", f"A secret has 1 to {VALUE_LENGTH_MAX} characters.", field="value")
    if not timedelta(0) <= overlap <= OVERLAP_MAX:
        raise Reject(
            "secret.refused",
            f"The value before may be honoured for at most {OVERLAP_MAX.days} days.",
            field="overlap_s",
        )


def _standing(row: Any, *, readable: bool, now: Any) -> SecretStanding:
    fields = {name: row[name] for name in ("name", "version", "set_by", "set_at")}
    until = row["old_until"]
    return SecretStanding(**fields, old_until=until if until is not None and until > now else None, readable=readable)
