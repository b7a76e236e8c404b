"""Inbox: what fails, by cause, in plain words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, get_args
from urllib.parse import quote

from nicegui import html, ui

from millstream.ports.overview import FailureView
from millstream.web.console.failing import (
    class_chip,
    concerns,
    connections,
    counts,
    draw_marks,
    draw_money,
    means,
    trend_words,
)
from millstream.web.console.frame import page
from millstream.web.console.live import EVERY_S, Live, live
from millstream.web.console.parts import card, command, empty, link, moment, money, shell_words, spark, table, tag
from millstream.web.console.visit import Visit, link_to

VIEWS: Final = {
    "all": "All",
    "mine": "Mine",
    "unassigned": "Nobody's",
    "at_risk": "Orders at risk",
    "snoozed": "Snoozed",
    "resolved": "Resolved, 30 days",
}
_NOTHING: Final = {
    "all": "Nothing fails.",
    "mine": "Nothing that fails is assigned to you.",
    "unassigned": "Everything that fails has somebody who looks after it.",
    "at_risk": "No order is at risk: nothing that fails is about one.",
    "snoozed": "Nothing is snoozed.",
    "resolved": "Nobody resolved a delivery within 30 days.",
}
CAUSES: Final = 50  # on one page


@page("/inbox", title="Inbox")
async def inbox(visit: Visit) -> None:
    """Views with counts, then the causes of the view page by page, the one with most orders first."""
    asked = visit.query("view", "all")
    view = asked if asked in get_args(FailureView) else "all"
    place = visit.query("after")
    names = await connections(visit)

    async def fetch(*, watching: bool) -> Any:
        return {
            "views": (await visit.api.get("/api/failures/views", watching=watching))["items"],
            "causes": await visit.api.get("/api/failures", view=view, after=place, limit=CAUSES, watching=watching),
        }

    part = await live(visit, fetch, partial(_show, view=view, place=place, names=names))
    _looked_at(part)
    with html.div().classes("ms-actions"):
        link("Bulk actions", link_to("/inbox/bulk"))
        command(_shell(view, visit.name, place))


def _shell(view: str, name: str, place: str) -> str:
    """The same page of the same view at the command line, which has no user of its own."""
    words = ["millstream", "deliveries", "causes"]
    if view != "all":
        words += ["--view", view]
    if view == "mine":
        words.append(f"--assignee={name}")
    return shell_words(*words, *([f"--after={place}"] if place else []))


def _looked_at(part: Live) -> None:
    """When the hub was asked last, however long nothing changed."""
    with html.p().classes("ms-hint"):
        html.span("Looked at ")
        stamp = moment(datetime.now(UTC), how="at")
        html.span(f", and again every {EVERY_S:.0f} seconds.")

    def tell() -> None:
        if part.asked_at is not None:
            stamp.props.update(datetime=part.asked_at.isoformat())
            stamp.update()

    ui.timer(EVERY_S, tell)


def _show(found: Mapping[str, Any], *, view: str, place: str, names: Mapping[str, str]) -> None:
    with html.nav(**{"aria-label": "Views"}).classes("ms-views"):
        for one in found["views"]:
            _view(one, is_here=one["view"] == view)
    causes = found["causes"]["items"]
    if causes:
        (here,) = [one for one in found["views"] if one["view"] == view]
        html.p(f"In this view: {_amounts(here)}.").classes("ms-hint")
        with card():
            table(
                "Failures by cause",
                ("What fails", "For whom", "Orders", "Money", "24 hours", "Last seen", "Looked after by"),
                [_row(cause, names) for cause in causes],
                numbers=(2,),
            )
    elif place:
        empty("There are no more causes.", "What stood here has gone on, or moved to an earlier page.")
    else:
        empty(_NOTHING[view], "A failure appears here by itself as soon as there is one.")
    if place or found["causes"]["next"]:
        _pages(view, place, found["causes"]["next"])


def _pages(view: str, place: str, following: str | None) -> None:
    which = None if view == "all" else view
    with html.nav(**{"aria-label": "Pages of causes"}).classes("ms-actions"):
        if place:
            link("Those with most orders", link_to("/inbox", view=which))
        if following:
            link("More causes", link_to("/inbox", view=which, after=following))
        else:
            html.span("No more causes.").classes("ms-hint")


def _amounts(one: Mapping[str, Any]) -> str:
    """How much there is in a view, in words."""
    worth = [money(total["amount"], total["currency"]) for total in one["money"]]
    if one["orders_without_total"]:
        worth.append(f"{one['orders_without_total']} whose money is not known")
    orders = f"{one['orders']} orders" + (f" ({', '.join(worth)})" if worth else "")
    return f"{one['causes']} causes, {one['deliveries']} deliveries, {orders}"


def _view(one: Mapping[str, Any], *, is_here: bool) -> None:
    says = _amounts(one)
    with html.a(href=link_to("/inbox", view=one["view"] if one["view"] != "all" else None)).classes("ms-view") as made:
        html.span(VIEWS[one["view"]])
        html.span(str(one["causes"]), **{"aria-hidden": "true"}).classes("ms-count")
        html.span(f", {says}").classes("ms-unseen")
    made.props.update(title=says)
    if is_here:
        made.classes("ms-view-here").props.update({"aria-current": "page"})


def _row(cause: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Any, ...]:
    return (
        partial(_cause, cause),
        concerns(cause["subscriber"], names),
        str(cause["orders"]),
        partial(draw_money, cause["money"], cause["orders_without_total"]),
        partial(spark, cause["trend"], says=trend_words(cause["trend"])),
        partial(_seen, cause),
        partial(draw_marks, cause["assignees"], cause["unassigned"], cause["tags"]),
    )


def _cause(cause: Mapping[str, Any]) -> None:
    resolved = "1" if cause["resolved"] else None
    link(means(cause), link_to("/inbox/cause/" + quote(cause["fingerprint"], safe=""), resolved=resolved)).classes(
        "ms-cause"
    )
    if cause["says"] and cause["says"] != means(cause):
        html.div(cause["says"]).classes("ms-hint ms-clamp")
    with html.div().classes("ms-row ms-tight"):
        class_chip(cause["fault_class"])
        tag(cause["code"] or "no code")
        html.span(counts(cause)).classes("ms-hint")


def _seen(cause: Mapping[str, Any]) -> None:
    with html.div():
        moment(cause["last_seen"], how="ago")
    with html.div().classes("ms-hint"):
        html.span("first ")
        moment(cause["first_seen"], how="ago")
    if cause["snoozed_until"]:
        with html.div().classes("ms-hint"):
            html.span("back ")
            moment(cause["snoozed_until"], how="at")
