"""Mappings: which fields of our own go along, and what a change of them would do."""

from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import live
from millstream.web.console.mapping.bench import Bench, Json
from millstream.web.console.mapping.workbench import Workbench
from millstream.web.console.parts import card, chip, command, empty, link, moment, shell_words, table
from millstream.web.console.visit import Visit, link_to

NEVER: Final = "never published"
NOT_FOUND: Final = 404
NONE_SUCH: Final = frozenset({NOT_FOUND, 422})  # no such connection, or no direction at all


@page("/mappings", title="Mappings")
async def mappings(visit: Visit) -> None:
    """Every connection and direction, and what is laid over it."""
    html.p("Fields of your own, laid over what a connector maps itself: one expression per field.")

    async def fetch(*, watching: bool) -> Any:
        return (await visit.api.get("/api/mappings", watching=watching))["items"]

    await live(visit, fetch, _show_list)
    with html.div().classes("ms-actions"):
        command(shell_words("millstream", "mappings", "list"))


def _show_list(items: list[Json]) -> None:
    with card():
        table(
            "Mappings",
            ("Mapping", "Records", "In force", "Fields", "Published", "Draft"),
            [_row(item) for item in items],
            numbers=(3,),
        )


def _row(item: Json) -> tuple[Any, ...]:
    name = f"{item['connection']} {item['direction']}"
    return (
        lambda: link(name, link_to(f"/mappings/{item['connection']}/{item['direction']}")),
        ", ".join(item["targets"]),
        lambda: chip(f"version {item['version']}", "good") if item["rules"] else chip("nothing laid over", "idle"),
        str(item["rules"]),
        lambda: _draw_when(item["published_by"], item["published_at"], NEVER),
        lambda: _draw_when(item["draft_by"], item["draft_at"], "none"),
    )


def _draw_when(who: str | None, when: str | None, nobody: str) -> None:
    if who is None:
        html.span(nobody).classes("ms-hint")
        return
    with html.span():
        moment(when, how="ago")
        html.span(f" by {who}")


@page("/mappings/{connection}/{direction}", title="Mapping")
async def workbench(visit: Visit) -> None:
    """Source, rules and result side by side; tests, comparison and versions below."""
    place = f"{visit.part('connection')}/{visit.part('direction')}"
    try:
        mapping = await visit.api.get(f"/api/mappings/{place}")
    except Refused as refusal:
        if refusal.status not in NONE_SUCH:
            raise
        ui.context.client.status_code = NOT_FOUND
        known = refusal.detail if refusal.status == NOT_FOUND else "A direction is inbound or outbound."
        empty(f"There is no mapping {place}.", known)
        link("All mappings", link_to("/mappings"))
        return
    bench = Bench(visit, mapping)
    retitle(f"{bench.connection}, {bench.direction}")
    await Workbench(bench).draw()
