"""Named SQL: everything that is written is used, and says what it is for."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from millstream import store
from millstream.store import sql

SOURCES = "\n".join(path.read_text() for path in Path(store.__path__[0]).glob("*.py"))
FILES = sorted(entry.name.removesuffix(".sql") for entry in files("millstream.store").joinpath("queries").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_every_statement_is_used(name):
    unused = [statement for statement in sql.load(name) if f'["{statement}"]' not in SOURCES]
    assert unused == []


@pytest.mark.parametrize("name", FILES)
def test_no_statement_is_lost_between_two_names(name):
    text = files("millstream.store").joinpath("queries", f"{name}.sql").read_text()
    named = re.findall(r"^-- (\w+) --$", text, re.MULTILINE)
    assert list(sql.load(name)) == named
    assert len(set(named)) == len(named)
    assert all(statement for statement in sql.load(name).values())


def test_a_statement_is_known_by_its_name_without_its_line_of_purpose():
    assert sql.load("ledger")["next_due"].startswith("select min(due_at) from delivery")
