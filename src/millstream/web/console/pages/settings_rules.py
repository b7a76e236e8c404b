"""Alert rules: what counts as amiss, who is told, when it is quiet. Changed here without a restart."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    Given,
    attempt,
    button,
    card,
    chip,
    command,
    empty,
    moment,
    note,
    shell_words,
    table,
    why,
)
from millstream.web.console.settings.forms import choice_field, fill_in, filled, reason_field
from millstream.web.console.settings.levels import LevelField, bounds_in_words, value_in_words
from millstream.web.console.settings.tabs import draw_tabs
from millstream.web.console.visit import Visit

HOW_LONG: Final = "For how long"
SHORT: Final = 20  # characters of a value that stay on one line
OFF_FOR: Final = {"": "until somebody switches it on", "1": "1 hour", "8": "8 hours", "24": "1 day", "168": "7 days"}
TOGETHER: Final = {"alerts.quiet_from": ("alerts.quiet_from", "alerts.quiet_until")}
TOGETHER_TOO: Final = {"alerts.quiet_until": TOGETHER["alerts.quiet_from"]}
SOURCES: Final = {"default": "as delivered", "settings": "from the settings", "changed": "changed here"}


@page("/settings/rules", title="Alert rules")
async def rules(visit: Visit) -> None:
    """Channels, rules, levels."""
    draw_tabs(visit, "/settings/rules")
    await AlertRules(visit).begin()


class AlertRules:
    """The lists, and the forms outside of them."""

    def __init__(self, visit: Visit) -> None:
        self._api = visit.api
        self._visit = visit
        self._may = visit.may(Right.MANAGE_ALERTS)
        self._outside = ui.element("div")
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws them, and keeps them so."""

        async def fetch(*, watching: bool) -> Any:
            return await self._api.get("/api/alerts/rules", watching=watching)

        if not self._may:
            html.p("Changing them needs the right “manage_alerts”.").classes("ms-hint")
        self._live = await live(self._visit, fetch, self._show, every_s=5.0)

    def _show(self, found: dict[str, Any]) -> None:
        with card("Rules"):
            table("Rules", ("Rule", "Looks for", "State", "Switched", "Change"), map(self._rule, found["rules"]))
        levels = {level["level"]["name"]: level for level in found["levels"]}
        with card("Levels, quiet hours, escalation"):
            rows = [self._level(level, levels, found["channels"]) for level in found["levels"]]
            table("Levels", ("Means", "Value", "From", "Setting", "Change"), rows)
        with card("Channels"):
            if found["channels"]:
                table("Channels", ("Channel", "Try it"), [self._channel(name) for name in found["channels"]])
            else:
                empty("No channel is set: nobody is told.", "Name one under [alerts.channels] in the settings file.")

    # --- rules

    def _rule(self, rule: dict[str, Any]) -> tuple[Any, ...]:
        return (
            rule["code"],
            rule["meaning"],
            lambda: chip("on", "good") if rule["on"] else chip("off", "bad"),
            lambda: _switched(rule),
            lambda: self._draw_switch(rule),
        )

    def _draw_switch(self, rule: dict[str, Any]) -> None:
        verb = "off" if rule["on"] else "on"
        with html.div().classes("ms-cell-actions"):
            if self._may:
                made = button(f"Switch {verb}", lambda: self._switch(rule))
                made.props.update({"aria-label": f"Switch {rule['code']} {verb}", "dense": True})
            command(shell_words("millstream", "alerts", verb, rule["code"], "--reason", "REASON"))

    async def _switch(self, rule: dict[str, Any]) -> None:
        code, on = rule["code"], not rule["on"]

        def draw() -> Callable[[], Mapping[str, Any]]:
            lasts = None if on else choice_field(HOW_LONG, OFF_FOR, "")
            reason = reason_field()

            def read() -> Mapping[str, Any]:
                wish: dict[str, Any] = {"on": on, "reason": filled(reason, "Say why in a few words.")}
                if lasts is not None and lasts.value:
                    wish["until"] = datetime.now(UTC) + timedelta(hours=int(lasts.value))
                return wish

            return read

        def cli(given: Given) -> str:
            lasts = ("--hours", str(given[HOW_LONG])) if given.get(HOW_LONG) else ()
            return shell_words("millstream", "alerts", "on" if on else "off", code, *lasts, *why(given))

        text = "" if on else "It looks for nothing then. Whoever was told of its alerts hears that nobody watches."
        made = await fill_in(
            self._outside, f"Switch {code} {'on' if on else 'off'}", text, do=f"Switch {'on' if on else 'off'}",
            draw=draw, send=lambda wish: self._api.put(f"/api/alerts/rules/{quote(code, safe='')}", wish), cli=cli,
        )  # fmt: skip
        await self._told(made, f"{code} is {'on' if on else 'off'}.")

    # --- levels

    def _level(self, standing: dict[str, Any], levels: dict[str, Any], channels: list[str]) -> tuple[Any, ...]:
        level = standing["level"]
        return (
            lambda: _meaning(level),
            lambda: _value(level, standing["value"]),
            lambda: _source(standing),
            lambda: _value(level, level["setting"]),
            lambda: self._draw_change(standing, levels, channels),
        )

    def _draw_change(self, standing: dict[str, Any], levels: dict[str, Any], channels: list[str]) -> None:
        name = standing["level"]["name"]
        names = TOGETHER.get(name) or TOGETHER_TOO.get(name) or (name,)
        with html.div().classes("ms-cell-actions"):
            if self._may:
                made = button("Change", lambda: self._change([levels[each] for each in names], channels))
                made.props.update({"aria-label": f"Change {name}", "dense": True})
            if self._may and standing["changed"] is not None:
                made = button("Back to the settings", lambda: self._reset(names))
                made.props.update({"aria-label": f"Back to the settings for {name}", "dense": True})
            command(shell_words("millstream", "alerts", "set", f"{name}=VALUE", "--reason", "REASON"))

    async def _change(self, standings: list[dict[str, Any]], channels: list[str]) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            fields = {each["level"]["name"]: LevelField(each, channels) for each in standings}
            reason = reason_field()
            return lambda: {
                "values": {name: field.read() for name, field in fields.items()},
                "reason": filled(reason, "Say why in a few words."),
            }

        title = " and ".join(each["level"]["name"] for each in standings)
        made = await fill_in(
            self._outside, f"Change {title}", bounds_in_words(standings[0]["level"]), do="Change", draw=draw,
            send=lambda wish: self._api.put("/api/alerts/rules/levels", wish),
        )  # fmt: skip
        await self._told(made, "Changed: it holds from the next look on, in every process.")

    async def _reset(self, names: tuple[str, ...]) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            reason = reason_field()
            return lambda: {"reason": filled(reason, "Say why in a few words.")}

        async def send(wish: Mapping[str, Any]) -> Any:
            return await self._api.delete("/api/alerts/rules/levels", name=list(names), reason=wish["reason"])

        title = f"Back to the settings for {' and '.join(names)}"
        made = await fill_in(
            self._outside, title, "", do="Back to the settings", draw=draw, send=send,
            cli=lambda given: shell_words("millstream", "alerts", "reset", *names, *why(given)),
        )  # fmt: skip
        await self._told(made, "The settings hold again, from the next look on.")

    # --- channels

    def _channel(self, name: str) -> tuple[Any, ...]:
        return (name, lambda: self._draw_try(name))

    def _draw_try(self, name: str) -> None:
        with html.div().classes("ms-cell-actions"):
            if self._may:
                made = button("Send a test message", lambda: self._try(name))
                made.props.update({"aria-label": f"Send a test message to {name}", "dense": True})
            command(shell_words("millstream", "alerts", "test", "--channel", name))

    async def _try(self, name: str) -> None:
        tested = await attempt(self._api.post("/api/alerts/test-channel", {"channel": name}))
        if tested is not None:
            took = f"{name} took it." if tested["ok"] else f"{name}: {tested['problem']}"
            note(took, good=tested["ok"])

    async def _told(self, made: Any, says: str) -> None:
        if made is not None:
            note(says)
            if self._live is not None:
                await self._live.again()


def _switched(rule: dict[str, Any]) -> None:
    switched = rule["switched"]
    if switched is None:
        html.span("never")
        return
    html.div(f"{switched['actor']}: {switched['reason']}")
    moment(switched["changed_at"], how="ago")
    if switched["until"] is not None and not rule["on"]:
        html.span(" off until ")
        moment(switched["until"], how="at")


def _meaning(level: dict[str, Any]) -> None:
    html.div(level["meaning"])
    html.div(level["name"]).classes("ms-hint")


def _value(level: dict[str, Any], value: Any) -> None:
    words = value_in_words(level, value)
    html.span(words).classes("ms-nowrap" if len(words) <= SHORT else "")


def _source(standing: dict[str, Any]) -> None:
    html.div(SOURCES[standing["source"]])
    changed = standing["changed"]
    if changed is not None:
        html.div(f"{changed['actor']}: {changed['reason']}").classes("ms-hint")
    if standing["problem"] is not None:
        html.div(f"Passed over: {standing['problem']}").classes("ms-warning")
