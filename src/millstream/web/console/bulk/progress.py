"""One bulk action: how far it is, how to steer it, what came of it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nicegui import html

from millstream.domain.access import Right
from millstream.domain.credit import is_credit
from millstream.web.console.api import Refused
from millstream.web.console.bulk.wish import filter_words
from millstream.web.console.caring import RESOLUTIONS
from millstream.web.console.failing import state_chip
from millstream.web.console.live import Live
from millstream.web.console.parts import (
    attempt,
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
)
from millstream.web.console.visit import Visit, link_to

GONE: Final = (404, 422)
DOING: Final = {"retry": "Retry", "release": "Release", "resolve": "Resolve", "discard": "Discard"}
STATES: Final = {
    "ready": ("ready to start", "info"),
    "running": ("running", "info"),
    "paused": ("paused", "warn"),
    "done": ("finished", "good"),
    "cancelled": ("cancelled", "idle"),
}
_ORDERS: Final = {
    "ready": (("start", "Start", "play_arrow"), ("cancel", "Cancel", "stop")),
    "running": (("pause", "Pause", "pause"), ("cancel", "Cancel", "stop")),
    "paused": (("resume", "Resume", "play_arrow"), ("cancel", "Cancel", "stop")),
    "done": (),
    "cancelled": (),
}


class Progress:
    """Draws it and takes orders."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._id = visit.part("bulk_id")
        self._path = f"/api/bulk/{self._id}"
        self.part: Live | None = None

    async def fetch(self, *, watching: bool) -> Any:
        """As it is now; empty if there is none of this id."""
        try:
            bulk = await self._visit.api.get(self._path, watching=watching)
            outcome = await self._visit.api.get(f"{self._path}/outcome", watching=watching)
            return {**bulk, "outcome": outcome["items"]}
        except Refused as refusal:
            if refusal.status not in GONE:
                raise
            return {}

    def show(self, bulk: Mapping[str, Any]) -> None:
        """Draws it."""
        if not bulk:
            empty("There is no such bulk action.")
            return
        with card():
            heading(f"{DOING[bulk['action']]} {filter_words(bulk['wanted'])}")
            says, tone = STATES[bulk["state"]]
            with html.div(role="status").classes("ms-row"):
                chip(says, tone)
                html.span(_so_far(bulk))
            _bar(bulk)
            if may_do(self._visit, bulk["action"], bulk["wanted"].get("code")):
                self._orders(bulk)
        with card("Report" if bulk["state"] in {"done", "cancelled"} else "About it"):
            facts(_report(bulk))
            if bulk["outcome"]:
                heading("Where they are now", level=3)
                rows = [_became(one) for one in bulk["outcome"]]
                table("Where they are now", ("Deliveries", "State", "Code"), rows, numbers=(0,))

    def _orders(self, bulk: Mapping[str, Any]) -> None:
        with html.div().classes("ms-actions"):
            for n, (order, says, icon) in enumerate(_ORDERS[bulk["state"]]):
                button(says, partial(self._give, order), icon=icon, main=n == 0)
                verb = "resume" if order == "start" else order
                command(shell_words("millstream", "bulk", verb, self._id), says=f"Copy as command: {order}")
            command(shell_words("millstream", "bulk", "show", self._id))

    async def _give(self, order: str) -> None:
        await attempt(self._visit.api.post(f"{self._path}/{order}"))
        if self.part is not None:
            await self.part.again()


def may_do(visit: Visit, action: str, code: str | None = None) -> bool:
    """Whether this person may do it to many: a release from what credit holds is for people of credit."""
    if action == "release" and (code is None or is_credit(code)) and visit.may(Right.RELEASE_CREDIT):
        return True
    return visit.may(Right.REPLAY)


def _became(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return str(one["deliveries"]), partial(state_chip, one["state"]), one["code"] or "–"


def looked_at(bulk: Mapping[str, Any]) -> int:
    """How many deliveries it is past."""
    return int(bulk["done"]) + int(bulk["refused"])


def _so_far(bulk: Mapping[str, Any]) -> str:
    return f"{bulk['done']} done, {bulk['refused']} refused of {bulk['estimate']} estimated"


def _bar(bulk: Mapping[str, Any]) -> None:
    total = max(int(bulk["estimate"]), looked_at(bulk), 1)
    value = total if bulk["state"] == "done" else looked_at(bulk)
    html.progress(value=value, max=total, **{"aria-label": f"Progress: {_so_far(bulk)}"}).classes("ms-progress")


def _report(bulk: Mapping[str, Any]) -> list[tuple[str, Any]]:
    left = max(int(bulk["estimate"]) - looked_at(bulk), 0)
    pairs: list[tuple[str, Any]] = [
        ("Done", str(bulk["done"])),
        ("Refused", f"{bulk['refused']}{' (it cannot be done to these)' if bulk['refused'] else ''}"),
    ]
    if bulk["state"] == "done":
        pairs.append(("Passed by", f"{left}: went on by themselves meanwhile, or moved out of the filter"))
    else:
        pairs.append(("Left", f"about {left}"))
    if bulk["resolution"]:
        pairs.append(("Resolved as", RESOLUTIONS[bulk["resolution"]]))
    pairs += [
        ("Why", bulk["reason"]),
        ("By", bulk["actor"]),
        ("Made", partial(moment, bulk["created_at"])),
        ("Last change", partial(moment, bulk["updated_at"])),
        ("Still failing", partial(link, "see the inbox", link_to("/inbox"))),
    ]
    return pairs
