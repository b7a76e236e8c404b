"""What a bulk action would come to, before anything is done."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.bulk.progress import DOING
from millstream.web.console.bulk.wish import Wish
from millstream.web.console.caring import RESOLUTIONS
from millstream.web.console.failing import draw_money, event_words, state_chip
from millstream.web.console.parts import (
    Given,
    ask_reason,
    attempt,
    button,
    card,
    command,
    empty,
    facts,
    figure,
    go,
    heading,
    known,
    link,
    moment,
    table,
    why,
)
from millstream.web.console.visit import Visit, link_to

_TELLS: Final = {
    "retry": "They are tried now, with today's data, a batch at a time.",
    "release": "The rule that holds each does not apply to it any more, and it is tried now. "
    "Where credit holds it, credit is agreed, and the ERP still decides.",
    "resolve": "They do not happen any more, and what waits behind them goes on. They can be opened again.",
    "discard": "They do not happen any more, and what waits behind them goes on.",
}
_TRYING: Final = ("retry", "release")
_FORECASTS: Final = {
    "would_be_sent": "They would be sent",
    "already_there": "They are there already, and would be found",
    "nothing_to_send": "They would send nothing",
    "would_fail": "They would not go through as things are",
    "cannot_be_read": "They cannot be read",
}
_FORECAST: Final = "forecast"  # what an estimate gives as its reason: nobody ever reads it


class Plan:
    """The estimate for one wish; choosing another action, of those the person may do, estimates anew."""

    def __init__(self, visit: Visit, wish: Wish, action: str, doing: Sequence[str]) -> None:
        self._visit = visit
        self._wish = wish
        self._action = action
        self._doing = {each: DOING[each] for each in doing}
        self._place: html.div | None = None

    async def draw(self) -> None:
        """The choice of action, then what it would come to."""
        with card(f"Which: {self._wish.says()}"):
            choice = ui.select(self._doing, value=self._action, label="What shall be done").classes("ms-choose")
            choice.on_value_change(self._choose)
        self._place = html.div().classes("ms-live ms-after")
        await self._estimate()

    async def _choose(self, event: Any) -> None:
        self._action = str(event.value)
        await self._estimate()

    async def _estimate(self) -> None:
        answer = await attempt(self._ask(_FORECAST, dry_run=True))
        if answer is None or self._place is None:
            return
        self._place.clear()
        with self._place:
            self._show(answer["estimate"])

    async def _ask(self, reason: str, *, dry_run: bool, category: str | None = None) -> Any:
        body: dict[str, Any] = {
            "action": self._action,
            "filter": self._wish.body(),
            "reason": reason,
            "dry_run": dry_run,
        }
        if category is not None:
            body["category"] = category
        return await self._visit.api.post("/api/bulk", body)

    def _show(self, estimate: Mapping[str, Any]) -> None:
        with html.div(role="status").classes("ms-figures"):
            figure("Deliveries it can be done to", str(estimate["deliveries"]))
            figure("Orders", str(estimate["orders"]))
        with card("Estimate"):
            html.p("An estimate: nothing was changed. " + _TELLS[self._action]).classes("ms-hint")
            money = partial(draw_money, estimate["money"], estimate["orders_without_total"])
            facts([("Money of these orders", money if estimate["orders"] else "none")])
            if not estimate["shares"]:
                empty("Nothing fits: what failed has gone on, or was resolved.")
                return
            heading("By state and code", level=3)
            table(
                "Shares",
                ("Deliveries", "State", "Code", "Can be done"),
                list(map(_share, estimate["shares"])),
                numbers=(0,),
            )
            self._start_bar(estimate)
        if self._action in _TRYING and estimate["deliveries"] and self._visit.may(Right.VIEW_PAYLOAD):
            self._offer_dry_run()
        with card(f"The first {len(estimate['sample'])}"):
            table("Sample", ("Order", "Event", "State", "What it says"), list(map(_sample, estimate["sample"])))

    def _offer_dry_run(self) -> None:
        with card("Dry run"):
            html.p(
                "Works out the newest of them as they stand: can they be read, are they there already, what would be "
                "sent. No system is asked, so what the systems themselves would say is not known."
            ).classes("ms-hint")
            place = html.div(role="status")
            with html.div().classes("ms-actions"):
                button("Try them out", partial(self._try_out, place))
                command(self._wish.command("bulk", "dry-run", self._action))

    async def _try_out(self, place: html.div) -> None:
        body = {"action": self._action, "filter": self._wish.body()}
        found = await attempt(self._visit.api.post("/api/bulk/dry-run", body))
        if found is None:
            return
        place.clear()
        with place:
            html.p(f"Looked at {found['looked_at']}; nothing was sent.")
            if found["outcomes"]:
                rows = list(map(_foreseen, found["outcomes"]))
                table("Dry run", ("Deliveries", "What would become of them", "Why", "One of them"), rows, numbers=(0,))

    def _start_bar(self, estimate: Mapping[str, Any]) -> None:
        with html.div().classes("ms-actions"):
            if estimate["deliveries"]:
                button(f"{DOING[self._action]} {estimate['deliveries']}…", partial(self._start, estimate), main=True)
            command(self._wish.command("bulk", "estimate", self._action), says="Copy as command: estimate")
            command(self._start_command({}), says="Copy as command: start")

    def _start_command(self, given: Given) -> str:
        category = given.get("Why", "other" if self._action == "resolve" else None)
        also = (*(("--category", str(category)) if category else ()), *why(given))
        return self._wish.command("bulk", "start", self._action, also=also)

    async def _start(self, estimate: Mapping[str, Any]) -> None:
        count = estimate["deliveries"]
        choices = RESOLUTIONS if self._action == "resolve" else None
        title = f"{DOING[self._action]} {count} deliveries"
        text = f"{_TELLS[self._action]} You can pause and cancel it; what is done stays done."
        answer = await ask_reason(title, text, do="Start", choices=choices, cli=self._start_command)
        if answer is None:
            return
        made = await attempt(self._ask(answer[0], dry_run=False, category=answer[1]))
        if made is None:
            return
        number = made["bulk"]["id"]
        started = await attempt(self._visit.api.post(f"/api/bulk/{number}/start"))
        if started is not None:
            go(link_to(f"/inbox/bulk/{number}"))


def _foreseen(one: Mapping[str, Any]) -> tuple[Any, ...]:
    example = partial(link, str(one["example"]), link_to(f"/inbox/{one['example']}"))
    return (str(one["deliveries"]), _FORECASTS[one["forecast"]], one["why"] or "–", example)


def _share(share: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        str(share["deliveries"]),
        partial(state_chip, share["state"]),
        share["code"] or "none",
        "no" if share["refused"] else "yes",
    )


def _sample(row: Mapping[str, Any]) -> tuple[Any, ...]:
    def says() -> None:
        html.div(row["message"] or row["note"] or "–").classes("ms-clamp")

    order: Callable[[], Any] = partial(link, row["subject"], link_to(f"/inbox/{row['id']}"))
    return (order, event_words(row["event_type"]), partial(state_chip, row["state"]), says)


def list_of(items: Any) -> None:
    """The newest bulk actions."""
    if not items:
        empty("There was no bulk action yet.", "Choose a cause in the inbox, then retry or resolve all of it.")
        return

    def row(bulk: Mapping[str, Any]) -> tuple[Any, ...]:
        return (
            partial(link, DOING[bulk["action"]], link_to(f"/inbox/bulk/{bulk['id']}")),
            partial(known, bulk["state"]),
            str(bulk["done"]),
            str(bulk["refused"]),
            str(bulk["estimate"]),
            bulk["actor"],
            bulk["reason"],
            partial(moment, bulk["created_at"]),
        )

    columns = ("What", "State", "Done", "Refused", "Estimated", "By", "Why", "Made")
    with card():
        table("Bulk actions", columns, list(map(row, items)), numbers=(2, 3, 4))
