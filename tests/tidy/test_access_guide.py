"""docs/operate/access.md names every command, every entry of the audit trail and every limit of access."""

import re
from pathlib import Path

import pytest

from millstream.cli import access
from millstream.settings import AccessSection, OpenIdSection
from millstream.store import api_keys, passwords, sessions

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operate/access.md").read_text()
STORE = "\n".join((ROOT / f"src/millstream/store/{name}.py").read_text() for name in ("access", "sessions", "api_keys"))
GROUPS = {"": access.app, "users ": access.users, "keys ": access.keys}


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_is_shown(group):
    verbs = [command.name for command in GROUPS[group].registered_commands]
    assert verbs != []
    assert [verb for verb in verbs if f"millstream access {group}{verb}" not in GUIDE] == []


def test_every_entry_of_the_audit_trail_is_named():
    written = set(
        re.findall(
            r'"((?:\w+_)?(?:signed_\w+|sign_in_\w+|set_up|setup_\w+made|user_\w+|role_\w+|password_changed|key_(?:created|rotated|revoked)))"',
            STORE,
        )
    )
    actions = {action for action in written if f'_SQL["{action}"]' not in STORE}
    assert len(actions) == 14
    assert {action for action in actions if f"`access.{action}`" not in GUIDE} == set()


@pytest.mark.parametrize("name", [*AccessSection.model_fields, "issuer", "client_id", "name_claim", "role_claim"])
def test_every_setting_is_explained(name):
    assert name in {*AccessSection.model_fields, *OpenIdSection.model_fields}
    assert re.search(rf"\b{name}\b", GUIDE)


def test_the_numbers_are_those_of_the_code():
    assert f"{passwords.LENGTH_MIN} to {passwords.LENGTH_MAX} characters" in GUIDE
    assert f"has at most {sessions.SESSIONS_PER_USER_MAX}," in GUIDE
    assert api_keys.TOUCHED_EVERY.total_seconds() == 60, "the guide says: to the minute"
