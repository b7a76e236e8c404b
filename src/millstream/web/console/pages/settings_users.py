"""Users: who may sign in, with which role."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from nicegui import html, ui

from millstream.domain.access import Right, Role
from millstream.web.console.frame import page
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    Cli,
    Given,
    button,
    card,
    chip,
    command,
    moment,
    note,
    operand,
    shell_words,
    table,
)
from millstream.web.console.settings.forms import Unfinished, choice_field, fill_in, filled, text_field
from millstream.web.console.settings.tabs import draw_tabs
from millstream.web.console.visit import Visit

ROLES: dict[str, str] = {
    Role.VIEWER: "viewer: sees everything but what customers sent",
    Role.ORDER_DESK: "order desk: also sees payloads, amends and replays",
    Role.CREDIT: "credit: sees payloads, agrees to credit: what credit stopped is tried again",
    Role.INTEGRATOR: "integrator: order desk, and connections, alerts, audit",
    Role.ADMIN: "admin: everything, and access",
}
GOOD_ONES = "12 characters or more, and not the name"


@page("/settings/users", title="Users", right=Right.MANAGE_ACCESS)
async def users(visit: Visit) -> None:
    """Everybody, and what can be done."""
    draw_tabs(visit, "/settings/users")
    await Users(visit).begin()


def _add_command(given: Given) -> str:
    """Without the password: the command asks for it."""
    name = (given["Name"] or "").strip() or "NAME"
    return shell_words("millstream", "access", "users", "add", "--role", str(given["Role"]), *operand(name))


def _operands(name: str, word: str) -> tuple[str, ...]:
    return (*operand(name), word)


class Users:
    """The list, and the forms outside of it."""

    def __init__(self, visit: Visit) -> None:
        self._api = visit.api
        self._visit = visit
        self._outside = ui.element("div")
        self._live: Live | None = None

    async def begin(self) -> None:
        """Draws it, and keeps it so."""
        with html.div().classes("ms-actions ms-above"):
            button("Add a user", self._add, icon="person_add", main=True)
            command("millstream access users add NAME --role viewer")

        async def fetch(*, watching: bool) -> Any:
            return (await self._api.get("/api/access/users", watching=watching))["users"]

        self._live = await live(self._visit, fetch, self._show)

    def _show(self, found: list[dict[str, Any]]) -> None:
        rows = [self._row(user) for user in found]
        with card():
            table("Users", ("Name", "Role", "Signs in by", "Since", "State", "Change"), rows)

    def _row(self, user: dict[str, Any]) -> tuple[Any, ...]:
        disabled = user["disabled_at"] is not None
        return (
            user["name"],
            user["role"].replace("_", " "),
            "OpenID" if user["source"] == "openid" else "password",
            lambda: moment(user["created_at"], how="at"),
            lambda: chip("disabled", "bad") if disabled else chip("may sign in", "good"),
            lambda: self._draw_actions(user, disabled=disabled),
        )

    def _draw_actions(self, user: dict[str, Any], *, disabled: bool) -> None:
        name = user["name"]
        with html.div().classes("ms-cell-actions"):
            self._small(f"Role of {name}", "Role", lambda: self._role(user))
            if user["source"] == "password":
                self._small(f"Password of {name}", "Password", lambda: self._password(name))
            word = "Enable" if disabled else "Disable"
            self._small(f"{word} {name}", word, lambda: self._able(name, disable=not disabled))

    def _small(self, says: str, text: str, act: Callable[[], Any]) -> None:
        button(text, act).props.update({"aria-label": says, "dense": True})

    async def _add(self) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            name = text_field("Name", longest=100)
            role = choice_field("Role", ROLES, Role.VIEWER)
            password = text_field("Password", secret=True, hint=GOOD_ONES)
            return lambda: {
                "name": filled(name, "Give a name."),
                "role": role.value,
                "password": filled(password, "Give a password."),
            }

        made = await fill_in(
            self._outside, "Add a user", "Tell them the password yourself; it is kept nowhere.", do="Add", draw=draw,
            send=lambda wish: self._api.post("/api/access/users", wish), cli=_add_command,
        )  # fmt: skip
        await self._told(made, lambda: f"{made['name']} may sign in.")

    async def _role(self, user: dict[str, Any]) -> None:
        name = user["name"]

        def draw() -> Callable[[], Mapping[str, Any]]:
            role = choice_field("Role", ROLES, user["role"])
            return lambda: {"role": role.value}

        def role_cli(given: Given) -> str:
            return shell_words("millstream", "access", "users", "role", *_operands(name, str(given["Role"])))

        made = await self._change(
            name, f"Role of {name}", "Their sessions end with it.", draw, "Give this role", role_cli
        )
        await self._told(made, lambda: f"{name} has another role; their sessions are over.")

    async def _password(self, name: str) -> None:
        def draw() -> Callable[[], Mapping[str, Any]]:
            password = text_field("New password", secret=True, hint=GOOD_ONES)
            again = text_field("The same again", secret=True)

            def read() -> Mapping[str, Any]:
                if password.value != again.value:
                    raise Unfinished("The two passwords are not the same.")
                return {"password": filled(password, "Give a password.")}

            return read

        text = "Their sessions end with it, and a lock is lifted."
        cli = shell_words("millstream", "access", "users", "password", *operand(name))
        made = await self._change(name, f"Password of {name}", text, draw, "Set the password", cli)
        await self._told(made, lambda: f"{name} has another password; their sessions are over.")

    async def _able(self, name: str, *, disable: bool) -> None:
        word = "disable" if disable else "enable"
        text = f"{name} can no longer sign in, and is signed out at once." if disable else f"{name} may sign in again."
        cli = shell_words("millstream", "access", "users", word, *operand(name))
        made = await self._change(
            name, f"{word.capitalize()} {name}", text, lambda: lambda: {"disabled": disable}, word.capitalize(), cli
        )
        await self._told(made, lambda: text)

    async def _change(
        self,
        name: str,
        title: str,
        text: str,
        draw: Callable[[], Callable[[], Mapping[str, Any]]],
        do: str,
        cli: Cli | None = None,
    ) -> Any:
        path = f"/api/access/users/{quote(name, safe='')}"
        return await fill_in(
            self._outside, title, text, do=do, draw=draw, send=lambda wish: self._api.patch(path, wish), cli=cli
        )

    async def _told(self, made: Any, says: Callable[[], str]) -> None:
        if made is not None:
            note(says())
            if self._live is not None:
                await self._live.again()
