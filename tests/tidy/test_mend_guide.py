"""Whatever code a person may meet, a document says what it means; every verb of the command line is shown."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.cli import audit, bulk, connections, deliveries, mappings, orders, reviews
from millstream.engine.tap import _LOUD
from millstream.flows.order_to_erp import WAIVABLE

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "src/millstream"
GUIDES = "\n".join(path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")))
MEND = (ROOT / "docs/operate/mend.md").read_text()
LAYERS = ("flows", "connectors", "wire", "engine", "store")
WORDS = {"Failure", "Retry", "Reject", "Conflict", "Unknown", "_retry", "_reject", "__init__"}
CODE = re.compile(r"[a-z_]+\.[a-z_]+")


def texts(node: ast.expr | None) -> Iterator[str]:
    """The texts an expression may be: a literal, or either side of a choice."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body)
            yield from texts(orelse)


def codes_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in WORDS and node.args:
            yield from texts(node.args[0])
        for keyword in node.keywords:
            if keyword.arg == "code":
                yield from texts(keyword.value)


CODES = sorted(
    {
        code
        for layer in LAYERS
        for path in (PRODUCT / layer).rglob("*.py")
        for code in codes_in(path)
        if CODE.fullmatch(code)
    }
)


def test_the_codes_are_found_in_the_sources():
    assert {"sku.unknown", "connection.lost", "commerce.busy", "crm.locked", "erp.busy", "books.conflict"} <= set(CODES)
    assert len(CODES) > 100


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_a_document(code):
    assert f"`{code}`" in GUIDES


@pytest.mark.parametrize("layer", ["flows", "engine", "store", "wire"])
def test_every_code_of_the_hub_itself_is_in_the_runbook(layer):
    codes = {code for path in (PRODUCT / layer).rglob("*.py") for code in codes_in(path) if CODE.fullmatch(code)}
    assert {code for code in codes if f"| `{code}`" not in MEND and f", `{code}`" not in MEND} == set()


@pytest.mark.parametrize(
    "group", [deliveries, bulk, orders, reviews, audit, connections, mappings], ids=lambda group: group.__name__
)
def test_every_verb_is_shown_in_a_document(group):
    verbs = [command.name or command.callback.__name__ for command in group.app.registered_commands]
    name = group.__name__.rpartition(".")[2]
    assert [verb for verb in verbs if f"millstream {name} {verb}" not in GUIDES] == []


def test_the_runbook_names_the_rules_that_may_be_waived():
    line = next(line for line in MEND.splitlines() if line.startswith("| `release`"))
    assert all(f"`{rule}`" in line for rule in WAIVABLE)


@pytest.mark.parametrize("note", sorted(_LOUD))
def test_every_note_worth_a_line_in_the_log_is_explained(note):
    assert f"`{note}`" in (ROOT / "docs/operate/run.md").read_text()
