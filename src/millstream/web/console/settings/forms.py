"""Small forms in a dialog: filled in, checked, carried out, or left."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.parts import Cli, button, command_of, heading

Draw = Callable[[], Callable[[], Mapping[str, Any]]]
"""Draws the fields; answers a function that reads them. That raises Unfinished if something is missing."""
Send = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Unfinished(Exception):  # noqa: N818 - nothing is broken, somebody has to go on typing
    """What is missing, for the person who fills it in."""


async def fill_in(
    outside: ui.element, title: str, text: str, *, do: str, draw: Draw, send: Send, cli: Cli | None = None
) -> Any:
    """Opens the form. It stays open until the API takes what it says; answers what the API answered, None if left."""
    with outside, ui.dialog() as dialog, html.div(role="document").classes("ms-dialog") as form:
        dialog.props.update({"aria-label": title})
        heading(title)
        if text:
            html.p(text)
        read = draw()
        trouble = ui.label("").classes("ms-warning").props('role="alert"')
        trouble.set_visibility(False)

        async def carry_out() -> None:
            try:
                answer = await send(read())
            except Unfinished as unfinished:
                said = str(unfinished)
            except Refused as refusal:
                said = refusal.detail
            else:
                dialog.submit({} if answer is None else answer)
                return
            trouble.text = said
            trouble.set_visibility(True)

        with html.div().classes("ms-actions"):
            button(do, carry_out, main=True)
            button("Back", lambda: dialog.submit(None))
            if cli:
                command_of(form, cli)
    try:
        return await dialog
    finally:
        dialog.delete()


def text_field(label: str, *, value: str = "", secret: bool = False, hint: str = "", longest: int = 1000) -> ui.input:
    """One line of text. A secret is not shown and not kept by the browser."""
    made = ui.input(label, value=value, password=secret).classes("ms-wide")
    made.props.update({"maxlength": longest, "outlined": True, "autocomplete": "new-password" if secret else "off"})
    if hint:
        made.props.update({"hint": hint})
    return made


def reason_field() -> ui.textarea:
    """Why; goes into the audit trail."""
    made = ui.textarea("Reason").classes("ms-wide")
    made.props.update({"autogrow": True, "outlined": True, "maxlength": 1000})
    made.props.update({"hint": "It is kept in the audit trail with your name."})
    return made


def filled(field: Any, missing: str) -> str:
    """What was typed. Raises Unfinished if nothing was."""
    words = str(field.value or "").strip()
    if not words:
        raise Unfinished(missing)
    return words


def choice_field(label: str, choices: Mapping[str, str], value: str) -> ui.select:
    """One of several."""
    return ui.select(dict(choices), label=label, value=value).classes("ms-wide").props("outlined")
