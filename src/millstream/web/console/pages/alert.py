"""One alert: its cause, who was told, what to do, and the orders behind it where it is about orders that differ."""

from typing import Any
from urllib.parse import quote

from nicegui import html, ui

from millstream.web.console.alert.words import behind, cause_in_words, state_in_words
from millstream.web.console.api import Refused
from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.parts import (
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


@page("/alerts/{alert_id}", title="Alert")
async def alert(visit: Visit) -> None:
    """Everything known of it."""
    alert_id = visit.part("alert_id")
    path = f"/api/alerts/{quote(alert_id, safe='')}"
    try:
        first = await visit.api.get(path)
    except Refused as refusal:
        ui.context.client.status_code = 404
        empty(f"There is no alert {alert_id[:20]}.", refusal.detail)
        link("All alerts", link_to("/alerts"))
        return

    async def fetch(*, watching: bool) -> Any:
        return await visit.api.get(path, watching=watching)

    await live(visit, fetch, _show)
    if first["alert"]["code"] == "drift":

        async def drift(*, watching: bool) -> Any:
            return await visit.api.get("/api/alerts/drift", watching=watching)

        await live(visit, drift, _show_drift)
    _draw_runbook(first)


def _show(found: dict[str, Any]) -> None:
    alert = found["alert"]
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
            link(text, address)
            link("All alerts", link_to("/alerts"))
            command(shell_words("millstream", "alerts", "show", str(alert["id"])))
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
        ("Told", "fired_at"),
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


def _show_drift(found: dict[str, Any]) -> None:
    with card("The orders that differ") as drawn:
        drawn.props.update(id="drift")
        html.p(f"{found['count']} of {found['checked']} orders that were compared in the last day.").classes("ms-hint")
        rows = [_differing(each) for each in found["differing"]]
        table("Orders that differ", ("Order", "What differs", "Since", "Compared"), rows)


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
