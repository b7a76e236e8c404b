"""A payload is corrected: edited as JSON, tried out without sending anything, then sent with a reason."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.comparing import compare, in_order_of
from millstream.web.console.delivery.payload import about, warn
from millstream.web.console.parts import REASON_MAX, button, command, heading, shell_words
from millstream.web.console.visit import Visit

TEXT_MAX: Final = 1_500_000


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """A payload that the hub can read, and what would become of it."""

    payload: dict[str, Any]
    mapped: Mapping[str, Any]


class _Form:
    """The dialog. `checked` is the text that was tried out and found good."""

    def __init__(self, visit: Visit, path: str, found: Mapping[str, Any], dialog: ui.dialog) -> None:
        self._visit = visit
        self._path = path
        self._original = found["data"]
        self._number = found["delivery"]["id"]
        self._payload = found["data"] if found["amended"] is None else in_order_of(found["amended"], found["data"])
        self._dialog = dialog

    def draw(self) -> None:
        heading("Amend")
        html.p("What you write stands beside the original, which is kept, and is used from now on.")
        text = msgspec.json.format(msgspec.json.encode(self._payload), indent=2).decode()
        self._text = ui.textarea("Payload (JSON)", value=text).props(f"outlined maxlength={TEXT_MAX}")
        self._text.props.update({"input-class": "ms-editor", "spellcheck": "false"})
        self._text.classes("ms-wide")
        self._reason = ui.textarea("Reason").props(f"autogrow outlined maxlength={REASON_MAX}").classes("ms-wide")
        self._verdict = html.div(role="status").classes("ms-verdict")
        with html.div().classes("ms-actions"):
            button("Amend and retry", self._send, main=True)
            button("Check, send nothing", self._check)
            button("Back", lambda: self._dialog.submit(None))
            command(shell_words("millstream", "deliveries", "amend", str(self._number), "order.json"))

    async def _send(self) -> None:
        read = await self._read()
        if read is None:
            return
        words = (self._reason.value or "").strip()
        if not words:
            self._reason.props.update(error=True, **{"error-message": "Say why in a few words"})
            self._reason.update()
            return
        self._dialog.submit({"payload": read.payload, "reason": words})

    async def _check(self) -> None:
        read = await self._read()
        if read is None:
            return
        self._verdict.clear()
        with self._verdict:
            html.p("The hub can read it, and its money closes. Nothing was sent.")
            warn(read.mapped)
            for words in about(read.mapped):
                html.p(words).classes("ms-hint")
            compare(self._original, read.payload, left_says="As it came", right_says="As you write it")

    async def _read(self) -> _Read | None:
        """What was written, if it is JSON and the hub could read it; else says why not.

        What stops its flow as things are is no fault of the payload's, and is no reason to refuse it.
        """
        try:
            payload = msgspec.json.decode(self._text.value or "")
        except msgspec.DecodeError as error:
            self._refuse(f"This is no JSON: {error}")
            return None
        if not isinstance(payload, dict):
            self._refuse("The payload must be a JSON object.")
            return None
        try:
            mapped = await self._visit.api.post(f"{self._path}/preview", {"payload": payload})
        except Refused as refusal:
            self._refuse(" ".join((refusal.detail, *refusal.errors)))
            return None
        if mapped["fault"] and not mapped["fault_code"]:
            self._refuse(mapped["fault"])
            return None
        return _Read(payload=payload, mapped=mapped)

    def _refuse(self, why: str) -> None:
        self._verdict.clear()
        with self._verdict:
            html.p(why).classes("ms-warning")


async def ask_payload(visit: Visit, path: str, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Asks for another payload and why. None if the person went back."""
    with ui.dialog() as dialog, html.div(role="document").classes("ms-dialog ms-dialog-wide"):
        dialog.props.update({"aria-label": "Amend"})
        _Form(visit, path, found, dialog).draw()
    try:
        answer = await dialog
    finally:
        dialog.delete()
    return answer if isinstance(answer, dict) else None
