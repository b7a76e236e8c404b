"""Keeps what is in force in this process as it was published."""

import asyncio
from typing import Final

from millstream.domain.errors import Retry
from millstream.engine.overlays.live import LiveOverlays
from millstream.ports.mappings import MappingsInForce
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

LOOK_EVERY_S: Final = 3.0


class OverlayKeeper:
    """One per process that calls systems. What is published reaches it within `LOOK_EVERY_S`."""

    def __init__(self, book: MappingsInForce, live: LiveOverlays, *, clock: Clock, tap: Tap) -> None:
        self._book = book
        self._live = live
        self._clock = clock
        self._tap = tap

    async def look(self) -> None:
        """Takes what is newer. Raises Retry while the database does not answer; then everything stays as it was."""
        for place, version in await self._book.in_force(self._live.known):
            self._live.take(place, version)
            await asyncio.to_thread(self._live.start)

    async def begin(self) -> None:
        """Before the first delivery. While it cannot be told what is in force, no order goes out."""
        self._live.ready = False
        await self._try()

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.look()
        except Retry as failure:
            self._tap.note("worker.ledger_unreachable", message=failure.message)
        else:
            self._live.ready = True
