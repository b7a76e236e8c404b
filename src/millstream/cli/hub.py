"""What a command needs that works with the systems at hand: a whole hub, and its end."""

import asyncio
from collections.abc import Awaitable, Callable

import typer

from millstream.bootstrap import Runtime, open_database
from millstream.credentials import read_credentials
from millstream.settings import read_settings, refuse_without_systems


def run_hub(work: Callable[[Runtime], Awaitable[int]]) -> None:
    """Runs a command against the hub the settings describe and exits with the code it returns."""

    async def inside() -> int:
        settings = read_settings()
        refuse_without_systems(settings)
        opened = await open_database(settings)
        try:
            secrets = await read_credentials(settings, opened.database)
            runtime = Runtime(settings, database=opened.database, secrets=secrets)
            try:
                await runtime.calibrate_clock()
                return await work(runtime)
            finally:
                await runtime.close()
        finally:
            opened.stop()

    raise typer.Exit(asyncio.run(inside()))
