"""One delivery: what happened, why, who can mend it and how; what it carries, what was tried."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.delivery.actions import Actions
from millstream.web.console.delivery.panels import attempts_panel, calls_panel, history_panel, tries_words
from millstream.web.console.delivery.payload import payload_panel
from millstream.web.console.failing import (
    concerns,
    connections,
    draw_marks,
    event_words,
    state_chip,
)
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import Live, live
from millstream.web.console.parts import card, command, empty, facts, heading, link, moment, shell_words, tag
from millstream.web.console.visit import Visit, link_to

GONE: Final = 404
IN_REVIEW: Final = "customer."  # orders held for these are decided beside the accounts they may be
TABS: Final = {
    "payload": "Payload",
    "request": "Request",
    "response": "Response",
    "attempts": "Attempts",
    "history": "History",
}


class _Delivery:
    """The page. The tabs stand outside of what is drawn anew; their contents follow."""

    def __init__(self, visit: Visit, names: Mapping[str, str]) -> None:
        self.visit = visit
        self.names = names
        self.path = f"/api/deliveries/{visit.part('delivery_id')}"
        self.actions = Actions(visit, self.path, self.again)
        self.part: Live | None = None
        self.panels: dict[str, ui.tab_panel] = {}
        self.found: Mapping[str, Any] = {}

    async def again(self) -> None:
        if self.part is not None:
            await self.part.again()

    async def fetch(self, *, watching: bool) -> Any:
        try:
            return await self.visit.api.get(self.path, watching=watching)
        except Refused as refusal:
            if refusal.status != GONE:
                raise
            return {}

    async def show(self, found: Mapping[str, Any]) -> None:
        self.found = found
        if not found:
            empty("There is no such delivery.", "The inbox and each order's page lead to those there are.")
            return
        row = found["delivery"]
        with card():
            heading(f"{event_words(row['event_type'])} → {concerns(row['subscriber'], self.names)}")
            self._what_happened(found)
            self.actions.draw(found)
        await self.fill()

    def _what_happened(self, found: Mapping[str, Any]) -> None:
        row = found["delivery"]
        is_open = row["state"] != "done"
        with html.div().classes("ms-row ms-tight ms-below"):
            state_chip(row["state"])
            if row["code"] and is_open:
                tag(row["code"])
            for word in row["tags"]:
                tag(word)
        with html.div().classes("ms-grid"):
            with html.div():
                facts(self._reasons(found, is_open=is_open))
            with html.div():
                facts(self._times(found))

    def _reasons(self, found: Mapping[str, Any], *, is_open: bool) -> list[tuple[str, Any]]:
        row, explained = found["delivery"], found["explained"]
        pairs: list[tuple[str, Any]] = [
            ("Order", partial(link, row["subject"], link_to("/orders/" + quote(row["subject"], safe=""))))
        ]
        if row["message"] and is_open:
            pairs.append(("What happened", row["message"]))
        if explained and is_open:
            pairs += [
                ("Why", explained["means"]),
                ("Who can mend it", explained["who"]),
                ("What to do", explained["fix"]),
            ]
        if row["state"] == "held" and (row["code"] or "").startswith(IN_REVIEW):
            review = link_to(f"/reviews/{row['id']}")
            pairs.append(("Review", partial(link, "see the accounts it may be, link or create", review)))
        if row["note"]:
            pairs.append(("Note", row["note"]))
        if row["resolution"]:
            pairs.append(("Resolved as", row["resolution"].replace("_", " ")))
        if found["waived"]:
            pairs.append(("Released from", ", ".join(found["waived"])))
        return pairs

    def _times(self, found: Mapping[str, Any]) -> list[tuple[str, Any]]:
        row = found["delivery"]
        pairs: list[tuple[str, Any]] = [
            ("Tries", tries_words(row["tries"], row["attempts"], running=row["state"] == "running")),
            ("Since", partial(moment, row["created_at"])),
            ("Last change", partial(moment, row["updated_at"])),
        ]
        if row["state"] in {"retrying", "waiting"}:
            behind = "" if row["head"] else "after what stands before it in its lane"
            pairs.append(("Next try", behind or partial(moment, row["due_at"])))
        pairs.append(("Looked after by", partial(draw_marks, [row["assignee"]] if row["assignee"] else [], 0, ())))
        if row["snoozed_until"]:
            pairs.append(("Snoozed until", partial(moment, row["snoozed_until"])))
        if row["fingerprint"]:
            target = link_to("/inbox/cause/" + quote(row["fingerprint"], safe=""))
            pairs.append(("Cause", partial(link, "all that fail for it", target)))
        return pairs

    # --- tabs

    def draw_tabs(self) -> None:
        asked = self.visit.query("tab", "payload")
        chosen = asked if asked in TABS else "payload"
        with ui.tabs(on_change=self._keep).props("no-caps align=left inline-label") as tabs:
            made = {name: ui.tab(name, label=says) for name, says in TABS.items()}
        tabs.classes("ms-tabs").props.update({"aria-label": "About this delivery"})
        with ui.tab_panels(tabs, value=made[chosen], animated=False, keep_alive=True).classes("ms-panels"):
            for name, says in TABS.items():
                self.panels[name] = ui.tab_panel(name)
                self.panels[name].props.update({"aria-label": says})

    def _keep(self, event: Any) -> None:
        """The address keeps the tab."""
        ui.navigate.history.replace(link_to(f"/inbox/{self.visit.part('delivery_id')}", tab=event.value))

    async def fill(self) -> None:
        """Draws what is in the tabs."""
        found = self.found
        if not found or not self.panels:
            return
        contents: dict[str, Callable[[], Awaitable[None] | None]] = {
            "payload": partial(payload_panel, self.visit, self.path, found),
            "request": partial(calls_panel, found, answers=False),
            "response": partial(calls_panel, found, answers=True),
            "attempts": partial(attempts_panel, found),
            "history": partial(history_panel, self.visit, self.path),
        }
        for name, draw in contents.items():
            panel = self.panels[name]
            panel.clear()
            with panel:
                drawn = draw()
                if drawn is not None:
                    await drawn


@page("/inbox/{delivery_id:int}", title="Delivery")
async def delivery(visit: Visit) -> None:
    """What is known of it, what can be done, and the tabs."""
    number = visit.part("delivery_id")
    retitle(f"Delivery {number}")
    with html.p().classes("ms-row"):
        link("← Inbox", link_to("/inbox"))
        command(shell_words("millstream", "deliveries", "show", number))
    shown = _Delivery(visit, await connections(visit))
    shown.part = await live(visit, shown.fetch, shown.show)
    if shown.found:
        with html.div().classes("ms-card ms-after"):
            shown.draw_tabs()
            await shown.fill()
