"""The same as the lanes, as a list: newest on top, by who is concerned."""

from collections.abc import Sequence
from typing import Final

from nicegui import html, ui

from millstream.web.console.failing import state_chip
from millstream.web.console.order.lanes import gap_words
from millstream.web.console.order.story import ENTRIES_MAX, Entry, Kind
from millstream.web.console.order.words import LANE_NAMES
from millstream.web.console.parts import link, moment, span, tag
from millstream.web.console.visit import link_to

FILTERS: Final[dict[str, tuple[str, frozenset[Kind]]]] = {
    "": ("Everything", frozenset({"fact", "try", "gap", "told"})),
    "business": ("Business", frozenset({"fact", "gap", "told"})),
    "technical": ("Technical", frozenset({"try", "gap"})),
    "customer": ("Visible to the customer", frozenset({"told"})),
}
"""Name in the address -> title, and what is shown."""

_ICONS: Final[dict[Kind, str]] = {"fact": "circle", "try": "sync_alt", "gap": "hourglass_empty", "told": "mail"}


def draw_filters(path: str, chosen: str) -> None:
    """Which entries: links, so that the address keeps the choice."""
    with html.nav(**{"aria-label": "What the list shows"}).classes("ms-row ms-filters"):
        for name, (title, _) in FILTERS.items():
            made = html.a(title, href=link_to(path, show=name) + "#history").classes("ms-filter")
            if name == chosen:
                made.classes("ms-here").props.update({"aria-current": "true"})


def draw_history(entries: Sequence[Entry], chosen: str) -> None:
    """The list."""
    kinds = FILTERS[chosen][1]
    shown = [entry for entry in reversed(entries) if entry.kind in kinds]
    if not shown:
        ui.label("Nothing of this kind has happened yet.").classes("ms-hint")
    box = html.div(role="region", tabindex="0", **{"aria-label": "What happened, newest first"}).classes(
        "ms-history-box"
    )
    with box, html.ol(reversed=True).classes("ms-history"):
        for entry in shown:
            _draw_entry(entry)
    if len(entries) == ENTRIES_MAX:
        ui.label(f"The newest {ENTRIES_MAX} entries; the command and the API tell all of them.").classes("ms-hint")


def _draw_entry(entry: Entry) -> None:
    with html.li(id=entry.anchor, tabindex="-1").classes("ms-entry-row"):
        html.span(_ICONS[entry.kind], **{"aria-hidden": "true"}).classes(f"material-icons ms-sign ms-sign-{entry.kind}")
        with html.div().classes("ms-entry-time"):
            moment(entry.at, how="at")
        tag(LANE_NAMES.get(entry.lane, entry.lane))
        with html.div().classes("ms-entry-words"):
            html.span(gap_words(entry) if entry.kind == "gap" else entry.words)
            _draw_more(entry)


def _draw_more(entry: Entry) -> None:
    if entry.kind == "try":
        state_chip(entry.outcome or "not known")
        html.span(f"took {span(entry.took_s)}").classes("ms-hint")
    if entry.kind == "fact" and entry.took_s is not None:
        html.span(f"known here after {span(entry.took_s)}").classes("ms-hint")
    if entry.lasts:
        moment(entry.at, how="ago").classes("ms-hint")
    if entry.detail:
        html.span(entry.detail).classes("ms-hint")
    if entry.delivery_id is not None:
        link(f"delivery {entry.delivery_id}", link_to(f"/inbox/{entry.delivery_id}"))
