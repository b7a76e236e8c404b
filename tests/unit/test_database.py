"""What the failures of PostgreSQL mean, and how the schema comes to be."""

import asyncio

import asyncpg
import pytest

from millstream.domain.errors import Retry
from millstream.store.database import Database, database_failures
from millstream.store.schema import migrations


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        ConnectionResetError("reset"),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("broke in the middle"),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.AdminShutdownError("shut down"),
        asyncpg.CrashShutdownError("crashed"),
        asyncpg.QueryCanceledError("cancelled"),
        asyncpg.IdleSessionTimeoutError("idle"),
        asyncpg.TooManyConnectionsError("too many"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.OutOfMemoryError("out of shared memory"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.SerializationError("serialize"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_is_away_or_busy_is_tried_again(error):
    with pytest.raises(Retry) as retry, database_failures():
        raise error
    assert retry.value.code == "store.unavailable"
    assert type(error).__name__ in retry.value.message
    assert retry.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("duplicate"),
        asyncpg.UndefinedTableError("no such table"),
        asyncpg.DataError("bad text"),
        ZeroDivisionError("ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_mistake_of_ours_stays_what_it_is(error):
    with pytest.raises(type(error)), database_failures():
        raise error


@pytest.mark.parametrize("change", [("/millstream_", "/no_such_database_"), ("postgres:", "nobody_at_all:")])
async def test_a_connection_that_is_refused_says_which_setting_to_check(database, change):
    wrong = Database(database.url.replace(*change))
    assert wrong.url != database.url
    with pytest.raises(Retry) as refused:
        await wrong.now()
    assert refused.value.code == "store.refused"
    assert "MILLSTREAM_DATABASE_URL" in refused.value.message


async def test_nothing_is_written_of_a_transaction_that_fails(database):
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as connection:
            await connection.execute("insert into delivery_move values ('a', 'b')")
            raise ZeroDivisionError
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from delivery_move where source = 'a'") == 0


async def test_a_session_that_is_ended_in_the_middle_is_tried_again_and_the_next_one_works(database):
    with pytest.raises(Retry):
        async with database.transaction() as connection:
            async with database.connection() as other:
                pid = connection.get_server_pid()
                assert await other.fetchval("select pg_terminate_backend($1, 5000)", pid)
            await connection.execute("select 1")
    assert (await database.now()).tzinfo is not None


async def test_any_number_of_processes_may_bring_the_schema_up_to_date_at_once(database):
    async with database.connection() as connection:
        name = f"{await connection.fetchval('select current_database()')}_fresh"
        await connection.execute(f"create database {name}")
    url = database.url.replace(name.removesuffix("_fresh"), name)
    processes = [Database(url) for _ in range(4)]
    applied = await asyncio.gather(*(process.migrate() for process in processes))
    for process in processes:
        await process.close()
    async with database.connection() as connection:
        await connection.execute(f"drop database {name} with (force)")
    assert sorted(name for names in applied for name in names) == [name for name, _ in migrations()]


async def test_a_schema_that_is_up_to_date_is_left_alone(database):
    assert await database.migrate() == []


def test_migrations_say_in_their_name_when_they_run_and_in_which_order():
    names = [name for name, _ in migrations()]
    assert names == sorted(names)
    assert [name for name in names if name[4:8] not in {"_pre", "_pos"} or not name[:4].isdigit()] == []


async def test_a_closed_database_opens_again_when_it_is_used(database):
    await database.close()
    assert (await database.now()).tzinfo is not None


async def test_all_machines_may_ask_for_the_time_of_one(database):
    first, second = await database.now(), await database.now()
    assert first <= second
