"""The places of a worker: how many deliveries run side by side, and that one silent system does not take them all."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from millstream.domain.delivery import Delivery
from millstream.ports.world import Clock

SLOW_S: Final = 2.0
"""Who runs for longer waits for an answer and does no work: its place is given to another."""


class Places:
    """Counts who runs.

    A subscriber holds at most three quarters of them, so that what is meant for the others always finds one at once.
    Those that wait for long do not count against the whole, only against their subscriber: several silent systems
    take more than their shares for two seconds, no longer.
    """

    def __init__(self, concurrency: int, *, clock: Clock) -> None:
        self.concurrency = concurrency
        self.share = concurrency - concurrency // 4
        self._clock = clock
        self._since: dict[tuple[int, int], datetime] = {}  # each try, in the order they began
        self._held: Counter[str] = Counter()

    def take(self, delivery: Delivery) -> None:
        """A try of it begins."""
        self._since[delivery.id, delivery.tries] = self._clock.now()
        self._held[delivery.subscriber] += 1

    def give_back(self, delivery: Delivery) -> None:
        """That try ended."""
        if self._since.pop((delivery.id, delivery.tries), None) is not None:
            self._held[delivery.subscriber] -= 1

    def free(self) -> int:
        """How many more may begin; less than none after several began at once."""
        return self.concurrency - len(self._since) + self._slow()

    def left_for(self, subscriber: str) -> int:
        """How many more of its share."""
        return self.share - self._held[subscriber]

    def _slow(self) -> int:
        oldest = self._clock.now() - timedelta(seconds=SLOW_S)
        for count, since in enumerate(self._since.values()):
            if since > oldest:
                return count
        return len(self._since)
