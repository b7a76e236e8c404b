"""What the merchant sets, and what is said when something is wrong."""

import os
from decimal import Decimal

import pytest

from fakes.shell import InnerShell
from fakes.tap import RecordingTap
from fakes.transport import ScriptedTransport
from fakes.world import ManualWorld
from millstream.bootstrap import open_port
from millstream.settings import Settings, SettingsError, read_settings, refuse_without_systems
from millstream.wire.kit import WireKit

SECRET = "a-secret-nobody-may-see"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Nothing of the machine the tests run on."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MILLSTREAM_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def write(folder):
    def write(text, name="millstream.toml"):
        (folder / name).write_text(text)

    return write


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    return str(refused.value)


def kit() -> WireKit:
    return WireKit(transport=ScriptedTransport(), world=ManualWorld(), tap=RecordingTap())


def refused_port(kind, /, **section) -> str:
    with pytest.raises(SettingsError) as refused:
        open_port(kind, section, kit())
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_without_a_file_everything_has_its_default():
    settings = read_settings()
    assert (settings.database_url, settings.port, settings.worker.concurrency) == (None, 8080, 64)
    assert settings == Settings()


def test_the_file_is_read(write):
    write('log_level = "debug"\n[worker]\nconcurrency = 7\n[policy]\nprice_tolerance_percent = "2.5"\n')
    settings = read_settings()
    assert (settings.log_level, settings.worker.concurrency) == ("debug", 7)
    assert settings.policy.price_tolerance_percent == Decimal("2.5")


def test_another_file_may_be_named(write, monkeypatch):
    write("port = 9999\n", name="other.toml")
    monkeypatch.setenv("MILLSTREAM_CONFIG", "other.toml")
    assert read_settings().port == 9999


def test_a_file_that_is_named_and_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_CONFIG", "nowhere.toml")
    assert refusal() == "MILLSTREAM_CONFIG names nowhere.toml, and there is no such file"


def test_the_environment_wins_over_the_file_name_by_name(write, monkeypatch):
    write(
        '[store]\nkind = "adobe_commerce"\nbase_url = "https://old.example"\n[worker]\nlease_s = 60\nconcurrency = 5\n'
    )
    monkeypatch.setenv("MILLSTREAM_STORE__BASE_URL", "https://new.example")
    monkeypatch.setenv("MILLSTREAM_WORKER__CONCURRENCY", "9")
    settings = read_settings()
    assert settings.store == {"kind": "adobe_commerce", "base_url": "https://new.example"}
    assert (settings.worker.concurrency, settings.worker.lease_s) == (9, 60.0)


@pytest.mark.parametrize("text", ["12345", "1e5", "true", "null", "0x10", '"quoted"'])
def test_a_password_in_the_environment_is_taken_as_it_is(monkeypatch, text):
    monkeypatch.setenv("MILLSTREAM_ERP__PASSWORD", text)
    assert read_settings().erp == {"password": text}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[worker]\nconcurency = 7\n",
            "worker.concurency (MILLSTREAM_WORKER__CONCURENCY): is not a setting; did you mean concurrency?",
        ),
        ("[wurker]\nconcurrency = 7\n", "wurker (MILLSTREAM_WURKER): is not a setting; did you mean worker?"),
        ("[poll]\nwidget = 7\n", "(MILLSTREAM_POLL__WIDGET): is not a setting; known are drift_every_s, erp_every_s"),
        ("[worker]\nconcurrency = 0\n", "(MILLSTREAM_WORKER__CONCURRENCY): Input should be greater than or equal to 1"),
        ('log_level = "loud"\n', "log_level (MILLSTREAM_LOG_LEVEL): Input should be 'debug', 'info'"),
        ('store = "shop"\n', "store (MILLSTREAM_STORE): Input should be a valid dictionary"),
        ("[worker\n", "millstream.toml is no TOML: "),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_both_names_of_the_setting(write, text, says):
    write(text)
    told = refusal()
    assert says in told
    assert "\n" not in told
    assert "pydantic" not in told


def test_every_mistake_is_told_not_only_the_first(write):
    write('log_level = "loud"\nport = "http"\n[retry]\nattempts_max = 0\n')
    told = refusal()
    for name in ("MILLSTREAM_LOG_LEVEL", "MILLSTREAM_PORT", "MILLSTREAM_RETRY__ATTEMPTS_MAX"):
        assert name in told


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("MILLSTREAM_DATABSE_URL", "did you mean MILLSTREAM_DATABASE_URL? See docs/"),
        ("MILLSTREAM_STOER__KIND", "no setting stoer; did you mean MILLSTREAM_STORE__KIND? See docs/"),
        ("millstream_wat", "known are access, "),
    ],
)
def test_a_variable_nobody_reads_is_refused_not_passed_over(monkeypatch, variable, says):
    monkeypatch.setenv(variable, SECRET)
    told = refusal()
    assert told.startswith(f"{variable.upper()} is set, and there is no setting ")
    assert says in told


@pytest.mark.parametrize(
    "variable",
    ["MILLSTREAM_SERVICE_HOST", "MILLSTREAM_SERVICE_PORT_HTTP", "MILLSTREAM_PORT_8080_TCP_ADDR", "MILLSTREAMER_X"],
)
def test_variables_of_the_house_around_are_left_alone(monkeypatch, variable):
    monkeypatch.setenv(variable, "10.0.0.1")
    assert read_settings() == Settings()


def test_a_section_as_one_text_that_is_no_object_is_refused_with_an_example(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_STORE", SECRET)
    told = refusal()
    assert '"store"' in told
    assert "MILLSTREAM_STORE__KIND" in told


def test_no_secret_is_in_the_settings_as_they_are_printed():
    settings = Settings(
        database_url=f"postgresql://hub:{SECRET}@db/hub",
        store={"access_token": SECRET},
        erp={"password": SECRET},
        crm={"client_secret": SECRET},
        doors={"ups": {"secrets": [SECRET]}},
    )
    assert SECRET not in f"{settings} {settings!r}"


def test_what_works_with_the_systems_says_where_it_looked_when_none_is_named(write, folder):
    with pytest.raises(SettingsError, match="no store, ERP or CRM is named: no settings file is here") as refused:
        refuse_without_systems(read_settings())
    assert f"looked for was {folder / 'millstream.toml'}. Go to the folder of your millstream.toml" in str(
        refused.value
    )
    write("port = 8081\n")
    with pytest.raises(SettingsError, match=f"named: {folder / 'millstream.toml'} was read; add what is missing"):
        refuse_without_systems(read_settings())
    write('[store]\nkind = "adobe_commerce"\n')
    refuse_without_systems(read_settings())


@pytest.mark.parametrize(
    "command",
    [
        "doctor",
        "serve",
        "connections list",
        "connections test erp",
        "deliveries list",
        "backup b.tar",
        "migrate --dry-run",
    ],
)
def test_a_command_in_the_wrong_folder_says_so_and_leaves_nothing_behind(folder, command):
    shell = InnerShell("")
    del shell.env["MILLSTREAM_DATABASE_URL"]
    code, out, err = shell.run(command.split())
    assert (code, out) == (2, "")
    assert err.startswith("error settings: no ")
    assert f"no settings file is here, looked for was {folder / 'millstream.toml'}" in err
    assert list(folder.iterdir()) == []


def test_settings_cannot_be_altered_while_they_are_in_use():
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("kind", "section", "variable", "known"),
    [
        ("commerce", "store", "MILLSTREAM_STORE__KIND", "adobe_commerce"),
        ("erp", "erp", "MILLSTREAM_ERP__KIND", "sap_s4hana, tryton"),
        ("crm", "crm", "MILLSTREAM_CRM__KIND", "salesforce"),
    ],
)
def test_an_unknown_connector_is_refused_with_those_that_are_known(kind, section, variable, known):
    for given in ({}, {"kind": "abacus"}):
        told = refused_port(kind, **given)
        wrong = "kind = 'abacus' is not known" if given else "names no kind"
        assert f"[{section}] {wrong}. Known: " in told
        assert known in told
        assert variable in told


def test_a_connector_of_another_kind_is_not_known_here():
    assert "kind = 'tryton' is not known" in refused_port("crm", kind="tryton")


def test_a_connection_that_lacks_a_setting_is_refused_with_both_its_names_and_its_guide():
    told = refused_port("erp", kind="tryton", password=SECRET)
    assert "erp.base_url (MILLSTREAM_ERP__BASE_URL): is missing" in told
    assert "erp.database (MILLSTREAM_ERP__DATABASE): is missing" in told
    assert told.endswith("See docs/connectors/tryton.md.")


def test_a_mistyped_setting_of_a_connection_is_refused_with_the_likely_one():
    told = refused_port("erp", kind="tryton", pasword=SECRET)
    assert "erp.pasword (MILLSTREAM_ERP__PASWORD): is not a setting; did you mean password?" in told


def test_a_mistyped_setting_further_inside_is_refused_with_the_likely_one():
    section = {"login_url": "https://x.example", "client_id": "x", "client_secret": SECRET}
    told = refused_port("crm", kind="salesforce", **section, fields={"order_totl": "X__c"})
    assert "crm.fields.order_totl (MILLSTREAM_CRM__FIELDS__ORDER_TOTL): is not a setting; did you mean" in told


def test_a_rule_of_a_connector_is_told_in_its_own_words():
    told = refused_port("commerce", kind="adobe_commerce", base_url="https://shop.example", access_token=SECRET)
    assert "auth = oauth1 also needs consumer_key, consumer_secret, access_token_secret" in told
    assert "Value error" not in told


def test_a_secret_given_as_something_else_is_not_repeated():
    section = {"base_url": "http://erp", "database": "d", "user": "u", "web_shop": "w", "warehouse": "x"}
    told = refused_port("erp", kind="tryton", **section, password=[SECRET])
    assert "erp.password (MILLSTREAM_ERP__PASSWORD): Input should be a valid string" in told


def test_a_connection_may_have_a_name_of_its_own():
    section = {"kind": "tryton", "base_url": "http://erp", "database": "d", "user": "u", "password": SECRET}
    section |= {"web_shop": "w", "warehouse": "x"}
    assert open_port("erp", {**section, "name": "plant"}, kit()).name == "plant"
    assert open_port("erp", section, kit()).name == "tryton"
