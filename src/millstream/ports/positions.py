"""How far a feed was read, and reading it again from an earlier moment on."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

COUNTED_MAX: Final = 100_000
"""So many orders are counted for an estimate; where there are more, it says so many."""


class Rewound(msgspec.Struct, frozen=True, kw_only=True):
    """A position moved back. `cursor` is what to go on from.

    `was`: how far it had been read; None: nobody can read the position there was. `moved` False: none of it lay behind
    the moment, and `cursor` is as before.
    """

    was: datetime | None
    cursor: dict[str, Any]
    moved: bool


class Rewindable(Protocol):
    """A feed as its connector has it."""

    def rewound(self, cursor: dict[str, Any], to: datetime) -> Rewound:
        """The position at an earlier moment: what changed from then on is read again. Never moves forward. Pure."""
        ...


class Positions(Protocol):
    """Where the positions are kept."""

    async def look(self, feed: str, source: str, *, since: datetime) -> tuple[dict[str, Any] | None, int]:
        """The cursor (None: nothing was read yet), and how many orders the hub heard of from `source` since then.

        Counted are at most `COUNTED_MAX`.
        """
        ...

    async def move(
        self,
        feed: str,
        name: str,
        judge: Callable[[dict[str, Any] | None], Rewound],
        *,
        to: datetime,
        actor: str,
        reason: str,
    ) -> Rewound:
        """Puts what `judge` makes of the cursor in its place, with a row in the audit trail, in one transaction.

        Whoever reads the feed just now loses its turn: what it brings is kept, how far it came is not. What `judge`
        raises is passed on, and nothing is written.
        """
        ...
