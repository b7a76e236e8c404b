"""Overlays and what they are tried on, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.domain.errors import Conflict
from millstream.domain.events import ORDER_PLACED
from millstream.ports.mappings import Check, Content, Draft, Place, Publication, SampleEvent, Version
from millstream.ports.overlay import Rule
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.text import json_text

_SQL: Final = sql.load("mappings")


class PostgresMappings:
    """See `ports.mappings.MappingBook`. `reading` is asked for what people look at."""

    def __init__(self, database: Database, *, clock: Clock, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database
        self._clock = clock

    async def in_force(self, known: Mapping[Place, int]) -> Sequence[tuple[Place, Version]]:
        """See MappingsInForce."""
        columns = [[place[0] for place in known], [place[1] for place in known], list(known.values())]
        async with self._database.connection() as connection:
            rows = [dict(row) for row in await connection.fetch(_SQL["newer"], *columns)]
        return [((row.pop("connection"), row.pop("direction")), _read(row, Version)) for row in rows]

    async def draft(self, place: Place) -> Draft | None:
        """See MappingBook."""
        async with self._reading.connection() as connection:
            found: Draft | None = _read(await connection.fetchrow(_SQL["draft"], *place), Draft)
        return found

    async def save(self, place: Place, content: Content, *, revision: int, based_on: int, actor: str) -> Draft:
        """See MappingBook."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"], *place)
            before = await connection.fetchrow(_SQL["draft"], *place)
            if revision != (before["revision"] if before else 0):
                who = f"{before['changed_by']} changed" if before else "Somebody dropped or published"
                raise Conflict("mapping.moved_on", f"{who} this draft meanwhile. Load it, then change it again.")
            row = await connection.fetchrow(
                _SQL["save"], *place, revision + 1, based_on, *_written(content), actor, now
            )
            detail = {"revision": revision + 1, "rules": [rule.path for rule in content.rules]}
            await audit(connection, now, actor, "mapping.draft", _subject(place), detail)
        saved: Draft = _read(row, Draft)
        return saved

    async def discard(self, place: Place, *, actor: str) -> bool:
        """See MappingBook."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"], *place)
            there = await connection.fetchrow(_SQL["draft"], *place) is not None
            if there:
                await connection.execute(_SQL["discard"], *place)
                await audit(connection, now, actor, "mapping.discard", _subject(place), {})
        return there

    async def publish(self, place: Place, content: Content, publication: Publication) -> Version:
        """See MappingBook."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["lock"], *place)
            newest = await connection.fetchval(_SQL["newest"], *place)
            if newest != publication.on_top_of:
                raise Conflict(
                    "mapping.moved_on",
                    f"Version {newest} is in force by now, not {publication.on_top_of}. "
                    "Look at what it changed, then publish again.",
                    theirs=newest,
                )
            row = await connection.fetchrow(
                _SQL["publish"],
                *place,
                newest + 1,
                *_written(content),
                publication.reason,
                publication.actor,
                now,
                publication.restores,
            )
            await connection.execute(_SQL["discard"], *place)
            detail = {
                "version": newest + 1,
                "reason": publication.reason,
                "restores": publication.restores,
                "rules": [{"field": rule.path, "expression": rule.expression} for rule in content.rules],
            }
            what = "mapping.publish" if publication.restores is None else "mapping.rollback"
            await audit(connection, now, publication.actor, what, _subject(place), detail)
        published: Version = _read(row, Version)
        return published

    async def versions(self, place: Place, *, limit: int = 50, before: int | None = None) -> Sequence[Version]:
        """See MappingBook."""
        async with self._reading.connection() as connection:
            return [_read(row, Version) for row in await connection.fetch(_SQL["versions"], *place, limit, before)]

    async def version(self, place: Place, number: int) -> Version | None:
        """See MappingBook."""
        async with self._reading.connection() as connection:
            found: Version | None = _read(await connection.fetchrow(_SQL["version"], *place, number), Version)
        return found

    async def samples(self, event_type: str, *, failing: bool, limit: int) -> Sequence[SampleEvent]:
        """See MappingBook."""
        async with self._reading.connection() as connection:
            if failing:
                rows = await connection.fetch(_SQL["failing"], event_type, limit)
            else:
                newest = _SQL["placed"] if event_type == ORDER_PLACED else _SQL["confirmed"]
                rows = await connection.fetch(newest, limit)
        return [_sample(row) for row in rows]

    async def sample_data(self, ids: Sequence[UUID]) -> Sequence[SampleEvent]:
        """See MappingBook."""
        async with self._reading.connection() as connection:
            return [_sample(row) for row in await connection.fetch(_SQL["data"], list(ids))]


def _written(content: Content) -> tuple[str, str]:
    return json_text(content.rules), json_text(content.tests)


def _read(row: Any, shape: type[Any]) -> Any:
    if row is None:
        return None
    fields = dict(row)
    rules = msgspec.json.decode(fields.pop("rules"), type=tuple[Rule, ...])
    tests = msgspec.json.decode(fields.pop("tests"), type=tuple[Check, ...])
    return shape(rules=rules, tests=tests, **fields)


def _sample(row: Any) -> SampleEvent:
    fields = dict(row)
    data = fields.pop("data", None)
    fields["id"] = UUID(bytes=fields["id"].bytes)
    return SampleEvent(**fields, data=None if data is None else msgspec.json.decode(data))


def _subject(place: Place) -> str:
    return f"mapping/{place[0]}/{place[1]}"
