"""A person's word that an order rests in its store, or goes on there."""

from typing import Protocol

import msgspec

from millstream.domain.holding import Deed


class HoldWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the word: the delivery that carries it to the store, and that one's state.

    `is_new` False: somebody had said the same before and it is not done yet; nothing was written.
    """

    order_key: str
    deed: Deed
    delivery_id: int
    state: str
    is_new: bool


class HoldDesk(Protocol):
    """Takes such words."""

    async def want(self, order_key: str, deed: Deed, *, reason: str, actor: str) -> HoldWanted:
        """Writes it down for a worker to carry out, with its row in the audit trail, in one transaction.

        Raises Reject: `order.unknown` when no store reported an order of this key, `order.not_holdable` or
        `order.not_releasable` when it cannot be, as far as the hub knows. Then nothing is written.
        """
        ...
