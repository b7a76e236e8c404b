"""Adobe's public keys: read from one pinned host, kept for a while, asked for sparingly."""

from datetime import datetime, timedelta
from typing import Final

from millstream.domain.errors import Reject, Retry
from millstream.ports.world import Clock
from millstream.wire.http import Request, Transport, TransportError
from millstream.wire.signing import ADOBE_KEY_HOST

KEPT_FOR: Final = timedelta(hours=24)
KEYS_MAX: Final = 16  # Adobe uses a handful
READS_PER_MINUTE_MAX: Final = 10  # anybody can send a path, so a stranger must not make us call without end
PEM_BYTES_MAX: Final = 16 * 1024


class AdobeKeys:
    """Call it with a path: the PEM. Paths must have been confined by `wire.signing.io_event_key_urls`."""

    def __init__(self, transport: Transport, clock: Clock, *, host: str = ADOBE_KEY_HOST) -> None:
        self._transport = transport
        self._clock = clock
        self._host = host
        self._kept: dict[str, tuple[datetime, str]] = {}
        self._reads: list[datetime] = []

    async def __call__(self, path: str) -> str:
        """The key. Reject("key.unknown") when Adobe has none there, Retry when it cannot be read now."""
        now = self._clock.now()
        kept = self._kept.get(path)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        self._spend_read(now)
        pem = await self._read(path)
        if len(self._kept) >= KEYS_MAX:
            del self._kept[min(self._kept, key=lambda known: self._kept[known][0])]
        self._kept[path] = (now, pem)
        return pem

    def _spend_read(self, now: datetime) -> None:
        self._reads = [read for read in self._reads if now - read < timedelta(minutes=1)]
        if len(self._reads) >= READS_PER_MINUTE_MAX:
            raise Retry("key.too_many_reads", "too many unknown key paths in one minute", after_s=60.0)
        self._reads.append(now)

    async def _read(self, path: str) -> str:
        try:
            answer = await self._transport.send(Request(method="GET", url=self._host + path, timeout_s=5.0))
        except TransportError as error:
            raise Retry("key.unreachable", f"Adobe's public key cannot be read: {error.reason}") from error
        if answer.status == 429 or answer.status >= 500:
            raise Retry("key.unreachable", f"Adobe's public key cannot be read: HTTP {answer.status}")
        if answer.status != 200 or len(answer.body) > PEM_BYTES_MAX or b"-----BEGIN" not in answer.body:
            raise Reject("key.unknown", f"Adobe has no public key under this path: HTTP {answer.status}")
        return answer.text()
