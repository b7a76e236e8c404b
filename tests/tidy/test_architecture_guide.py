"""docs/architecture.md shows the layers, the tables and the moves that there are; every dependency has its reason."""

import re
import tomllib
from pathlib import Path

import pytest

from millstream.domain.states import LEGAL_MOVES, DeliveryState

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/architecture.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
STYLE = re.compile(r"\bexactly.once\b", re.IGNORECASE)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_table_of_moves_is_the_one_in_the_code():
    lines = [line for line in GUIDE.splitlines() if line.startswith("|")]
    start = next(n for n, line in enumerate(lines) if line.startswith("| from \\ to |"))
    targets = [DeliveryState(name) for name in cells(lines[start])[1:]]
    printed = {}
    for line in lines[start + 2 : start + 2 + len(DeliveryState)]:
        source, *marks = cells(line)
        printed[DeliveryState(source)] = {to for to, mark in zip(targets, marks, strict=True) if mark == "yes"}
    assert printed == LEGAL_MOVES


def test_every_layer_is_described():
    contract = next(one for one in PYPROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    layers = re.findall(r"millstream\.(\w+)", " ".join(contract["layers"]))
    assert [layer for layer in layers if f"| `{layer}` |" not in GUIDE] == []


def test_every_table_is_described():
    sql = "\n".join(path.read_text() for path in sorted((ROOT / "src/millstream/store/migrations").glob("*.sql")))
    tables = re.findall(r"^create table (\w+)", sql, re.MULTILINE)
    assert [table for table in tables if f"| `{table}` |" not in GUIDE] == []


@pytest.mark.parametrize("group", ["dependencies", "dev"])
def test_every_dependency_has_its_reason(group):
    project = PYPROJECT["project"]
    wishes = project["dependencies"] if group == "dependencies" else project["optional-dependencies"]["dev"]
    names = [re.match(r"[A-Za-z0-9._-]+", wish)[0] for wish in wishes]
    record = (ROOT / "docs/adr/0003-dependencies.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in record] == []
    assert all(cell for line in record.splitlines() if line.startswith("| `") for cell in cells(line)[:4])


@pytest.mark.parametrize("path", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda path: path.stem)
def test_every_decision_says_context_decision_consequences_and_status(path):
    text = path.read_text()
    assert re.match(rf"# {path.stem[:4]}: ", text)
    assert [part for part in ("**Status:**", "## Context", "## Decision", "## Consequences") if part not in text] == []


def test_no_document_promises_what_nobody_can_keep():
    told = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for line in path.read_text().splitlines()
        if STYLE.search(line) and not re.search(r'not "exactly once"|never|No system on a network can|nobody can', line)
    ]
    assert told == []
