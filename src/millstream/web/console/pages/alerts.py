"""Alerts: what is amiss and what it does, the urgent first; who is on it; what was amiss before."""

from typing import Any, Final

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.alert.taking import may_take_on, take_on
from millstream.web.console.alert.words import behind, cause_in_words, state_in_words
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    button,
    card,
    chip,
    command,
    empty,
    facts,
    heading,
    link,
    moment,
    shell_words,
    table,
    tag,
)
from millstream.web.console.visit import Visit, link_to

PAST: Final = 25
OPEN_MAX: Final = 200
CHANGING: Final = ("effect", "last_true_at")  # at every look: told in place, so that nobody loses their place


@page("/alerts", title="Alerts")
async def alerts(visit: Visit) -> None:
    """What is open, drawn anew only when an alert comes, goes or is taken on; below, what is over."""
    await live(visit, lambda **how: _looked_at(visit, **how), _show_looked_at)
    if not visit.may(Right.MANAGE_ALERTS):
        html.p("To take one on needs the right “manage_alerts”.").classes("ms-hint")
    await OpenAlerts(visit).begin()
    code, after = visit.query("code"), visit.query("after")

    async def past(*, watching: bool) -> Any:
        return await visit.api.get("/api/alerts", open=False, code=code, after=after, limit=PAST, watching=watching) | {
            "looked_at": None
        }

    heading("Over")
    await live(visit, past, lambda found: _show_past(found, code, after))


async def _looked_at(visit: Visit, *, watching: bool) -> Any:
    return (await visit.api.get("/api/alerts", open=True, limit=1, watching=watching))["looked_at"]


def _show_looked_at(looked_at: str | None) -> None:
    with html.p().classes("ms-hint"):
        if looked_at is None:
            html.span("Nobody has looked yet whether anything is amiss: no process runs that watches.")
        else:
            html.span("Looked at last: ")
            moment(looked_at)
            html.span(". ")
        link("Rules and levels", link_to("/settings/rules"))


class OpenAlerts:
    """The alerts that are open. Their words change at every look, and are changed where they stand."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._said: dict[int, ui.label] = {}
        self._words: dict[int, str] = {}
        self._outside = ui.element("div")  # where dialogs live, out of reach of a new drawing
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws them, and keeps them so."""
        self._live = await live(self._visit, self._fetch, self._show)

    async def _fetch(self, *, watching: bool) -> Any:
        found = await self._visit.api.get("/api/alerts", open=True, limit=OPEN_MAX, watching=watching)
        items = [each["alert"] | {"runbook": each["runbook"]} for each in found["items"]]
        self._words = {alert["id"]: alert["effect"] for alert in items}
        for alert_id, said in self._said.items():
            words = self._words.get(alert_id)
            if words is not None and said.text != words:
                said.text = words
        known = found["looked_at"] is not None
        plain = [{name: value for name, value in alert.items() if name not in CHANGING} for alert in items]
        return {"alerts": sorted(plain, key=lambda alert: (not alert["urgent"], alert["id"])), "known": known}

    def _show(self, found: dict[str, Any]) -> None:
        self._said = {}
        if not found["alerts"]:
            if found["known"]:
                empty("Nothing is amiss.", "What comes up is shown here at once, and told by the channels.")
            else:
                empty("It is not known whether anything is amiss.", "Start `millstream serve` or `millstream work`.")
        for alert in found["alerts"]:
            self._draw(alert)

    def _draw(self, alert: dict[str, Any]) -> None:
        with card() as drawn:
            drawn.props.update({"aria-label": f"Alert {alert['id']}", "data-alert": alert["code"]})
            with html.div().classes("ms-row"):
                chip(alert["state"])
                if alert["urgent"]:
                    chip("urgent", "bad")
                tag(alert["code"])
                html.span(state_in_words(alert)).classes("ms-hint")
            self._said[alert["id"]] = ui.label(self._words[alert["id"]]).classes("ms-effect")
            facts(_facts(alert))
            self._draw_actions(alert)

    def _draw_actions(self, alert: dict[str, Any]) -> None:
        text, address = behind(alert)
        with html.div().classes("ms-actions"):
            if may_take_on(self._visit, alert):
                button("I am on it", lambda: self._take_on(alert), main=True)
            link(text, address)
            link("What to do, who was told", link_to(f"/alerts/{alert['id']}"))
            if alert["state"] == "firing":
                command(shell_words("millstream", "alerts", "ack", str(alert["id"])))

    async def _take_on(self, alert: dict[str, Any]) -> None:
        if await take_on(self._visit, alert["id"], self._outside) and self._live is not None:
            await self._live.again()


def _facts(alert: dict[str, Any]) -> list[tuple[str, Any]]:
    shown: list[tuple[str, Any]] = [
        ("Cause", cause_in_words(alert["cause"])),
        ("Since", lambda: moment(alert["opened_at"])),
    ]
    if alert["acknowledged_by"] is not None:
        shown.append(("On it", lambda: _who(alert)))
    if alert["escalated_at"] is not None:
        shown.append(("Told again", lambda: moment(alert["escalated_at"])))
    return shown


def _who(alert: dict[str, Any]) -> None:
    html.span(f"{alert['acknowledged_by']}{': ' + alert['note'] if alert['note'] else ''}, ")
    moment(alert["acknowledged_at"], how="ago")


def _show_past(found: dict[str, Any], code: str, after: str) -> None:
    if code or after:
        with html.div().classes("ms-row"):
            if code:
                tag(code)
            link("All that is over, the newest first", link_to("/alerts"))
    if not found["items"]:
        empty("No alert is over yet." if not (code or after) else "There are no more of this kind.")
        return
    rows = [_past_row(each["alert"]) for each in found["items"]]
    table("Alerts that are over", ("What it did", "Alert", "Since", "Over", "Who was on it"), rows)
    if found["next"]:
        link("Older ones", link_to("/alerts", code=code, after=found["next"]))


def _past_row(alert: dict[str, Any]) -> tuple[Any, ...]:
    return (
        lambda: link(alert["effect"], link_to(f"/alerts/{alert['id']}")),
        lambda: link(alert["code"], link_to("/alerts", code=alert["code"])),
        lambda: moment(alert["opened_at"], how="at"),
        lambda: moment(alert["resolved_at"], how="at"),
        alert["acknowledged_by"] or "nobody",
    )
