"""Old code on the new schema, new code on the old one, and when a process must not start at all."""

import asyncio

import asyncpg
import pytest

from fakes.house import House
from millstream.domain.errors import Reject
from millstream.store.database import Database
from millstream.store.schema import RELEASE, Step, apply_steps, conditions, migrations

PRE = Step("0901_pre_next.sql", "-- Next.\nalter table delivery add column next_note text not null default '';")
POST = Step(
    "0902_post_next.sql",
    f"-- Nobody needs this any more.\n-- needs release {RELEASE + 1}\nalter table delivery drop column note;",
)
NEXT = [*migrations(), PRE, POST]


async def apply(database, steps, *, post=False, release=RELEASE):
    async with database.transaction() as connection:
        return await apply_steps(connection, steps, post=post, release=release)


async def states(database, steps, *, release=RELEASE):
    async with database.connection() as connection:
        return {row.name: row.state for row in await conditions(connection, steps, release=release)}


@pytest.fixture
async def blank(database):
    """A database without a table."""
    async with database.connection() as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"create database {name}_blank")
    second = Database(database.url.replace(name, f"{name}_blank"))
    yield second
    await second.close()
    async with database.connection() as connection:
        await connection.execute(f"drop database {name}_blank with (force)")


async def test_the_version_before_works_on_the_schema_of_the_next(database):
    house = House(database)
    await house.place()
    assert await database.migrate(steps=NEXT) == [PRE.name]
    await house.settle_down()
    assert await database.migrate() == []
    assert await house.value("select count(*) from sales_order") == 1
    assert await house.rows("select state from delivery where state <> 'done'") == []


@pytest.mark.parametrize("n", range(1, len(migrations())))
async def test_new_code_makes_of_every_older_schema_what_it_needs(blank, n):
    steps = migrations()
    async with blank.transaction() as connection:  # as a version that knew these steps, and no digests, wrote it
        await connection.execute("create table migration (name text primary key, applied_at timestamptz default now())")
        for step in steps[:n]:
            await connection.execute(step.statements)
            await connection.execute("insert into migration (name) values ($1)", step.name)
    assert await blank.migrate() == [step.name for step in steps[n:]]
    async with blank.connection() as connection:
        rows = await connection.fetch("select name, digest from migration order by name")
    assert [(row["name"], row["digest"]) for row in rows] == [(step.name, step.digest) for step in steps]
    house = House(blank)
    await house.place()
    await house.settle_down()
    assert await house.value("select count(*) from sales_order") == 1


async def test_a_file_that_was_edited_after_it_was_applied_is_refused_with_its_name(database):
    first, *rest = migrations()
    edited = Step(first.name, first.statements + "-- a harmless remark\n")
    with pytest.raises(Reject, match=first.name) as refused:
        await database.migrate(steps=[edited, *rest])
    assert refused.value.code == "schema.edited"
    assert await database.migrate() == []


async def test_a_post_step_waits_until_it_is_asked_for_and_then_shuts_the_version_before_out(database):
    assert await apply(database, NEXT, release=RELEASE + 1) == [PRE.name]
    assert (await states(database, NEXT))[POST.name] == "waits for --post"
    await database.close()  # the process of the version before ends
    admin = await asyncpg.connect(database.url)
    try:
        async with admin.transaction():
            assert await apply_steps(admin, NEXT, post=True, release=RELEASE + 1) == [POST.name]
    finally:
        await admin.close()
    with pytest.raises(Reject) as refused:
        await database.migrate()
    assert refused.value.code == "schema.newer"
    assert "restore a backup" in refused.value.message
    assert (await states(database, NEXT, release=RELEASE + 1))[POST.name].startswith("applied")


async def test_a_post_step_is_refused_while_a_process_of_the_version_before_works(database):
    await database.now()  # its session is open and named after its release
    admin = await asyncpg.connect(database.url)
    try:
        with pytest.raises(Reject, match=f"millstream/{RELEASE}") as refused:
            async with admin.transaction():
                await apply_steps(admin, NEXT, post=True, release=RELEASE + 1)
    finally:
        await admin.close()
    assert refused.value.code == "schema.in_use"


async def test_a_fresh_database_gets_every_step_in_order(blank):
    assert await apply(blank, NEXT, release=RELEASE + 1) == [step.name for step in NEXT]


async def test_a_step_that_fails_leaves_the_schema_as_it_was(database):
    broken = [*migrations(), PRE, Step("0903_pre_broken.sql", "-- Broken.\nselect 1 / 0;")]
    with pytest.raises(asyncpg.DivisionByZeroError):
        await database.migrate(steps=broken)
    assert PRE.name not in await states(database, migrations())


WAITING = """
    select count(*) from pg_locks where not granted
    and database = (select oid from pg_database where datname = current_database())
"""


async def test_a_step_gives_way_to_a_transaction_that_holds_its_table_and_comes_back(database):
    async with database.transaction() as connection:
        await connection.execute("lock table delivery in access share mode")
        migrating = asyncio.create_task(database.migrate(steps=NEXT))
        async with database.connection() as other:
            for waits in (True, False):  # it waits for the table, and then it lets others pass
                for _ in range(1000):
                    if bool(await other.fetchval(WAITING)) is waits:
                        break
                    await asyncio.sleep(0.02)
                else:
                    raise AssertionError("it never waits" if waits else "it never gives way")
            assert await other.fetchval("select count(*) from delivery") == 0
            assert not migrating.done()
    assert await migrating == [PRE.name]


def test_the_release_is_raised_with_every_post_step_that_needs_it():
    assert max((step.floor for step in migrations()), default=0) <= RELEASE
