"""`millstream doctor`, as an operator types it: what is red, how it is mended, and the exit code."""

import contextlib
import json
import os
import subprocess
import sys

import asyncpg
import pytest

from fakes.house import CRM
from fakes.old_postgres import PostgresOfVersion
from fakes.s4hana import SETTINGS as ERP
from fakes.shell import Shell
from millstream.domain.errors import Reject
from millstream.sandbox.adobe_commerce.access import default_integration
from millstream.store.check import NEEDED, Kept, durability
from millstream.store.database import VERSION_MIN, Database, refuse_old_servers

SYSTEMS = ("adobe_commerce", "sap_s4hana", "salesforce")


@pytest.fixture(scope="module")
def systems():
    """The three sandbox systems behind sockets: name -> address."""
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(_sandbox(name)) for name in SYSTEMS}
        yield {name: program.stdout.readline().split()[1].decode() for name, program in started.items()}


@contextlib.contextmanager
def _sandbox(name):
    program = subprocess.Popen([sys.executable, "-m", "millstream.sandbox.run", name], stdout=subprocess.PIPE)
    try:
        yield program
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


@pytest.fixture
def shell(systems, database, tmp_path):
    """An operator's terminal: everything is set up as it should be."""
    owner = default_integration()
    sections = {
        "store": {
            "kind": "adobe_commerce",
            "base_url": systems["adobe_commerce"],
            "sources": {"EAST": "wh_east"},
            "consumer_key": owner.consumer_key,
            "consumer_secret": owner.consumer_secret,
            "access_token": owner.token,
            "access_token_secret": owner.token_secret,
        },
        "erp": {**ERP, "kind": "sap_s4hana", "base_url": systems["sap_s4hana"]},
        "crm": {**CRM, "login_url": systems["salesforce"]},
    }
    shell = Shell(database.url)
    for section, members in sections.items():
        for name, value in members.items():
            text = value if isinstance(value, str) else json.dumps(value)
            shell.env[f"MILLSTREAM_{section.upper()}__{name.upper()}"] = text
    shell.env["MILLSTREAM_DATA_DIR"] = os.fspath(tmp_path)
    return shell


def red(out):
    """What is not well -> how it is mended."""
    lines = out.splitlines()
    found = {}
    for n, line in enumerate(lines):
        if line.startswith("  ✗ "):
            told = lines[n + 1] if n + 1 < len(lines) else ""
            found[line[4:]] = told.removeprefix("      → ") if told.startswith("      → ") else ""
    return found


async def test_where_all_is_well_everything_is_green(shell):
    code, out, err = await shell("doctor")
    assert (code, err, red(out)) == (0, "", {})
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "database",
        "store · adobe_commerce",
        "erp · sap_s4hana",
        "crm · crm",
    ]
    for line in ("PostgreSQL answers: version 1", "fsync: on", "full_page_writes: on", "synchronous_commit: on"):
        assert f"  ✓ {line}" in out


async def test_a_wrong_secret_is_red_and_the_setting_is_named(shell):
    shell.env["MILLSTREAM_CRM__CLIENT_SECRET"] = "of-last-year"
    code, out, err = await shell("doctor")
    assert (code, err) == (1, "")
    assert len(red(out)) == 1
    (what,) = red(out)
    assert "client_secret" in what + red(out)[what]
    assert red(out)[what]
    assert "of-last-year" not in out
    assert "erp · sap_s4hana" in out


async def test_a_database_that_waits_for_no_disk_is_red(shell, database):
    name = database.url.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(database.url)
    await admin.execute(f"alter database {name} set synchronous_commit = off")
    await admin.close()
    code, out, _ = await shell("doctor")
    assert code == 1
    what = f"synchronous_commit: off, set by: database; {NEEDED['synchronous_commit']}"
    assert red(out) == {what: f'ALTER DATABASE "{name}" SET synchronous_commit = on;'}
    assert "  ✓ fsync: on" in out


async def test_without_a_database_it_says_so_and_asks_nobody_else(shell):
    shell.env["MILLSTREAM_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    code, out, err = await shell("doctor")
    assert (code, err) == (1, "")
    ((what, fix),) = red(out).items()
    assert what.startswith("PostgreSQL answers: ")
    assert "MILLSTREAM_DATABASE_URL" in fix
    assert "store" not in out.splitlines()[0]
    assert "crm" not in out


async def test_a_postgresql_that_is_too_old_is_red_here_and_refused_by_every_other_command(shell):
    async with PostgresOfVersion("14.13") as old:
        shell.env["MILLSTREAM_DATABASE_URL"] = old.url
        code, out, err = await shell("doctor")
        assert (code, err) == (1, "")
        ((what, fix),) = red(out).items()
        assert what == "version of PostgreSQL: too old"
        assert "PostgreSQL 14 is too old: Millstream needs 15 or newer." in fix
        code, _, err = await shell("migrate")
        assert code == 2
        assert err.count("\n") == 1
        assert "store.too_old" in err
        assert "MILLSTREAM_DATABASE_URL" in err
        assert old.sessions == 2


@pytest.mark.parametrize("version", ["9.6.24", "14.13"])
async def test_the_version_is_looked_at_before_any_statement(version):
    async with PostgresOfVersion(version) as old:
        database = Database(old.url)
        with pytest.raises(Reject) as refused:
            await database.migrate()
        assert refused.value.code == "store.too_old"
        await database.close()


@pytest.mark.parametrize("major", [VERSION_MIN, 18, 99])
def test_new_enough_is_not_refused(major):
    refuse_old_servers(major)


class TestDurability:
    @staticmethod
    def found(**settings):
        kept = [Kept(name, *settings.get(name, ("on", "default"))) for name in NEEDED]
        return {one.what: one for one in durability(kept, database="mill", role="hub")}

    @pytest.mark.parametrize("name", NEEDED)
    def test_each_of_them_off_is_red_with_what_is_lost_and_how_to_mend_it(self, name):
        found = self.found(**{name: ("off", "configuration file")})
        assert [what for what, one in found.items() if not one.ok] == [name]
        assert NEEDED[name] in found[name].detail
        assert found[name].fix == f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"

    @pytest.mark.parametrize(
        ("source", "mend"),
        [
            ("user", 'ALTER ROLE "hub" SET synchronous_commit = on;'),
            ("database user", 'ALTER ROLE "hub" IN DATABASE "mill" SET synchronous_commit = on;'),
            ("client", "take synchronous_commit out of database_url and PGOPTIONS"),
            ("command line", "start the server without synchronous_commit=off"),
        ],
    )
    def test_it_is_mended_where_it_was_set(self, source, mend):
        assert self.found(synchronous_commit=("off", source))["synchronous_commit"].fix == mend

    @pytest.mark.parametrize("value", ["on", "local", "remote_write", "remote_apply"])
    def test_whatever_waits_for_a_disk_is_well(self, value):
        assert self.found(synchronous_commit=(value, "default"))["synchronous_commit"].ok

    def test_what_nobody_tells_of_is_not_well(self):
        assert [one.ok for one in durability([], database="mill", role="hub")] == [False] * len(NEEDED)
