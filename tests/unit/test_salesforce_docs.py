import re
from pathlib import Path

import pytest

from millstream.connectors import salesforce
from millstream.connectors.salesforce import Fields, SalesforceSettings

GUIDE = (Path(__file__).parents[2] / "docs" / "connectors" / "salesforce.md").read_text()
SOURCES = "".join(path.read_text() for path in Path(salesforce.__file__).parent.glob("*.py"))
CODES = sorted(
    set(re.findall(r'"((?:crm|customer|purchase|auth)\.[a-z_]+)"', SOURCES)) - {"customer.email", "customer.company"}
)
OPERATIONS = {"customer.find", "customer.similar", "customer.create", "purchase.record", "purchase.complete"}
OPERATIONS |= {"purchase.read", "purchase.announce", "purchase.progress", "customer.candidates"}


@pytest.mark.parametrize("name", [*SalesforceSettings.model_fields, *Fields.model_fields])
def test_every_setting_is_in_the_guide(name):
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("name", [field.default for field in Fields.model_fields.values() if field.default])
def test_every_default_field_is_in_the_guide(name):
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("code", [code for code in CODES if code not in OPERATIONS])
def test_every_failure_and_note_is_in_the_guide(code):
    assert f"`{code}`" in GUIDE
