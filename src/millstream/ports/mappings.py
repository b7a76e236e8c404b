"""Overlays as people work on them: drafts, published versions, and the orders they are tried on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from millstream.ports.overlay import Direction, Rule

Place = tuple[str, Direction]
"""Connection and direction."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A test of an overlay: for a record of which this is given and mapped, these fields come out.

    `expected` names every field of the target that is set, with its value; one that is left out, or null, is untouched.
    """

    name: str
    target: str
    given: dict[str, Any]
    mapped: dict[str, Any] = {}
    expected: dict[str, Any] = {}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """An overlay: its rules and its tests."""

    rules: tuple[Rule, ...] = ()
    tests: tuple[Check, ...] = ()


class Draft(Content, frozen=True, kw_only=True):
    """What somebody works on. `revision` counts saves; `based_on` is the version it started from, 0: none."""

    revision: int
    based_on: int
    changed_by: str
    changed_at: datetime


class Version(Content, frozen=True, kw_only=True):
    """What was published; never changed. `restores` names the version a rollback brought back."""

    version: int
    published_by: str
    published_at: datetime
    reason: str
    restores: int | None = None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes, why, and on top of which version (it is refused if another one is in force by now)."""

    actor: str
    reason: str
    on_top_of: int
    restores: int | None = None


class SampleEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An order to try a mapping on, as its event carries it. `code` says why a delivery of it waits, if one does."""

    id: UUID
    type: str
    subject: str
    number: str | None
    occurred_at: datetime
    code: str | None
    data: dict[str, Any] | None = None


class MappingsInForce(Protocol):
    """What a process that calls systems needs to know."""

    async def in_force(self, known: Mapping[Place, int]) -> Sequence[tuple[Place, Version]]:
        """The newest version of each overlay, where it is newer than the one that is known."""
        ...


class MappingBook(MappingsInForce, Protocol):
    """Every change is one transaction, with its row in the audit trail."""

    async def draft(self, place: Place) -> Draft | None:
        """What is being worked on."""
        ...

    async def save(self, place: Place, content: Content, *, revision: int, based_on: int, actor: str) -> Draft:
        """Keeps a draft. `revision` is the one it was made from, 0: there was none. Raises Conflict if it moved on."""
        ...

    async def discard(self, place: Place, *, actor: str) -> bool:
        """Drops the draft; False: there was none."""
        ...

    async def publish(self, place: Place, content: Content, publication: Publication) -> Version:
        """Makes it the version in force and drops the draft. Raises Conflict if another version is in force by now."""
        ...

    async def versions(self, place: Place, *, limit: int = 50, before: int | None = None) -> Sequence[Version]:
        """The newest first; `before` continues behind a version."""
        ...

    async def version(self, place: Place, number: int) -> Version | None:
        """One of them."""
        ...

    async def samples(self, event_type: str, *, failing: bool, limit: int) -> Sequence[SampleEvent]:
        """The newest orders of this event type, or those whose delivery a mapping holds; without their data."""
        ...

    async def sample_data(self, ids: Sequence[UUID]) -> Sequence[SampleEvent]:
        """These events with their data, in the order asked for; those that are not there are left out."""
        ...
