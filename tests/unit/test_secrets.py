"""Secrets lie sealed, are never shown, and open only with the key that is elsewhere."""

import os
import stat
from datetime import timedelta
from typing import ClassVar

import pytest
from cryptography.fernet import Fernet

from fakes.shell import InnerShell
from fakes.tap import RecordingTap
from fakes.world import ManualWorld
from millstream.credentials import filled_in, read_credentials, references
from millstream.domain.errors import Reject
from millstream.engine.secrets import SecretKeeper
from millstream.ports.secrets import SecretValue
from millstream.settings import Settings, SettingsError
from millstream.store.backup import write_backup
from millstream.store.sealing import KeyFile
from millstream.store.secrets import PostgresSecrets
from millstream.web.door_settings import read_doors

VALUE = "s3cr3t of the plant"
NONE = timedelta(0)
DAY = timedelta(days=1)


@pytest.fixture
def keys(tmp_path):
    return KeyFile(tmp_path / "data" / "secrets.key")


@pytest.fixture
def world():
    return ManualWorld()


@pytest.fixture
def secrets(database, keys, world):
    return PostgresSecrets(database, keys=keys, world=world)


async def stored(database):
    """Everything the two tables hold, as text."""
    async with database.connection() as connection:
        rows = [
            *await connection.fetch("select row_to_json(s)::text as row from secret s"),
            *await connection.fetch("select row_to_json(a)::text as row from audit a"),
        ]
    return "\n".join(row["row"] for row in rows)


async def refusal(awaited):
    with pytest.raises(Reject) as caught:
        await awaited
    assert VALUE not in str(caught.value)
    return caught.value.code


async def test_a_value_comes_back_as_it_was_set_and_neither_it_nor_the_key_is_in_the_database(secrets, keys, database):
    assert await secrets.set_secret("erp-password", VALUE, overlap=NONE, actor="anna") == 1
    assert await secrets.read(["erp-password", "nobody"]) == {"erp-password": SecretValue(value=VALUE)}
    text = await stored(database)
    assert "erp-password" in text
    assert VALUE not in text
    assert keys.path.read_text().strip() not in text
    assert VALUE not in repr(await secrets.read(["erp-password"]))


async def test_the_key_is_made_with_the_first_secret_for_its_owner_only(secrets, keys):
    assert not keys.exists()
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    before = keys.path.read_bytes()
    await secrets.set_secret("two", VALUE, overlap=NONE, actor="anna")
    assert keys.path.read_bytes() == before
    assert [path.name for path in keys.path.parent.iterdir()] == ["secrets.key"]


async def test_a_backup_holds_neither_value_nor_key(secrets, keys, database, tmp_path):
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    manifest = await write_backup(database.url, tmp_path / "nightly.tar")
    assert manifest.tables["secret"] == 1
    content = (tmp_path / "nightly.tar").read_bytes()
    assert keys.path.read_bytes().strip() not in content
    assert VALUE.encode() not in content


async def test_who_did_what_is_in_the_trail(secrets, database):
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    await secrets.set_secret("one", "another", overlap=DAY, actor="ben")
    await secrets.rotate_key(actor="ben")
    await secrets.remove_secret("one", actor="anna")
    async with database.connection() as connection:
        rows = await connection.fetch("select actor, action, subject, detail::text from audit order by id")
    assert [tuple(row)[:3] for row in rows] == [
        ("anna", "secret.set", "secret/one"),
        ("ben", "secret.set", "secret/one"),
        ("ben", "secret.key_rotated", "secrets"),
        ("anna", "secret.removed", "secret/one"),
    ]
    assert '"version": 2' in rows[1]["detail"]


async def test_the_value_before_is_honoured_for_the_overlap_and_no_longer(secrets, world):
    await secrets.set_secret("door", "first", overlap=DAY, actor="anna")
    assert (await secrets.read(["door"]))["door"].before is None, "there was none before"
    await secrets.set_secret("door", "second", overlap=DAY, actor="anna")
    assert await secrets.read(["door"]) == {"door": SecretValue(value="second", before="first")}
    during = await secrets.versions(["door"])
    (listed,) = await secrets.list_secrets()
    assert listed.old_until == world.clock.now() + DAY
    world.clock.advance(DAY.total_seconds() + 1)
    assert await secrets.read(["door"]) == {"door": SecretValue(value="second")}
    assert await secrets.versions(["door"]) != during
    await secrets.set_secret("door", "third", overlap=NONE, actor="anna")
    assert await secrets.read(["door"]) == {"door": SecretValue(value="third")}


async def test_another_key_opens_the_same_values_and_old_ones_stay_until_they_are_put_away(secrets, keys):
    await secrets.set_secret("one", "before", overlap=NONE, actor="anna")
    await secrets.set_secret("one", VALUE, overlap=DAY, actor="anna")
    first = keys.path.read_bytes()
    versions = await secrets.versions(["one"])
    assert (await secrets.rotate_key(actor="anna")).forgotten == 0
    assert keys.path.read_bytes().endswith(first)
    done = await secrets.rotate_key(actor="anna", forget=True)
    assert (done.resealed, done.forgotten) == (1, 2)
    assert len(keys.path.read_bytes().split()) == 1
    assert await secrets.read(["one"]) == {"one": SecretValue(value=VALUE, before="before")}
    assert await secrets.versions(["one"]) == versions, "nobody needs to take it anew"


async def test_a_key_the_operator_put_first_is_taken_as_it_is(secrets, keys):
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    own = Fernet.generate_key()
    keys.path.write_bytes(own + b"\n" + keys.path.read_bytes())
    await secrets.rotate_key(actor="anna", given=True, forget=True)
    assert keys.path.read_bytes().split() == [own]
    assert (await secrets.read(["one"]))["one"].value == VALUE


async def test_without_the_key_nothing_opens_and_no_second_key_is_made(secrets, keys):
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    keys.path.unlink()
    assert await refusal(secrets.read(["one"])) == "secret.key_missing"
    assert await refusal(secrets.set_secret("two", VALUE, overlap=NONE, actor="anna")) == "secret.key_missing"
    assert not keys.exists()
    assert [one.readable for one in await secrets.list_secrets()] == [False]
    keys.path.write_bytes(Fernet.generate_key())
    keys.path.chmod(0o600)
    assert await refusal(secrets.read(["one"])) == "secret.unreadable"
    assert [one.readable for one in await secrets.list_secrets()] == [False]
    keys.path.write_text("no key\n")
    assert await refusal(secrets.read(["one"])) == "secret.key_missing"


async def test_a_key_everybody_may_read_is_not_used(secrets, keys):
    await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
    os.chmod(keys.path, 0o604)  # noqa: PTH101 - as an operator would
    assert await refusal(secrets.read(["one"])) == "secret.key_exposed"


async def test_a_row_moved_to_another_name_is_found(secrets, database):
    await secrets.set_secret("shop-token", VALUE, overlap=NONE, actor="anna")
    await secrets.set_secret("mine", "own", overlap=NONE, actor="mallory")
    async with database.transaction() as connection:
        await connection.execute(
            "update secret set sealed = (select sealed from secret where name = 'shop-token') where name = 'mine'"
        )
    assert await refusal(secrets.read(["mine"])) == "secret.unreadable"


@pytest.mark.parametrize("name", ["", "A", "with space", "-x", "x" * 65, "ä", "x\n"])
async def test_a_name_that_no_setting_could_hold_is_refused(secrets, name):
    assert await refusal(secrets.set_secret(name, VALUE, overlap=NONE, actor="anna")) == "secret.refused"


@pytest.mark.parametrize("value", ["", "x" * 16_385, "a\x00b"])
async def test_what_can_be_no_value_is_refused(secrets, value):
    assert await refusal(secrets.set_secret("one", value, overlap=NONE, actor="anna")) == "secret.refused"
    assert await refusal(secrets.set_secret("one", VALUE, overlap=31 * DAY, actor="anna")) == "secret.refused"
    assert await secrets.list_secrets() == []


class TestSettings:
    SETTINGS = Settings(
        store={"kind": "adobe_commerce", "access_token": "secret:shop-token", "consumer_key": "as it is"},
        erp={"kind": "tryton", "password": "secret:erp"},
        doors={
            "ups": {"kind": "events", "secrets": ["secret:ups", "literal literal literal"], "scheme": "hmac"},
            "dhl": {"kind": "events", "secrets": '["secret:ups"]', "scheme": "hmac"},
            "one": {"kind": "events", "secrets": "secret:ups", "scheme": "hmac"},
        },
        alerts={"channels": {"desk": "secret:desk"}},
        openid={
            "issuer": "https://id.example",
            "client_id": "hub",
            "client_secret": "secret:id",
            "roles": {"a": "admin"},
        },
        telemetry={"metrics": "token", "metrics_token": "secret:metrics"},
    )
    VALUES: ClassVar = {
        name: SecretValue(value=f"the value of {name}", before=f"the value before of {name}")
        for name in ("shop-token", "erp", "ups", "desk", "id", "metrics")
    }

    def test_every_reference_is_found_with_the_settings_that_use_it(self):
        assert references(self.SETTINGS) == {
            "desk": ("alerts.channels.desk",),
            "erp": ("erp.password",),
            "id": ("openid.client_secret",),
            "metrics": ("telemetry.metrics_token",),
            "shop-token": ("store.access_token",),
            "ups": ("doors.ups.secrets", "doors.dhl.secrets", "doors.one.secrets"),
        }
        assert references(Settings()) == {}

    def test_every_reference_is_filled_in_and_only_doors_take_the_value_before(self):
        filled = filled_in(self.SETTINGS, self.VALUES)
        assert filled.store["access_token"] == "the value of shop-token"
        assert filled.store["consumer_key"] == "as it is"
        assert filled.erp["password"] == "the value of erp"
        both = ("the value of ups", "the value before of ups")
        doors = read_doors(filled.doors)
        assert doors["ups"].plain_secrets == (*both, "literal literal literal")
        assert doors["dhl"].plain_secrets == doors["one"].plain_secrets == both
        assert filled.alerts.urls() == {"desk": "the value of desk"}
        assert filled.openid.client_secret.get_secret_value() == "the value of id"
        assert filled.telemetry.metrics_token.get_secret_value() == "the value of metrics"
        assert "the value of" not in repr(filled)

    def test_one_that_was_never_set_is_named_with_what_to_do(self):
        with pytest.raises(SettingsError, match=r"erp\.password names secret:erp, .*`millstream secrets set NAME`"):
            filled_in(self.SETTINGS, {name: value for name, value in self.VALUES.items() if name != "erp"})

    def test_a_mistyped_reference_is_not_taken_for_a_password(self):
        with pytest.raises(SettingsError, match=r"erp\.password names no secret"):
            references(Settings(erp={"password": "secret:Erp Password"}))

    def test_a_short_metrics_token_is_refused_as_in_the_settings(self):
        with pytest.raises(SettingsError, match="16 characters"):
            filled_in(self.SETTINGS, {**self.VALUES, "metrics": SecretValue(value="short")})


class TestKeeper:
    @pytest.fixture
    def keeper(self, secrets, world):
        taken = []

        async def renew(values):
            if any(value.value == "bad" for value in values.values()):
                raise Reject("secret.not_usable", "no good")
            taken.append(values)

        keeper = SecretKeeper(secrets, ["one"], renew=renew, clock=world.clock, tap=RecordingTap())
        keeper.taken = taken
        return keeper

    async def test_a_change_is_taken_once(self, keeper, secrets):
        await keeper.look()
        await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
        await secrets.set_secret("another", VALUE, overlap=NONE, actor="anna")
        await keeper.look()
        await keeper.look()
        assert keeper.taken == [{}, {"one": SecretValue(value=VALUE)}]

    async def test_the_end_of_an_overlap_is_a_change(self, keeper, secrets, world):
        for value in ("first", "second"):
            await secrets.set_secret("one", value, overlap=DAY, actor="anna")
        await keeper.look()
        world.clock.advance(DAY.total_seconds() + 1)
        await keeper.look()
        assert [values["one"].before for values in keeper.taken] == ["first", None]

    async def test_a_value_that_is_no_good_is_told_once_and_the_next_one_is_taken(self, keeper, secrets):
        await secrets.set_secret("one", "bad", overlap=NONE, actor="anna")
        await keeper.look()
        await keeper.look()
        assert [name for name, _ in keeper._tap.notes].count("secret.not_taken") == 1
        await secrets.set_secret("one", VALUE, overlap=NONE, actor="anna")
        await keeper.look()
        assert keeper.taken == [{"one": SecretValue(value=VALUE)}]


class TestCommands:
    @pytest.fixture
    def shell(self, database, tmp_path):
        shell = InnerShell(database.url)
        shell.env |= {"MILLSTREAM_DATA_DIR": str(tmp_path / "data"), "MILLSTREAM_ERP__PASSWORD": "secret:erp"}
        return shell

    async def test_from_set_to_remove(self, shell, secrets, database):
        code, out, err = await shell("secrets", "list")
        assert (code, err) == (0, "")
        assert "erp.password" in out
        assert "not set" in out
        code, out, err = await shell("secrets", "set", "erp", "--stdin", stdin=f"{VALUE}\n")
        assert (code, err) == (0, "")
        assert (await secrets.read(["erp"]))["erp"].value == VALUE
        code, out, _ = await shell("secrets", "set", "pem", stdin="-----BEGIN-----\nx\n-----END-----\n")
        assert (await secrets.read(["pem"]))["pem"].value == "-----BEGIN-----\nx\n-----END-----"
        code, out, _ = await shell("secrets", "rotate-key", "--forget")
        assert (code, out) == (0, "2 secrets are sealed by another key; 1 older keys are put away\n")
        code, out, _ = await shell("secrets", "list")
        assert VALUE not in out
        assert [line.split()[:2] for line in out.splitlines()[1:]] == [["erp", "1"], ["pem", "1"]]
        code, _, err = await shell("secrets", "remove", "erp")
        assert (code, "used by erp.password" in err) == (2, True)
        assert (await shell("secrets", "remove", "pem"))[0] == 0
        code, _, err = await shell("secrets", "remove", "pem")
        assert (code, "secret.unknown" in err) == (2, True)
        settings = Settings(
            database_url=database.url, data_dir=shell.env["MILLSTREAM_DATA_DIR"], erp={"p": "secret:erp"}
        )
        assert (await read_credentials(settings, database))["erp"].value == VALUE
