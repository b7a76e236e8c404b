"""Questions asked before something is done to deliveries, one of them or all of one cause."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.parts import REASON_MAX, button, heading

RESOLUTIONS: Final = {
    "fixed_in_source": "It was mended where it came from",
    "duplicate": "Another delivery did it",
    "loss_accepted": "It is given up, and that is accepted",
    "test": "It was a test",
    "other": "Another reason",
}
SNOOZES: Final = {
    "1": "For an hour",
    "4": "For four hours",
    "24": "For a day",
    "72": "For three days",
    "168": "For a week",
    "0": "Bring it back into sight now",
}
NAME_MAX: Final = 100


async def ask_text(title: str, text: str, *, label: str, do: str, value: str = "") -> str | None:
    """Asks for a word or a line, which may be left empty. None if the person went back."""
    answer: str | None = await _asked(title, text, do, lambda: _input(label, value))
    return answer


async def ask_snooze(title: str) -> tuple[str | None, str] | None:
    """Asks until when it shall be out of sight (None: in sight again) and why."""
    text = "Out of sight until then. When it is tried again does not change."

    def draw() -> Callable[[], tuple[str, str] | None]:
        hours = ui.select(dict(SNOOZES), value="4", label="How long").classes("ms-wide")
        reason = _reason()

        def read() -> tuple[str, str] | None:
            words = (reason.value or "").strip()
            if not words:
                _say_why(reason)
                return None
            return str(hours.value), words

        return read

    answer = await _asked(title, text, "Snooze", draw)
    if answer is None:
        return None
    hours, words = answer
    until = None if hours == "0" else (datetime.now(UTC) + timedelta(hours=int(hours))).isoformat()
    return until, words


def _input(label: str, value: str) -> Callable[[], str]:
    field = ui.input(label, value=value).props(f"outlined autofocus maxlength={NAME_MAX * 5}").classes("ms-wide")

    def read() -> str:
        return (field.value or "").strip()

    return read


def _reason() -> ui.textarea:
    return ui.textarea("Reason").props(f"autogrow outlined autofocus maxlength={REASON_MAX}").classes("ms-wide")


def _say_why(field: ui.textarea) -> None:
    field.props.update(error=True, **{"error-message": "Say why in a few words"})
    field.update()


async def _asked(title: str, text: str, do: str, draw: Callable[[], Callable[[], Any]]) -> Any:
    with ui.dialog() as dialog, html.div(role="document").classes("ms-dialog"):
        dialog.props.update({"aria-label": title})
        heading(title)
        html.p(text)
        read = draw()

        def decide() -> None:
            answer = read()
            if answer is not None:
                dialog.submit(("answer", answer))

        with html.div().classes("ms-actions"):
            button(do, decide, main=True)
            button("Back", lambda: dialog.submit(None))
    try:
        found = await dialog
    finally:
        dialog.delete()
    return found[1] if isinstance(found, tuple) else None
