"""One order: every number it has, where it stands, what happened, and what the customer sees of it."""

from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.api import Refused
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import live
from millstream.web.console.order.cards import draw_lines, draw_money, draw_promises, draw_raw, draw_told
from millstream.web.console.order.deliveries import Deliveries
from millstream.web.console.order.head import draw_head, head_of
from millstream.web.console.order.history import FILTERS, draw_filters, draw_history
from millstream.web.console.order.holding import Holding
from millstream.web.console.order.lanes import draw_lanes
from millstream.web.console.order.story import Story, entries_of
from millstream.web.console.parts import card, command, empty, link, shell_words
from millstream.web.console.visit import Visit, link_to

UNKNOWN: Final = 404
SECTIONS: Final = (
    ("timeline", "Timeline"),
    ("lines", "Lines"),
    ("money", "Money"),
    ("customer", "What does the customer see?"),
    ("promises", "Promises"),
    ("history", "History"),
    ("deliveries", "Deliveries and attempts"),
)


@page("/orders/{key}", title="Order")
async def order(visit: Visit) -> None:
    """Asks once for everything; each part is drawn anew when what it shows has changed."""
    key = visit.part("key")
    path = f"/api/orders/{quote(key, safe='')}"
    try:
        first = await visit.api.get(path)
    except Refused as refusal:
        _draw_refusal(key, refusal)
        return
    number = first["summary"]["number"] or key
    retitle(f"Order {number}")
    _draw_places(number)
    await _draw_parts(visit, Story(visit, path, first), f"/orders/{quote(key, safe='')}")


async def _draw_parts(visit: Visit, story: Story, here: str) -> None:
    chosen = visit.query("show")
    chosen = chosen if chosen in FILTERS else ""

    def entries(found: dict[str, Any]) -> dict[str, Any]:
        return {name: found[name] for name in ("moments", "gaps", "told")}

    await live(visit, story.part(head_of, loud=True), draw_head)
    await _draw_holding(visit, story)
    with _section("timeline"):
        # Without a filter the list on this page has every entry; with one, the whole list is a page of its own.
        href = link_to(here) if chosen else ""
        await live(visit, story.part(entries), lambda found: draw_lanes(entries_of(found), href=href))
    with _section("lines"):
        await live(visit, story.part(lambda found: found["lines"]), draw_lines)
    with html.div().classes("ms-grid"):
        with _section("money"):
            await live(visit, story.part(lambda found: found["money"]), draw_money)
        with _section("customer"):
            await live(visit, story.part(lambda found: found["told"]), draw_told)
    with _section("promises"):
        await live(visit, story.part(_promises), draw_promises)
    with _section("history"):
        draw_filters(here, chosen)
        await live(visit, story.part(entries), lambda found: draw_history(entries_of(found), chosen))
    with _section("deliveries"):
        await live(visit, story.part(lambda found: found["deliveries"]), Deliveries().draw)
    if visit.may(Right.VIEW_PAYLOAD):
        with card("Raw order").classes("ms-order-section"):
            await live(visit, story.part(lambda found: found["order"]), draw_raw)


async def _draw_holding(visit: Visit, story: Story) -> None:
    async def again() -> None:
        story.ask_anew()
        await part.again()

    actions = Holding(visit, story.path, story.number, again)
    part = await live(visit, story.part(lambda found: found["can"]), actions.draw)


def _section(name: str) -> html.section:
    made = card(dict(SECTIONS)[name]).classes("ms-order-section")
    made.props.update(id=name)
    return made


def _promises(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": found["state"],
        "promises": found["promises"],
        "skus": {line["line_id"]: line["sku"] for line in found["lines"] or ()},
    }


def _draw_places(number: str) -> None:
    with html.div().classes("ms-row ms-order-places"):
        with html.nav(**{"aria-label": "On this page"}).classes("ms-row"):
            for name, title in SECTIONS:
                html.a(title, href=f"#{name}").classes("ms-link")
        ui.space()
        command(shell_words("millstream", "orders", "show", number))


def _draw_refusal(key: str, refusal: Refused) -> None:
    if refusal.status != UNKNOWN:
        ui.label(f"This order could not be read: {refusal.detail}").classes("ms-warning")
        return
    ui.context.client.status_code = UNKNOWN
    empty(f"No order has the key {key}.", "Every other number is found by the search.")
    link("Search for it", link_to("/orders", q=key))
