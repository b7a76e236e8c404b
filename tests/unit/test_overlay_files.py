"""Overlays as files: read, refused by name, and written so that they are read back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.overlays import rule
from millstream.domain.errors import Reject
from millstream.engine.overlays.files import place_of, read_overlay, written
from millstream.ports.mappings import Content
from millstream.ports.overlay import Rule

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "shop.eu.inbound.toml"


def test_the_name_says_connection_and_direction(file):
    assert place_of(file) == ("shop.eu", "inbound")


@pytest.mark.parametrize("name", ["crm.toml", "outbound.toml", "crm.sideways.toml", ".outbound.toml"])
def test_another_name_is_refused(name):
    with pytest.raises(Reject) as refusal:
        place_of(Path(name))
    assert "crm.outbound.toml" in refusal.value.message


def test_rules_with_and_without_a_kind_and_the_tests_beside(file):
    file.write_text(
        '[fields.order]\ncustom.gift = "source.note"\n"custom.day" = { expression = "source.day", kind = "date" }\n'
    )
    file.with_name("shop.eu.inbound.tests.toml").write_text(
        '[[tests]]\nname = "n"\ntarget = "order"\ngiven = { source = { note = "x" } }\n'
        'expected = { "custom.gift" = "x" }\n'
    )
    content = read_overlay(file)
    assert content.rules == (rule("order.custom.gift", "source.note"), rule("order.custom.day", "source.day", "date"))
    assert [(test.name, test.expected) for test in content.tests] == [("n", {"custom.gift": "x"})]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fields.order", "at end of document"),
        ("[felds.order]\na = '1'", "felds"),
        ("[fields.order]\na = 1", "order.a"),
        ("[fields.order]\na = { expression = '1', kind = 'colour' }", "order.a"),
        ("[fields]\norder = '1'", "fields"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(file, text, says):
    file.write_text(text)
    with pytest.raises(Reject) as refusal:
        read_overlay(file)
    assert refusal.value.code == "mapping.file"
    assert says in refusal.value.message
    assert file.name in refusal.value.message


def test_a_file_that_is_not_there_is_refused(file):
    with pytest.raises(Reject) as refusal:
        read_overlay(file)
    assert "FileNotFoundError" in refusal.value.message


RULES = st.builds(
    Rule,
    target=st.sampled_from(["order", "line", "customer"]),
    field=TEXT,
    expression=TEXT,
    kind=st.sampled_from([None, "text", "date"]),
)


@given(st.lists(RULES, max_size=6, unique_by=lambda one: one.path))
def test_what_is_written_is_read_back(tmp_path_factory, rules):
    path = tmp_path_factory.mktemp("written") / "crm.outbound.toml"
    path.write_text(written(Content(rules=tuple(rules))), encoding="utf-8", newline="")
    assert {one.path: one for one in read_overlay(path).rules} == {one.path: one for one in rules}
