"""docs/guarantees.md promises nothing that no test proves."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guarantees.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUIDE)))
SOURCES = re.compile(r"`((?:bootstrap|connectors|domain|engine|flows|store|web|wire)[\w/]*\.(?:py|sql))`")


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
