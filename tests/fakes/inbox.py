"""An inbox in memory: unique by (source, source_id), fails on request."""

from uuid import UUID

from millstream.domain.errors import Failure
from millstream.domain.events import NewEvent


class MemoryInbox:
    def __init__(self) -> None:
        self.events: list[NewEvent] = []
        self.failures: list[Failure] = []  # raised first in, first out, one per call, before anything is stored

    async def accept(self, events):
        if self.failures:
            raise self.failures.pop(0)
        return [self._store(event) for event in events]

    def _store(self, event: NewEvent) -> UUID | None:
        key = (event.source, event.source_id)
        if any((stored.source, stored.source_id) == key for stored in self.events):
            return None
        self.events.append(event)
        return UUID(int=len(self.events))
