"""`millstream access`: users, keys and the first administrator, for whoever may reach the database."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.session import Session, actor, console, run
from millstream.cli.setup_link import show_setup
from millstream.domain.access import Right, Role
from millstream.engine.world import SystemWorld
from millstream.ports.access import NewKey
from millstream.settings import Settings, read_settings
from millstream.store.access_book import AccessBook, open_access_book

app = typer.Typer(help="Users, keys, and the first administrator.", no_args_is_help=True)
users = typer.Typer(help="Who may sign in.", no_args_is_help=True)
keys = typer.Typer(help="What programs sign in with.", no_args_is_help=True)
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")

Name = Annotated[str, typer.Argument(help="The user's name.")]
KeyId = Annotated[str, typer.Argument(help="The key's id: the part between msk_ and the second _.")]
RoleOption = Annotated[Role, typer.Option("--role", help="The rights it has, or may have.")]
Days = Annotated[float, typer.Option("--days", min=0.01, help="How long the new key is good.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password's line from standard input.")]


def _with_access(work: Callable[[Settings, AccessBook], Awaitable[None]]) -> None:
    settings = read_settings()

    async def inside(session: Session) -> int:
        await work(settings, open_access_book(settings.access, database=session.database, world=SystemWorld()))
        return 0

    run(inside, make=True)


def _password(*, from_stdin: bool) -> str:
    """Never an argument: those are in the shell's history and in the list of processes."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command("setup-link")
def setup_link() -> None:
    """Shows how to make the first administrator, while there is none."""

    async def work(settings: Settings, access: AccessBook) -> None:
        show_setup(settings, await access.users.new_setup_token(actor=actor()))

    _with_access(work)


@users.command("list")
def list_users() -> None:
    """Everybody, with role and where they sign in."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        table = Table("name", "role", "signs in by", "since", "disabled", box=None)
        for user in await access.users.list_users():
            table.add_row(user.name, user.role, user.source, _shown(user.created_at), _shown(user.disabled_at))
        console.print(table)

    _with_access(work)


@users.command("add")
def add_user(name: Name, role: RoleOption, from_stdin: FromStdin = False) -> None:
    """Adds a user who signs in with a password; asks for it."""
    password = _password(from_stdin=from_stdin)

    async def work(_settings: Settings, access: AccessBook) -> None:
        user = await access.users.add_user(name, role, password, actor=actor())
        console.print(f"{user.name} may sign in as {user.role}")

    _with_access(work)


@users.command("role")
def set_role(name: Name, role: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Gives another role and ends the user's sessions."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        await access.users.set_role(name, role, actor=actor())
        console.print(f"{name} is {role} now; their sessions are over")

    _with_access(work)


@users.command("password")
def set_password(name: Name, from_stdin: FromStdin = False) -> None:
    """Sets another password, ends the user's sessions and lifts a lock."""
    password = _password(from_stdin=from_stdin)

    async def work(_settings: Settings, access: AccessBook) -> None:
        await access.users.set_password(name, password, actor=actor())
        console.print(f"{name} has another password; their sessions are over")

    _with_access(work)


@users.command("disable")
def disable(name: Name) -> None:
    """Ends the user's sessions and lets them in no more."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        await access.users.set_disabled(name, True, actor=actor())
        console.print(f"{name} is disabled; their sessions are over")

    _with_access(work)


@users.command("enable")
def enable(name: Name) -> None:
    """Lets a disabled user in again."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        await access.users.set_disabled(name, False, actor=actor())
        console.print(f"{name} may sign in again")

    _with_access(work)


@keys.command("list")
def list_keys() -> None:
    """Every key, with its rights and when it was last used."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        table = Table("id", "name", "rights", "made by", "expires", "last used", "revoked", box=None)
        for key in await access.keys.list_keys():
            times = map(_shown, (key.expires_at, key.last_used_at, key.revoked_at))
            table.add_row(key.id, key.name, " ".join(sorted(key.effective_rights)), key.created_by, *times)
        console.print(table)

    _with_access(work)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What uses it.")],
    role: RoleOption,
    right: Annotated[list[Right] | None, typer.Option("--right", help="Only these of the role's rights.")] = None,
    days: Days = 90.0,
) -> None:
    """Makes a key; its token is shown once."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        rights = frozenset(right) if right else None
        _show(
            await access.keys.create_key(name, role=role, rights=rights, lifetime=timedelta(days=days), actor=actor())
        )

    _with_access(work)


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap_hours: Annotated[float, typer.Option("--overlap-hours", min=0, help="How long the old one is good.")] = 24,
    days: Days = 90.0,
) -> None:
    """Makes a key like it; the old one stays good for the overlap."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        overlap = timedelta(hours=overlap_hours)
        _show(await access.keys.rotate_key(key_id, overlap=overlap, lifetime=timedelta(days=days), actor=actor()))

    _with_access(work)


@keys.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """Makes a key good for nothing, at once."""

    async def work(_settings: Settings, access: AccessBook) -> None:
        await access.keys.revoke_key(key_id, actor=actor())
        console.print(f"{key_id} is revoked")

    _with_access(work)


def _show(made: NewKey) -> None:
    console.print(made.token, soft_wrap=True)
    console.print(f"Key {made.key.id}, good until {_shown(made.key.expires_at)}. It is not shown again.")


def _shown(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else ""
