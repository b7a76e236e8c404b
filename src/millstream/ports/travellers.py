"""The batch of a demo as the hub's books have it: every order that was placed, with all its deliveries."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of an order."""

    id: int
    subscriber: str
    type: str
    state: str
    tries: int
    updated_at: datetime
    code: str | None = None
    message: str | None = None
    note: str | None = None


class Traveller(msgspec.Struct, frozen=True, kw_only=True):
    """One order. What the ERP has not confirmed has no number, date, total or currency."""

    order_key: str
    number: str
    received_at: datetime
    erp_number: str | None = None
    ship_date: date | None = None
    confirmed_at: datetime | None = None
    packed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    grand_total: Decimal | None = None
    currency: str | None = None
    steps: tuple[Step, ...] = ()

    def step(self, event_type: str, subscriber: str) -> Step | None:
        """The delivery of that event to that subscriber."""
        return next((step for step in self.steps if (step.type, step.subscriber) == (event_type, subscriber)), None)

    @property
    def confirmed_to_shopper(self) -> bool:
        """Whether the store and the CRM both know."""
        steps = [self.step("order.confirmed", subscriber) for subscriber in ("store", "crm")]
        return all(step is not None and step.state == "done" for step in steps)

    @property
    def stuck(self) -> Step | None:
        """The delivery a human has to look at, if any."""
        return next((step for step in self.steps if step.state in {"held", "dead"}), None)

    @property
    def working(self) -> bool:
        """Whether something still runs or waits to be run."""
        return any(step.state in {"waiting", "running", "retrying"} for step in self.steps) and self.stuck is None


class Travellers(Protocol):
    """Reads the whole batch at once: for the few hundred orders of a demo, not for the years of a shop."""

    async def all(self) -> Sequence[Traveller]:
        """Every order, in the order of arrival, each with its steps in the order they were made."""
        ...

    async def sleeping_lanes(self) -> int:
        """How many lanes have open deliveries and no head; none has, unless a promise of the ledger is broken."""
        ...
