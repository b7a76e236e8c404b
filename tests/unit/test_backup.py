"""A backup is whole or refused, and comes back whole or not at all."""

import tarfile

import asyncpg
import msgspec
import pytest

from fakes.crash import Crash
from fakes.house import House
from millstream.domain.errors import Reject
from millstream.store.audit import AuditTrail
from millstream.store.backup import DUMP, read_manifest, write_backup
from millstream.store.database import Database
from millstream.store.programs import Address
from millstream.store.restore import mark_restored, restore_backup, verdict_of


@pytest.fixture
async def house(database):
    """A house with two orders done, one of them held, and a sealed trail."""
    house = House(database)
    await house.place(("PUMP-CFG", 1))
    await house.place(lines=[{"sku": "VALVE-080", "qty": 1, "price": 100}])
    await house.settle_down()
    await AuditTrail(database, world=house.world).seal()
    return house


@pytest.fixture
async def empty(database):
    """The address of another database, without a table."""
    async with database.connection() as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"create database {name}_empty")
    yield database.url.replace(name, f"{name}_empty")
    async with database.connection() as connection:
        await connection.execute(f"drop database {name}_empty with (force)")


async def counts(url):
    """Rows of every table, and what identifies the newest of each."""
    connection = await asyncpg.connect(url)
    try:
        names = [r["relname"] for r in await connection.fetch("select relname from pg_stat_user_tables order by 1")]
        return {name: await connection.fetchval(f"select count(*) from {name}") for name in names}
    finally:
        await connection.close()


async def execute(url, statement):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_everything_comes_back_and_goes_on(house, empty, tmp_path):
    file = tmp_path / "nightly.tar"
    before = await counts(house.database.url)
    manifest = await write_backup(house.database.url, file)
    assert manifest.tables == before
    assert manifest.audit.broken_seal is None
    assert manifest.audit.rows > 0
    assert manifest.newest_event == str(
        await house.value("select id from event order by received_at desc, id desc limit 1")
    )
    await restore_backup(empty, file, at=house.world.clock.now())
    told = before["audit"] + 1  # who restored it
    assert await counts(empty) == {**before, "restoration": 1, "audit": told}
    assert await verdict_of(empty) == msgspec.structs.replace(manifest.audit, unsealed=manifest.audit.unsealed + 1)
    house.database = Database(empty)
    try:
        house.hub = house.build()
        await house.place()
        await house.settle_down()
        assert await house.value("select count(*) from sales_order") == 2
        assert (await AuditTrail(house.database, world=house.world).verify()).broken_seal is None
    finally:
        await house.database.close()


async def test_a_file_is_readable_by_its_owner_only_and_leaves_nothing_beside_it(house, tmp_path):
    file = tmp_path / "nightly.tar"
    await write_backup(house.database.url, file)
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["nightly.tar"]


async def test_an_existing_file_is_kept_unless_told_otherwise(house, tmp_path):
    file = tmp_path / "nightly.tar"
    file.write_text("precious")
    with pytest.raises(Reject, match="--force") as refused:
        await write_backup(house.database.url, file)
    assert (refused.value.code, file.read_text()) == ("backup.exists", "precious")
    await write_backup(house.database.url, file, force=True)
    assert read_manifest(file).tables["event"] > 0


async def test_a_backup_that_fails_leaves_the_one_before_and_no_half_file(house, empty, tmp_path):
    file = tmp_path / "nightly.tar"
    file.write_text("precious")
    with pytest.raises(Reject) as refused:
        await write_backup(empty, file, force=True)
    assert (refused.value.code, file.read_text()) == ("backup.empty", "precious")
    with pytest.raises(Reject) as refused:
        await write_backup(house.database.url, tmp_path / "no/such/folder.tar")
    assert refused.value.code == "backup.unwritable"
    assert [path.name for path in tmp_path.iterdir()] == ["nightly.tar"]


async def test_a_cut_off_altered_or_foreign_file_is_refused_before_anything_is_touched(house, empty, tmp_path):
    whole = tmp_path / "whole.tar"
    await write_backup(house.database.url, whole)
    content = whole.read_bytes()
    with tarfile.open(whole) as tar:
        places = [tar.getmember(name).offset_data + 40 for name in tar.getnames()]
    damaged = {f"byte {n} altered": content[:n] + bytes([content[n] ^ 1]) + content[n + 1 :] for n in places}
    damaged |= {f"cut at {n}": content[:n] for n in (0, 100, 600, 3000, len(content) // 2, len(content) - 12_000)}
    damaged |= {"foreign": b"-- PostgreSQL database dump\n" * 1000}
    file = tmp_path / "damaged.tar"
    for what, bytes_now in damaged.items():
        file.write_bytes(bytes_now)
        with pytest.raises(Reject) as refused:
            await restore_backup(empty, file)
        assert refused.value.code == "backup.damaged", what
    with pytest.raises(Reject) as refused:
        await restore_backup(empty, tmp_path / "nowhere.tar")
    assert refused.value.code == "backup.missing"
    assert await counts(empty) == {}


async def test_what_is_there_is_replaced_only_when_told_and_only_while_nobody_works(house, tmp_path):
    file = tmp_path / "nightly.tar"
    url = house.database.url
    await write_backup(url, file)
    with pytest.raises(Reject, match="millstream work") as refused:
        await restore_backup(url, file, replace=True)
    assert refused.value.code == "restore.in_use"
    before = await counts(url)
    await house.place()
    await house.settle_down()
    await house.database.close()
    with pytest.raises(Reject, match="--replace") as refused:
        await restore_backup(url, file)
    assert refused.value.code == "restore.not_empty"
    await execute(url, "create table of_a_newer_version (n integer); create view beside as select 1 as one")
    await restore_backup(url, file, replace=True)
    assert await counts(url) == {**before, "restoration": 1}


async def test_a_restore_that_fails_leaves_the_database_as_it_was(house, tmp_path, monkeypatch):
    file = tmp_path / "nightly.tar"
    url = house.database.url
    manifest = await write_backup(url, file)
    before = await counts(url)
    await house.database.close()
    wrong = msgspec.structs.replace(manifest, tables={**manifest.tables, "promise": manifest.tables["promise"] + 1})
    monkeypatch.setattr("millstream.store.restore.read_manifest", lambda _file: wrong)
    with pytest.raises(Reject, match="table promise has") as refused:
        await restore_backup(url, file, replace=True)
    assert refused.value.code == "restore.failed"
    assert await counts(url) == before
    with tarfile.open(file) as tar:
        start, size = tar.getmember(DUMP).offset_data, tar.getmember(DUMP).size
    content = bytearray(file.read_bytes())
    content[start + size // 2 : start + size] = bytes(size - size // 2)  # the dump breaks off after it has begun
    file.write_bytes(content)
    monkeypatch.setattr("millstream.store.restore.read_manifest", lambda _file: manifest)
    with pytest.raises(Reject) as refused:
        await restore_backup(url, file, replace=True)
    assert refused.value.code == "restore.failed"
    assert await counts(url) == before


async def test_a_restore_that_dies_on_the_way_leaves_the_database_as_it_was(house, tmp_path, monkeypatch):
    file = tmp_path / "nightly.tar"
    url = house.database.url
    await write_backup(url, file)
    await house.place()
    await house.settle_down()
    before = await counts(url)
    await house.database.close()

    def die(*_):
        yield "select 1"
        raise Crash

    monkeypatch.setattr("millstream.store.restore._ending", die)
    with pytest.raises(Crash):
        await restore_backup(url, file, replace=True)
    assert await counts(url) == before


async def test_a_backup_for_newer_code_only_is_refused(house, empty, tmp_path, monkeypatch):
    file = tmp_path / "nightly.tar"
    await execute(house.database.url, "insert into migration (name, floor) values ('9999_post_new.sql', 99)")
    await write_backup(house.database.url, file)
    with pytest.raises(Reject) as refused:
        await restore_backup(empty, file)
    assert refused.value.code == "schema.newer"
    assert await counts(empty) == {}


async def test_after_other_means_of_restoring_everything_open_looks_before_it_acts(database):
    house = House(database)
    await house.place()
    await house.hub.poller.poll_all()
    assert await house.value("select max(tries) from delivery") == 0
    await database.close()
    await mark_restored(database.url, at=house.world.clock.now())
    assert await house.value("select min(tries) from delivery") == 1
    await house.place()
    house.world.clock.advance(10)
    await house.hub.poller.poll_all()
    assert await house.value("select min(tries) from delivery") == 1
    house.world.clock.advance(7200)
    await house.place()
    await house.hub.poller.poll_all()
    assert await house.value("select count(*) from delivery where tries = 0") == 1


@pytest.mark.parametrize(
    ("url", "argument", "password"),
    [
        ("postgresql://hub:s%40t@db:5433/mill?sslmode=no", "postgresql://hub@db:5433/mill?sslmode=no", "s@t"),
        ("postgresql://hub@db/mill?password=s%26t&sslmode=require", "postgresql://hub@db/mill?sslmode=require", "s&t"),
        ("postgresql://hub:@/mill?host=/run/pg", "postgresql://hub@/mill?host=/run/pg", ""),
        ("postgresql:///mill?host=/run/pg", "postgresql:///mill?host=/run/pg", None),
        ("postgresql://hub@db:5433/mill", "postgresql://hub@db:5433/mill", None),
        ("postgresql://[::1]:5433/mill", "postgresql://[::1]:5433/mill", None),
    ],
)  # fmt: skip
def test_a_password_is_in_no_argument(url, argument, password, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    address = Address(url)
    assert address.url == argument
    assert address.environment.get("PGPASSWORD") == password
