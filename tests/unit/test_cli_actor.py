"""Whom the audit trail names when the command line did it."""

import os
import pwd

import pytest

from millstream.cli.session import actor

VARIABLES = ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME")
SOMEBODY = pwd.getpwall()[1]  # of this machine, and not root


@pytest.fixture
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", VARIABLES)
def test_nobody_writes_the_trail_under_another_name(environment, variable):
    environment.setattr(os, "geteuid", lambda: SOMEBODY.pw_uid)
    environment.setenv(variable, "anna")
    assert actor() == f"cli:{SOMEBODY.pw_name}"


def test_what_root_did_behind_sudo_names_both(environment):
    environment.setattr(os, "geteuid", lambda: 0)
    assert actor() == "cli:root"
    environment.setenv("SUDO_USER", "anna")
    assert actor() == "cli:root for anna"
    environment.setenv("SUDO_USER", "root")
    assert actor() == "cli:root"


def test_a_user_without_a_name_is_named_by_number(environment):
    environment.setattr(os, "geteuid", lambda: 4_000_000_123)
    assert actor() == "cli:uid 4000000123"
