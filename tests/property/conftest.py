"""A database on an event loop of its own, which a state machine steps through."""

import asyncio
import itertools
import os

import asyncpg
import pytest

from millstream.store.database import Database

_numbers = itertools.count(1)


async def _create(postgres: str, name: str) -> str:
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database {name}")
    await admin.execute(f"alter database {name} set synchronous_commit = off")
    await admin.close()
    base, _, query = postgres.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


async def _drop(postgres: str, name: str) -> None:
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture
def stepped(postgres):
    """The database, and the runner whose `run` takes one step."""
    name = f"millstream_stepped_{os.getpid()}_{next(_numbers)}"
    with asyncio.Runner() as runner:
        database = Database(runner.run(_create(postgres, name)))
        runner.run(database.migrate())
        yield database, runner
        runner.run(database.close())
        runner.run(_drop(postgres, name))
