"""The way between the pages under Settings."""

from typing import Final

from nicegui import html

from millstream.domain.access import Right
from millstream.web.console.parts import link
from millstream.web.console.visit import Visit, link_to

TABS: Final = (
    ("Users", "/settings/users", Right.MANAGE_ACCESS),
    ("Keys", "/settings/keys", Right.MANAGE_ACCESS),
    ("Alert rules", "/settings/rules", Right.VIEW),
    ("Secrets", "/settings/secrets", Right.MANAGE_ACCESS),
)
"""Title, path, right."""


def draw_tabs(visit: Visit, here: str) -> None:
    """Those that whoever looks may open."""
    with html.nav(**{"aria-label": "Settings"}), html.ul().classes("ms-subnav"):
        for title, path, right in TABS:
            if visit.may(right):
                with html.li():
                    tab = link(title, link_to(path))
                    if path == here:
                        tab.props.update({"aria-current": "page"})
