"""The next version starts beside this one, under load: the schema moves on, nothing is lost, nothing happens twice."""

import asyncio
from random import Random

import msgspec
import pytest

from fakes.town import Town
from millstream.store.backup import read_manifest, write_backup
from millstream.store.restore import restore_backup, verdict_of
from millstream.store.schema import migrations

pytestmark = [pytest.mark.real, pytest.mark.quick_commits]

ORDERS = 160
NEXT = """-- The next version: what a release that lives beside this one may do.
alter table delivery add column next_note text not null default '';
alter table event add column next_tenant text;
alter table sales_order add column next_channel text default 'web';
create index next_event_by_tenant on event (next_tenant, received_at);
create table next_register (id bigint generated always as identity primary key, said text not null);
"""


@pytest.fixture
def next_version(tmp_path):
    """The steps of the next version."""
    folder = tmp_path / "next"
    folder.mkdir()
    for step in migrations():
        (folder / step.name).write_text(step.statements)
    (folder / "0901_pre_next.sql").write_text(NEXT)
    return folder


@pytest.fixture
async def elsewhere(database):
    """Another database, without a table."""
    async with database.connection() as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"create database {name}_elsewhere")
    yield database.url.replace(name, f"{name}_elsewhere")
    async with database.connection() as connection:
        await connection.execute(f"drop database {name}_elsewhere with (force)")


async def _at_least(town, moment):
    return await town.settled() >= moment


async def _upgraded(town):
    return bool(await town.value("select count(*) from migration where name = '0901_pre_next.sql'"))


@pytest.mark.thorough
async def test_two_versions_work_side_by_side_while_the_schema_moves_on(database, tmp_path, next_version):
    town = Town(tmp_path, database, dice=Random(5))
    try:
        town.open()
        for name in ("worker-old-a", "worker-old-b"):
            town.start_worker(name)
        arriving = asyncio.create_task(town.arrive(ORDERS, at_once=4, pause_s=0.4))  # longer than a start takes
        await town.until("the old version works", lambda: _at_least(town, 20))
        for name in ("worker-new-a", "worker-new-b"):  # both bring the schema up to date: they take turns
            town.start_worker(name, migrations=next_version)
        await town.until("the schema moved on", lambda: _upgraded(town))
        assert not arriving.done(), "the load was over before the upgrade: the test proves nothing"
        moved_at = await town.settled()
        await town.until("both versions work", lambda: _at_least(town, moved_at + 40))
        town.kill("worker-old-a")
        town.start_worker("worker-old-c")  # going back to the old version works, too: the schema stays
        await arriving
        await town.until_all_told()
        worked = await town.rows(
            "select distinct split_part(worker, '-', 2) as version from attempt "
            "where started_at > (select applied_at from migration where name = '0901_pre_next.sql')"
        )
        assert {row["version"] for row in worked} == {"old", "new"}
        await town.judge()
    finally:
        await town.close()


async def test_a_backup_taken_under_load_is_of_one_moment(database, tmp_path, elsewhere):
    town = Town(tmp_path, database, dice=Random(6))
    file = tmp_path / "under-load.tar"
    try:
        town.open()
        town.start_worker("worker-a")
        arriving = asyncio.create_task(town.arrive(ORDERS))
        await town.until("work is under way", lambda: _at_least(town, 30))
        manifest = await write_backup(database.url, file)
        assert not arriving.done(), "the load was over before the backup: the test proves nothing"
        await arriving
        await town.until_all_told()
        await town.judge()
    finally:
        await town.close()
    assert read_manifest(file) == manifest
    assert 0 < manifest.tables["delivery"] < await town.value("select count(*) from delivery")
    await restore_backup(elsewhere, file)  # counts every table again and refuses if one differs
    with_restore = msgspec.structs.replace(manifest.audit, unsealed=manifest.audit.unsealed + 1)
    assert (await verdict_of(elsewhere)) == with_restore
    assert manifest.audit.broken_seal is None
