"""Settings: what can be set here, and what stands in the file."""

from nicegui import html

from millstream.web.console.frame import page
from millstream.web.console.parts import card, command, link, shell_words
from millstream.web.console.settings.tabs import TABS, draw_tabs
from millstream.web.console.visit import Visit, link_to

SAYS = {
    "Users": "Who may sign in, with which role. Add, give another role or password, disable.",
    "Keys": "What programs sign in with. Make one, narrow it, rotate it, revoke it.",
    "Alert rules": "What counts as amiss, who is told and when it is quiet. Changed without a restart.",
    "Secrets": "Credentials of the systems, sealed. Set, rotate; never shown.",
}


@page("/settings", title="Settings")
async def settings(visit: Visit) -> None:
    """The way to each."""
    draw_tabs(visit, "/settings")
    with html.div().classes("ms-grid"):
        for title, path, right in TABS:
            with card():
                with html.h2().classes("ms-heading"):
                    if visit.may(right):
                        link(title, link_to(path))
                    else:
                        html.span(title)
                html.p(SAYS[title])
                if not visit.may(right):
                    html.p(f"Needs the right “{right}”.").classes("ms-hint")
    with html.div().classes("ms-actions"):
        html.span(
            "Everything else stands in the settings file and the environment, and is read at the start: connections, "
            "retries, policies. The doctor tries it."
        ).classes("ms-hint")
        command(shell_words("millstream", "doctor"))
