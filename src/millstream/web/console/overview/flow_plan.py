"""What the flow map shows and where: routes judged, and put in four columns from left to right. Numbers only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from millstream.domain import events
from millstream.web.console.overview.standing import percent, standing_of
from millstream.web.console.parts import span

Tone = Literal["good", "info", "warn", "bad"]
HUB: Final = "millstream"
ROW: Final = 96  # pixels from one route to the next
COLUMNS: Final = {"source": (0, 130), "event": (190, 200), "route": (465, 345), "target": (870, 130)}
"""Column -> where it begins and how wide it is, in thousandths of the width."""
SLOW_S: Final = 60.0
SEQUENCE: Final = (
    events.ORDER_HINTED, events.ORDER_PLACED, events.ORDER_ADDRESS_CHANGED, events.ORDER_CANCELLED,
    events.ORDER_CONFIRMED, events.ORDER_INCOMPLETE_IN_CRM, events.ORDER_RESCHEDULED, events.ORDER_PROMISE_REPORTED,
    events.ORDER_PROMISE_CHANGED,
    events.ORDER_SHIPMENT_REPORTED, events.ORDER_PACKED, events.ORDER_SHIPPED, events.ORDER_TRACKED,
    events.ORDER_DELIVERY_REPORTED, events.ORDER_DELIVERED,
    events.ORDER_REST_CANCELLED_BY_ERP, events.ORDER_REST_CANCELLED,
    events.ORDER_CANCELLED_BY_ERP, events.ORDER_CANCELLATION_CONFIRMED,
    events.ORDER_HOLD_WANTED, events.ORDER_UNHOLD_WANTED,
)  # fmt: skip
"""As an order meets them."""
_WORDS: Final[dict[Tone, str]] = {"good": "flows", "info": "waits", "warn": "backs up", "bad": "in trouble"}
_RANK: Final[tuple[Tone, ...]] = ("good", "info", "warn", "bad")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on something is amiss: the levels that alerts go by."""

    oldest_s: float
    failing_percent: float


class RouteShown(msgspec.Struct, frozen=True, kw_only=True):
    """One route as it is drawn. `reasons` are what is the matter, in words; none: nothing."""

    event_type: str
    subscriber: str
    sources: tuple[str, ...]
    goes_to: str
    in_per_min: float
    out_per_min: float
    queue: int
    oldest_age_s: float | None
    error_share: float | None
    tone: Tone
    reasons: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Which one it is."""
        return (self.event_type, self.subscriber)

    @property
    def says(self) -> str:
        """How it stands, in a word."""
        return _WORDS[self.tone]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a column, so many rows from the top."""

    name: str
    row: float


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A line between two columns; `path` in thousandths of the width and pixels. `per_min` says how thick."""

    path: str
    tone: Tone
    per_min: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole map."""

    sources: tuple[Place, ...]
    events: tuple[tuple[Place, tuple[RouteShown, ...]], ...]
    targets: tuple[Place, ...]
    edges: tuple[Edge, ...]
    height: int


def judged(flow: Mapping[str, Any], connections: Mapping[str, Mapping[str, Any]], bounds: Bounds) -> RouteShown:
    """How a route stands. `connections`: by kind, which is what subscribers are called by."""
    target = connections.get(flow["subscriber"])
    found = _reasons(flow, target, bounds)
    tone: Tone = max((tone for tone, _ in found), key=_RANK.index, default="info" if flow["queue"] else "good")
    return RouteShown(
        event_type=flow["event_type"],
        subscriber=flow["subscriber"],
        sources=tuple(flow["sources"]),
        goes_to=target["name"] if target else HUB,
        in_per_min=flow["in_per_min"],
        out_per_min=flow["out_per_min"],
        queue=flow["queue"],
        oldest_age_s=_coarse(flow["oldest_age_s"]),
        error_share=flow["error_share"],
        tone=tone,
        reasons=tuple(reason for _, reason in found),
    )


def _reasons(flow: Mapping[str, Any], target: Mapping[str, Any] | None, bounds: Bounds) -> list[tuple[Tone, str]]:
    found: list[tuple[Tone, str]] = []
    oldest, share, queue = flow["oldest_age_s"], flow["error_share"], flow["queue"]
    if target is not None and standing_of(target)[1] in {"warn", "bad"}:
        words, tone = standing_of(target)
        found.append(("bad" if tone == "bad" else "warn", f"{target['name']}: {words}"))
    if oldest is not None and oldest > bounds.oldest_s:
        found.append(("bad", f"the oldest waits for more than {span(bounds.oldest_s)}"))
    if share is not None and share * 100 > bounds.failing_percent:
        found.append(("bad", f"{percent(share)} of the tries fail"))
    if queue and oldest is not None and oldest > SLOW_S and flow["in_per_min"] > flow["out_per_min"]:
        found.append(("warn", "more comes in than goes out"))
    return found


def _coarse(age_s: float | None) -> float | None:
    """Tens of seconds, then minutes: so that the map is not drawn anew for each second."""
    if age_s is None:
        return None
    return age_s // 10 * 10 if age_s < 60 else age_s // 60 * 60


def planned(routes: Sequence[RouteShown]) -> Plan:
    """Where everything stands: each route in a row, what it comes from and goes to beside the middle of its routes."""
    ordered = sorted(routes, key=lambda route: (*_order(route.event_type), route.subscriber))
    row_of = {route.key: row for row, route in enumerate(ordered)}
    groups = [
        (event, tuple(route for route in ordered if route.event_type == event))
        for event in dict.fromkeys(route.event_type for route in ordered)
    ]
    at_event = {event: _middle([row_of[route.key] for route in there]) for event, there in groups}
    told: dict[str, list[float]] = {}
    for route in ordered:
        for source in route.sources:
            told.setdefault(source, []).append(at_event[route.event_type])
    taken: dict[str, list[float]] = {}
    for route in ordered:
        taken.setdefault(route.goes_to, []).append(row_of[route.key])
    rows = max(len(ordered), len(told), len(taken))
    sources, targets = _spread(told, rows), _spread(taken, rows)
    return Plan(
        sources=sources,
        events=tuple((Place(name=event, row=at_event[event]), there) for event, there in groups),
        targets=targets,
        edges=_edges(ordered, row_of, at_event, sources, targets),
        height=rows * ROW,
    )


def _order(event_type: str) -> tuple[int, str]:
    return (SEQUENCE.index(event_type) if event_type in SEQUENCE else len(SEQUENCE), event_type)


def _middle(rows: Sequence[float]) -> float:
    return sum(rows) / len(rows)


def _spread(wanted: Mapping[str, Sequence[float]], rows: int) -> tuple[Place, ...]:
    """Near the middle of what belongs to it, a row apart, within the map."""
    places: list[Place] = []
    ordered = sorted(wanted.items(), key=lambda item: (_middle(item[1]), item[0]))
    for at, (name, there) in enumerate(ordered):
        above = places[-1].row + 1 if places else 0.0
        last = max(rows - (len(ordered) - at), 0)
        places.append(Place(name=name, row=max(above, min(_middle(there), last))))
    return tuple(places)


def _edges(
    routes: Sequence[RouteShown],
    row_of: Mapping[tuple[str, str], float],
    at_event: Mapping[str, float],
    sources: Sequence[Place],
    targets: Sequence[Place],
) -> tuple[Edge, ...]:
    at_source, at_target = ({place.name: place.row for place in places} for places in (sources, targets))
    told: dict[str, Edge] = {}
    moved: list[Edge] = []
    for route in routes:
        event, row = at_event[route.event_type], row_of[route.key]
        for source in route.sources:
            path = _path("source", at_source[source], "event", event)
            told[path] = Edge(path=path, tone="good", per_min=route.in_per_min)
        came, went = _path("event", event, "route", row), _path("route", row, "target", at_target[route.goes_to])
        moved.append(Edge(path=came, tone="good", per_min=route.in_per_min))
        moved.append(Edge(path=went, tone=route.tone, per_min=route.out_per_min))
    return (*told.values(), *moved)


def _path(left: str, left_row: float, right: str, right_row: float) -> str:
    begin, end = sum(COLUMNS[left]), COLUMNS[right][0]
    middle = (begin + end) / 2
    top, bottom = (row * ROW + ROW / 2 for row in (left_row, right_row))
    return f"M{begin} {top:.1f}C{middle} {top:.1f} {middle} {bottom:.1f} {end} {bottom:.1f}"
