"""What pages share. Everything given as text is shown as text; nothing a system sent is ever read as HTML."""

import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from inspect import isawaitable
from typing import Any, Final

import msgspec
from nicegui import html, ui
from nicegui.elements.mixins.value_element import ValueElement

from millstream.web.console.api import Refused
from millstream.web.console.visit import CONSOLE

NOT_KNOWN: Final = "not known"
REASON_MAX: Final = 1000
Given = Mapping[str, Any]
"""What stands in the fields of a form: label -> value."""
Cli = str | Callable[[Given], str | None]
"""The command for a form, or how it is made from what stands in it; None while there is none."""
_TONES: Final = {
    "good": "check_circle",
    "warn": "schedule",
    "bad": "error",
    "info": "info",
    "idle": "radio_button_unchecked",
}
_TONE_OF_STATE: Final = {
    "placed": "info", "confirmed": "good", "packed": "good", "shipped": "good", "delivered": "good",
    "retrying": "warn", "review": "bad", "held": "bad", "dead": "bad", "discarded": "idle", "cancelled": "idle",
    "due": "info", "waiting": "info", "running": "info", "done": "good", "closed": "good", "open": "bad",
    "half_open": "warn", "paused": "warn", "draining": "warn", "firing": "bad", "pending": "warn",
    "acknowledged": "warn", "resolved": "good",
}  # fmt: skip


# --- values ---


def money(amount: Any, currency: str | None) -> str:
    """Money in words; `amount` as the API tells it (a decimal as text)."""
    if amount is None or currency is None:
        return NOT_KNOWN
    return f"{currency} {Decimal(str(amount)):,.2f}"


def quantity(value: Any) -> str:
    """A quantity without needless noughts."""
    return NOT_KNOWN if value is None else f"{Decimal(str(value)).normalize():f}"


def span(seconds: float | None) -> str:
    """A stretch of time in its two largest units: 2 h 5 min."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    words: list[str] = []
    left = int(seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}" if count else "")
        if len(words) == 2:
            break
    return " ".join(word for word in words if word)


def moment(when: str | datetime | None, *, how: str = "both") -> html.time | ui.label:
    """A point in time in the zone of whoever looks; UTC when pointed at. `how`: ago, at, or both."""
    if when is None:
        return ui.label(NOT_KNOWN).classes("ms-unknown")
    text = when.isoformat() if isinstance(when, datetime) else when
    return html.time(text.replace("T", " ")[:19] + " UTC", **{"datetime": text, "data-ms": how})


def known(text: Any) -> html.span:
    """A value, or that it is not known."""
    if text is None or text == "":
        return html.span(NOT_KNOWN).classes("ms-unknown")
    return html.span(str(text))


# --- small things ---


def link(text: str, href: str) -> html.a:
    """A link. `href` comes from `link_to`, or is an address of our own."""
    return html.a(text, href=href).classes("ms-link")


def go(href: str) -> None:
    """Opens another page; `href` comes from `link_to`."""
    ui.navigate.to(href.removeprefix(CONSOLE) or "/")


def state_word(state: str) -> str:
    """A state as people read it: what the ledger calls discarded, they have resolved."""
    return "resolved" if state == "discarded" else state.replace("_", " ")


def chip(text: str, tone: str | None = None) -> html.span:
    """A state. Told by word and sign, not by colour alone. Without `tone`, the one the state usually has."""
    tone = tone or _TONE_OF_STATE.get(text, "info")
    with html.span().classes(f"ms-chip ms-{tone}") as made:
        html.span(_TONES[tone], **{"aria-hidden": "true"}).classes("material-icons")
        html.span(state_word(text))
    return made


def tag(text: str) -> html.span:
    """A number, a word: something small in a frame."""
    return html.span(text).classes("ms-tag")


def card(title: str | None = None, *, level: int = 2) -> html.section:
    """A section in a frame, under a heading; what belongs inside is drawn in its `with`."""
    made = html.section().classes("ms-card")
    if title is not None:
        with made:
            heading(title, level=level)
    return made


def heading(text: str, *, level: int = 2) -> html.h2 | html.h3:
    """A heading below the page's own."""
    return (html.h2(text) if level == 2 else html.h3(text)).classes("ms-heading")


def figure(label: str, value: str, *, hint: str = "", tone: str = "", href: str | None = None) -> None:
    """One number that matters, with what it means."""
    with html.div().classes(f"ms-figure ms-{tone}" if tone else "ms-figure"):
        html.div(label).classes("ms-figure-label")
        if href is None:
            html.div(value).classes("ms-figure-value")
        else:
            html.a(value, href=href).classes("ms-figure-value ms-link")
        if hint:
            html.div(hint).classes("ms-hint")


def facts(pairs: Iterable[tuple[str, Any]]) -> None:
    """Names and values. A value is text, None for not known, or a function that draws it."""
    with html.dl().classes("ms-facts"):
        for name, value in pairs:
            html.dt(name)
            with html.dd():
                if callable(value):
                    value()
                else:
                    known(value)


def empty(text: str, hint: str = "") -> None:
    """Nothing to show: says why, and what would bring something here."""
    with html.div().classes("ms-empty"):
        html.p(text)
        if hint:
            html.p(hint).classes("ms-hint")


def code_block(value: Any, *, label: str) -> None:
    """JSON or text as it is, in a box that scrolls and can be reached by keyboard."""
    text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    html.pre(text, role="region", tabindex="0", **{"aria-label": label}).classes("ms-code")


def spark(numbers: Sequence[float], *, says: str) -> None:
    """A line of small bars. `says` tells the same in words."""
    top = max(numbers, default=0) or 1
    with html.span(role="img", **{"aria-label": says, "title": says}).classes("ms-spark"):
        for number in numbers:
            html.i().style(f"height: {max(2.0, 100 * number / top):.0f}%")


def table(
    label: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    numbers: Sequence[int] = (),
) -> None:
    """A table that becomes a list of cards where the screen is narrow.

    A cell is text, None for not known, or a function that draws it. `numbers` are the columns set to the right.
    """
    box = html.div(role="region", tabindex="0", **{"aria-label": label}).classes("ms-table-box")
    with box, html.table().classes("ms-table"):
        with html.thead(), html.tr():
            for at, name in enumerate(columns):
                html.th(name, scope="col").classes("ms-number" if at in numbers else "")
        with html.tbody():
            for row in rows:
                with html.tr():
                    for at, value in enumerate(row):
                        _cell(columns[at], value, "ms-number" if at in numbers else "")


def _cell(column: str, value: Any, classes: str) -> None:
    with html.td(**{"data-label": column}).classes(classes):
        if callable(value):
            with html.div():  # whatever is drawn is one thing beside the column's name, where the screen is narrow
                value()
        else:
            known(value)


# --- doing ---


def button(text: str, act: Callable[[], Any], *, icon: str | None = None, main: bool = False) -> ui.button:
    """A button that says what it does. `main`: the one thing most people came for."""
    client = ui.context.client

    async def pressed() -> None:
        # What it opens belongs to the page: the part the button stands in may be drawn anew while somebody answers.
        with client.content:
            outcome = act()
            if isawaitable(outcome):
                await outcome

    # No colour of Quasar's: its classes would win over ours, and are too pale on dark ground.
    made = ui.button(text, on_click=pressed, icon=icon, color=None).props("no-caps unelevated")
    return made.classes("ms-button ms-main-button" if main else "ms-button")


def command(text: str, *, says: str = "Copy as command") -> html.button:
    """The same thing for the shell, to be copied."""
    made = html.button(type="button", **{"data-ms": "copy", "data-text": text, "title": text}).classes("ms-copy")
    with made:
        html.span("content_copy", **{"aria-hidden": "true"}).classes("material-icons")
        html.span(says)
    return made


def shell_words(*words: str) -> str:
    """A command line as a shell reads it."""
    return shlex.join(words)


def operand(word: str) -> tuple[str, ...]:
    """The last of a command's words, which somebody chose: it may begin like an option."""
    return ("--", word) if word.startswith("-") else (word,)


def why(given: Given) -> tuple[str, ...]:
    """The reason as it was typed, or the place for one."""
    typed = next((value for label, value in given.items() if label.startswith("Reason")), None)
    return ("--reason", (typed or "").strip() or "REASON")


def command_of(form: ui.element, cli: Cli) -> None:
    """The command for what a form says, while it is filled in; hidden where there is nothing to do."""
    fields = {
        str(field.props["label"]): field
        for field in form.descendants()
        if isinstance(field, ValueElement) and "label" in field.props
    }
    made = command("")

    def tell() -> None:
        text = cli if isinstance(cli, str) else cli({label: field.value for label, field in fields.items()})
        made.set_visibility(bool(text))
        made.props.update({"data-text": text or "", "title": text or ""})
        made.update()

    for field in fields.values():
        field.on_value_change(tell)
    tell()


def note(text: str, *, good: bool = True) -> None:
    """Says briefly what came of an action; screen readers read it out."""
    ui.notify(text, type="positive" if good else "negative", position="bottom", timeout=6000 if good else 12_000)


async def attempt(act: Awaitable[Any], *, done: str | None = None) -> Any:
    """Carries out a call of the API; tells how it went. Answers what the API did, None if it refused."""
    try:
        answer = await act
    except Refused as refusal:
        note(" ".join((refusal.detail, *refusal.errors)), good=False)
        return None
    if done:
        note(done)
    return answer if answer is not None else {}


async def ask_reason(
    title: str,
    text: str,
    *,
    do: str,
    needed: bool = True,
    choices: Mapping[str, str] | None = None,
    cli: Cli | None = None,
) -> tuple[str, str | None] | None:
    """Asks why. Answers the reason and the choice made (None without `choices`); None if the person went back."""
    with ui.dialog() as dialog, html.div(role="document").classes("ms-dialog") as form:
        dialog.props.update({"aria-label": title})
        heading(title)
        html.p(text)
        choice = (
            ui.select(dict(choices), value=next(iter(choices)), label="Why").classes("ms-wide") if choices else None
        )
        reason = (
            ui.textarea("Reason" if needed else "Reason (if you like)")
            .props(f"autogrow outlined autofocus maxlength={REASON_MAX}")
            .classes("ms-wide")
        )
        hint = html.p("It is kept in the audit trail with your name.").classes("ms-hint")
        hint.props.update(role="status")

        def decide() -> None:
            words = (reason.value or "").strip()
            if needed and not words:
                reason.props.update(error=True, **{"error-message": "Say why in a few words"})
                reason.update()
                return
            dialog.submit((words, choice.value if choice is not None else None))

        with html.div().classes("ms-actions"):
            button(do, decide, main=True)
            button("Back", lambda: dialog.submit(None))
            if cli:
                command_of(form, cli)
    try:
        answer = await dialog
    finally:
        dialog.delete()
    return answer if answer is None or isinstance(answer, tuple) else None
