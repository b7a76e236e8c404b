"""Life of a delivery, as a table. The docs print it, the SQL repeats it, a test holds the two together."""

from enum import StrEnum
from typing import Final


class DeliveryState(StrEnum):
    """Where a delivery rests."""

    WAITING = "waiting"  # not tried yet, or its lane is busy
    RUNNING = "running"  # leased by a worker
    RETRYING = "retrying"  # failed, due again at due_at
    HELD = "held"  # refused: a human must decide (review)
    DEAD = "dead"  # attempts used up (dead letter)
    DONE = "done"
    DISCARDED = "discarded"  # a human decided that it shall not happen


OPEN_STATES: Final = (
    DeliveryState.WAITING,
    DeliveryState.RUNNING,
    DeliveryState.RETRYING,
    DeliveryState.HELD,
    DeliveryState.DEAD,
)

LEGAL_MOVES: Final[dict[DeliveryState, frozenset[DeliveryState]]] = {
    DeliveryState.WAITING: frozenset({DeliveryState.RUNNING, DeliveryState.DISCARDED}),
    DeliveryState.RUNNING: frozenset(
        {
            DeliveryState.RUNNING,  # a lease taken over
            DeliveryState.DONE,
            DeliveryState.RETRYING,
            DeliveryState.HELD,
            DeliveryState.DEAD,
        }
    ),
    DeliveryState.RETRYING: frozenset({DeliveryState.RUNNING, DeliveryState.RETRYING, DeliveryState.DISCARDED}),
    DeliveryState.HELD: frozenset({DeliveryState.RETRYING, DeliveryState.DISCARDED}),
    DeliveryState.DEAD: frozenset({DeliveryState.RETRYING, DeliveryState.DISCARDED}),
    DeliveryState.DONE: frozenset(),
    DeliveryState.DISCARDED: frozenset({DeliveryState.HELD}),  # reopened
}


def may_move(source: DeliveryState, target: DeliveryState) -> bool:
    """Whether the table allows the move."""
    return target in LEGAL_MOVES[source]
