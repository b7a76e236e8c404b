"""A worker says that it lives, and which connections it finds down."""

from datetime import datetime
from typing import Final

from millstream.domain.errors import Retry
from millstream.engine.meter import Meter
from millstream.ports.gauges import Heartbeat, Pulse
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

BEAT_S: Final = 5.0
DOWN_FORGOTTEN_AFTER_S: Final = 1200.0  # longer than the longest wait between two tries


class WorkerPulse:
    """Beats while its worker's event loop turns."""

    def __init__(self, pulse: Pulse, *, worker: str, meter: Meter, clock: Clock, tap: Tap) -> None:
        self._pulse = pulse
        self._worker = worker
        self._meter = meter
        self._clock = clock
        self._tap = tap
        self._started_at: datetime = clock.now()

    async def beat(self) -> None:
        """Once."""
        await self._pulse.beat(
            Heartbeat(
                worker=self._worker,
                started_at=self._started_at,
                seen_at=self._clock.now(),
                breakers=self._meter.down(forget_after_s=DOWN_FORGOTTEN_AFTER_S),
            )
        )

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.beat()
            except Retry as failure:
                self._tap.note("worker.ledger_unreachable", message=failure.message)
            await self._clock.sleep(BEAT_S)
