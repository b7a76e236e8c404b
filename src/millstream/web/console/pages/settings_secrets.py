"""Secrets: which there are and what uses them; set anew while everything works on. A value is never shown."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.parts import button, card, chip, command, empty, known, moment, note, shell_words, table
from millstream.web.console.settings.forms import Unfinished, fill_in, filled, text_field
from millstream.web.console.settings.tabs import draw_tabs
from millstream.web.console.visit import Visit

VALUE_MAX: Final = 16 * 1024
OVERLAP_HOURS_MAX: Final = 720


@page("/settings/secrets", title="Secrets", right=Right.MANAGE_ACCESS)
async def secrets(visit: Visit) -> None:
    """Every secret, and what can be done."""
    draw_tabs(visit, "/settings/secrets")
    await Secrets(visit).begin()


class Secrets:
    """The list, and the forms outside of it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._api = visit.api
        self._outside = ui.element("div")
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws it, and keeps it so."""
        html.p(
            "Credentials that settings name as secret:NAME. They lie sealed in the database, by a key that is not in "
            "it. Whoever uses one goes on with its new value within seconds; nothing is restarted."
        ).classes("ms-hint")
        with html.div().classes("ms-actions"):
            button("Set a secret", lambda: self._set(None), icon="lock", main=True)
            command(shell_words("millstream", "secrets", "set", "NAME"))

        async def fetch(*, watching: bool) -> Any:
            return await self._api.get("/api/secrets", watching=watching)

        self._live = await live(self._visit, fetch, self._show)

    def _show(self, found: Mapping[str, Any]) -> None:
        rows = [self._missing(name, places) for name, places in sorted(found["missing"].items())]
        rows += [self._row(one) for one in found["secrets"]]
        if not rows:
            empty("No secret is kept here.", "Credentials stand in the settings file or the environment, then.")
            return
        with card():
            table("Secrets", ("Name", "State", "Used by", "Set", "By", "Change"), rows)

    def _missing(self, name: str, places: list[str]) -> tuple[Any, ...]:
        return (name, lambda: chip("not set", "bad"), ", ".join(places), None, None, lambda: self._draw_set(name))

    def _row(self, one: Mapping[str, Any]) -> tuple[Any, ...]:
        return (
            one["name"],
            lambda: _draw_state(one),
            lambda: (
                known(", ".join(one["used_by"])) if one["used_by"] else html.span("nothing here").classes("ms-hint")
            ),
            lambda: moment(one["set_at"]),
            one["set_by"],
            lambda: self._draw_actions(one),
        )

    def _draw_set(self, name: str) -> None:
        made = button("Set", lambda: self._set(name))
        made.props.update({"aria-label": f"Set {name}", "dense": True})

    def _draw_actions(self, one: Mapping[str, Any]) -> None:
        with html.div().classes("ms-cell-actions"):
            self._draw_set(one["name"])
            if not one["used_by"]:
                made = button("Remove", lambda: self._remove(one["name"]))
                made.props.update({"aria-label": f"Remove {one['name']}", "dense": True})

    async def _set(self, name: str | None) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            named = (
                text_field("Name", longest=64, hint="As a setting names it behind secret:") if name is None else None
            )
            value = text_field("Value", secret=True, longest=VALUE_MAX, hint="It is not shown again, to nobody")
            overlap = text_field(
                "Doors honour the value before for so many hours",
                value="0",
                hint="While a sender changes over; 0: not at all",
            )

            def read() -> Mapping[str, Any]:
                return {
                    "name": name if named is None else filled(named, "Give it the name a setting uses."),
                    "value": _value(value),
                    "overlap_hours": _hours(overlap),
                }

            return read

        async def send(wish: Mapping[str, Any]) -> Any:
            path = f"/api/secrets/{quote(wish['name'], safe='')}"
            return await self._api.put(path, {"value": wish["value"], "overlap_hours": wish["overlap_hours"]})

        done = await fill_in(
            self._outside, f"Set {name}" if name else "Set a secret",
            "Processes that use it go on with it within seconds. A value of several lines: by the command.",
            do="Set it", draw=draw, send=send, cli=shell_words("millstream", "secrets", "set", name or "NAME"),
        )  # fmt: skip
        await self._told(done, lambda: f"{done['name']} is set (version {done['version']})")

    async def _remove(self, name: str) -> None:
        done = await fill_in(
            self._outside, f"Remove {name}", "No setting of this process uses it.", do="Remove it", draw=lambda: dict,
            send=lambda _: self._api.delete(f"/api/secrets/{quote(name, safe='')}"),
            cli=shell_words("millstream", "secrets", "remove", name),
        )  # fmt: skip
        await self._told(done, lambda: f"{name} is gone")

    async def _told(self, done: Any, says: Callable[[], str]) -> None:
        if done is None:
            return
        with self._outside:
            note(says())
        if self._live is not None:
            await self._live.again()


def _draw_state(one: Mapping[str, Any]) -> None:
    with html.div():
        if one["readable"]:
            chip("sealed", "good")
        else:
            chip("its key is not here", "bad")
        html.span(f" version {one['version']}").classes("ms-hint")
    if one["old_until"]:
        with html.div().classes("ms-hint"):
            html.span("the value before is honoured until ")
            moment(one["old_until"], how="at")


def _value(field: Any) -> str:
    """As it was typed: blanks at its ends may belong to it."""
    if not field.value:
        raise Unfinished("Type the value.")
    return str(field.value)


def _hours(field: Any) -> float:
    try:
        hours = float(str(field.value or "0"))
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= OVERLAP_HOURS_MAX:
        raise Unfinished(f"Hours are a number from 0 to {OVERLAP_HOURS_MAX}.")
    return hours
