"""Throughput and latency over time, and the same as a table."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.overview.charts import Line, TimeChart
from millstream.web.console.parts import moment, span, table

PLACED: Final = Line(name="placed", look="bar", colour="#3b82c4")
CONFIRMED: Final = Line(name="confirmed", look="line", colour="#c26a12", symbol="diamond")
MEDIAN: Final = Line(name="p50", look="line", colour="#3b82c4", symbol="circle")
P95: Final = Line(name="p95", look="line", colour="#c26a12", symbol="triangle", dash="dashed")
P99: Final = Line(name="p99", look="line", colour="#b0508f", symbol="rect", dash="dotted")
ROWS_MAX: Final = 60


class Pulse:
    """Two charts and a table, kept where they are while their numbers change."""

    def __init__(self, *, window: str) -> None:
        self._window = window
        with html.div().classes("ms-grid"):
            self._throughput = TimeChart("Orders placed and confirmed", (PLACED, CONFIRMED), whole=True)
            self._latency = TimeChart("Seconds from placed to confirmed", (MEDIAN, P95, P99), whole=False)
        with html.details().classes("ms-card"):
            html.summary("The charts as a table")
            self._rows = html.div()

    def tell(self, ticks: Sequence[dict[str, Any]]) -> None:
        """What the API tells of each stretch of time."""
        began_at = [datetime.fromisoformat(tick["began_at"]) for tick in ticks]
        placed, confirmed = [tick["placed"] for tick in ticks], [tick["confirmed"] for tick in ticks]
        self._throughput.tell(
            began_at,
            {"placed": placed, "confirmed": confirmed},
            says=f"{sum(placed)} placed and {sum(confirmed)} confirmed in {self._window}.",
        )
        self._latency.tell(
            began_at,
            {name: [tick[f"{name}_s"] for tick in ticks] for name in ("p50", "p95", "p99")},
            says=_latest(ticks),
        )
        self._rows.clear()
        with self._rows:
            _table(ticks)


def _latest(ticks: Sequence[dict[str, Any]]) -> str:
    latest = next((tick for tick in reversed(ticks) if tick["p50_s"] is not None), None)
    if latest is None:
        return "No order placed in this time is confirmed yet: how long it takes is not known."
    half, most, nearly_all = (span(latest[name]) for name in ("p50_s", "p95_s", "p99_s"))
    return f"Of late half of the orders took up to {half}, 95 of 100 up to {most}, 99 of 100 up to {nearly_all}."


def _table(ticks: Sequence[dict[str, Any]]) -> None:
    busy = [tick for tick in reversed(ticks) if tick["placed"] or tick["confirmed"]][:ROWS_MAX]
    if not busy:
        ui.label("Nothing was placed or confirmed in this time.")
        return
    table(
        "Orders placed and confirmed, and how long it took",
        ("From", "Placed", "Confirmed", "Half within", "95 of 100 within", "99 of 100 within"),
        (
            (
                partial(moment, tick["began_at"], how="at"),
                str(tick["placed"]),
                str(tick["confirmed"]),
                *(None if tick[name] is None else span(tick[name]) for name in ("p50_s", "p95_s", "p99_s")),
            )
            for tick in busy
        ),
        numbers=(1, 2, 3, 4, 5),
    )
