"""Charts over time that change in place, each with the same in words and as a table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from nicegui import html, ui

from millstream.web.console.parts import heading

Look = Literal["bar", "line"]
GREY: Final = "#7f8b97"  # readable on both grounds, as every colour of a line is


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chart. Told apart by shape, not by colour alone: `symbol` and `dash` as ECharts names them."""

    name: str
    look: Look
    colour: str
    symbol: str = "circle"
    dash: str = "solid"


Points = Mapping[str, Sequence[float | None]]


class TimeChart:
    """A chart over time. `tell` brings new points; the drawing stays where it is."""

    def __init__(self, title: str, lines: Sequence[Line], *, whole: bool) -> None:
        self._lines = lines
        with html.section().classes("ms-card ms-chart"):
            heading(title)
            self._frame = html.div(role="img").classes("ms-chart-frame")
            with self._frame:
                self._chart = ui.echart(_options(lines, whole=whole), renderer="svg")
            self._says = ui.label().classes("ms-hint")

    def tell(self, began_at: Sequence[datetime], points: Points, *, says: str) -> None:
        """Shows these points. `says` tells what matters of them in a sentence, to eyes and screen readers alike."""
        moments = [when.timestamp() * 1000 for when in began_at]
        for line, series in zip(self._lines, self._chart.options["series"], strict=True):
            series["data"] = [[at, value] for at, value in zip(moments, points[line.name], strict=True)]
        self._chart.update()
        self._frame.props.update({"aria-label": says})
        self._says.set_text(says)


def _options(lines: Sequence[Line], *, whole: bool) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 36, "bottom": 4, "containLabel": True},
        "legend": {"top": 0, "left": 0, "itemGap": 16},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "backgroundColor": "#16202a",
            "borderWidth": 0,
            "textStyle": {"color": "#ffffff"},
        },
        "xAxis": {"type": "time", "axisLine": {"lineStyle": {"color": GREY}}, "axisTick": {"show": False}},
        "yAxis": {
            "type": "value",
            "min": 0,
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.3}},
            **({"minInterval": 1} if whole else {}),
        },
        "series": [_series(line) for line in lines],
    }


def _series(line: Line) -> dict[str, Any]:
    if line.look == "bar":
        return {
            "name": line.name,
            "type": "bar",
            "barMaxWidth": 14,
            "itemStyle": {"color": line.colour, "borderRadius": [2, 2, 0, 0]},
            "data": [],
        }
    return {
        "name": line.name,
        "type": "line",
        "connectNulls": False,
        "symbol": line.symbol,
        "symbolSize": 6,
        "itemStyle": {"color": line.colour},
        "lineStyle": {"color": line.colour, "type": line.dash, "width": 2},
        "data": [],
    }
