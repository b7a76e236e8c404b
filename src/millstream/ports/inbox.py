"""Where facts are written down."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from millstream.domain.events import NewEvent


class Inbox(Protocol):
    """An idempotent receiver."""

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[UUID | None]:
        """Stores events with their deliveries and returns after the commit, in the order given.

        The id of each event, or None where (source, source_id) had been stored before: the second copy is a no-op.
        Raises Retry when the store cannot commit now; then nothing was stored.
        """
        ...
