"""The SAP guide and the connector tell the same."""

import re
from pathlib import Path

from millstream.connectors.sap_s4hana import SPEC, client

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "connectors" / "sap_s4hana.md").read_text()
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src/millstream/connectors/sap_s4hana").glob("*.py"))


def test_every_setting_is_in_the_guide():
    assert [name for name in SPEC.settings.model_fields if f"`{name}`" not in GUIDE] == []


def test_every_code_is_in_the_guide():
    codes = set(re.findall(r'"((?:erp|order|credit|auth)\.[a-z_]+)"', SOURCE))
    assert len(codes) > 20
    assert {code for code in codes if f"`{code}`" not in GUIDE} == set()


def test_every_service_is_in_the_guide():
    services = [value for name, value in vars(client).items() if name.isupper() and str(value).startswith("API_")]
    assert len(services) == 7
    assert [one for one in services if f"`{one.partition(';')[0]}`" not in GUIDE] == []


def test_the_guide_says_what_was_not_verified():
    assert "Not verified against a live system" in GUIDE
    assert "## To be verified on your system" in GUIDE
