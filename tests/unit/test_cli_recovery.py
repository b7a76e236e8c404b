"""`millstream migrate`, `backup` and `restore`, as an operator types them."""

import asyncpg
import pytest

from fakes.house import House
from fakes.shell import InnerShell, Shell
from millstream.store.schema import migrations


@pytest.fixture
async def shell(database):
    """A database with one order done, nobody else on it."""
    house = House(database)
    await house.place()
    await house.settle_down()
    await database.close()
    return InnerShell(database.url)


async def value(shell, query):
    connection = await asyncpg.connect(shell.env["MILLSTREAM_DATABASE_URL"])
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_backup_and_restore_say_what_they_hold_and_what_to_do_next(shell, tmp_path):
    file = tmp_path / "nightly.tar"
    code, out, err = await shell("backup", file)
    assert (code, err) == (0, "")
    assert "1 orders" in out
    assert f"millstream restore {file}" in out
    code, _, err = await shell("backup", file)
    assert (code, "--force" in err) == (2, True)
    code, _, err = await shell("restore", file)
    assert code == 2
    assert "restore.not_empty" in err
    assert "--replace" in err
    code, out, _ = await shell("restore", file, "--replace", stdin="n\n")
    assert code == 1
    assert await value(shell, "select count(*) from restoration") == 0
    code, out, err = await shell("restore", file, "--replace", "--yes")
    assert (code, err) == (0, "")
    assert "as many rows as the backup counted" in out
    assert "audit trail verifies" in out
    assert await value(shell, "select count(*) from restoration") == 1
    code, out, _ = await shell("orders", "list")
    assert code == 0


async def test_restore_says_what_to_stop_while_somebody_works(shell, database, tmp_path):
    file = tmp_path / "nightly.tar"
    await shell("backup", file)
    await database.now()  # a process has opened the database
    for command in (("restore", file, "--replace", "--yes"), ("restore", "--mark-only")):
        code, _, err = await shell(*command)
        assert code == 2
        assert "restore.in_use" in err
        assert "millstream work" in err
        assert "Traceback" not in err


async def test_after_other_means_the_mark_alone_is_set(shell):
    code, out, _ = await shell("restore", "--mark-only")
    assert (code, "looked up before it is done again" in out) == (0, True)
    assert await value(shell, "select count(*) from restoration") == 1
    code, _, err = await shell("restore")
    assert (code, "FILE" in err) == (2, True)


async def test_migrate_shows_where_each_step_stands_and_changes_nothing_when_dry(shell):
    code, out, _ = await shell("migrate")
    assert code == 0
    assert all(step.name in out for step in migrations())
    await value(shell, "delete from migration where name = '0003_pre_recovery.sql'")
    await value(shell, "drop table restoration")
    code, out, _ = await shell("migrate", "--dry-run")
    assert (code, "to be applied" in out, "nothing was changed" in out) == (0, True, True)
    assert await value(shell, "select to_regclass('restoration') is null")


@pytest.mark.parametrize("command", [("serve",), ("work",), ("doctor",), ("orders", "list"), ("migrate",)])
async def test_no_process_starts_on_a_schema_that_is_too_new_for_it(shell, command):
    await value(shell, "insert into migration (name, floor) values ('9999_post_new.sql', 99)")
    process = Shell(shell.env["MILLSTREAM_DATABASE_URL"])  # of its own: some of these would stay
    process.env |= {"MILLSTREAM_PORT": "0", "MILLSTREAM_STORE__KIND": "adobe_commerce"}
    code, _, err = await process(*command)
    assert code == 2
    assert "schema.newer" in err
    assert "Install the version" in err
    assert "Traceback" not in err
