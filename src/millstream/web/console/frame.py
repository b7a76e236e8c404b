"""The frame around every page: who may open it, where one can go, and how it looks."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import ElementFilter, html, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from millstream.domain.access import Right
from millstream.web.auth.gate import Gate
from millstream.web.console.api import UNAUTHENTICATED, Api, Refused
from millstream.web.console.visit import Visit, link_to, whole_path

BUILT_WITHIN_S: Final = 30.0
THEME_COOKIE: Final = "millstream_theme"
_THEMES: Final = {"light": False, "dark": True}

NAVIGATION: Final = (
    ("Work", (
        ("Today", "/", "space_dashboard", Right.VIEW),
        ("Orders", "/orders", "receipt_long", Right.VIEW),
        ("Inbox", "/inbox", "inbox", Right.VIEW),
        ("Reviews", "/reviews", "how_to_reg", Right.VIEW),
        ("Alerts", "/alerts", "notifications", Right.VIEW),
    )),
    ("Systems", (
        ("Connections", "/connections", "hub", Right.VIEW),
        ("Flow map", "/flow", "account_tree", Right.VIEW),
        ("Mappings", "/mappings", "swap_horiz", Right.VIEW),
    )),
    ("Hub", (
        ("Audit", "/audit", "fact_check", Right.VIEW_AUDIT),
        ("Settings", "/settings", "settings", Right.VIEW),
    )),
)  # fmt: skip
"""Section -> (title, path, icon, right). Customers, prices, stock and promises get a section of their own."""

Build = Callable[[Visit], Awaitable[Response | None]]


class Opening:
    """How pages find out who looks. Set once, when the console is installed."""

    app: Any = None
    gate: Gate | None = None


def page(path: str, *, title: str, right: Right = Right.VIEW) -> Callable[[Build], Build]:
    """Makes a page of a function. It is called for people who have the right, inside `<main>`, under the title."""

    def decorate(build: Build) -> Build:
        @ui.page(path, title=f"{title} · Millstream", response_timeout=BUILT_WITHIN_S, language="en-US")
        async def opened(request: Request) -> Response | None:
            return await _open(request, path=path, title=title, right=right, build=build)

        return build

    return decorate


async def _open(request: Request, *, path: str, title: str, right: Right, build: Build) -> Response | None:
    assert Opening.gate is not None
    secret = Opening.gate.session_secret(request)
    api = Api(Opening.app, request, secret=secret)
    try:
        myself = await api.get("/api/session")
    except Refused as refusal:
        if refusal.status != UNAUTHENTICATED:
            raise
        return RedirectResponse(link_to("/sign-in", next=whole_path(request)), status_code=303)
    visit = Visit(name=myself["name"], rights=frozenset(map(Right, myself["rights"])), api=api, request=request)
    _theme(request)
    _draw_frame(visit, path)
    with html.div().classes("ms-main").props('id="content" tabindex="-1"'):
        html.h1(title).classes("ms-title")
        if not visit.may(right):
            ui.context.client.status_code = 403
            ui.label(f"This page needs the right “{right}”. An administrator can give you a role with it.").classes(
                "ms-warning"
            )
            return None
        return await build(visit)


def retitle(text: str) -> None:
    """The page's title, once it is known what the page is about."""
    for heading in ElementFilter(kind=html.h1):
        heading._text = text  # noqa: SLF001 - plain elements have no other way to be given another text
        heading.update()
    ui.page_title(f"{text} · Millstream")


def _theme(request: Request) -> None:
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    ui.dark_mode(_THEMES.get(chosen))
    ui.colors(primary="#1d5fa8", secondary="#3f5268", accent="#8a4b00", positive="#1b7a3d", negative="#b3261e",
              info="#1d5fa8", warning="#8a5a00", dark="#12181f", dark_page="#12181f")  # fmt: skip


def _draw_frame(visit: Visit, path: str) -> None:
    drawer = ui.left_drawer(value=None, fixed=True, bordered=True).classes("ms-drawer").props("width=216")
    with ui.header(elevated=False).classes("ms-header"):
        html.a("Skip to the content", href="#content").classes("ms-skip")
        menu = ui.button(icon="menu", on_click=drawer.toggle, color=None).classes("ms-menu")
        menu.props('flat round dense aria-label="Navigation"')
        html.a("Millstream", href=link_to("/")).classes("ms-brand")
        _any_number()
        ui.space()
        with html.button(type="button", **{"data-ms": "theme", "aria-label": "Light, dark, or as the system"}).classes(
            "ms-icon"
        ):
            html.span("contrast", **{"aria-hidden": "true"}).classes("material-icons")
        html.span(visit.name).classes("ms-who")
        html.button("Sign out", type="button", **{"data-ms": "sign-out"}).classes("ms-plain")
    with drawer, html.nav(**{"aria-label": "Pages"}):
        for section, entries in NAVIGATION:
            shown = [entry for entry in entries if visit.may(entry[3])]
            if shown:
                html.div(section).classes("ms-section")
            for title, target, icon, _ in shown:
                _entry(title, target, icon, is_here=target == path or (target != "/" and path.startswith(target + "/")))


def _any_number() -> None:
    with html.form(role="search", action=link_to("/orders"), method="get").classes("ms-search"):
        ui.element("input").props.update(
            {
                "name": "q",
                "type": "search",
                "id": "any-number",
                "maxlength": "200",
                "autocomplete": "off",
                "placeholder": "Any number: order, ERP, PO, tracking, e-mail",
                "aria-label": "Find an order by any number",
            }
        )


def _entry(title: str, target: str, icon: str, *, is_here: bool) -> None:
    with html.a(href=link_to(target)).classes("ms-entry") as link:
        html.span(icon, **{"aria-hidden": "true"}).classes("material-icons")
        html.span(title)
    if is_here:
        link.classes("ms-here").props.update({"aria-current": "page"})
