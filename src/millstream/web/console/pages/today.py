"""Today: how everything stands, what is at stake, what is amiss."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.overview.choice import choice
from millstream.web.console.overview.pulse import Pulse
from millstream.web.console.overview.standing import draw_alerts, draw_connections, draw_figures, draw_matrix
from millstream.web.console.parts import card, chip, empty, known, link, moment, money, table
from millstream.web.console.visit import Visit, link_to

WINDOWS: Final = {"1": ("1 h", 60), "24": ("24 h", 1800), "168": ("7 days", 10_800)}
"""Hours back -> what it is called, and how long one stretch of the charts is."""
NEWEST: Final = 8
ALERTS: Final = 5
ALERTS_MAX: Final = 200  # looked through for the urgent ones
DENIED: Final = 403


@page("/", title="Today")
async def today(visit: Visit) -> None:
    """Alerts, figures, orders by state and age, the newest orders, charts, connections."""
    hours = visit.query("hours") if visit.query("hours") in WINDOWS else "24"
    names = {each: name for each, (name, _) in WINDOWS.items()}
    as_of = choice("Stretch of time", names, hours, path="/", name="hours")
    with html.div().classes("ms-live"):
        alerts, figures = html.div(), html.div()
        with html.div().classes("ms-today-orders"):
            with html.div().classes("ms-live"):
                matrix, connections = html.div(), html.div()
            newest = html.div()
        pulse = Pulse(window=WINDOWS[hours][0])
    with alerts:
        await live(visit, partial(_alerts, visit), draw_alerts)
    with figures:
        await _numbers(visit, hours, pulse, matrix=matrix, as_of=as_of)
    with newest:
        await _newest(visit)
    with connections:
        await live(visit, partial(_connections, visit), draw_connections)


async def _numbers(visit: Visit, hours: str, pulse: Pulse, *, matrix: html.div, as_of: html.time) -> None:
    async def fetch(*, watching: bool) -> Any:
        found = await visit.api.get("/api/today", hours=hours, tick_s=WINDOWS[hours][1], watching=watching)
        as_of.props.update({"datetime": datetime.now(UTC).isoformat()})
        del found["since"]  # moves on with every answer, and is not shown
        return found

    def show(found: dict[str, Any]) -> None:
        draw_figures(found)
        pulse.tell(found["ticks"])
        matrix.clear()
        with matrix:
            draw_matrix(found["standings"], window=WINDOWS[hours][0])

    await live(visit, fetch, show)


async def _alerts(visit: Visit, *, watching: bool) -> Any:
    try:
        found = await visit.api.get("/api/alerts", open=True, limit=ALERTS_MAX, watching=watching)
    except Refused as refusal:
        if refusal.status != DENIED:
            raise
        return None
    if not found["items"]:
        return {"items": [], "more": False, "looked_at": found["looked_at"]}
    items = sorted(found["items"], key=lambda each: (not each["alert"]["urgent"], each["alert"]["id"]))
    for shown in items[:ALERTS]:
        del shown["alert"]["last_true_at"]
    return {"items": items[:ALERTS], "more": len(items) > ALERTS}


async def _connections(visit: Visit, *, watching: bool) -> Any:
    found = await visit.api.get("/api/connections", watching=watching)
    shown = ("name", "kind", "state", "pause", "breaker", "last_good_at", "calls", "error_share")
    return [{name: each[name] for name in shown} | {"used_now": each["budget"]["used_now"]} for each in found["items"]]


async def _newest(visit: Visit) -> None:
    with card("Newest orders").classes("ms-brief"):
        said = ui.label().classes("ms-unseen").props("role=status")
        seen: set[str] | None = None

        async def fetch(*, watching: bool) -> Any:
            found = await visit.api.get("/api/orders", limit=NEWEST, watching=watching)
            for order in found["items"]:
                del order["age_s"]  # the page counts by itself
            return found["items"]

        def show(orders: list[dict[str, Any]]) -> None:
            nonlocal seen
            new = [_number(order) for order in orders if seen is not None and order["order_key"] not in seen]
            if new:
                said.set_text(f"New: {', '.join(new)}")
            seen = {order["order_key"] for order in orders}
            _draw_newest(orders)

        await live(visit, fetch, show)


def _draw_newest(orders: list[dict[str, Any]]) -> None:
    if not orders:
        empty("No order has come in yet.", "The store is asked for new ones every few seconds.")
        return
    table(
        "Newest orders",
        ("Order", "State", "ERP", "Total", "Came in"),
        (
            (
                partial(link, _number(order), link_to("/orders/" + quote(order["order_key"], safe=""))),
                partial(chip, order["state"]),
                partial(known, order["erp_number"]),
                money(order["grand_total"], order["currency"]),
                partial(moment, order["received_at"], how="ago"),
            )
            for order in orders
        ),
        numbers=(3,),
    )


def _number(order: dict[str, Any]) -> str:
    return str(order["number"] or order["order_key"])
