"""Hears of secrets that were set anew, so that nothing has to be restarted for them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from millstream.domain.errors import Reject, Retry
from millstream.ports.secrets import Secrets, SecretValue
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

LOOKS_EVERY_S: Final = 3.0

Renew = Callable[[Mapping[str, SecretValue]], Awaitable[None]]
"""Goes on with these values. Raises Reject if they are no good; then everything stays as it was."""


class SecretKeeper:
    """One per process; `names` are the secrets its settings refer to. A new value reaches it within `LOOKS_EVERY_S`."""

    def __init__(self, secrets: Secrets, names: Collection[str], *, renew: Renew, clock: Clock, tap: Tap) -> None:
        self._secrets = secrets
        self._names = frozenset(names)
        self._renew = renew
        self._clock = clock
        self._tap = tap
        self._seen: Mapping[str, object] | None = None

    async def look(self) -> None:
        """Looks once. The first look takes the values anew, too: they may have changed since the process began."""
        try:
            versions = await self._secrets.versions(self._names)
            if versions == self._seen:
                return
            await self._renew(await self._secrets.read(self._names))
        except Retry as failure:
            self._tap.note("worker.ledger_unreachable", message=failure.message)
            return
        except Reject as refusal:  # told once for each version; the values from before go on
            self._tap.note("secret.not_taken", code=refusal.code, message=refusal.message)
        self._seen = versions

    async def keep(self) -> None:
        """Until cancelled."""
        while self._names:
            await self.look()
            await self._clock.sleep(LOOKS_EVERY_S)
