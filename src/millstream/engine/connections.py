"""Keeps this process's connections as the operators want them, and tells how they stand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from millstream.domain.errors import Retry
from millstream.ports.connections import ConnectionBoard, Governed
from millstream.ports.finding import Finding
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

EXCHANGE_EVERY_S: Final = 3.0
CHECK_TIMEOUT_S: Final = 60.0

Check = Callable[[], Awaitable[Sequence[Finding]]]
"""How a connection is tried."""


async def tried(check: Check, *, within_s: float = CHECK_TIMEOUT_S) -> tuple[Finding, ...]:
    """What a check finds. One that takes longer is given up, and that is what was found."""
    try:
        async with asyncio.timeout(within_s):
            return tuple(await check())
    except TimeoutError:
        text = f"It took longer than {within_s:g} s"
        return (Finding(what="answers", ok=False, detail=text, fix="look at the system and the way to it"),)


class ConnectionKeeper:
    """One per process that calls systems. A brake reaches it within `EXCHANGE_EVERY_S`."""

    def __init__(
        self, board: ConnectionBoard, connections: Mapping[str, Governed], *, worker: str, clock: Clock, tap: Tap
    ) -> None:
        self._board = board
        self._connections = connections
        self._worker = worker
        self._clock = clock
        self._tap = tap

    async def exchange(self) -> None:
        """Tells and hears once. While the database is away everything stays as it was."""
        seen = {name: connection.seen() for name, connection in self._connections.items()}
        try:
            braked = await self._board.exchange(self._worker, seen)
        except Retry as failure:
            self._tap.note("worker.ledger_unreachable", message=failure.message)
            return
        for name, connection in self._connections.items():
            connection.brake = braked.get(name, "off")

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(EXCHANGE_EVERY_S)
            await self.exchange()
