"""docs/guarantees.md promises nothing that no test proves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from millstream.cli import COMMANDS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUIDE)))
SOURCES = re.compile(r"`((?:bootstrap|connectors|domain|engine|flows|store|web|wire)[\w/]*\.(?:py|sql))`")
SRC = ROOT / "src/millstream"
THERE = {*COMMANDS, *(folder.name for part in ("web", "engine") for folder in (SRC / part).glob("[a-z]*/"))}
DENIALS = re.compile(r"^- \*\*(?P<bold>[^*]+)\*\*|\bno (?P<what>\w+)[^.|]* yet\b", re.MULTILINE)


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.exists():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, functions))


def rows() -> list[list[str]]:
    lines = [line for line in GUIDE.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_named_in_the_guarantees_exists(path, name):
    assert name in names_in(path), f"{path} has no {name}"


def test_every_promise_names_how_it_is_kept_and_a_test():
    promises = rows()
    assert len(promises) > 20
    assert [row[0] for row in promises if "`" not in row[1]] == []
    assert [row[0] for row in promises if "::" not in row[2]] == []


def test_every_file_named_in_the_guarantees_exists():
    missing = [name for name in SOURCES.findall(GUIDE) if not (ROOT / "src/millstream" / name).exists()]
    assert missing == []


def test_what_is_not_guaranteed_is_said():
    assert "## Not guaranteed" in GUIDE


def denied_though_there(text):
    """What is headed as not guaranteed, or said not to be there yet, and yet is a command or a part of the product."""
    words = [re.findall(r"\w+", (found["bold"] or found["what"]).lower()) for found in DENIALS.finditer(text)]
    return THERE & {word for some in words for word in some}


def test_nothing_that_is_there_is_denied():
    assert {"console", "alerts", "audit", "backup"} <= THERE
    assert denied_though_there(GUIDE) == set()


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("- **A web console.** There is the command line.", {"console"}),
        ("| Somebody must look. Millstream sends no alerts yet. |", {"alerts"}),
        ("- **Returns.**\n- **Stock in the store.**", set()),
        ("There is no second release yet.", set()),
    ],
)
def test_a_denial_is_noticed(sentence, denied):
    assert denied_though_there(sentence) == denied
