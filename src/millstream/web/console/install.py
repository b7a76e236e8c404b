"""Puts the console into the app. Once in a process: NiceGUI keeps its pages in the module."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from fastapi import FastAPI
from nicegui import app as pages_app
from nicegui import ui
from starlette.routing import Mount

from millstream.web.auth.gate import Gate
from millstream.web.console import pages
from millstream.web.console.doors import console_doors
from millstream.web.console.frame import Opening
from millstream.web.console.guard import ConsoleGuard
from millstream.web.console.visit import CONSOLE

RECONNECT_S: Final = 10.0
_FAVICON: Final = Path(__file__).parent / "static" / "millstream.svg"
_HEAD: Final = (
    f'<link rel="stylesheet" href="{CONSOLE}/static/console.css">\n'
    f'<script src="{CONSOLE}/static/console.js" defer></script>\n'
)


def install_console(app: FastAPI, *, gate: Gate, public_url: str | None, openid: bool) -> None:
    """Serves the console under /console. `app` has the operator API; `gate` tells who asks."""
    Opening.app, Opening.gate = app, gate
    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    from millstream.web.console import astray  # noqa: PLC0415 - last: what none of the pages answers comes here

    pages_app.on_page_exception(astray.draw_failure)
    app.include_router(console_doors(openid=openid))
    ui.add_head_html(_HEAD, shared=True)
    ui.run_with(
        app,
        title="Millstream",
        mount_path=CONSOLE,
        dark=None,
        tailwind=False,
        language="en-US",
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
        binding_refresh_interval=None,
        gzip_middleware_factory=None,
        favicon=_FAVICON,
    )
    # Around the mounted app, so that even the page that tells of a crash has its policy.
    for route in app.routes:
        if isinstance(route, Mount) and route.app is pages_app:
            route.app = ConsoleGuard(route.app, gate=gate, public_url=public_url)
