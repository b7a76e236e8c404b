"""The tabs of a delivery: what was tried, what was called, what people did."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from nicegui import html

from millstream.domain.credit import is_credit
from millstream.web.console.parts import attempt, button, code_block, empty, heading, known, moment, span, table
from millstream.web.console.visit import Visit

_OUTCOMES: Final = {
    "done": "done",
    "held": "refused: needs a decision",
    "dead": "given up",
    "retrying": "failed: tried again",
    "discarded": "resolved",
}
_ACTIONS: Final = {
    "retry": "retried",
    "amend": "amended",
    "release": "released from its rule",
    "discard": "discarded",
    "resolve": "resolved",
    "reopen": "reopened",
    "assign": "assigned",
    "tag": "tagged",
    "snooze": "snoozed",
    "done": "done",
    "held": "held for a decision",
    "dead": "given up",
}
_CREDIT_AGREED: Final = "credit agreed"
_KNOWN_DETAIL: Final = frozenset({"delivery", "amended"})


def tries_words(tries: int, counted: int, *, running: bool) -> str:
    """How often it was tried, and how many of these tries count towards giving up."""
    if tries == 0:
        return "none yet"
    under_way = ", the last of them under way" if running and tries > 1 else ", under way" if running else ""
    if tries == 1:
        counts = "counts" if counted else "does not count"
        return f"1{under_way}; it {counts} towards giving up"
    which = {0: "none", tries: "all"}.get(counted, str(counted))
    return f"{tries}{under_way}; {which} of them count{'s' if counted < 2 else ''} towards giving up"


def attempts_panel(found: Mapping[str, Any]) -> None:
    """Every try."""
    attempts = found["attempts"]
    if not attempts:
        empty("It was not tried yet.")
        return
    rows: list[tuple[Any, ...]] = []
    before: str | None = None
    told = 0
    for one in attempts:
        if one["n"] > told + 1:
            rows.append(("…", "–", "–", "–", f"{one['n'] - told - 1:,} more tries are left out", "–", "–", "–"))
            before = None
        told = one["n"]
        waited = None if before is None else _seconds(before, one["started_at"])
        rows.append(
            (
                str(one["n"]),
                partial(_at, one["started_at"]),
                "–" if waited is None else span(waited),
                partial(_unbroken, span(_seconds(one["started_at"], one["ended_at"]))),
                _OUTCOMES.get(one["outcome"], one["outcome"]),
                partial(_unbroken, one["code"] or "–"),
                one["message"] or "–",
                partial(_unbroken, one["worker"]),
            )
        )
        before = one["ended_at"]
    columns = ("Try", "Began", "Waited before", "Took", "Outcome", "Code", "What it says", "Worker")
    table("Attempts", columns, list(reversed(rows)), numbers=(0,))


def _at(when: str) -> None:
    moment(when, how="at").classes("ms-nowrap")


def _unbroken(text: str) -> None:
    html.span(text).classes("ms-nowrap")


def calls_panel(found: Mapping[str, Any], *, answers: bool) -> None:
    """What was asked of which system (`answers`: and what came back), try by try."""
    calls = [(one, call) for one in found["attempts"] for call in one["calls"]]
    _said(found.get("failed_call"), answers=answers)
    if not calls:
        empty("No system was called.", "What fails before the first call, for instance because of a pause, calls none.")
        return
    if answers:
        columns: tuple[str, ...] = ("Try", "System", "Operation", "Status", "Outcome", "Took")
        rows = [
            (
                str(one["n"]),
                call["system"],
                call["operation"],
                partial(_status, call),
                call["outcome"],
                span(call["ms"] / 1000),
            )
            for one, call in reversed(calls)
        ]
        table("Answers", columns, rows, numbers=(0, 5))
        return
    columns = ("Try", "At", "System", "Operation", "Idempotency key")
    table(
        "Requests",
        columns,
        [
            (
                str(one["n"]),
                partial(moment, one["started_at"], how="at"),
                call["system"],
                call["operation"],
                call["key"] or "none",
            )
            for one, call in reversed(calls)
        ],
        numbers=(0,),
    )


def _said(failed: Mapping[str, Any] | None, *, answers: bool) -> None:
    """The last call that failed, word by word. Of calls that went well nothing but their line is kept."""
    if failed is None:
        html.p(
            "No request or answer is kept word by word: none failed, or you may not see payloads. "
            "Kept of each call is its line below."
        ).classes("ms-hint")
        return
    what = "Answer" if answers else "Request"
    text = failed["response"] if answers else failed["request"]
    heading(f"{what} of the call that failed last: call {failed['step']} of try {failed['n']}", level=3)
    if text is None:
        html.p("No answer came.")
    else:
        code_block(_laid_out(text), label=f"{what}, word by word")
    html.p("Without headers and credentials, cut to size. Of calls that went well only their line is kept.").classes(
        "ms-hint"
    )


def _laid_out(text: str) -> str:
    """With a JSON body over several lines; what is no JSON, or was cut, as it is."""
    head, gap, body = text.partition("\n\n")
    try:
        laid_out: str = msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return text
    return head + gap + laid_out


def _status(call: Mapping[str, Any]) -> None:
    known("no answer" if call["status"] is None else call["status"])


async def history_panel(visit: Visit, path: str) -> None:
    """Who did what to it, from the audit trail; what is older comes when it is asked for."""
    found = await visit.api.get(f"{path}/history", watching=True)
    if not found["items"]:
        empty("Nobody did anything to it yet.")
        return
    _draw_history(visit, path, found)


def _draw_history(visit: Visit, path: str, found: Mapping[str, Any]) -> None:
    table(
        "History",
        ("When", "Who", "What", "Details"),
        [
            (
                partial(moment, row["at"]),
                row["actor"],
                _did(row),
                partial(_detail, row["detail"]),
            )
            for row in found["items"]
        ],
    )
    if not found["next"]:
        return
    rest = html.div()

    async def older() -> None:
        following = await attempt(visit.api.get(f"{path}/history", after=found["next"]))
        if following is not None:
            rest.clear()
            with rest:
                _draw_history(visit, path, following)

    with rest:
        button("Older", older)


def _did(row: Mapping[str, Any]) -> str:
    verb = row["action"].removeprefix("delivery.")
    if verb == "release" and is_credit(row["detail"].get("code")):
        return _CREDIT_AGREED
    return _ACTIONS.get(verb, str(row["action"]))


def _detail(detail: Mapping[str, Any]) -> None:
    told = {name: value for name, value in detail.items() if name not in _KNOWN_DETAIL and value not in (None, "", [])}
    words = " · ".join(f"{name}: {_words(value)}" for name, value in told.items())
    html.div(words or "–")
    if "amended" in detail:
        with html.details():
            html.summary("The payload as amended")
            code_block(detail["amended"], label="The payload as amended")


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
