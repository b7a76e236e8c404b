"""What most commands need: settings, an open database, and an end."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import typer
from rich.console import Console

from millstream.bootstrap import open_database
from millstream.engine.world import SystemWorld
from millstream.flows.order_to_erp import WAIVABLE
from millstream.settings import read_settings
from millstream.store.audit import AuditTrail
from millstream.store.database import Database
from millstream.store.desk import PostgresDesk
from millstream.store.records import PostgresRecords

console = Console(highlight=False)


class Session:
    """The parts of the hub a command line works with; no system is called."""

    def __init__(self, database: Database) -> None:
        world = SystemWorld()
        self.database = database
        self.desk = PostgresDesk(database, world=world, waivable=WAIVABLE)
        self.records = PostgresRecords(database)
        self.audit = AuditTrail(database, world=world)


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """Opens the database the settings name, starting the embedded one if it does not run."""
    opened = await open_database(read_settings())
    try:
        yield Session(opened.database)
    finally:
        await opened.database.close()
        opened.stop()


def run(work: Callable[[Session], Awaitable[int]]) -> None:
    """Runs a command against a session and exits with the code it returns."""

    async def inside() -> int:
        async with session() as opened:
            return await work(opened)

    raise typer.Exit(asyncio.run(inside()))


def actor() -> str:
    """Who the audit trail says did it."""
    return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"
