"""Who cares about which event: routes are data."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.events import NewEvent

Flow = Callable[[Delivery, Any], Awaitable[Settlement]]
"""Runs one delivery against the hub's ports. May be run again at any time."""


def by_subject(event: NewEvent) -> str:
    """The usual lane: one per order."""
    return event.subject


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Sends an event to a subscriber, whose lane is cut by `lane`. Lower `priority` goes first."""

    subscriber: str
    flow: Flow
    lane: Callable[[NewEvent], str] = by_subject
    priority: int = 50


class Addressed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery about to be written."""

    subscriber: str
    lane: str
    priority: int


class Routes:
    """The routing table."""

    def __init__(self, table: Mapping[str, Sequence[Route]]) -> None:
        self._table = table
        self._flows = {(kind, route.subscriber): route.flow for kind, routes in table.items() for route in routes}
        self.subscribers = tuple(sorted({route.subscriber for routes in table.values() for route in routes}))

    def address(self, event: NewEvent) -> tuple[Addressed, ...]:
        """Every delivery this event gives rise to. An event nobody routes is stored and rests."""
        return tuple(
            Addressed(
                subscriber=route.subscriber,
                lane=f"{route.subscriber}/{route.lane(event)}",
                priority=route.priority,
            )
            for route in self._table.get(event.type, ())
        )

    def flow(self, event_type: str, subscriber: str) -> Flow | None:
        """The flow to run, None if the route was removed since the delivery was written."""
        return self._flows.get((event_type, subscriber))
