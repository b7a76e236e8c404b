"""When an order can be put on hold in the store, and when it can be taken off: what the hub knows decides."""

from typing import Final, Literal

import msgspec

from millstream.domain.errors import Reject
from millstream.domain.events import (
    ORDER_CANCELLED,
    ORDER_CANCELLED_BY_ERP,
    ORDER_HOLD_WANTED,
    ORDER_UNHOLD_WANTED,
)

Deed = Literal["hold", "unhold"]
DEEDS: Final[dict[str, Deed]] = {ORDER_HOLD_WANTED: "hold", ORDER_UNHOLD_WANTED: "unhold"}
"""Type of event -> what somebody wants of the store with it."""
CANCELLED_BY: Final = frozenset({ORDER_CANCELLED, ORDER_CANCELLED_BY_ERP})
"""Facts after which an order is over, whether it came to be in the ERP or not."""
SAYS_ON_HOLD: Final = frozenset({"order.not_ready", "shipment.order_on_hold"})
"""What deliveries of an order rest with while its store has it on hold, whoever put it there."""
_ENDED: Final = frozenset({"done", "discarded"})
_IN_REVIEW: Final = frozenset({"held", "dead"})


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of an order. `deed`: what it asks of the store, None for any other delivery."""

    id: int
    state: str
    code: str | None = None
    deed: Deed | None = None

    @property
    def is_open(self) -> bool:
        """It still waits, runs, is tried again, or a person must decide about it."""
        return self.state not in _ENDED


class HoldStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub knows of an order that somebody wants to hold or release."""

    number: str
    cancelled: bool
    shipped: bool
    steps: tuple[Step, ...]

    @property
    def newest(self) -> Step | None:
        """The last deed that somebody wanted and nobody resolved."""
        deeds = [step for step in self.steps if step.deed is not None and step.state != "discarded"]
        return max(deeds, key=lambda step: step.id, default=None)

    def pending(self, deed: Deed) -> Step | None:
        """The same deed, wanted already and not done yet: to want it again adds nothing."""
        newest = self.newest
        return newest if newest is not None and newest.deed == deed and newest.is_open else None

    def refusal(self, deed: Deed) -> Reject | None:
        """Why it cannot be wanted; None: it can."""
        if self.cancelled:
            return _refused(deed, f"Order {self.number} is cancelled: there is nothing of it left to ship or to hold.")
        if deed == "hold":
            text = f"Order {self.number} has left: the store holds only what is still to leave."
            return _refused(deed, text) if self.shipped else None
        newest = self.newest
        if newest is not None and newest.deed == "hold" and newest.state in _IN_REVIEW:
            text = (
                f"Delivery {newest.id}, which is to put order {self.number} on hold, rests in review ({newest.code}): "
                "retry or resolve that one first."
            )
            return _refused(deed, text)
        if (newest is not None and newest.deed == "hold") or self._store_says_so():
            return None
        text = (
            f"Order {self.number} is not on hold as far as the hub knows: nobody put it on hold here, and nothing of "
            "it waits because the store has it on hold. What somebody put on hold in the store is released there."
        )
        return _refused(deed, text)

    def can(self) -> tuple[Deed, ...]:
        """What may be wanted now and adds something."""
        deeds: tuple[Deed, ...] = ("hold", "unhold")
        return tuple(deed for deed in deeds if self.pending(deed) is None and self.refusal(deed) is None)

    def _store_says_so(self) -> bool:
        return any(step.is_open and step.code in SAYS_ON_HOLD for step in self.steps)


def _refused(deed: Deed, text: str) -> Reject:
    return Reject("order.not_holdable" if deed == "hold" else "order.not_releasable", text)
