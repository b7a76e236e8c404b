"""What most commands need: settings, an open database, and an end."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import typer

from millstream.bootstrap import open_database
from millstream.cli.screen import Screen
from millstream.engine.world import SystemWorld
from millstream.flows.order_to_erp import WAIVABLE
from millstream.settings import read_settings
from millstream.store.audit import AuditTrail
from millstream.store.database import Database
from millstream.store.desk import PostgresDesk
from millstream.store.records import PostgresRecords

console = Screen()


class Session:
    """The parts of the hub a command line works with; no system is called."""

    def __init__(self, database: Database) -> None:
        world = SystemWorld()
        self.database = database
        self.desk = PostgresDesk(database, world=world, waivable=WAIVABLE)
        self.records = PostgresRecords(database)
        self.audit = AuditTrail(database, world=world)


@asynccontextmanager
async def session(*, make: bool = False) -> AsyncIterator[Session]:
    """Opens the database the settings name, starting the embedded one if it does not run.

    `make`: for what may come before the first start; all else has nothing to look at where no database is.
    """
    opened = await open_database(read_settings(), make=make)
    try:
        yield Session(opened.database)
    finally:
        await opened.database.close()
        opened.stop()


def run(work: Callable[[Session], Awaitable[int]], *, make: bool = False) -> None:
    """Runs a command against a session and exits with the code it returns. `make`: see `session`."""

    async def inside() -> int:
        async with session(make=make) as opened:
            return await work(opened)

    raise typer.Exit(asyncio.run(inside()))


def actor() -> str:
    """Who the audit trail says did it: the user this process runs as, which nobody can choose but root.

    Behind sudo, whom root did it for, as sudo tells; no other environment variable is believed.
    """
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # as in containers
        name = f"uid {uid}"
    behind = os.environ.get("SUDO_USER") if uid == 0 else None
    return f"cli:{name} for {behind}" if behind and behind != name else f"cli:{name}"
