"""Flow map: what goes where, what waits, what fails."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.states import OPEN_STATES
from millstream.web.console.failing import state_chip
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.overview.choice import choice
from millstream.web.console.overview.flow_map import FlowMap, draw_quiet, draw_table, words
from millstream.web.console.overview.flow_plan import Bounds, judged
from millstream.web.console.parts import card, empty, heading, link, moment, table
from millstream.web.console.visit import Visit, link_to

WINDOWS: Final = {"300": "5 min", "900": "15 min", "3600": "1 h"}
QUEUE_SHOWN: Final = 20
WAITS_FOR_PEOPLE: Final = frozenset({"held", "dead"})
OLDEST: Final = "slo.oldest_item_s"
FAILING: Final = "slo.failing_flow_percent"


@page("/flow", title="Flow map")
async def flow(visit: Visit) -> None:
    """The map, the queue of the route somebody picked, and all of it as a table."""
    window = visit.query("window") if visit.query("window") in WINDOWS else "900"
    await FlowPage(visit, window).build()


class FlowPage:
    """One opened page: which route is chosen, and the parts that follow it."""

    def __init__(self, visit: Visit, window: str) -> None:
        self._visit = visit
        self._window = window
        self._chosen: tuple[str, str] | None = None
        if visit.query("type") and visit.query("to"):
            self._chosen = (visit.query("type"), visit.query("to"))
        self._map = FlowMap(window_s=window, choose=self._choose)
        self._drawn: Live | None = None
        self._queue: Live | None = None

    async def build(self) -> None:
        """Draws it."""
        self._as_of = choice("Counted over", WINDOWS, self._window, path="/flow", name="window")
        html.p(
            "From left to right: who tells of an event, the event as it is stored once, the queue of each route, "
            "and the system it goes to. What stands in a tray is written down: it survives a crash."
        ).classes("ms-hint")
        with html.div().classes("ms-live"):
            map_place = html.section(**{"aria-label": "Map"})
            self._section = html.section(tabindex="-1", **{"aria-label": "Queue"}).classes("ms-card").props("id=queue")
            with self._section:
                self._queue = await live(self._visit, self._fetch_queue, self._show_queue)
            with html.details().classes("ms-card"):
                html.summary("The map as a table")
                self._table = html.div()
            with card("Quiet routes"):
                html.p(f"Nothing went by them within {WINDOWS[self._window]}, and nothing waits.").classes("ms-hint")
                self._quiet = html.div()
        with map_place:
            self._drawn = await live(self._visit, self._fetch, self._show)

    async def _fetch(self, *, watching: bool) -> Any:
        get = partial(self._visit.api.get, watching=watching)
        found = await get("/api/routes", window_s=self._window)
        connections = (await get("/api/connections"))["items"]
        levels = {each["level"]["name"]: each["value"] for each in (await get("/api/alerts/rules"))["levels"]}
        bounds = Bounds(oldest_s=levels[OLDEST], failing_percent=levels[FAILING])
        by_kind = {each["kind"]: _standing(each) for each in connections}
        self._as_of.props.update({"datetime": datetime.now(UTC).isoformat()})
        return {
            "routes": [judged(each, by_kind, bounds) for each in found["items"]],
            "quiet": found["quiet"],
            "connections": by_kind,
            "chosen": self._chosen,
        }

    def _show(self, found: dict[str, Any]) -> None:
        routes, by_kind = found["routes"], found["connections"]
        by_name = {each["name"]: each for each in by_kind.values()}
        if routes:
            self._map.draw(routes, by_name, chosen=found["chosen"])
        else:
            empty(
                f"Nothing moved within {WINDOWS[self._window]}, and nothing waits.",
                "Routes appear here as soon as an event takes them.",
            )
        self._table.clear()
        with self._table:
            draw_table(routes)
        self._quiet.clear()
        with self._quiet:
            draw_quiet(found["quiet"], by_kind)

    async def _choose(self, route: tuple[str, str]) -> None:
        self._chosen = route
        event_type, to = route
        ui.navigate.history.replace(link_to("/flow", window=self._window, type=event_type, to=to))
        assert self._queue is not None
        assert self._drawn is not None
        await self._queue.again()
        await self._drawn.again()
        with self._section:  # the link that was followed is not there any more
            ui.run_javascript("document.getElementById('queue').focus()")

    async def _fetch_queue(self, *, watching: bool) -> Any:
        if self._chosen is None:
            return {"chosen": None}
        event_type, to = self._chosen
        found = await self._visit.api.get(
            "/api/deliveries",
            to=to,
            type=event_type,
            state=[state.value for state in OPEN_STATES],
            newest_first=False,
            limit=QUEUE_SHOWN,
            watching=watching,
        )
        return {"chosen": self._chosen, **found}

    def _show_queue(self, found: dict[str, Any]) -> None:
        if found["chosen"] is None:
            heading("Queue")
            html.p("Choose a route in the map to see what waits in it.").classes("ms-hint")
            return
        event_type, to = found["chosen"]
        heading(f"Queue: {words(event_type)}, to {to}")
        if not found["items"]:
            html.p("Nothing waits in it now.")
            return
        _draw_queue(found["items"])
        if found["next"]:
            html.p(f"These are the {QUEUE_SHOWN} oldest; there are more.").classes("ms-hint")
        link("What fails, by cause: the inbox", link_to("/inbox"))


def _standing(connection: dict[str, Any]) -> dict[str, Any]:
    """What is drawn of a connection; its figures move on with every call."""
    return {name: connection[name] for name in ("name", "kind", "state", "breaker")}


def _draw_queue(deliveries: list[dict[str, Any]]) -> None:
    table(
        "What waits, the oldest first",
        ("Order", "State", "Waits since", "Tries", "Next try", "Why"),
        (
            (
                partial(_order, each["subject"]),
                partial(state_chip, each["state"]),
                partial(moment, each["created_at"], how="ago"),
                str(each["tries"]),
                _next_try(each),
                partial(link, each["message"] or each["code"] or "not tried yet", link_to(f"/inbox/{each['id']}")),
            )
            for each in deliveries
        ),
        numbers=(3,),
    )


def _order(subject: str) -> None:
    link(subject, link_to("/orders/" + quote(subject, safe=""))).classes("ms-nowrap")


def _next_try(delivery: dict[str, Any]) -> Any:
    if delivery["state"] in WAITS_FOR_PEOPLE:
        return "when somebody decides"
    if delivery["state"] == "running":
        return "now"
    if not delivery["head"]:
        return "after the one before it"
    return partial(moment, delivery["due_at"], how="ago")
