"""Wrong door settings are refused at start, in words that help and without the secret."""

import pytest
from pydantic import ValidationError

from millstream.web.door_settings import DoorSettings

SECRET = "a secret long enough"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "io_events", "client_id": "x"}, "`store`"),
        ({"kind": "io_events", "store": "shop"}, "`client_id`"),
        ({"kind": "io_events", "store": "shop", "client_id": "x", "secrets": [SECRET]}, "`secrets`"),
        ({"kind": "mageos", "store": "shop"}, "`secrets`"),
        ({"kind": "mageos", "secrets": [SECRET]}, "`store`"),
        ({"kind": "mageos", "store": "shop", "secrets": [SECRET], "types": ["x"]}, "`types`"),
        ({"kind": "events", "scheme": "hmac"}, "`secrets`"),
        ({"kind": "events", "scheme": "hmac", "secrets": ["too short"]}, "16 characters"),
        ({"kind": "events", "scheme": "hmac", "secrets": [SECRET], "types": ["order.placed"]}, "`types`"),
        ({"kind": "events", "secrets": ["not base64: é ä ü ö ß"]}, "base64"),
        ({"kind": "events", "secrets": ["!" * 20]}, "base64"),
        ({"kind": "events", "scheme": "hmac", "secrets": [SECRET] * 5}, "secrets"),
        ({"kind": "events", "scheme": "md5", "secrets": [SECRET]}, "scheme"),
        ({"kind": "ftp"}, "kind"),
        ({"kind": "events", "scheme": "hmac", "secrets": f'["{SECRET}"'}, "JSON list"),
        ({"kind": "events", "scheme": "hmac", "secrets": [SECRET], "bytes_max": 10**9}, "bytes_max"),
        ({"kind": "events", "scheme": "hmac", "secrets": [SECRET], "secert": SECRET}, "secert"),
    ],
)
def test_wrong_settings_are_refused_and_the_setting_is_named(settings, says):
    with pytest.raises(ValidationError) as refused:
        DoorSettings(**settings)
    assert says in str(refused.value)
    assert SECRET not in str(refused.value)


def test_secrets_are_hidden_when_settings_are_printed():
    door = DoorSettings(kind="events", scheme="hmac", secrets=[SECRET])
    assert SECRET not in f"{door} {door!r} {door.model_dump_json()}"
    assert door.plain_secrets == (SECRET,)


def test_by_default_a_partner_may_only_report_deliveries():
    assert DoorSettings(kind="events", scheme="hmac", secrets=[SECRET]).partner_types == ("order.delivered",)


def test_a_door_can_be_set_by_environment_variables_alone(monkeypatch):
    from millstream.settings import Settings

    monkeypatch.setenv("MILLSTREAM_CONFIG", "no-such-file.toml")
    monkeypatch.setenv("MILLSTREAM_DOORS__UPS__KIND", "events")
    monkeypatch.setenv("MILLSTREAM_DOORS__UPS__SCHEME", "hmac")
    monkeypatch.setenv("MILLSTREAM_DOORS__UPS__SECRETS", f'["{SECRET}", "the next secret of it"]')
    monkeypatch.setenv("MILLSTREAM_DOORS__PLANNER__KIND", "events")
    monkeypatch.setenv("MILLSTREAM_DOORS__PLANNER__SCHEME", "hmac")
    monkeypatch.setenv("MILLSTREAM_DOORS__PLANNER__SECRETS", SECRET)
    doors = {name: DoorSettings(**door) for name, door in Settings().doors.items()}
    assert doors["ups"].plain_secrets == (SECRET, "the next secret of it")
    assert doors["planner"].plain_secrets == (SECRET,)
