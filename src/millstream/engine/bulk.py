"""Works off bulk actions beside the deliveries."""

from typing import Final

from millstream.domain.errors import Retry
from millstream.ports.bulk import BulkDesk
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

LOOK_EVERY_S: Final = 2.0


class BulkRunner:
    """One per worker process; the desk sees to it that one action is worked on by one of them at a time."""

    def __init__(self, desk: BulkDesk, *, clock: Clock, tap: Tap) -> None:
        self._desk = desk
        self._clock = clock
        self._tap = tap

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self._desk.run_batch():
                    pass
            except Retry as failure:
                self._tap.note("worker.ledger_unreachable", message=failure.message)
            except Exception as bug:  # noqa: BLE001 - the deliveries of this process go on whatever one action does
                self._tap.note("bulk.crashed", error=f"{type(bug).__name__}: {bug}", bug=bug)
            await self._clock.sleep(LOOK_EVERY_S)
