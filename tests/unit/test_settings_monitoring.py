"""The sections for monitoring refuse what would fail in the night."""

import os

import pytest

from millstream.alerting import in_settings, refuse_unknown_flows
from millstream.engine.alerts.levels import AlertPolicy, FlowLevel, Slo
from millstream.flows import ROUTES
from millstream.settings import SettingsError, read_settings

SECRET = "a-secret-nobody-may-see"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MILLSTREAM_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[alerts]\nquiet_from = "22:00"', "both quiet_from and quiet_until"),
        ('[alerts]\nquiet_from = "22h"\nquiet_until = "06:00"', "alerts.quiet_from (MILLSTREAM_ALERTS__QUIET_FROM)"),
        ('[alerts]\ndigest_at = "24:00"', "alerts.digest_at"),
        ('[alerts]\ntimezone = "Europe/Atlantis"', "no such time zone"),
        ('[alerts]\ntimezone = "../etc/passwd"', "no such time zone"),
        ('[alerts]\nescalate_to = ["boss"]', "escalate_to names boss, and there is no such channel"),
        ("[alerts]\nevery_s = 60", "alerts.every_s"),
        ("[slo]\nfailing_orders_percent = 0", "slo.failing_orders_percent"),
        ('[slo.flows."order.shipped to crm"]\npercent = 0', "slo.flows.order.shipped to crm.percent"),
        ('[slo.flows."order.shipped to crm"]\nshare = 5', "share"),
        ('[telemetry]\nmetrics = "token"', "metrics_token of 16 characters or more"),
        (f'[telemetry]\nmetrics = "open"\nmetrics_token = "{SECRET}"', "telemetry.metrics"),
        (f'[telemetry]\ntraces_url = "http://user:{SECRET}@collector.example"', "telemetry.traces_url"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start_and_not_shown(text, told, folder):
    (folder / "millstream.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_level_for_one_flow_is_read_and_a_flow_that_does_not_exist_is_refused(folder):
    (folder / "millstream.toml").write_text('[slo.flows."order.shipped to crm"]\npercent = 50\nwindow_s = 60\n')
    settings = read_settings()
    refuse_unknown_flows(settings, ROUTES)
    slo, _ = in_settings(settings)
    assert slo.level_of("order.shipped to crm") == FlowLevel(percent=50.0, window_s=60.0, min=10)
    (folder / "millstream.toml").write_text('[slo.flows."order.shiped to crm"]\npercent = 50\n')
    with pytest.raises(SettingsError, match=r'"order\.shiped to crm".*order\.shipped to crm'):
        refuse_unknown_flows(read_settings(), ROUTES)


def test_channels_come_from_file_and_environment_and_are_secret(folder, monkeypatch):
    (folder / "millstream.toml").write_text(f'[alerts.channels]\ndesk = "json://x/{SECRET}"\n')
    monkeypatch.setenv("MILLSTREAM_ALERTS__CHANNELS__TEAM", f"slack://{SECRET}")
    settings = read_settings()
    assert settings.alerts.channels["desk"].get_secret_value() == f"json://x/{SECRET}"
    assert settings.alerts.channels["team"].get_secret_value() == f"slack://{SECRET}"
    assert SECRET not in repr(settings)


def test_the_defaults_are_those_of_the_engine():
    assert in_settings(read_settings()) == (Slo(), AlertPolicy())
