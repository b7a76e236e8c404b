"""One PostgreSQL for the whole run, one fresh database per test."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings

from millstream.store.database import Database
from millstream.store.embedded import EmbeddedPostgres

_numbers = itertools.count(1)

# The same examples each time: what fails here fails for everybody. `make thorough` looks for new ones.
settings.register_profile("every_time", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("every_time")

LONG_ON_THE_REAL_ERP = {
    "test_whichever_answer_of_a_keyed_write_is_lost_calling_again_ends_with_one_effect",
    "test_an_unreadable_answer_to_a_keyed_write_does_not_make_it_happen_twice",
    "test_the_feed_drops_nothing_and_falls_silent_while_rows_are_inserted_between_its_pages",
}


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items):
    """Tests of the real ERP share one server, so they run in one process when tests run in several.

    What takes long there and is shown on the sandboxes and by `tests/real/test_tryton_*` every time is thorough.
    """
    for item in items:
        is_real = item.get_closest_marker("real") is not None
        if "tryton (real)" in item.name or ("tryton" in item.path.name and is_real):
            item.add_marker(pytest.mark.xdist_group("tryton"))
        if "tryton (real)" in item.name and item.originalname in LONG_ON_THE_REAL_ERP:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def postgres():
    """A running server: MILLSTREAM_TEST_DATABASE_URL if set, else the embedded one in a folder of its own."""
    given = os.environ.get("MILLSTREAM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="millstream-test-pg-"))
    server = EmbeddedPostgres(folder)
    yield server.start()
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def _template(postgres: str) -> str:
    name = "millstream_template"
    admin = await asyncpg.connect(postgres)
    try:
        if not await admin.fetchval("select true from pg_database where datname = $1", name):
            await admin.execute(f"create database {name}")
            database = Database(_url(postgres, name))
            await database.migrate()
            await database.close()
    finally:
        await admin.close()
    return name


def _url(postgres: str, name: str) -> str:
    base, _, query = postgres.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture
async def database(postgres, request):
    """A fresh, migrated database; marked `quick_commits`, it does not wait for the disk (processes die, not power)."""
    template = await _template(postgres)
    name = f"millstream_{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"create database {name} template {template}")
    if request.node.get_closest_marker("quick_commits"):
        await admin.execute(f"alter database {name} set synchronous_commit = off")
    database = Database(_url(postgres, name))
    yield database
    await database.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()
