"""The Tryton guide and the connector tell the same."""

import re
from pathlib import Path

from millstream.connectors.tryton import SPEC

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "connectors" / "tryton.md").read_text()


def test_every_setting_is_in_the_guide():
    missing = [name for name in SPEC.settings.model_fields if f"`{name}`" not in GUIDE]
    assert missing == []


def test_every_refusal_a_person_may_meet_is_in_the_guide():
    source = "\n".join(path.read_text() for path in (ROOT / "src/millstream/connectors/tryton").glob("*.py"))
    codes = set(re.findall(r'Reject\(\s*"([a-z_.]+)"', source))
    wire = {"erp.bad_request", "erp.session_refused", "erp.cursor_unreadable", "erp.customer_invisible"}
    wire |= {"erp.login_incomplete", "erp.no_company"}  # told by the check with their own words
    assert {code for code in codes - wire if f"`{code}`" not in GUIDE} == set()
