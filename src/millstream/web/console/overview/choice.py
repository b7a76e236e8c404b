"""The bar above figures: over which stretch of time they are counted, and as of when they are."""

from collections.abc import Mapping
from datetime import UTC, datetime

from nicegui import html

from millstream.web.console.parts import moment
from millstream.web.console.visit import link_to


def choice(label: str, offered: Mapping[str, str], chosen: str, *, path: str, name: str) -> html.time:
    """Links to the same page with another `name` in its query. Returns the time that says as of when things are."""
    with html.div().classes("ms-row ms-choice-bar"):
        with html.nav(**{"aria-label": label}).classes("ms-choice"):
            for value, text in offered.items():
                one = html.a(text, href=link_to(path, **{name: value}))
                if value == chosen:
                    one.props.update({"aria-current": "true"})
        with html.div().classes("ms-hint"):
            html.span("As of ")
            as_of = moment(datetime.now(UTC), how="at")
    assert isinstance(as_of, html.time), "there is a time to tell"
    return as_of
