"""Reviews: orders whose customer is in doubt, the longest first."""

from datetime import UTC, datetime
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.parts import card, command, known, link, moment, money, shell_words, table
from millstream.web.console.review_words import KINDS
from millstream.web.console.visit import Visit, link_to

ROWS: Final = 50


@page("/reviews", title="Reviews")
async def reviews(visit: Visit) -> None:
    """Who waits, the longest first; one kind of doubt or all."""
    kind = visit.query("kind") if visit.query("kind") in KINDS else ""
    place = visit.query("after")

    async def fetch(*, watching: bool) -> Any:
        found = await visit.api.get("/api/reviews", kind=kind, after=place, limit=ROWS, watching=watching)
        # How old one is changes at every look, and the browser tells it anyway.
        items = [{name: value for name, value in item.items() if name != "age_s"} for item in found["items"]]
        return {"items": items, "next": found["next"]}

    html.p(
        "These orders wait because the CRM does not say for certain who placed them. Nothing of theirs is lost; "
        "saying it for one lets all orders of the same customer go on."
    ).classes("ms-hint")
    _draw_kinds(kind)
    await live(visit, fetch, lambda found: _draw_list(found, kind, place))


def _draw_kinds(chosen: str) -> None:
    with html.nav(**{"aria-label": "Kinds of doubt"}).classes("ms-row ms-filters"):
        for code, words in {"": "All", **KINDS}.items():
            made = html.a(words, href=link_to("/reviews", kind=code)).classes("ms-filter")
            if code == chosen:
                made.classes("ms-here").props.update({"aria-current": "true"})


def _draw_list(found: dict[str, Any], kind: str, place: str) -> None:
    if found["items"]:
        columns = ("Order", "Customer as stated", "Why it waits", "Value", "Since", "Looked after by")
        with card():
            table("Reviews, the longest first", columns, map(_row, found["items"]), numbers=(3,))
    else:
        with html.div().classes("ms-empty"):
            html.p("No order waits because of its customer.")
            with html.p().classes("ms-hint"):
                html.span("Looked ")
                moment(datetime.now(UTC))
    with html.nav(**{"aria-label": "Pages of reviews"}).classes("ms-actions"):
        if place:
            link("From the beginning", link_to("/reviews", kind=kind))
        if found["next"]:
            link("Later ones", link_to("/reviews", kind=kind, after=found["next"]))
        ui.space()
        command(shell_words("millstream", "reviews", "list", *(("--kind", kind) if kind else ())))


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    return (
        lambda: link(one["number"] or one["order_key"], link_to(f"/reviews/{one['delivery_id']}")).classes(
            "ms-review-number"
        ),
        lambda: _draw_stated_briefly(one["stated"]),
        KINDS.get(one["kind"], one["kind"]),
        money(one["grand_total"], one["currency"]),
        lambda: moment(one["held_at"], how="ago"),
        lambda: known(one["assignee"]) if one["assignee"] else html.span("nobody").classes("ms-hint"),
    )


def _draw_stated_briefly(stated: dict[str, Any] | None) -> None:
    if stated is None:
        known(None)
        return
    with html.span():
        html.span(", ".join(part for part in (stated["name"], stated["company"], stated["email"]) if part))
        if stated["guest"]:
            html.span(" (guest)").classes("ms-hint")
