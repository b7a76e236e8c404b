"""Connections: how the systems answer, what is left of their limits, and the brake."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec
from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    NOT_KNOWN,
    Given,
    ask_reason,
    attempt,
    button,
    card,
    chip,
    command,
    empty,
    facts,
    heading,
    known,
    link,
    moment,
    operand,
    shell_words,
    tag,
    why,
)
from millstream.web.console.rewinding import REWINDABLE, rewind
from millstream.web.console.visit import Visit, link_to

WINDOWS: Final = {900: "15 minutes", 3600: "hour", 86_400: "day"}
KINDS: Final = {"store": "the store", "erp": "the ERP", "crm": "the CRM"}
STATE_TONES: Final = {"on": "good", "draining": "warn", "paused": "warn"}
BREAKER_TONES: Final = {"closed": "good", "probing": "warn", "open": "bad"}


class Brake(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do with a connection: what it is called, what it does, and in which states it makes sense."""

    verb: str
    title: str
    effect: str
    icon: str
    states: tuple[str, ...]


BRAKES: Final = (
    Brake(
        verb="drain",
        title="Drain",
        effect="Nothing new begins with it; deliveries that have called it finish. Then it is paused. What waits loses "
        "no attempt and goes on by itself when somebody resumes it.",
        icon="hourglass_bottom",
        states=("on",),
    ),
    Brake(
        verb="pause",
        title="Pause",
        effect="It is not called any more, even by deliveries that are in the middle: they begin anew later and find "
        "what they did. What waits loses no attempt and goes on by itself when somebody resumes it.",
        icon="pause",
        states=("on", "draining"),
    ),
    Brake(
        verb="resume",
        title="Resume",
        effect="It is called again; what waits goes on by itself.",
        icon="play_arrow",
        states=("draining", "paused"),
    ),
)


@page("/connections", title="Connections")
async def connections(visit: Visit) -> None:
    """A card for each. The cards stay; what they say is kept as it is now."""
    window_s = _window(visit.query("window_s"))
    _draw_windows(window_s)

    async def fetch(*, watching: bool) -> Any:
        found = await visit.api.get("/api/connections", window_s=window_s, watching=watching)
        return [_steady(item) for item in found["items"]]

    board = Board(visit, window_s)
    board.live = await live(visit, fetch, board.show)
    board.place.move()  # below what tells of trouble


def _window(text: str) -> int:
    return int(text) if text.isdigit() and int(text) in WINDOWS else min(WINDOWS)


def _draw_windows(chosen: int) -> None:
    with html.nav(**{"aria-label": "Over how long calls are counted"}).classes("ms-row ms-connection-windows"):
        html.span("Calls of the last").classes("ms-hint")
        for seconds, words in WINDOWS.items():
            made = link(words, link_to("/connections", window_s=seconds))
            if seconds == chosen:
                made.props.update({"aria-current": "true"})


def _steady(item: dict[str, Any]) -> dict[str, Any]:
    """Without what changes at every look and nobody needs: then only what matters is drawn anew."""
    return {name: value for name, value in item.items() if name != "processes"}


class Board:
    """The cards, each drawn once; the parts of them that change are drawn anew when they do."""

    def __init__(self, visit: Visit, window_s: int) -> None:
        self.live: Live | None = None
        self._visit = visit
        self._window_s = window_s
        self.place = html.div().classes("ms-connections")
        self._cards: dict[str, Card] = {}

    def show(self, items: Sequence[dict[str, Any]]) -> None:
        """Draws what is new."""
        if not items:
            self.place.clear()
            with self.place:
                empty("No system is connected.", "The settings name a store, an ERP and a CRM.")
        for item in items:
            made = self._cards.get(item["name"])
            if made is None:
                with self.place:
                    made = self._cards[item["name"]] = Card(self, self._visit, item, WINDOWS[self._window_s])
            made.show(item)

    async def again(self) -> None:
        """After an action."""
        if self.live is not None:
            await self.live.again()


class Card:
    """One connection: what it says is drawn anew, the buttons stay, so that nobody loses their place."""

    def __init__(self, board: Board, visit: Visit, item: Mapping[str, Any], window: str) -> None:
        self._board = board
        self._visit = visit
        self._name = str(item["name"])
        self._kind = str(item["kind"])
        self._window = window
        self._shown: Any = None
        self._brakes: dict[str, ui.button] = {}
        with card(self._name) as made:
            made.props.update({"data-connection": self._name})
            self._body = html.div()
            with html.div().classes("ms-actions"):
                if visit.may(Right.MANAGE_CONNECTIONS):
                    self._draw_actions()
                command(shell_words("millstream", "connections", "show", *operand(self._name)))
                if visit.may(Right.MANAGE_CONNECTIONS):
                    words = shell_words("millstream", "connections", "test", *operand(self._name))
                    command(words, says="Copy as command: test")

    def _draw_actions(self) -> None:
        for brake in BRAKES:
            made = button(brake.title, partial(self._pull, brake), icon=brake.icon)
            self._brakes[brake.verb] = made.props(f'aria-label="{brake.title} {self._spoken()}"')
        if self._kind in REWINDABLE:
            path = f"/api/connections/{quote(self._name, safe='')}/rewind"
            act = partial(rewind, self._visit, self._name, path)
            button("Rewind", act, icon="history").props(f'aria-label="Rewind {self._spoken()}"')
        self._test = button("Test", self._examine, icon="network_check").props(f'aria-label="Test {self._spoken()}"')

    def _spoken(self) -> str:
        return self._name.replace('"', "")

    async def _pull(self, brake: Brake) -> None:
        title = f"{brake.title} {self._name}?"

        def cli(given: Given) -> str:
            return shell_words("millstream", "connections", brake.verb, *why(given), *operand(self._name))

        decided = await ask_reason(title, brake.effect, do=brake.title, cli=cli)
        if decided is None:
            return
        path = f"/api/connections/{quote(self._name, safe='')}/{brake.verb}"
        done = f"{brake.title}: done. Every process hears of it within 3 s."
        await attempt(self._visit.api.post(path, {"reason": decided[0]}), done=done)
        await self._board.again()

    async def _examine(self) -> None:
        """Takes up to a minute; until then the button says so."""
        self._test.props.update({"loading": True, "disable": True})
        self._test.update()
        try:
            found = await attempt(self._visit.api.post(f"/api/connections/{quote(self._name, safe='')}/test"))
        finally:
            self._test.props.update({"loading": False, "disable": False})
            self._test.update()
        if found is not None:
            bad = sum(not one["ok"] for one in found["findings"])
            text = f"{self._name} is well." if not bad else f"{self._name}: {bad} of {len(found['findings'])} not well."
            ui.notify(text, type="positive" if not bad else "negative", position="bottom", timeout=6000)
        await self._board.again()

    def show(self, item: dict[str, Any]) -> None:
        """Draws it, if it is not as it was."""
        if item == self._shown:
            return
        self._shown = item
        for brake in BRAKES:
            if brake.verb in self._brakes:
                self._brakes[brake.verb].set_visibility(item["state"] in brake.states)
        self._body.clear()
        with self._body:
            _draw_standing(item)
            _draw_budget(item["budget"])
            facts(_facts(item, self._window))
            _draw_last_test(item["last_test"])


# --- what a card says ---


def _draw_standing(item: Mapping[str, Any]) -> None:
    with html.div().classes("ms-row"):
        chip(item["state"], STATE_TONES[item["state"]])
        breaker = item["breaker"]
        chip(f"breaker {breaker or NOT_KNOWN}", BREAKER_TONES.get(breaker or "", "idle"))
        html.span(KINDS.get(item["kind"], item["kind"])).classes("ms-hint")
    with html.p().classes("ms-connection-effect"):
        _draw_effect(item)


def _draw_effect(item: Mapping[str, Any]) -> None:
    """What it means for the work, then who wanted it and why."""
    pause = item["pause"]
    if item["state"] == "draining":
        running = item["still_running"]
        html.span(f"{NOT_KNOWN if running is None else running} still running; nothing new begins with it. ")
    elif item["state"] == "paused":
        html.span("Nothing calls it; what needs it waits and loses no attempt. ")
    elif item["breaker"] == "open":
        html.span("It fails, since ")
        moment(item["down_since"])
        html.span("; it is left alone for a while and then tried again. What needs it waits. ")
    elif item["breaker"] is None:
        html.span("No process tells of it now. ")
    else:
        html.span("It is called as usual. ")
    if pause is not None:
        html.span(f"By {pause['actor']}, since ")
        moment(pause["since"])
        html.span(f": {pause['reason']}")


def _draw_budget(budget: Mapping[str, Any]) -> None:
    with html.div().classes("ms-connection-budget"):
        _draw_bar("Calls at once, now", budget["in_use"], budget["concurrency"])
        rate = budget["rate_per_s"]
        _draw_bar(
            "All calls, polls too, in the last minute",
            budget["calls_per_min"],
            rate * 60 if rate else None,
            free=rate == 0,
        )
        system = budget["system"]
        if system is not None:
            _draw_bar("Calls in 24 hours, by its own count", system["used"], system["limit"])
        else:
            _draw_bar("All calls today (UTC)", budget["calls_today"], rate * 86_400 if rate else None, free=rate == 0)


def _draw_bar(label: str, used: float | None, limit: float | None, *, free: bool = False) -> None:
    """How much of a limit is used, in words and as a bar; no bar where one of the two is not known."""
    says = NOT_KNOWN if used is None else f"{used:,.0f}"
    if used is not None:
        says += " (no limit is set)" if free else f" of {limit:,.0f}" if limit else " (limit not known)"
    with html.div():
        with html.div().classes("ms-row ms-bar-words"):
            html.span(label).classes("ms-hint")
            html.span(says).classes("ms-unknown" if used is None else "ms-bar-value")
        if used is not None and limit:
            share = min(used / limit, 1.0)
            tone = "bad" if share >= 0.95 else "warn" if share >= 0.8 else "good"
            meter = {"aria-label": label, "aria-valuenow": used, "aria-valuemin": 0, "aria-valuemax": limit}
            with html.div(role="meter", **{**meter, "aria-valuetext": says}).classes(f"ms-bar ms-{tone}"):
                html.i().style(f"width: {100 * share:.1f}%")


def _facts(item: Mapping[str, Any], window: str) -> list[tuple[str, Any]]:
    share = item["error_share"]
    failed = f"{item['failed']:,}" if share is None else f"{item['failed']:,} ({100 * share:.1f} %)"
    today = item["budget"]["calls_today"]
    # Where the system counts for itself, the bar shows that; otherwise the bar is our own count.
    own = [("All calls today (UTC)", None if today is None else f"{today:,}")] if item["budget"]["system"] else []
    return [
        ("Last answer", lambda: moment(item["last_good_at"])),
        (f"Calls by deliveries, last {window}", f"{item['calls']:,}"),
        ("Failed", failed),
        ("Refused", f"{item['refused']:,}"),
        *own,
        ("Access token", partial(_draw_token, item["token"])),
        ("Shares the limit", partial(_draw_sharers, item["shared_by"])),
    ]


def _draw_token(token: Mapping[str, Any] | None) -> None:
    if token is None:
        known("none is held, or none is needed")
        return
    with html.span():
        html.span("fetched ")
        moment(token["fetched_at"])
        html.span(", ends ")
        if token["ends_at"] is None:
            html.span("at a time the system does not tell").classes("ms-unknown")
        else:
            moment(token["ends_at"])


def _draw_sharers(names: Sequence[str]) -> None:
    with html.span().classes("ms-row"):
        if not names:
            known(None)
        for name in names:
            tag(name)


def _draw_last_test(test: Mapping[str, Any] | None) -> None:
    heading("Last test", level=3)
    if test is None:
        html.p("It was never tested. A test says which scopes, permissions or fields are missing.").classes("ms-hint")
        return
    with html.div().classes("ms-row"):
        chip("well" if test["ok"] else "not well", "good" if test["ok"] else "bad")
        moment(test["at"])
        html.span(f"by {test['actor']}").classes("ms-hint")
    if test["missing"]:
        with html.div().classes("ms-row ms-connection-missing"):
            html.span("Missing:")
            for name in test["missing"]:
                tag(name)
    with html.ul(tabindex="0", **{"aria-label": "What was found"}).classes("ms-findings"):
        for finding in sorted(test["findings"], key=lambda one: bool(one["ok"])):
            with html.li():
                chip("well" if finding["ok"] else "not well", "good" if finding["ok"] else "bad")
                html.span(f"{finding['what']}: {finding['detail']}")
                if finding["fix"] and not finding["ok"]:
                    html.p(f"Mend it: {finding['fix']}").classes("ms-fix")
