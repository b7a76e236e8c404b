"""The tabs of a delivery: what it carries, what was tried, what was called, what people did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from nicegui import html, ui

from millstream.domain.access import Right
from millstream.domain.credit import is_credit
from millstream.web.console.comparing import compare
from millstream.web.console.parts import code_block, empty, heading, known, moment, span, table
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


async def payload_panel(visit: Visit, path: str, found: Mapping[str, Any]) -> None:
    """The payload, what somebody amended it to, and what would become of it; any two of them beside each other."""
    if not visit.may(Right.VIEW_PAYLOAD):
        empty("Payloads are not shown to you.", "An administrator can give you a role with the right view_payload.")
        return
    mapped = await visit.api.get(f"{path}/preview", watching=True)
    documents = _documents(found, mapped)
    if mapped["fault"]:
        html.p(f"It would not be sent as it is: {mapped['fault']}").classes("ms-warning")
    choices = list(documents)
    first, second = choices[0], choices[1 if found["amended"] is not None else -1]
    with html.div().classes("ms-row"):
        left = ui.select(choices, value=first, label="Left").classes("ms-choose")
        right = ui.select(choices, value=second, label="Right").classes("ms-choose")
    html.p(_about(mapped)).classes("ms-hint")
    place = html.div()

    def draw() -> None:
        place.clear()
        with place:
            compare(
                documents[str(left.value)],
                documents[str(right.value)],
                left_says=str(left.value),
                right_says=str(right.value),
            )

    left.on_value_change(draw)
    right.on_value_change(draw)
    draw()


def _documents(found: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    documents = {"As it came": found["data"]}
    if found["amended"] is not None:
        documents["As amended"] = found["amended"]
    if mapped["order"] is not None:
        documents["As the hub reads it"] = mapped["order"]
    if mapped["records"]:
        documents[f"As {mapped['connection']} would get it"] = _sent(mapped["records"])
    return documents


def _sent(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each record with what is laid over it. One that stands within another one already is shown once."""
    shown: dict[str, Any] = {}
    for record in records:
        within = any(_holds(whole, record["fields"]) for whole in shown.values())
        if not within:
            shown[record["label"]] = {**record["fields"], **record["overlaid"]}
        elif record["overlaid"]:
            shown[f"{record['label']}, laid over it"] = record["overlaid"]
    return shown


def _holds(whole: Any, part: Any) -> bool:
    if whole == part:
        return True
    inner = whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
    return any(_holds(one, part) for one in inner)


def _about(mapped: Mapping[str, Any]) -> str:
    if not mapped["records"]:
        whom = mapped["connection"] or "the hub itself"
        return (
            f"The connector of {whom} tells of no record for this event: the order as the hub reads it is shown."
            if mapped["order"] is not None
            else f"Nothing is mapped for {whom}: this event carries no order."
        )
    laid_over = f" The mapping {mapped['overlay']} is laid over it." if mapped["overlay"] else ""
    return (
        "Worked out now, nothing was sent. What only the other system knows, such as its ids, stands there in words "
        f"or as 0.{laid_over}"
    )


def attempts_panel(found: Mapping[str, Any]) -> None:
    """Every try."""
    attempts = found["attempts"]
    if not attempts:
        empty("It was not tried yet.")
        return
    rows: list[tuple[Any, ...]] = []
    before: str | None = None
    for one in attempts:
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
    """Who did what to it, from the audit trail."""
    found = await visit.api.get(f"{path}/history", watching=True)
    if not found["items"]:
        empty("Nobody did anything to it yet.")
        return
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
    if found["more"]:
        html.p("There is more of it in the audit trail.").classes("ms-hint")


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
