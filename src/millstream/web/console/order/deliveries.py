"""Every delivery with every try and its outward calls."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import html

from millstream.web.console.failing import state_chip
from millstream.web.console.order.words import TROUBLES, delivery_words
from millstream.web.console.parts import chip, empty, known, link, moment, span, table
from millstream.web.console.visit import link_to


class Deliveries:
    """Draws them, and remembers over new drawings which ones somebody opened or closed."""

    def __init__(self) -> None:
        self._turned: set[int] = set()

    def draw(self, deliveries: list[dict[str, Any]]) -> None:
        """The newest first. Those with a trouble are open from the start."""
        if not deliveries:
            empty("There is nothing to deliver yet.")
        for delivery in reversed(deliveries):
            self._draw_one(delivery)

    def _draw_one(self, delivery: dict[str, Any]) -> None:
        is_open = (delivery["state"] in TROUBLES) != (delivery["id"] in self._turned)
        with html.details().classes("ms-delivery") as made:
            made.props.update(open=is_open)
            with html.summary() as summary, html.span().classes("ms-row"):
                state_chip(delivery["state"])
                html.span(delivery_words(delivery["event_type"], delivery["subscriber"]))
                tries = delivery["tries"]
                html.span(f"{tries} try" if tries == 1 else f"{tries} tries").classes("ms-hint")
                moment(delivery["updated_at"], how="at").classes("ms-hint")
            summary.on("click", self._turn(delivery["id"]))
            with html.div().classes("ms-delivery-body"):
                if delivery["note"]:
                    html.p(delivery["note"])
                for attempt in delivery["history"]:
                    _draw_attempt(attempt)
                if not delivery["history"]:
                    html.p("Not tried yet.").classes("ms-hint")
                link(f"Open delivery {delivery['id']} in the inbox", link_to(f"/inbox/{delivery['id']}"))

    def _turn(self, delivery_id: int) -> Callable[[], None]:
        def turn() -> None:
            self._turned ^= {delivery_id}

        return turn


def _draw_attempt(attempt: dict[str, Any]) -> None:
    with html.div().classes("ms-row"):
        html.strong(f"Try {attempt['n']}")
        state_chip(attempt["outcome"])
        moment(attempt["started_at"], how="at")
        html.span(f"took {span(_took_s(attempt))}").classes("ms-hint")
        if attempt["code"]:
            html.code(attempt["code"])
        if attempt["message"]:
            html.span(attempt["message"])
    if attempt["calls"]:
        columns = ("System", "Operation", "Status", "Outcome", "Took")
        table(f"Outward calls of try {attempt['n']}", columns, [_call(call) for call in attempt["calls"]], numbers=(4,))
    else:
        html.p("No outward call.").classes("ms-hint")


def _call(call: dict[str, Any]) -> tuple[Any, ...]:
    return (
        call["system"],
        call["operation"],
        lambda: known(call["status"]),
        lambda: chip(call["outcome"], "good" if call["outcome"] == "ok" else "warn"),
        f"{call['ms']:,.0f} ms",
    )


def _took_s(attempt: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(attempt[name]) for name in ("started_at", "ended_at"))
    return max((ended - began).total_seconds(), 0.0)
