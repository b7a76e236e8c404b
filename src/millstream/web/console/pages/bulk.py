"""Bulk: one action on everything a filter means. Estimate, start, watch, pause, resume, cancel."""

from typing import Any

from nicegui import html

from millstream.web.console.bulk.planning import Plan, list_of
from millstream.web.console.bulk.progress import DOING, Progress, may_do
from millstream.web.console.bulk.wish import wish_of
from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.parts import command, empty, link, shell_words
from millstream.web.console.visit import Visit, link_to


@page("/inbox/bulk", title="Bulk actions")
async def bulk(visit: Visit) -> None:
    """With a filter in the address: what it would come to. Without one: the newest bulk actions."""
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
    async def fetch(*, watching: bool) -> Any:
        return (await visit.api.get("/api/bulk", watching=watching))["items"]

    await live(visit, fetch, list_of)
    with html.div().classes("ms-actions"):
        command(shell_words("millstream", "bulk", "show"))


@page("/inbox/bulk/{bulk_id}", title="Bulk action")
async def one_bulk(visit: Visit) -> None:
    """How far it is, and what came of it."""
    with html.p().classes("ms-row"):
        link("← Inbox", link_to("/inbox"))
        link("All bulk actions", link_to("/inbox/bulk"))
    progress = Progress(visit)
    progress.part = await live(visit, progress.fetch, progress.show, every_s=1.0)
