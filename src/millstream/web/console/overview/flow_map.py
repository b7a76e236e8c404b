"""Draws the flow map: as a map where there is room, as a list where there is not, and as a table."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log1p
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.overview.flow_plan import (
    COLUMNS,
    HUB,
    ROW,
    Place,
    Plan,
    RouteShown,
    planned,
)
from millstream.web.console.overview.standing import percent, standing_of
from millstream.web.console.parts import chip, span, table, tag
from millstream.web.console.visit import link_to

Choose = Callable[[tuple[str, str]], Any]
_ON_CLICK: Final = """(event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  emit();
}"""
"""What opens another tab or window does so; anything else stays on this page."""


def words(event_type: str) -> str:
    """An event in words: order placed."""
    return event_type.replace(".", " ").replace("_", " ")


class FlowMap:
    """`window_s`: over which things are counted. `choose` is told which route somebody picked."""

    def __init__(self, *, window_s: str, choose: Choose) -> None:
        self._window_s = window_s
        self._choose = choose

    def draw(
        self,
        routes: Sequence[RouteShown],
        connections: Mapping[str, Mapping[str, Any]],
        *,
        chosen: tuple[str, str] | None,
    ) -> None:
        """The map. `connections` by name."""
        plan = planned(routes)
        with html.div().classes("ms-flow").style(f"height: {plan.height}px"):
            _lines(plan)
            for place in plan.sources:
                _end(place, "source", connections)
            with html.ol(**{"aria-label": "Events and their routes"}).classes("ms-flow-list"):
                row = 0
                for event, there in plan.events:
                    with html.li():
                        _event(event, there, connections)
                        for route in there:
                            self._route(route, row, is_chosen=route.key == chosen)
                            row += 1
            for place in plan.targets:
                _end(place, "target", connections)

    def _route(self, route: RouteShown, row: int, *, is_chosen: bool) -> None:
        href = link_to("/flow", window=self._window_s, type=route.event_type, to=route.subscriber)
        with html.a(href=href).classes(f"ms-tray ms-flow-route ms-{route.tone}").style(_place("route", row)) as node:
            with html.div().classes("ms-flow-name"):
                html.span(f"{words(route.event_type)}, ").classes("ms-unseen")
                html.span(f"to {_system(route)}")
                chip(route.says, route.tone)
            html.div(f"{_rate(route.in_per_min)} in, {_rate(route.out_per_min)} out per min")
            html.div(_waits(route))
            for reason in route.reasons[:1]:
                html.div(reason).classes("ms-flow-reason")
        if is_chosen:
            node.props.update({"aria-current": "true"})
        if route.reasons:
            node.props.update({"title": "; ".join(route.reasons)})
        node.on("click", partial(self._choose, route.key), js_handler=_ON_CLICK)


def _system(route: RouteShown) -> str:
    return route.goes_to if route.goes_to != HUB else f"this hub ({route.subscriber})"


def _rate(per_min: float) -> str:
    return f"{per_min:.2f}" if per_min < 10 else f"{per_min:.0f}"


def _waits(route: RouteShown) -> str:
    said = f"{route.queue} wait" if route.queue else "nothing waits"
    if route.oldest_age_s is not None:
        said += f", oldest {span(route.oldest_age_s) if route.oldest_age_s else 'just now'}"
    return f"{said} · {_fails(route)}"


def _fails(route: RouteShown) -> str:
    return "nothing tried" if route.error_share is None else f"{percent(route.error_share)} fail"


def _place(column: str, row: float) -> str:
    left, width = COLUMNS[column]
    return f"top: {row * ROW:.0f}px; left: {left / 10}%; width: {width / 10}%"


def _end(place: Place, column: str, connections: Mapping[str, Mapping[str, Any]]) -> None:
    # Told to screen readers by the routes and events themselves.
    with html.div(**{"aria-hidden": "true"}).classes("ms-flow-end").style(_place(column, place.row)):
        html.strong("This hub" if place.name == HUB else place.name)
        connection = connections.get(place.name)
        if connection:
            html.span(connection["kind"]).classes("ms-hint")
            if column == "target":
                chip(*standing_of(connection))


def _event(place: Place, routes: Sequence[RouteShown], connections: Mapping[str, Mapping[str, Any]]) -> None:
    sources = dict.fromkeys(source for route in routes for source in route.sources)
    with html.div().classes("ms-tray ms-flow-event").style(_place("event", place.row)):
        html.strong(words(place.name))
        if sources:
            named = ", ".join("this hub" if source == HUB else _kind(source, connections) for source in sources)
            html.div(f"from {named}").classes("ms-hint")
        html.div(f"{_rate(max(route.in_per_min for route in routes))} per min")


def _kind(source: str, connections: Mapping[str, Mapping[str, Any]]) -> str:
    connection = connections.get(source)
    return f"{source} ({connection['kind']})" if connection and connection["kind"] != source else source


def _lines(plan: Plan) -> None:
    canvas = ui.element("svg").classes("ms-flow-lines")
    canvas.props.update({"viewBox": f"0 0 1000 {plan.height}", "preserveAspectRatio": "none", "aria-hidden": "true"})
    with canvas:
        for edge in plan.edges:
            line = ui.element("path").classes(f"ms-flow-line ms-{edge.tone}")
            line.props.update({"d": edge.path, "stroke-width": f"{1.5 + min(2 * log1p(edge.per_min), 7):.1f}"})


def draw_table(routes: Sequence[RouteShown]) -> None:
    """The same facts in rows."""
    table(
        "The map as a table",
        ("Event", "From", "To", "Stands", "In per min", "Out per min", "Waiting", "Oldest", "Failed tries", "Amiss"),
        (
            (
                words(route.event_type),
                ", ".join("this hub" if source == HUB else source for source in route.sources) or "nothing came in",
                _system(route),
                partial(chip, route.says, route.tone),
                _rate(route.in_per_min),
                _rate(route.out_per_min),
                str(route.queue),
                "nothing waits" if route.oldest_age_s is None else span(route.oldest_age_s),
                percent(route.error_share) or "nothing tried",
                "; ".join(route.reasons) or "nothing",
            )
            for route in sorted(routes, key=lambda route: route.key)
        ),
        numbers=(4, 5, 6, 7, 8),
    )


def draw_quiet(quiet: Sequence[Mapping[str, str]], connections: Mapping[str, Mapping[str, Any]]) -> None:
    """Routes by which nothing goes now. `connections` by kind."""
    with html.ul().classes("ms-flow-quiet"):
        for route in quiet:
            to = route["subscriber"]
            name = connections[to]["name"] if to in connections else f"this hub ({to})"
            with html.li():
                tag(f"{words(route['event_type'])} to {name}")
