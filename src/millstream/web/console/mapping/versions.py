"""At the bottom: what was published, and the way back."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import html

from millstream.web.console.mapping.bench import Bench, Json
from millstream.web.console.parts import attempt, button, card, empty, moment, table

RollBack = Callable[[int], Awaitable[None]]


def draw_versions(bench: Bench, versions: Json, roll_back: RollBack) -> None:
    """The newest first, each with its rules; what is older comes when it is asked for."""
    with card("Versions"):
        if not versions["items"]:
            empty("Nothing was ever published.", "The first publication makes version 1.")
            return
        _draw_page(bench, versions, roll_back)


def _draw_page(bench: Bench, versions: Json, roll_back: RollBack) -> None:
    columns = ("Version", "Published", "By", "Why", "Rules", "Do")
    table("Versions", columns, [_row(bench, one, roll_back) for one in versions["items"]], numbers=(0,))
    if not versions["next"]:
        return
    rest = html.div()

    async def older() -> None:
        following = await attempt(bench.versions(versions["next"]))
        if following is not None:
            rest.clear()
            with rest:
                _draw_page(bench, following, roll_back)

    with rest:
        button("Older versions", older)


def _row(bench: Bench, version: Json, roll_back: RollBack) -> tuple[Any, ...]:
    number = version["version"]
    restored = version["restores"]
    back = "" if restored is None else f" (brought version {restored} back)" if restored else " (took all rules away)"
    return (
        str(number),
        lambda: moment(version["published_at"]),
        version["published_by"],
        version["reason"] + back,
        lambda: _draw_rules(version),
        lambda: _draw_way_back(bench, number, roll_back),
    )


def _draw_rules(version: Json) -> None:
    if not version["rules"]:
        html.span("none").classes("ms-hint")
        return
    with html.details():
        html.summary(f"{len(version['rules'])} of version {version['version']}")
        with html.dl().classes("ms-paths"):
            for rule in version["rules"]:
                html.dt(f"{rule['target']}.{rule['field']}")
                html.dd(rule["expression"])


def _draw_way_back(bench: Bench, number: int, roll_back: RollBack) -> None:
    if number == bench.on_top_of:
        html.span("in force")
    elif bench.may_change:
        button("Roll back", lambda: roll_back(number)).props("flat dense").props.update(
            {"aria-label": f"Roll back to version {number}"}
        )
    else:
        html.span()
