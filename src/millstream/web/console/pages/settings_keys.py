"""Keys: what programs sign in with. A token is shown once, when it is made."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import RIGHTS_OF, Right, Role
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.pages.settings_users import ROLES
from millstream.web.console.parts import (
    Given,
    button,
    card,
    chip,
    command,
    empty,
    heading,
    moment,
    note,
    operand,
    shell_words,
    table,
)
from millstream.web.console.settings.forms import Unfinished, choice_field, fill_in, filled, text_field
from millstream.web.console.settings.tabs import draw_tabs
from millstream.web.console.visit import Visit

DAYS, OVERLAP_HOURS = "90", "24"
USED_BY, ONLY_RIGHTS, GOOD_FOR = "What uses it", "Only these rights", "Good for so many days"
OLD_FOR, NEW_FOR = "The old one is good for so many hours yet", "The new one is good for so many days"


@page("/settings/keys", title="Keys", right=Right.MANAGE_ACCESS)
async def keys(visit: Visit) -> None:
    """Every key, and what can be done."""
    draw_tabs(visit, "/settings/keys")
    await Keys(visit).begin()


class Keys:
    """The list, and the forms outside of it."""

    def __init__(self, visit: Visit) -> None:
        self._api = visit.api
        self._visit = visit
        self._outside = ui.element("div")
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws it, and keeps it so."""
        with html.div().classes("ms-actions ms-above"):
            button("Make a key", self._make, icon="key", main=True)
            command("millstream access keys create NAME --role viewer --days 90")

        async def fetch(*, watching: bool) -> Any:
            return (await self._api.get("/api/access/keys", watching=watching))["keys"]

        self._live = await live(self._visit, fetch, self._show)

    def _show(self, found: list[dict[str, Any]]) -> None:
        if not found:
            empty("No program has a key.", "A key lets a program use the API with some rights, for a while.")
            return
        rows = [self._row(key) for key in found]
        with card():
            table("Keys", ("Name", "Rights", "Made by", "Good until", "Last used", "State", "Change"), rows)

    def _row(self, key: dict[str, Any]) -> tuple[Any, ...]:
        revoked = key.get("revoked_at") is not None
        return (
            lambda: _named(key),
            ", ".join(right.replace("_", " ") for right in key["rights"]),
            key["created_by"],
            lambda: moment(key["expires_at"], how="at"),
            lambda: _last_used(key),
            lambda: chip("revoked", "bad") if revoked else chip("good", "good"),
            "none" if revoked else lambda: self._draw_actions(key),
        )

    def _draw_actions(self, key: dict[str, Any]) -> None:
        with html.div().classes("ms-cell-actions"):
            for text, act in (("Rotate", self._rotate), ("Revoke", self._revoke)):
                made = button(text, partial(act, key))
                made.props.update({"aria-label": f"{text} {key['name']} {key['id']}", "dense": True})

    async def _make(self) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            name = text_field(USED_BY, longest=100)
            role = choice_field("Role", ROLES, Role.VIEWER)
            rights = (
                ui.select({right: right.replace("_", " ") for right in Right}, label=ONLY_RIGHTS, multiple=True)
                .classes("ms-wide")
                .props('outlined use-chips hint="None chosen: all rights of the role"')
            )
            days = text_field(GOOD_FOR, value=DAYS)

            def read() -> Mapping[str, Any]:
                wish = {"name": filled(name, "Say what uses it."), "role": role.value, "days": _number(days)}
                beyond = set(rights.value or ()) - RIGHTS_OF[Role(role.value)]
                if beyond:
                    raise Unfinished(f"The role does not have: {', '.join(sorted(beyond))}.")
                return wish | ({"rights": sorted(rights.value)} if rights.value else {})

            return read

        made = await fill_in(
            self._outside, "Make a key", "Its token is shown once.", do="Make the key", draw=draw,
            send=lambda wish: self._api.post("/api/access/keys", wish), cli=_make_command,
        )  # fmt: skip
        await self._shown_once(made)

    async def _rotate(self, key: dict[str, Any]) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            overlap = text_field(OLD_FOR, value=OVERLAP_HOURS)
            days = text_field(NEW_FOR, value=DAYS)
            return lambda: {"overlap_hours": _number(overlap), "days": _number(days)}

        path = f"/api/access/keys/{quote(key['id'], safe='')}/rotate"
        made = await fill_in(
            self._outside, f"Rotate {key['name']}", "A key like it; its token is shown once.", do="Rotate", draw=draw,
            send=lambda wish: self._api.post(path, wish),
            cli=partial(_rotate_command, key["id"]),
        )  # fmt: skip
        await self._shown_once(made)

    async def _revoke(self, key: dict[str, Any]) -> None:
        path = f"/api/access/keys/{quote(key['id'], safe='')}"
        made = await fill_in(
            self._outside, f"Revoke {key['name']}", "It is good for nothing from now on.", do="Revoke",
            draw=lambda: dict, send=lambda _: self._api.delete(path),
            cli=shell_words("millstream", "access", "keys", "revoke", key["id"]),
        )  # fmt: skip
        if made is not None:
            note(f"{key['name']} is revoked.")
            await self._again()

    async def _shown_once(self, made: Any) -> None:
        if made is None:
            return
        with self._outside, ui.dialog().props("persistent") as dialog, html.div(role="document").classes("ms-dialog"):
            dialog.props.update({"aria-label": "The token"})
            heading("The token, shown once")
            html.p(f"Give it to {made['name']}. It cannot be shown again; only a hash of it is kept.")
            html.pre(made["token"], tabindex="0", role="region", **{"aria-label": "Token"}).classes("ms-code ms-token")
            with html.div().classes("ms-actions"):
                command(made["token"], says="Copy the token").props.update({"title": "Copy the token"})
                button("I have it", lambda: dialog.submit(None), main=True)
        try:
            await dialog
        finally:
            dialog.delete()
        await self._again()

    async def _again(self) -> None:
        if self._live is not None:
            await self._live.again()


def _make_command(given: Given) -> str:
    rights = [f"--right={right}" for right in sorted(given[ONLY_RIGHTS] or ())]
    name = (given[USED_BY] or "").strip() or "NAME"
    options = ("--role", str(given["Role"]), *rights, "--days", str(given[GOOD_FOR]) or DAYS)
    return shell_words("millstream", "access", "keys", "create", *options, *operand(name))


def _rotate_command(key_id: str, given: Given) -> str:
    options = ("--overlap-hours", str(given[OLD_FOR]) or OVERLAP_HOURS, "--days", str(given[NEW_FOR]) or DAYS)
    return shell_words("millstream", "access", "keys", "rotate", *options, key_id)


def _named(key: dict[str, Any]) -> None:
    html.div(key["name"])
    html.div(key["id"]).classes("ms-hint")


def _last_used(key: dict[str, Any]) -> None:
    if key.get("last_used_at"):
        moment(key["last_used_at"], how="ago")
    else:
        html.span("never")


def _number(field: ui.input) -> float:
    try:
        return float(str(field.value))
    except ValueError:
        raise Unfinished("Days and hours are numbers.") from None
