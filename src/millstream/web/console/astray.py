"""What is shown where there is no page, and where a page could not be made. Loaded after every page."""

from typing import Final

from nicegui import html, ui
from starlette.convertors import StringConvertor, register_url_convertor

from millstream.web.console.api import Refused
from millstream.web.console.frame import page
from millstream.web.console.parts import empty, link
from millstream.web.console.visit import Visit, link_to

NOT_FOUND: Final = 404
UNAVAILABLE: Final = 503


class _NoPage(StringConvertor):
    """Any path but those that NiceGUI answers itself: it adds to them while it runs."""

    regex = r"(?!_nicegui|favicon\.ico).*"


register_url_convertor("no_page", _NoPage())


@page("/{rest:no_page}", title="No such page")
async def nowhere(_: Visit) -> None:
    """An address that leads to no page."""
    ui.context.client.status_code = NOT_FOUND
    empty("No page has this address.", "The pages stand on the left; any number is found by the search above.")
    link("Today", link_to("/"))


def draw_failure(error: Exception) -> None:
    """In place of the page. What went wrong inside is for the log; a refusal of the API is for people."""
    ui.page_title("Not shown · Millstream")
    ui.dark_mode(None)
    with html.div().classes("ms-main").props('role="main"'):
        html.h1("This page could not be shown").classes("ms-title")
        if isinstance(error, Refused) and error.status == UNAVAILABLE:
            html.p("The database does not answer now. Nothing is lost.").classes("ms-warning")
        elif isinstance(error, Refused):
            html.p(error.detail).classes("ms-warning")
        else:
            html.p("The hub made a mistake; its log has it. Orders are not touched by it.").classes("ms-warning")
        with html.div().classes("ms-actions"):
            link("Try again", "")
            link("Today", link_to("/"))
