"""What would become of deliveries if they were tried now: a sample is worked out as they stand, and nothing is sent."""

from collections import defaultdict
from functools import partial
from time import monotonic
from typing import Final, Literal

import msgspec

from millstream.domain import events
from millstream.domain.errors import Reject
from millstream.flows.amendment import refuse_unreadable
from millstream.flows.hub import Hub
from millstream.flows.preview import Previews
from millstream.ports.desk import DeliveryStory, Desk, Filter

Tries = Literal["retry", "release"]
Forecast = Literal["would_be_sent", "already_there", "nothing_to_send", "would_fail", "cannot_be_read"]
STATES: Final[dict[Tries, tuple[str, ...]]] = {"retry": ("held", "dead", "retrying"), "release": ("held",)}
SAMPLE_MAX: Final = 50
PATIENCE_S: Final = 3.0  # a rule that runs away costs a second each time, and the process answers others, too


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """So many would fare alike; `example` is one of them. `why` is told of those that would not be sent."""

    forecast: Forecast
    why: str | None
    deliveries: int
    example: int


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """The newest `looked_at` of those a filter means. What the systems themselves would say is known to nobody."""

    looked_at: int
    outcomes: tuple[Foreseen, ...]


class Rehearsal:
    """Reads and maps, as a try would, and goes by the hub's own books; asks no system."""

    def __init__(self, hub: Hub, desk: Desk, previews: Previews) -> None:
        self._hub = hub
        self._interpret = partial(hub.store.interpret, overlaid=False)
        self._desk = desk
        self._previews = previews

    async def of(self, action: Tries, wanted: Filter) -> DryRun:
        """Of the payloads as they are kept, amendments included; a retry with today's data may find better ones."""
        states = tuple(state for state in STATES[action] if not wanted.states or state in wanted.states)
        if not states:
            return DryRun(looked_at=0, outcomes=())
        chosen = msgspec.structs.replace(wanted, states=states)
        found: dict[tuple[Forecast, str | None], list[int]] = defaultdict(list)
        ends_at = monotonic() + PATIENCE_S
        for row in await self._desk.list_deliveries(chosen, limit=SAMPLE_MAX, newest_first=True):
            story = await self._desk.show_delivery(row.id)
            if story is not None:
                found[await self._foreseen(action, story)].append(row.id)
            if monotonic() > ends_at:
                break
        alike = sorted(found.items(), key=lambda item: (-len(item[1]), item[0][0], item[0][1] or ""))
        outcomes = tuple(
            Foreseen(forecast=forecast, why=why, deliveries=len(ids), example=ids[0]) for (forecast, why), ids in alike
        )
        return DryRun(looked_at=sum(len(ids) for ids in found.values()), outcomes=outcomes)

    async def _foreseen(self, action: Tries, story: DeliveryStory) -> tuple[Forecast, str | None]:
        row = story.row
        payload = dict(story.amended if story.amended is not None else story.data)
        try:
            refuse_unreadable(row.event_type, payload, self._interpret)
        except Reject as refusal:
            return "cannot_be_read", refusal.message
        if action == "release" and row.code is not None:
            story = msgspec.structs.replace(story, waived=(*story.waived, row.code))
        mapped = await self._previews.of(story)
        if mapped.fault is not None:
            return "would_fail" if mapped.fault_code else "cannot_be_read", mapped.fault
        if row.subscriber == "erp" and row.event_type == events.ORDER_PLACED:
            booked = await self._hub.records.booked_order(row.subject)
            if booked is not None:
                return "already_there", None
        if mapped.records or mapped.requests or mapped.needs:
            return "would_be_sent", None
        return "nothing_to_send", mapped.note
