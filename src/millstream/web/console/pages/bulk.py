"""Bulk: one action on everything a filter means. Estimate, start, watch, pause, resume, cancel."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nicegui import html

from millstream.web.console.bulk.planning import Plan, list_of
from millstream.web.console.bulk.progress import DOING, Progress, may_do
from millstream.web.console.bulk.wish import wish_of
from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.parts import command, empty, link, shell_words
from millstream.web.console.visit import Visit, link_to

ROWS: Final = 50


@page("/inbox/bulk", title="Bulk actions")
async def bulk(visit: Visit) -> None:
    """With a filter in the address: what it would come to. Without one: bulk actions page by page, the newest first."""
    with html.p():
        link("← Inbox", link_to("/inbox"))
    wish = wish_of(visit)
    if wish.is_empty:
        await _newest(visit)
        return
    doing = tuple(action for action in DOING if may_do(visit, action))
    if not doing:
        empty("Bulk actions need the right replay.", "An administrator can give you a role with it.")
        return
    asked = visit.query("action", "retry")
    await Plan(visit, wish, asked if asked in doing else doing[0], doing).draw()


async def _newest(visit: Visit) -> None:
    place = visit.query("after")

    async def fetch(*, watching: bool) -> Any:
        return await visit.api.get("/api/bulk", after=place, limit=ROWS, watching=watching)

    await live(visit, fetch, partial(_show, place=place))
    with html.div().classes("ms-actions"):
        command(shell_words("millstream", "bulk", "list", *([f"--after={place}"] if place else [])))


def _show(found: Mapping[str, Any], *, place: str) -> None:
    if place and not found["items"]:
        empty("There are no older bulk actions.")
    else:
        list_of(found["items"])
    if not (place or found["next"]):
        return
    with html.nav(**{"aria-label": "Pages of bulk actions"}).classes("ms-actions"):
        if place:
            link("Newest", link_to("/inbox/bulk"))
        if found["next"]:
            link("Older bulk actions", link_to("/inbox/bulk", after=found["next"]))
        else:
            html.span("No older bulk actions.").classes("ms-hint")


@page("/inbox/bulk/{bulk_id}", title="Bulk action")
async def one_bulk(visit: Visit) -> None:
    """How far it is, and what came of it."""
    with html.p().classes("ms-row"):
        link("← Inbox", link_to("/inbox"))
        link("All bulk actions", link_to("/inbox/bulk"))
    progress = Progress(visit)
    progress.part = await live(visit, progress.fetch, progress.show, every_s=1.0)
