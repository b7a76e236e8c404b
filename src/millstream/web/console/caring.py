"""Questions asked before something is done to deliveries, one of them or all of one cause."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.parts import REASON_MAX, Cli, Given, button, command_of, heading, shell_words, why

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
HOW_LONG: Final = "How long"


def _deliveries(verb: str, which: Sequence[str], *words: str) -> str:
    return shell_words("millstream", "deliveries", verb, *which, *words)


def assign_command(which: Sequence[str], assignee: str | None) -> str:
    """`which`: ids, or a filter, as the shell takes them."""
    return _deliveries("assign", which, *(("--assignee", assignee) if assignee else ("--nobody",)))


def tag_command(which: Sequence[str], *, add: Iterable[str], remove: Iterable[str]) -> str | None:
    """None where it changes nothing."""
    words = [*(f"--add={word}" for word in add), *(f"--remove={word}" for word in remove)]
    return _deliveries("tag", which, *words) if words else None


def snooze_command(which: Sequence[str], given: Given) -> str:
    """For what stands in the form of `ask_snooze`."""
    hours = str(given[HOW_LONG])
    return _deliveries("snooze", which, *(("--wake",) if hours == "0" else ("--hours", hours)), *why(given))


def words_in(text: str) -> list[str]:
    """Words with commas between."""
    return [word.strip() for word in text.split(",") if word.strip()]


def marks_in(text: str) -> tuple[list[str], list[str]]:
    """Words to put on, and those to take off: they have a minus before them."""
    words = words_in(text)
    off = [word.lstrip("−-").strip() for word in words if word[0] in "−-"]
    return [word for word in words if word[0] not in "−-"], [word for word in off if word]


async def ask_text(title: str, text: str, *, label: str, do: str, cli: Cli, value: str = "") -> str | None:
    """Asks for a word or a line, which may be left empty. None if the person went back."""
    answer: str | None = await _asked(title, text, do, lambda: _input(label, value), cli)
    return answer


async def ask_snooze(title: str, which: Sequence[str]) -> tuple[str | None, str] | None:
    """Asks until when it shall be out of sight (None: in sight again) and why."""
    text = "Out of sight until then. When it is tried again does not change."

    def draw() -> Callable[[], tuple[str, str] | None]:
        hours = ui.select(dict(SNOOZES), value="4", label=HOW_LONG).classes("ms-wide")
        reason = _reason()

        def read() -> tuple[str, str] | None:
            words = (reason.value or "").strip()
            if not words:
                _say_why(reason)
                return None
            return str(hours.value), words

        return read

    answer = await _asked(title, text, "Snooze", draw, partial(snooze_command, which))
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


async def _asked(title: str, text: str, do: str, draw: Callable[[], Callable[[], Any]], cli: Cli) -> Any:
    with ui.dialog() as dialog, html.div(role="document").classes("ms-dialog") as form:
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
            command_of(form, cli)
    try:
        found = await dialog
    finally:
        dialog.delete()
    return found[1] if isinstance(found, tuple) else None
