"""What people do with deliveries: look, retry, amend, release, close, reopen, look after."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

Resolution = Literal["fixed_in_source", "duplicate", "loss_accepted", "test", "other"]
"""Why somebody resolved a delivery without its happening: mended where it came from, done by another one, given up."""

Verb = Literal["retry", "release", "discard", "resolve", "reopen", "assign", "tag", "snooze"]
"""What can be done to everything a filter means."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries; every member that is set narrows the choice."""

    ids: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    subscriber: str | None = None
    event_type: str | None = None
    code: str | None = None
    fingerprint: str | None = None
    subject: str | None = None
    assignee: str | None = None
    tag: str | None = None
    snoozed: bool | None = None  # False: what is out of sight until later is left out


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many deliveries in one state with one fault code; `refused`: the action cannot be done to these."""

    state: str
    code: str | None
    deliveries: int
    refused: bool


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery in a list."""

    id: int
    event_id: UUID
    event_type: str
    subject: str
    subscriber: str
    state: str
    tries: int
    attempts: int
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    head: bool
    code: str | None = None
    message: str | None = None
    fingerprint: str | None = None
    note: str | None = None
    assignee: str | None = None
    tags: tuple[str, ...] = ()
    snoozed_until: datetime | None = None
    resolution: Resolution | None = None

    @property
    def version(self) -> str:
        """Changes with every change of the delivery that somebody decides by. Safe in a header."""
        marks = (self.state, self.tries, self.updated_at, self.assignee, sorted(self.tags), self.snoozed_until)
        return sha256(msgspec.json.encode(marks)).hexdigest()[:16]


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One outward call of one attempt."""

    n: int
    system: str
    operation: str
    key: str | None
    status: int | None
    outcome: str
    ms: float


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One try."""

    n: int
    worker: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    code: str | None
    message: str | None
    calls: tuple[CallRow, ...] = ()


class FailedCall(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in the last call that failed: call `step` of try `n`. `response` is None when no answer came."""

    n: int
    step: int
    request: str
    response: str | None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, without its data."""

    id: UUID
    type: str
    source: str
    source_id: str
    occurred_at: datetime
    received_at: datetime


FIRST_TRIES_TOLD = 20
NEWEST_TRIES_TOLD = 180


class DeliveryStory(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with everything that happened to it. `amended` stands beside the event's own data.

    `attempts` are its first and its newest tries; `tries_left_out` is how many between them are told by
    `Desk.attempts_before` alone.
    """

    row: DeliveryRow
    event: EventRow
    data: dict[str, Any]
    amended: dict[str, Any] | None
    waived: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]
    tries_left_out: int = 0
    failed_call: FailedCall | None = None


class PromiseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One promise."""

    line_id: str | None
    ship_date: date | None
    reason: str
    promised_by: str
    promised_at: datetime
    kept: bool | None


class OrderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The books' line about an order; None members are not known (yet)."""

    order_key: str
    number: str | None = None
    erp_number: str | None = None
    customer_id: str | None = None
    grand_total: Decimal | None = None
    erp_total: Decimal | None = None
    currency: str | None = None
    placed_at: datetime | None = None
    confirmed_at: datetime | None = None
    ship_date: date | None = None
    packed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None


class RelatedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Another order. `number` None: the hub was never told of it."""

    order_key: str
    number: str | None


class OrderStory(msgspec.Struct, frozen=True, kw_only=True):
    """An order's whole history.

    An edit in the store makes a new order of it: `replaces` is the one before this, `replaced_by` what came of this.
    """

    summary: OrderSummary
    aliases: tuple[tuple[str, str], ...]
    events: tuple[EventRow, ...]
    deliveries: tuple[DeliveryStory, ...]
    promises: tuple[PromiseRow, ...]
    replaces: RelatedOrder | None = None
    replaced_by: tuple[RelatedOrder, ...] = ()


class Desk(Protocol):
    """Every change is one transaction, with its row in the audit trail. `actor` is who does it."""

    async def list_deliveries(
        self, wanted: Filter, *, limit: int, after: int = 0, newest_first: bool = False
    ) -> Sequence[DeliveryRow]:
        """Newest last, by id, or newest first; `after` continues behind an id."""
        ...

    async def attempts_before(self, delivery_id: int, n: int, *, limit: int) -> Sequence[AttemptRow]:
        """The newest `limit` tries before try `n`, newest first; none if there are none."""
        ...

    async def show_delivery(self, delivery_id: int) -> DeliveryStory | None:
        """Everything about one delivery."""
        ...

    async def count(self, wanted: Filter) -> int:
        """How many a filter means, whatever their state."""
        ...

    async def shares(self, verb: Verb, wanted: Filter) -> Sequence[Share]:
        """The estimate before an action: what it can be done to now, by state and fault code, most first.

        `refused` is what is in a state for it, but may not be released.
        """
        ...

    async def retry(self, wanted: Filter, *, actor: str, as_it_came: bool = False) -> int:
        """Makes held, dead and retrying deliveries due now, with a fresh set of attempts and today's data.

        `as_it_came` drops what was amended: the event's own data is used again.
        """
        ...

    async def amend(self, delivery_id: int, payload: dict[str, Any], *, actor: str, reason: str) -> None:
        """Puts another payload beside the original and retries. Raises Reject if it is not held, dead or retrying."""
        ...

    async def release(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """Waives the rule that holds each of these and retries. Raises Reject for a rule that may not be waived."""
        ...

    async def discard(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """Decides that these shall not happen; their lanes go on."""
        ...

    async def resolve(self, wanted: Filter, resolution: Resolution, *, actor: str, reason: str) -> int:
        """Closes these: they shall not happen, for this reason; their lanes go on."""
        ...

    async def reopen(self, wanted: Filter, *, actor: str, reason: str) -> int:
        """Puts resolved deliveries into review again, each in its old place in its lane.

        Raises Reject("delivery.overtaken") if one of them may not, and then reopens none.
        """
        ...

    async def assign(self, wanted: Filter, assignee: str | None, *, actor: str) -> int:
        """Who looks after these; None for nobody."""
        ...

    async def tag(self, wanted: Filter, *, add: Sequence[str], remove: Sequence[str], actor: str) -> int:
        """Puts words on these and takes others off."""
        ...

    async def snooze(self, wanted: Filter, until: datetime | None, *, actor: str, reason: str) -> int:
        """Out of sight until then, None for in sight. Changes nothing about when they are tried again."""
        ...

    async def order_story(self, order_key: str) -> OrderStory | None:
        """Every event, delivery, attempt, outward call and promise of one order."""
        ...
