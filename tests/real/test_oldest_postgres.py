"""The oldest PostgreSQL that is promised, 15 as Debian 12 has it: every other test runs on the embedded one."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from fakes.installed_postgres import InstalledPostgres, programs
from millstream.store.check import findings
from millstream.store.database import READING, SESSION, VERSION_MIN, Database
from millstream.store.schema import migrations

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        programs() is None,
        reason="no other PostgreSQL here: apt-get install postgresql-15, or name its MILLSTREAM_TEST_POSTGRES_BIN",
    ),
]

TESTS = Path(__file__).parents[1]
PATIENCE_S = 200


@pytest.fixture(scope="module")
def server():
    with InstalledPostgres(programs()) as server:
        yield server


@pytest.mark.parametrize("session", [SESSION, READING], ids=["working", "reading"])
async def test_it_is_the_oldest_and_compiles_no_statement(server, session):
    database = Database(server.url, session=session)
    async with database.connection() as connection:
        if "MILLSTREAM_TEST_POSTGRES_BIN" not in os.environ:
            assert connection.get_server_version().major == VERSION_MIN
        assert await connection.fetchval("show jit") == "off"
    await database.close()


async def test_the_whole_schema_is_made_and_the_doctor_sees_what_is_off(server):
    database = Database(server.url)
    assert await database.migrate(post=True) == [step.name for step in migrations()]
    assert await database.migrate() == []
    found = {one.what: one for one in await findings(database)}
    await database.close()
    assert [what for what, one in found.items() if not one.ok] == ["fsync"]  # as the test's server was started
    assert found["fsync"].detail.startswith("off, set by: command line")
    assert found["fsync"].fix == "start the server without fsync=off"


async def test_the_tests_of_the_ledger_pass_on_it(server):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", TESTS / "unit/test_ledger.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *map(str, words),
        cwd=TESTS.parent,
        env={**os.environ, "MILLSTREAM_TEST_DATABASE_URL": server.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()[-4000:]
    assert " passed" in said.decode()
    assert "skipped" not in said.decode()
