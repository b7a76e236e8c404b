"""One alert: its cause, who was told, what to do, and the orders behind it where it is about orders that differ."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.web.console.alert.taking import may_take_on, take_on
from millstream.web.console.alert.words import behind, cause_in_words, state_in_words
from millstream.web.console.api import Refused
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    button,
    card,
    chip,
    code_block,
    command,
    empty,
    facts,
    link,
    moment,
    shell_words,
    table,
    tag,
)
from millstream.web.console.visit import Visit, link_to

NONE_SUCH: Final = frozenset({404, 422})  # no such alert, or no number at all


@page("/alerts/{alert_id}", title="Alert")
async def alert(visit: Visit) -> None:
    """Everything known of it."""
    alert_id = visit.part("alert_id")
    path = f"/api/alerts/{quote(alert_id, safe='')}"
    try:
        first = await visit.api.get(path)
    except Refused as refusal:
        if refusal.status not in NONE_SUCH:
            raise
        ui.context.client.status_code = 404
        empty(f"There is no alert {alert_id[:20]}.", "The list has what is amiss now, and what was.")
        link("All alerts", link_to("/alerts"))
        return
    retitle(f"Alert {alert_id}: {first['alert']['code']}")
    with html.div().classes("ms-live"):
        await _OneAlert(visit, path).begin()
        await _draw_drift(visit, first)
        _draw_runbook(first)


async def _draw_drift(visit: Visit, first: dict[str, Any]) -> None:
    if first["alert"]["code"] == "drift":
        place, here = visit.query("after"), f"/alerts/{first['alert']['id']}"

        async def drift(*, watching: bool) -> Any:
            return await visit.api.get("/api/alerts/drift", after=place, watching=watching)

        await live(visit, drift, partial(_show_drift, here=here, place=place))


class _OneAlert:
    """How it stands, kept as it is now; and the dialog in which somebody takes it on, out of reach of that."""

    def __init__(self, visit: Visit, path: str) -> None:
        self._visit = visit
        self._path = path
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws it, and keeps it so."""
        with html.div():
            self._outside = ui.element("div")
            self._live = await live(self._visit, self._fetch, self._show)

    async def _fetch(self, *, watching: bool) -> Any:
        return await self._visit.api.get(self._path, watching=watching)

    def _show(self, found: dict[str, Any]) -> None:
        alert = found["alert"]
        _draw_alert(alert, lambda: self._draw_button(alert))
        _draw_told(found)

    def _draw_button(self, alert: dict[str, Any]) -> None:
        if may_take_on(self._visit, alert):
            button("I am on it", lambda: self._take_on(alert["id"]), main=True)

    async def _take_on(self, alert_id: int) -> None:
        if await take_on(self._visit, alert_id, self._outside) and self._live is not None:
            await self._live.again()


def _draw_alert(alert: dict[str, Any], draw_button: Callable[[], None]) -> None:
    text, address = behind(alert)
    with card():
        with html.div().classes("ms-row"):
            chip(alert["state"])
            if alert["urgent"]:
                chip("urgent", "bad")
            tag(alert["code"])
            html.span(state_in_words(alert)).classes("ms-hint")
        html.p(alert["effect"]).classes("ms-effect")
        facts(_facts(alert))
        with html.div().classes("ms-actions"):
            draw_button()
            link(text, address)
            link("All alerts", link_to("/alerts"))
            command(shell_words("millstream", "alerts", "show", str(alert["id"])))


def _draw_told(found: dict[str, Any]) -> None:
    alert = found["alert"]
    with card("Who was told"):
        if found["told"]:
            rows = [_told(each) for each in found["told"]]
            table("Who was told", ("When", "What", "Channel", "State", "Trouble"), rows)
        elif alert["told_with"] is not None:
            link(f"Told together with alert {alert['told_with']}", link_to(f"/alerts/{alert['told_with']}"))
        else:
            fired = alert["fired_at"] is not None
            html.p("Nobody: there was no channel to tell it by." if fired else "Nobody yet: it is not true for long.")


def _facts(alert: dict[str, Any]) -> list[tuple[str, Any]]:
    moments = (
        ("Since", "opened_at"),
        ("Fired", "fired_at"),
        ("Told again, as nobody was on it", "escalated_at"),
        ("Taken on", "acknowledged_at"),
        ("Last seen true", "last_true_at"),
        ("Over", "resolved_at"),
    )
    shown: list[tuple[str, Any]] = [("Cause", cause_in_words(alert["cause"])), ("About", alert["scope"])]
    shown += [(name, lambda when=alert[member]: moment(when)) for name, member in moments if alert[member] is not None]
    if alert["acknowledged_by"] is not None:
        shown.append(("By", alert["acknowledged_by"]))
    if alert["note"]:
        shown.append(("They said", alert["note"]))
    return shown


def _told(each: dict[str, Any]) -> tuple[Any, ...]:
    state = {"waiting": "warn", "sent": "good", "failed": "bad", "dropped": "idle"}
    return (
        lambda: moment(each["created_at"], how="at"),
        each["occasion"].rpartition("/")[2],
        each["channel"],
        lambda: chip(each["state"], state[each["state"]]),
        each["problem"] or "none",
    )


def _show_drift(found: dict[str, Any], *, here: str, place: str) -> None:
    with card("The orders that differ") as drawn:
        drawn.props.update(id="drift")
        html.p(f"{found['count']} of {found['checked']} orders that were compared in the last day.").classes("ms-hint")
        rows = [_differing(each) for each in found["differing"]]
        table("Orders that differ", ("Order", "What differs", "Since", "Compared"), rows)
        if not (place or found["next"]):
            return
        with html.nav(**{"aria-label": "Pages of orders that differ"}).classes("ms-actions"):
            if place:
                link("Those that differ longest", f"{link_to(here)}#drift")
            if found["next"]:
                link("More orders", f"{link_to(here, after=found['next'])}#drift")


def _differing(each: dict[str, Any]) -> tuple[Any, ...]:
    return (
        lambda: link(each["order_key"], link_to(f"/orders/{quote(each['order_key'], safe='')}")),
        ", ".join(each["differs"]),
        lambda: moment(each["since"], how="at"),
        lambda: moment(each["checked_at"], how="ago"),
    )


def _draw_runbook(found: dict[str, Any]) -> None:
    with card("What to do"):
        if found["what_to_do"] is None:
            html.p(f"The runbook is not installed here; it is {found['runbook']} in the guide.")
        else:
            html.p(f"From {found['runbook']}.").classes("ms-hint")
            code_block(found["what_to_do"], label="What to do")
