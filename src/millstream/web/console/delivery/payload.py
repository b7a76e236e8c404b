"""What a delivery carries, and what would become of it: documents beside each other, and what they are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.comparing import compare
from millstream.web.console.failing import event_words
from millstream.web.console.parts import empty
from millstream.web.console.visit import Visit

WORKED_OUT: Final = "Worked out now, nothing was sent."


async def payload_panel(visit: Visit, path: str, found: Mapping[str, Any]) -> None:
    """The payload, what somebody amended it to, and what would become of it; any two of them beside each other."""
    if not visit.may(Right.VIEW_PAYLOAD):
        empty("Payloads are not shown to you.", "An administrator can give you a role with the right view_payload.")
        return
    mapped = await visit.api.get(f"{path}/preview", watching=True)
    shown = documents(found, mapped)
    warn(mapped)
    choices = list(shown)
    first, second = choices[0], choices[1 if found["amended"] is not None else -1]
    with html.div().classes("ms-row"):
        left = ui.select(choices, value=first, label="Left").classes("ms-choose")
        right = ui.select(choices, value=second, label="Right").classes("ms-choose")
    for words in about(mapped):
        html.p(words).classes("ms-hint")
    place = html.div()

    def draw() -> None:
        place.clear()
        with place:
            compare(
                shown[str(left.value)],
                shown[str(right.value)],
                left_says=str(left.value),
                right_says=str(right.value),
            )

    left.on_value_change(draw)
    right.on_value_change(draw)
    draw()


def warn(mapped: Mapping[str, Any]) -> None:
    """Draws why it would not go through, if that is known already."""
    if mapped["fault"]:
        says = "As things are it would not go through" if mapped["fault_code"] else "It would not be sent as it is"
        html.p(f"{says}: {mapped['fault']}").classes("ms-warning")


def documents(found: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    """By what they are, the closest to what a system gets last."""
    shown = {"As it came": found["data"]}
    if found["amended"] is not None:
        shown["As amended"] = found["amended"]
    if mapped["order"] is not None:
        shown["As the hub reads it"] = mapped["order"]
    if mapped["facts"]:
        shown["What the hub would note"] = {fact["type"]: fact["data"] for fact in mapped["facts"]}
    for connection in dict.fromkeys(request["connection"] for request in mapped["requests"]):
        shown[f"What the hub asks of {connection}"] = _asked(mapped["requests"], connection)
    if mapped["records"]:
        shown[f"As {mapped['connection']} would get it"] = _sent(mapped["records"])
    return shown


def about(mapped: Mapping[str, Any]) -> list[str]:
    """What the documents are, and how far they go."""
    told = []
    if mapped["records"]:
        laid_over = f" The mapping {mapped['overlay']} is laid over it." if mapped["overlay"] else ""
        told.append(
            f"{WORKED_OUT} What only the other system knows, such as its ids, stands there in words or as 0.{laid_over}"
        )
    if mapped["requests"]:
        told.append(
            f"{'' if mapped['records'] else WORKED_OUT + ' '}What the hub asks are its requests to the connector, "
            "before the connector gives them the form that its system gets."
        )
    if mapped["needs"]:
        told.append(f"On its way it {mapped['needs']}. Nobody is asked here: what depends on it is not known.")
    if mapped["facts"]:
        told.append(f"The hub itself would note: {', '.join(event_words(fact['type']) for fact in mapped['facts'])}.")
    if mapped["note"]:
        told.append(f"It would be done with the note: {mapped['note']}.")
    if not told and not mapped["fault"]:
        told.append(f"{WORKED_OUT} It would ask nothing of any system: the hub writes its own books alone.")
    return told


def _asked(requests: Sequence[Mapping[str, Any]], connection: str) -> dict[str, Any]:
    """In the order in which they are made."""
    shown: dict[str, Any] = {}
    for n, request in enumerate(requests, 1):
        if request["connection"] == connection:
            name = request["target"]
            shown[f"{name}, request {n}" if name in shown else name] = request["fields"]
    return shown


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
