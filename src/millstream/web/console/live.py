"""Keeps a part of a page as things are now, without a reload."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.api import UNAUTHENTICATED, Refused
from millstream.web.console.parts import go, moment
from millstream.web.console.visit import Visit, link_to, whole_path

EVERY_S: Final = 2.0
UNAVAILABLE: Final = 503

Fetch = Callable[..., Awaitable[Any]]
Show = Callable[[Any], Any]


class Live:
    """A part of a page. `again` asks now, for instance after an action."""

    def __init__(self, visit: Visit, fetch: Fetch, show: Show, *, every_s: float) -> None:
        self._visit = visit
        self._fetch = fetch
        self._show = show
        self._shown: Any = None
        self._is_asking = False
        self._is_wanted_again = False
        self.asked_at: datetime | None = None
        self._trouble = ui.element("div").classes("ms-trouble").props('role="status"')
        self._place = ui.element("div").classes("ms-live")
        self._timer: ui.timer | None = None
        self._every_s = every_s

    async def begin(self) -> "Live":
        """Draws it for the first time, so that the page arrives filled."""
        await self._ask(watching=False)
        self._timer = ui.timer(self._every_s, self._tick, immediate=False)
        return self

    async def again(self) -> None:
        """Asks and draws now."""
        await self._ask(watching=False)

    def stop(self) -> None:
        """Asks no more."""
        if self._timer is not None:
            self._timer.cancel()

    async def _tick(self) -> None:
        await self._ask(watching=True)

    async def _ask(self, *, watching: bool) -> None:
        if self._is_asking:
            # An answer under way may be of before the action that wants another.
            self._is_wanted_again = self._is_wanted_again or not watching
            return
        self._is_asking = True
        try:
            found = await self._fetch(watching=watching)
            while self._is_wanted_again:
                self._is_wanted_again = False
                found = await self._fetch(watching=False)
        except Refused as refusal:
            self._tell(refusal)
            return
        finally:
            self._is_asking = False
        self._trouble.clear()
        self.asked_at = datetime.now(UTC)
        if found == self._shown:
            return
        self._shown = found
        self._place.clear()
        with self._place:
            drawn = self._show(found)
            if drawn is not None:
                await drawn

    def _tell(self, refusal: Refused) -> None:
        if refusal.status == UNAUTHENTICATED:
            self.stop()
            go(link_to("/sign-in", next=whole_path(self._visit.request)))
            return
        self._trouble.clear()
        with self._trouble:
            away = "The database does not answer now; this goes on by itself once it does."
            with html.p().classes("ms-warning"):
                html.span(f"This could not be read: {away if refusal.status == UNAVAILABLE else refusal.detail} ")
                if self.asked_at is not None:
                    html.span("What you see is as of ")
                    moment(self.asked_at, how="at")
                    html.span(".")


async def live(visit: Visit, fetch: Fetch, show: Show, *, every_s: float = EVERY_S) -> Live:
    """Draws what `fetch(watching=...)` answers by `show`, and draws it anew whenever the answer is another.

    `fetch` hands `watching` on to `visit.api.get`: a page that merely refreshes keeps no session awake. `show` may be a
    coroutine function. What must not be thrown away by a new drawing (an open dialog, a form being filled in) belongs
    outside of the part.
    """
    return await Live(visit, fetch, show, every_s=every_s).begin()
