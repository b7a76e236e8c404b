"""docs/operate/settings.md knows every setting, its default and its name in the environment."""

import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from millstream.bootstrap import CONNECTORS, published
from millstream.connectors.adobe_commerce import SPEC as ADOBE_COMMERCE
from millstream.settings import Settings
from millstream.web.door_settings import DoorSettings

ROOT = Path(__file__).parents[2]
SPECS = tuple(published(folder) for folder in CONNECTORS.values())
GUIDE = (ROOT / "docs/operate/settings.md").read_text()
ROW = re.compile(r"^\| `([a-z_.]+)` \| (`[^`]*`|\S+) \| `(\S+)` \|", re.MULTILINE)


def shown(value: object) -> str:
    """A default as the table shows it."""
    if value is None or value == {}:
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float | Decimal):
        return f"`{value:g}`"
    return f"`{value}`"


def every_setting() -> dict[str, str]:
    found = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            section = type(field.default).model_fields
            found |= {f"{name}.{inner}": shown(each.default) for inner, each in section.items()}
        else:
            found[name] = shown(field.default)
    return found


def test_every_setting_is_in_the_table_with_its_default():
    assert {name: default for name, default, _ in ROW.findall(GUIDE)} == every_setting()


def test_every_setting_has_the_name_that_the_environment_knows():
    for name, _, variable in ROW.findall(GUIDE):
        assert variable.startswith("MILLSTREAM_" + name.upper().replace(".", "__")), name


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_kind_of_connection_is_named_and_linked(spec):
    assert f"`{spec.name}`" in GUIDE
    assert f"../connectors/{spec.name}.md" in GUIDE


@pytest.mark.parametrize("name", DoorSettings.model_fields)
def test_every_setting_of_a_door_is_named(name):
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("name", ADOBE_COMMERCE.settings.model_fields)
def test_every_setting_of_adobe_commerce_is_in_its_guide(name):
    assert f"`{name}`" in (ROOT / "docs/connectors/adobe_commerce.md").read_text()


SECRETS = {
    "store": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "erp": ("password",),
    "crm": ("client_id", "client_secret"),
}
EXAMPLES = ("README.md", "docs/operate/settings.md", "docs/connectors/adobe_commerce.md")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_settings_shown_are_accepted_once_the_secrets_are_there(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no file but the example, and no environment
    for variable in [each for each in os.environ if each.startswith("MILLSTREAM_")]:
        monkeypatch.delenv(variable)
    example = tomllib.loads(re.search(r"```toml\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)[1])
    settings = Settings(**example)
    for section, secrets in SECRETS.items():
        shown_there = getattr(settings, section)
        if shown_there:
            kind = next(spec for spec in SPECS if spec.name == shown_there["kind"])
            own = {key: value for key, value in shown_there.items() if key not in {"kind", "name"}}
            kind.settings.model_validate({**dict.fromkeys(secrets, "secret"), **own})
