"""One cause: why it fails, what cures it, and every delivery it stops."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.domain.credit import is_credit
from millstream.web.console.api import Refused
from millstream.web.console.caring import ask_snooze, ask_text, assign_command, marks_in, tag_command
from millstream.web.console.failing import (
    FAILING,
    class_chip,
    concerns,
    connections,
    counts,
    draw_marks,
    draw_money,
    event_words,
    means,
    state_chip,
    trend_words,
)
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    Given,
    attempt,
    button,
    card,
    command,
    empty,
    facts,
    go,
    link,
    moment,
    note,
    shell_words,
    spark,
    table,
    tag,
)
from millstream.web.console.visit import Visit, link_to

PAGE_SIZE: Final = 50
GONE: Final = 404


class _Group:
    """The page of one cause. What is chosen outlives a new drawing of the list."""

    def __init__(self, visit: Visit, names: Mapping[str, str]) -> None:
        self.visit = visit
        self.names = names
        self.fingerprint = visit.part("fingerprint")
        self.path = "/api/failures/" + quote(self.fingerprint, safe="")
        self.here = "/inbox/cause/" + quote(self.fingerprint, safe="")
        self.which = ("--cause", self.fingerprint)
        self.resolved = visit.query("resolved") == "1"
        self.chosen: set[int] = set()
        self.seen = False  # here, or on the other side of it: what was resolved, what is open
        self.part: Live | None = None
        self.bar: html.div | None = None

    async def fetch(self, *, watching: bool) -> Any:
        api = self.visit.api
        try:
            cause = await api.get(self.path, resolved=self.resolved, watching=watching)
        except Refused as refusal:
            if refusal.status != GONE:
                raise
            self.seen = self.seen or await self._is_on_the_other_side()
            return {}
        self.seen = True
        deliveries = await api.get(
            "/api/deliveries",
            cause=self.fingerprint,
            state=["discarded"] if self.resolved else FAILING,
            after=self.visit.query("after"),
            limit=PAGE_SIZE,
            watching=watching,
        )
        return {"cause": cause, "deliveries": deliveries}

    async def _is_on_the_other_side(self) -> bool:
        try:
            await self.visit.api.get(self.path, resolved=not self.resolved)
        except Refused as refusal:
            if refusal.status != GONE:
                raise
            return False
        return True

    # --- drawing

    def show(self, found: Mapping[str, Any]) -> None:
        if not found:
            if not self.seen:
                ui.context.client.status_code = GONE
                empty(
                    "No cause of this name is known.",
                    "Nothing fails for it, and nobody resolved a delivery of it within 30 days. "
                    "The inbox has those there are.",
                )
            elif self.resolved:
                empty("Nobody resolved a delivery of this cause within 30 days.")
            else:
                empty("Nothing fails for this cause any more.", "What was stuck has gone on, or was resolved.")
            return
        cause = found["cause"]
        retitle(means(cause).rstrip("."))
        with card("What fails"):
            if cause["says"]:
                html.p(cause["says"])
            self._facts(cause)
            if self.visit.may(Right.REPLAY):
                self._actions(cause)
            if is_credit(cause["code"]) and cause["held"] and self.visit.may(Right.RELEASE_CREDIT):
                self._credit(cause)
        with card(f"Deliveries: {counts(cause)}"):
            self._list(found["deliveries"])

    def _facts(self, cause: Mapping[str, Any]) -> None:
        explained = cause["explained"]
        with html.div().classes("ms-row ms-tight ms-below"):
            class_chip(cause["fault_class"])
            tag(cause["code"] or "no code")
            html.span(concerns(cause["subscriber"], self.names))
        facts(
            (
                ("Who can mend it", explained and explained["who"]),
                ("What to do", explained and explained["fix"]),
                ("Orders", str(cause["orders"])),
                ("Money", partial(draw_money, cause["money"], cause["orders_without_total"])),
                ("24 hours", partial(spark, cause["trend"], says=trend_words(cause["trend"]))),
                ("First seen", partial(moment, cause["first_seen"])),
                ("Last seen", partial(moment, cause["last_seen"])),
                ("Looked after by", partial(draw_marks, cause["assignees"], cause["unassigned"], cause["tags"])),
            )
        )

    def _actions(self, cause: Mapping[str, Any]) -> None:
        open_ones = sum(cause[state] for state in FAILING)
        if not open_ones:
            html.p("These are resolved; each can be reopened on its own page.").classes("ms-hint")
            return
        with html.div().classes("ms-actions"):
            button(f"Retry all {open_ones}…", partial(self._bulk, "retry"), icon="replay", main=True)
            button("Resolve all…", partial(self._bulk, "resolve"), icon="task_alt")
            button("Assign to me", partial(self._assign, self.visit.name), icon="person")
            button("Assign…", self._ask_assignee)
            button("Tag…", self._ask_tags)
            button("Snooze…", self._ask_snooze)
            command(shell_words("millstream", "deliveries", "retry", *self.which), says="Copy as command: retry")
            command(
                shell_words(
                    "millstream", "deliveries", "resolve", *self.which, "--category", "other", "--reason", "REASON"
                ),
                says="Copy as command: resolve",
            )
            command(assign_command(self.which, self.visit.name), says="Copy as command: assign to me")

    def _credit(self, cause: Mapping[str, Any]) -> None:
        with html.div().classes("ms-actions"):
            says = f"Release credit of all {cause['held']}…"
            button(says, partial(self._bulk, "release"), icon="lock_open", main=not self.visit.may(Right.REPLAY))
            words = ("millstream", "deliveries", "release", *self.which, "--reason", "REASON")
            command(shell_words(*words), says="Copy as command: release")

    def _list(self, deliveries: Mapping[str, Any]) -> None:
        rows = deliveries["items"]
        may = self.visit.may(Right.REPLAY) and not self.resolved
        columns = ("Choose", "Order", "Event", "State", "Tries", "Since", "What it says", "Looked after by")
        table(
            "Deliveries of this cause",
            columns if may else columns[1:],
            [self._row(row)[0 if may else 1 :] for row in rows],
            numbers=(4,) if may else (3,),
        )
        if may:
            self.bar = html.div(role="status").classes("ms-actions")
            self._tell_chosen()
        with html.div().classes("ms-actions"):
            resolved = "1" if self.resolved else None
            if self.visit.query("after"):
                link("First page", link_to(self.here, resolved=resolved))
            if deliveries["next"]:
                link("Next page", link_to(self.here, resolved=resolved, after=deliveries["next"]))

    def _row(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        def choose() -> None:
            box = ui.checkbox(value=row["id"] in self.chosen, on_change=partial(self._choose, row["id"]))
            box.props("dense").props.update({"aria-label": f"Choose delivery {row['id']}"})

        return (
            choose,
            partial(link, row["subject"], link_to(f"/inbox/{row['id']}")),
            event_words(row["event_type"]),
            partial(state_chip, row["state"]),
            str(row["tries"]),
            partial(moment, row["updated_at"], how="ago"),
            partial(_says, row),
            partial(draw_marks, [row["assignee"]] if row["assignee"] else [], 0, row["tags"]),
        )

    # --- choosing

    def _choose(self, delivery_id: int, event: Any) -> None:
        (self.chosen.add if event.value else self.chosen.discard)(delivery_id)
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        if self.bar is None:
            return
        self.bar.clear()
        if not self.chosen:
            return
        ids = sorted(self.chosen)
        with self.bar:
            html.span(f"{len(ids)} chosen")
            button("Retry these…", lambda: go(link_to("/inbox/bulk", action="retry", ids=ids)))
            button("Resolve these…", lambda: go(link_to("/inbox/bulk", action="resolve", ids=ids)))
            command(
                shell_words("millstream", "deliveries", "retry", *map(str, ids)), says="Copy as command: retry these"
            )
            command(
                shell_words(
                    "millstream", "deliveries", "resolve", *map(str, ids), "--category", "other", "--reason", "REASON"
                ),
                says="Copy as command: resolve these",
            )

    # --- doing

    def _bulk(self, action: str) -> None:
        go(link_to("/inbox/bulk", action=action, cause=self.fingerprint, state=FAILING))

    async def _assign(self, assignee: str | None) -> None:
        await self._care("assign", {"assignee": assignee}, f"Assigned to {assignee or 'nobody'}")

    async def _ask_assignee(self) -> None:
        def cli(given: Given) -> str:
            return assign_command(self.which, (given["User name"] or "").strip())

        name = await ask_text(
            "Who looks after these?",
            "Leave it empty for nobody.",
            label="User name",
            do="Assign",
            cli=cli,
            value=self.visit.name,
        )
        if name is not None:
            await self._assign(name or None)

    async def _ask_tags(self) -> None:
        def cli(given: Given) -> str | None:
            on, off = marks_in(given["Words"] or "")
            return tag_command(self.which, add=on, remove=off)

        text = await ask_text(
            "Put words on all of these",
            "Several with commas between. A − before one takes it off.",
            label="Words",
            do="Tag",
            cli=cli,
        )
        on, off = marks_in(text or "")
        if on or off:
            await self._care("tag", {"add": on, "remove": off}, "Tagged")

    async def _ask_snooze(self) -> None:
        answer = await ask_snooze("Snooze all of this cause", self.which)
        if answer is not None:
            await self._care("snooze", {"until": answer[0], "reason": answer[1]}, "Snoozed")

    async def _care(self, verb: str, body: Mapping[str, Any], done: str) -> None:
        answer = await attempt(self.visit.api.post(f"{self.path}/{verb}", body))
        if self.part is not None:
            await self.part.again()
        if answer is not None:
            note(done)


@page("/inbox/cause/{fingerprint}", title="Cause")
async def cause(visit: Visit) -> None:
    """What is known of the cause, what can be done about all of it, its deliveries page by page."""
    group = _Group(visit, await connections(visit))
    with html.p().classes("ms-row"):
        link("← Inbox", link_to("/inbox"))
        if group.resolved:
            link("What is open", link_to(group.here))
        else:
            link("What was resolved", link_to(group.here, resolved="1"))
    group.part = await live(visit, group.fetch, group.show)


def _says(row: Mapping[str, Any]) -> None:
    html.div(row["message"] or row["note"] or "").classes("ms-clamp")
